"""Rename: what a thing is called changes, what it is and what is stored does not; former names lead to it for ever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from mainspring.errors import ConflictError, InputError, StateError
from mainspring.features import plan
from mainspring.features import store as features
from mainspring.lineage import names
from mainspring.lineage.code import source_files
from mainspring.lineage.marks import named
from mainspring.lineage.names import Name
from mainspring.lineage.spec import Noun
from mainspring.models import store as models
from mainspring.models.api import check_name
from mainspring.monitoring import store as monitoring
from mainspring.project import Project
from mainspring.tracking import store as tracking
from mainspring.workflows.lifecycle.depend import outside, recorded
from mainspring.workflows.lifecycle.find import check_noun, find_thing
from mainspring.workflows.lifecycle.spec import Dependent, Holds, Renaming, Thing


def preview_rename(project: Project, noun: Noun | str, name: str, new_name: str) -> Renaming:
    """What refers to a thing by its name, or depends on it. Changes nothing.

    Args:
        noun: feature_group, feature_view, experiment, run, model or monitor.
        name: any name that it has or had; of a run its id. Of a group or view without version: all of them are meant.
        new_name: what it shall be called.

    Raises:
        UnknownNameError: no such noun, or nothing of that name.
        InputError: what cannot be a name.
        ConflictError: another thing has or had the new name.
        StateError: it is called so already, or is something that has no name of its own.
    """
    kind = check_noun(noun)
    if kind is Noun.RUN:
        planned = _run(project, name, new_name)
    elif kind in _NAMED:
        planned = _planned(project, kind, name, new_name)
    else:
        raise StateError(
            expected=f"one of {', '.join(each.value for each in (*_NAMED, Noun.RUN))}",
            got=f"a {kind.words}, which cannot be renamed",
            where=f"{kind.words} {name}",
            hint=_INSTEAD[kind],
        )
    with project.records.read() as connection:
        _check_free(connection, project.graph.project_id, planned)
    return planned


def rename(project: Project, noun: Noun | str, name: str, new_name: str, *, reason: str = "") -> Renaming:
    """Call a thing otherwise, in one transaction with its event. Its former names lead to it for ever.

    Stored rows, digests, ids and the log stay as they are. No former name is ever given to another thing; to rename
    back is possible.

    Args:
        noun, name, new_name: as for `preview_rename`.
        reason: in your words.

    Raises:
        UnknownNameError, InputError, ConflictError: as for `preview_rename`.
        StateError: as for `preview_rename`; or somebody else has renamed it meanwhile.
    """
    planned = preview_rename(project, noun, name, new_name)
    graph = project.graph
    told = {"name": planned.name, "new_name": new_name, "reason": reason}
    parameters = {"noun": planned.noun.value, "id": planned.subject_id, **told}

    def give(connection: Connection) -> None:
        # From here to the commit nobody gives a name of this noun.
        names.hold(graph.records, connection, planned.noun, graph.project_id)
        _check_called(connection, graph.project_id, planned)
        _check_free(connection, graph.project_id, planned)
        if planned.noun is Noun.RUN:
            tracking.set_name(connection, planned.subject_id, new_name)
            return
        given = Name(
            noun=planned.noun,
            name=new_name,
            lasting=planned.lasting,
            is_current=True,
            actor=graph.actor,
            execution_id=work.id,
            named_at=graph.clock.now(),
        )
        names.give(graph.records, connection, given, planned.name, graph.project_id)

    with graph.execution("rename", planned.title, parameters=parameters) as work:
        work.event(f"{planned.noun.value}.renamed", planned.subject_id, told)
        work.write(give)
    return planned.model_copy(update={"execution_id": work.id})


def _run(project: Project, run_id: str, new_name: str) -> Renaming:
    """A run's name is a label: nothing finds it by that, and two may have the same."""
    _check_text(new_name, "run")
    found = project.tracking.get_run(run_id)
    return Renaming(
        noun=Noun.RUN,
        subject_id=found.id,
        name=found.name,
        lasting=found.id,
        new_name=new_name,
        dependents=(),
    )


def _planned(project: Project, noun: Noun, name: str, new_name: str) -> Renaming:
    _NAMED[noun].check(new_name)
    things = _NAMED[noun].things(project, name)
    with project.records.read() as connection:
        stored, called = names.resolve(connection, noun, project.graph.project_id, name)
        former = names.every(connection, noun, project.graph.project_id, stored)
        found = [item for thing in things for item in recorded(connection, project.graph.project_id, thing)]
    found += [item for thing in things for item in outside(project, thing)]
    # What keeps a thing from being deleted does not keep it from being called otherwise.
    shown = [item.model_copy(update={"holds": Holds.NOTHING, "do": ""}) for item in found]
    unique = dict.fromkeys((*_in_code(project, former), *shown))
    subject_id = things[0].subject_id if len(things) == 1 and noun is Noun.EXPERIMENT else named(noun, stored)
    return Renaming(
        noun=noun,
        subject_id=subject_id,
        name=called,
        lasting=stored,
        new_name=new_name,
        dependents=tuple(unique),
    )


