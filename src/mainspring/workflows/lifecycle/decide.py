"""Archive, pin, take either back, delete: each is one transaction with its event, its actor and its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from mainspring.errors import DeletedError, InputError, StateError
from mainspring.lineage import log, marks
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Mark, MarkKind, Noun
from mainspring.project import Project
from mainspring.workflows.lifecycle.depend import outside, recorded
from mainspring.workflows.lifecycle.find import find_thing
from mainspring.workflows.lifecycle.spec import Decision, Dependent, Holds, Thing
from mainspring.workflows.references import content_of

_WITHOUT_CONTENT: Final = {
    Noun.FEATURE_GROUP: "its rows are append-only, and training datasets are pinned to its commits",
    Noun.FEATURE_VIEW: "it is a definition and has no content",
    Noun.MONITOR: "it is a definition, and its findings are evidence",
    Noun.DEPLOYMENT: "its predictions and outcomes go by `retention.predictions_days` and `outcomes_days`",
}
_VERBS: Final = {MarkKind.ARCHIVED: "archive", MarkKind.PINNED: "pin", MarkKind.DELETED: "delete"}
_ORDER: Final = (Holds.ARCHIVE, Holds.DELETE, Holds.NOTHING)


class HeldError(StateError):
    """Something that is in force, or kept, holds the thing."""


def preview(project: Project, noun: Noun | str, name: str, kind: MarkKind) -> Decision:
    """What depends on a thing, what of that holds it, and what a deletion would set free. Changes nothing.

    Args:
        noun, name: as for `find_thing`.
        kind: archived, pinned or deleted.

    Raises:
        UnknownNameError: nothing of that name.
        StateError: it carries the mark already; or it has no content that could be deleted.
    """
    return _planned(project, find_thing(project, noun, name), kind)


def archive(project: Project, noun: Noun | str, name: str, *, reason: str = "") -> Decision:
    """Hide a thing from lists and refuse it for new use. It can still be read, walked and taken back.

    Args:
        noun, name: as for `find_thing`.
        reason: in your words.

    Raises:
        UnknownNameError: nothing of that name.
        StateError: it is archived or deleted already, or it is in force: an alias, or a deployment that serves it,
            reads it or could be rolled back to it.
    """
    planned = _planned(project, find_thing(project, noun, name), MarkKind.ARCHIVED)
    return _mark(project, planned, reason)


def pin(project: Project, noun: Noun | str, name: str, *, reason: str = "") -> Decision:
    """Keep a thing, its content and all that it was made of from being deleted, by people and by retention rules.

    Raises:
        UnknownNameError: nothing of that name.
        StateError: it is pinned or deleted already.
    """
    planned = _planned(project, find_thing(project, noun, name), MarkKind.PINNED)
    return _mark(project, planned, reason)


def unpin(project: Project, noun: Noun | str, name: str, *, reason: str = "") -> Thing:
    """Take a pin back, off a thing and what was pinned as a part of it.

    Raises:
        UnknownNameError: nothing of that name.
        StateError: it is not pinned itself.
    """
    return _take_back(project, find_thing(project, noun, name), MarkKind.PINNED, reason)


def delete(project: Project, noun: Noun | str, name: str, *, reason: str) -> Decision:
    """Give up the content of a training dataset, run, experiment, model or model version. Cannot be taken back.

    What it was and its lineage stay; reading the content answers `content.deleted` from then on, and the next
    `gc` may take the bytes that nothing else needs.

    Args:
        noun, name: as for `find_thing`.
        reason: in your words; kept with it for ever.

    Raises:
        UnknownNameError: nothing of that name.
        InputError: no reason.
        StateError: something that is kept depends on it, or it is in force; or it is deleted already.
    """
    if not reason.strip():
        raise InputError(
            expected="a reason", got="none", where=f"delete {name}", hint="Say why: it is kept for ever."
        )
    planned = _planned(project, find_thing(project, noun, name), MarkKind.DELETED)
    return _mark(project, planned, reason)


def unarchive(project: Project, noun: Noun | str, name: str, *, reason: str = "") -> Thing:
    """Take an archiving back, of a thing and of what was archived as a part of it. A deployment answers again.

    Raises:
        UnknownNameError: nothing of that name.
        StateError: it is not archived itself; or what a deployment served is archived or deleted by now.
    """
    if noun == Noun.DEPLOYMENT:
        thing = find_thing(project, noun, name)
        project.deployments.get(name).resume(reason=reason)
        return thing
    return _take_back(project, find_thing(project, noun, name), MarkKind.ARCHIVED, reason)


def retire(project: Project, name: str, *, reason: str = "") -> Decision:
    """Let a deployment answer no more: requests to it are refused, servers drop it, lists leave it out.

    Its predictions, outcomes and evidence can be read. It holds what it served no more, so that this can be archived
    or deleted. `unarchive` has it answer again.

    Args:
        name: the deployment's.
        reason: in your words.

    Raises:
        UnknownNameError: no deployment of that name.
        StateError: it is retired already.
    """
    planned = preview(project, Noun.DEPLOYMENT, name, MarkKind.ARCHIVED)
    epoch = project.deployments.get(name).retire(reason=reason).epoch
    return planned.model_copy(update={"execution_id": _retirement(project, planned.thing, epoch)})


def _retirement(project: Project, thing: Thing, epoch: int) -> str:
    """The execution that recorded it. By the log: the mark is gone, or another's, where somebody resumed since."""
    told = project.graph.events(kinds=["deployment.archived"], subject=thing.subject_id)
    found = (project.graph.find_execution(event.execution) for event in reversed(told))
    return next(each.id for each in found if each is not None and each.parameters["epoch"] == epoch)