def _in_code(project: Project, called: frozenset[str]) -> Iterator[Dependent]:
    """Lines of the project's own code, policies and configuration that say one of the names, in quotes."""
    said = re.compile("[\"'](" + "|".join(re.escape(name) for name in sorted(called)) + ")(?=[\"'@/])")
    folder = project.config.folder
    for file in source_files(folder):
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if said.search(line):
                yield Dependent(what="code", name=f"{file.relative_to(folder)}:{number}", id=None)


def _check_called(connection: Connection, project_id: str, planned: Renaming) -> None:
    if planned.noun is Noun.RUN:
        called = tracking.find_runs(connection, project_id, run_id=planned.subject_id)[0].name
    else:
        _, called = names.resolve(connection, planned.noun, project_id, planned.lasting)
    if called != planned.name:
        raise StateError(
            expected=f"the {planned.noun.words} {planned.name!r}",
            got=f"{called!r}: somebody else has just renamed it",
            where=planned.title,
            hint="Look at what it is called now, and decide again.",
        )


def _check_free(connection: Connection, project_id: str, planned: Renaming) -> None:
    """Raises:
    ConflictError: another thing has or had the name.
    StateError: it is called so already.
    """
    noun, wanted = planned.noun, planned.new_name
    if wanted == planned.name:
        raise StateError(
            expected="another name",
            got=f"{wanted!r}, which it has",
            where=planned.title,
            hint="There is nothing to do.",
        )
    if noun is Noun.RUN:
        return
    known = names.find(connection, noun, project_id, wanted)
    if known is not None and known.lasting != planned.lasting:
        raise names.taken(known, planned.title)
    if known is None and _NAMED[noun].is_used(connection, project_id, wanted):
        raise ConflictError(
            expected="a name that no other thing has or had",
            got=f"{wanted!r}, the name of another {noun.words}",
            where=planned.title,
            hint="Choose another, or rename that one first: its former name then stays its own.",
        )


def _check_text(new_name: str, what: str) -> None:
    if not new_name.strip():
        raise InputError(expected="a name", got=repr(new_name), where=f"rename {what}", hint="Name it.")


@dataclass(frozen=True)
class _Named:
    """How things of a noun are named.

    Attributes:
        check: refuses what cannot be a name.
        things: all that goes by a name.
        is_used: whether something is stored under a name that no rename has touched.
    """

    check: Callable[[str], None]
    things: Callable[[Project, str], list[Thing]]
    is_used: Callable[[Connection, str, str], bool]


def _one(noun: Noun) -> Callable[[Project, str], list[Thing]]:
    return lambda project, name: [find_thing(project, noun, name)]


def _versions_of_group(project: Project, name: str) -> list[Thing]:
    called = project.features.get_group(name, _first_version(project, Noun.FEATURE_GROUP, name)).name
    groups = [group for group in project.features.groups(archived=True) if group.name == called]
    return [find_thing(project, Noun.FEATURE_GROUP, group.spec.label) for group in groups]


def _versions_of_view(project: Project, name: str) -> list[Thing]:
    called = project.features.get_view(name, _first_version(project, Noun.FEATURE_VIEW, name)).name
    views = [view for view in project.features.views(archived=True) if view.name == called]
    return [find_thing(project, Noun.FEATURE_VIEW, view.spec.title) for view in views]


def _first_version(project: Project, noun: Noun, name: str) -> int:
    """A version that is there, or 1 where none is, of which the look-up then says so."""
    project_id = project.graph.project_id
    with project.records.read() as connection:
        stored, _ = names.resolve(connection, noun, project_id, name)
        every = (
            features.all_groups(connection, project_id)
            if noun is Noun.FEATURE_GROUP
            else features.all_views(connection, project_id)
        )
    return min((spec.version for spec in every if spec.name == stored), default=1)


_INSTEAD: Final = {
    Noun.TRAINING_DATASET: "Rename the feature view that it was made of.",
    Noun.MODEL_VERSION: "Rename the model; a version is its number.",
    Noun.DEPLOYMENT: "Its name is its address: deploy under the new name, then retire this one.",
}
"""What to do about a noun that has no name of its own."""

_NAMED: Final[Mapping[Noun, _Named]] = {
    Noun.FEATURE_GROUP: _Named(
        lambda name: plan.check_name(name, 1, "rename feature_group"),
        _versions_of_group,
        lambda connection, project_id, name: any(
            spec.name == name for spec in features.all_groups(connection, project_id)
        ),
    ),
    Noun.FEATURE_VIEW: _Named(
        lambda name: plan.check_name(name, 1, "rename feature_view"),
        _versions_of_view,
        lambda connection, project_id, name: any(
            spec.name == name for spec in features.all_views(connection, project_id)
        ),
    ),
    Noun.EXPERIMENT: _Named(
        lambda name: _check_text(name, "experiment"),
        _one(Noun.EXPERIMENT),
        lambda connection, project_id, name: (
            tracking.find_experiment(connection, project_id, name) is not None
        ),
    ),
    Noun.MODEL: _Named(
        lambda name: check_name(name, "rename model"),
        _one(Noun.MODEL),
        lambda connection, project_id, name: models.last_number(connection, project_id, name)[1] > 0,
    ),
    Noun.MONITOR: _Named(
        lambda name: _check_text(name, "monitor"),
        _one(Noun.MONITOR),
        lambda connection, project_id, name: (
            monitoring.find_monitor(connection, project_id, name) is not None
        ),
    ),
}