def delete_planned(project: Project, thing: Thing, reason: str) -> Decision | None:
    """As `delete`, of what was looked at before; None if something holds it by now, or it is deleted already.

    Raises:
        StateError: as of any other publication: nothing was deleted.
    """
    try:
        return _mark(project, _planned(project, thing, MarkKind.DELETED), reason)
    except (HeldError, DeletedError):
        return None


def _take_back(project: Project, thing: Thing, kind: MarkKind, reason: str) -> Thing:
    project_id = project.graph.project_id

    def take_back(connection: Connection) -> None:
        there = marks.find_marks(connection, project_id, kind=kind, subject_ids=[thing.subject_id])
        if not there or there[0].part_of is not None:
            raise StateError(
                expected=f"a {thing.noun.words} that is {kind.value}",
                got="one that is not"
                if not there
                else f"one that is {kind.value} as a part of {there[0].part_of}",
                where=thing.title,
                hint=f"`mainspring marks` shows what is {kind.value}.",
            )
        marks.remove(connection, kind, thing.subject_id, project_id)

    with _execution(project, f"un{_VERBS[kind]}", thing, reason) as work:
        work.event(
            f"{thing.noun.value}.un{kind.value}", thing.subject_id, {"name": thing.name, "reason": reason}
        )
        work.write(take_back)
    return thing


def _planned(project: Project, thing: Thing, kind: MarkKind) -> Decision:
    if kind is MarkKind.DELETED and thing.noun in _WITHOUT_CONTENT:
        raise StateError(
            expected="a training dataset, run, experiment, model or model version",
            got=f"a {thing.noun.words}: {_WITHOUT_CONTENT[thing.noun]}",
            where=thing.title,
            hint=f"End it instead: mainspring deployments retire {thing.name}"
            if thing.noun is Noun.DEPLOYMENT
            else f"Hide it instead: mainspring archive {thing.noun.value} {thing.name}",
        )
    dependents = outside(project, thing)
    project_id = project.graph.project_id
    with project.records.read() as connection:
        _check_unmarked(connection, project_id, thing, kind)
        dependents += recorded(connection, project_id, thing)
        content = content_of(connection, project_id, thing.ids) if kind is MarkKind.DELETED else {}
    freed = [project.blobs.find(sha256) for sha256, alone in content.items() if alone]
    return Decision(
        kind=kind,
        thing=thing,
        dependents=tuple(sorted(dependents, key=lambda item: _ORDER.index(item.holds))),
        n_blobs=sum(blob is not None for blob in freed),
        size_bytes=sum(blob.size_bytes for blob in freed if blob is not None),
    )


def _mark(project: Project, planned: Decision, reason: str) -> Decision:
    thing, kind = planned.thing, planned.kind
    _check_free(planned, planned.dependents)
    graph = project.graph

    def set_marks(connection: Connection) -> None:
        # From here to the commit nobody publishes: whoever uses the thing comes before, and is seen, or is refused.
        log.hold(graph.records, connection, graph.project_id)
        _check_unmarked(connection, graph.project_id, thing, kind)
        _check_free(planned, recorded(connection, graph.project_id, thing))
        marks.add(graph.records, connection, _marks(project, planned, reason, work.id), graph.project_id)

    with _execution(project, _VERBS[kind], thing, reason) as work:
        told = {"name": thing.name, "reason": reason, "n_parts": len(thing.parts)}
        work.event(f"{thing.noun.value}.{kind.value}", thing.subject_id, told)
        work.write(set_marks)
    return planned.model_copy(update={"execution_id": work.id})


def _execution(project: Project, action: str, thing: Thing, reason: str) -> Publication:
    parameters = {"noun": thing.noun.value, "name": thing.name, "id": thing.subject_id, "reason": reason}
    return project.graph.execution(action, thing.title, parameters=parameters)


def _marks(project: Project, planned: Decision, reason: str, execution_id: str) -> list[Mark]:
    thing = planned.thing
    whole = Mark(
        subject_id=thing.subject_id,
        kind=planned.kind,
        noun=thing.noun,
        name=thing.name,
        part_of=None,
        reason=reason,
        actor=project.graph.actor,
        execution_id=execution_id,
        marked_at=project.graph.clock.now(),
    )
    parts = [
        whole.model_copy(
            update={
                "subject_id": part.subject_id,
                "noun": part.noun,
                "name": part.name,
                "part_of": thing.subject_id,
            }
        )
        for part in thing.parts
    ]
    return [whole, *parts]


def _check_unmarked(connection: Connection, project_id: str, thing: Thing, kind: MarkKind) -> None:
    found = marks.find_marks(connection, project_id, subject_ids=[thing.subject_id])
    marks.check_there(found)
    there = [mark for mark in found if mark.kind is kind]
    if there:
        raise StateError(
            expected=f"a {thing.noun.words} that is not {kind.value} yet",
            got=f"one that was {kind.value} on {there[0].marked_at:%Y-%m-%d} by {there[0].actor}",
            where=thing.title,
            hint="There is nothing to do.",
        )


def _check_free(planned: Decision, dependents: Sequence[Dependent]) -> None:
    """Raises:
    HeldError: one of the dependents holds the thing.
    """
    holding = planned.model_copy(update={"dependents": tuple(dependents)}).holding
    if not holding:
        return
    first = holding[0]
    more = f" and {len(holding) - 1} more" if len(holding) > 1 else ""
    raise HeldError(
        expected="nothing in force"
        if planned.kind is MarkKind.ARCHIVED
        else "nothing that is kept and needs it",
        got=f"{first.what.replace('_', ' ')} {first.name}{more}",
        where=planned.thing.title,
        hint=f"{first.do[:1].upper()}{first.do[1:]}.",
    )
