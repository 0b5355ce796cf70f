"""From a noun and a name, as people write them, to the thing: its id, its parts, its assets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage import names
from mainspring.lineage.marks import named
from mainspring.lineage.spec import Noun
from mainspring.models.spec import ModelVersion
from mainspring.project import Project
from mainspring.tracking.spec import Run
from mainspring.tracking.store import parts_of_runs
from mainspring.workflows.lifecycle.spec import Part, Thing


def find_thing(project: Project, noun: Noun | str, name: str) -> Thing:
    """The thing that is called so.

    Args:
        name: NAME@VERSION of a group or view (without a version 1), NAME/NUMBER or NAME/ALIAS of a model version,
            the asset id of a training dataset, the id of a run, else its name.

    Raises:
        UnknownNameError: there is no such noun, or nothing of that name.
        InputError: a model version without its number.
    """
    return _FINDERS[check_noun(noun)](project, name)


def check_noun(noun: Noun | str) -> Noun:
    """The noun of that word.

    Raises:
        UnknownNameError: there is none.
    """
    if noun not in list(Noun):
        raise UnknownNameError.of("noun", noun, [known.value for known in Noun], "lifecycle")
    return Noun(noun)


def _group(project: Project, name: str) -> Thing:
    group = project.features.get_group(*_versioned(name, "feature group"))
    return Thing(
        subject_id=group.spec.group_id,
        noun=Noun.FEATURE_GROUP,
        name=group.spec.label,
        lasting=group.spec.pin,
    )


def _view(project: Project, name: str) -> Thing:
    spec = project.features.get_view(*_versioned(name, "feature view")).spec
    return Thing(
        subject_id=spec.view_id,
        noun=Noun.FEATURE_VIEW,
        name=spec.title,
        lasting=f"{spec.name}@{spec.version}",
        asset_ids=(spec.view_id,),
    )


def _dataset(project: Project, name: str) -> Thing:
    found = project.features.get_training_dataset(name)
    if found.asset_id != name:
        # What a name finds changes with the next dataset: that is not enough to delete by.
        raise InputError(
            expected="the id of a training dataset",
            got=repr(name),
            where="training_dataset",
            hint=f"The newest of it is {found.asset_id}; `mainspring features datasets` shows them all.",
        )
    return Thing(
        subject_id=found.asset_id,
        noun=Noun.TRAINING_DATASET,
        name=found.asset_id,
        lasting=found.asset_id,
        asset_ids=(found.asset_id,),
    )


def _experiment(project: Project, name: str) -> Thing:
    stored, name = _names(project, Noun.EXPERIMENT, name)
    known = {found.name: found for found in project.tracking.experiments(archived=True)}
    if name not in known:
        raise UnknownNameError.of("experiment", name, known, "tracking")
    runs = project.tracking.runs(name, archived=True)
    made = _assets_of_runs(project, runs)
    return Thing(
        subject_id=known[name].id,
        noun=Noun.EXPERIMENT,
        name=name,
        lasting=stored,
        parts=tuple(part for run in runs for part in (_run_part(run), *_asset_parts(run, made))),
        asset_ids=tuple(asset_id for run in runs for asset_id in made.get(run.id, ())),
    )


def _run(project: Project, name: str) -> Thing:
    run = project.tracking.get_run(name)
    made = _assets_of_runs(project, [run])
    return Thing(
        subject_id=run.id,
        noun=Noun.RUN,
        name=run.id,
        lasting=run.id,
        parts=_asset_parts(run, made),
        asset_ids=made.get(run.id, ()),
    )


def _assets_of_runs(project: Project, runs: Iterable[Run]) -> Mapping[str, tuple[str, ...]]:
    """The assets that exist of each run: itself and its artifacts."""
    found: dict[str, tuple[str, ...]] = {run.id: () for run in runs}
    with project.records.read() as connection:
        for asset_id, _, run_id in parts_of_runs(connection, list(found)):
            found[run_id] += (asset_id,)
    return found


def _run_part(run: Run) -> Part:
    return Part(subject_id=run.id, noun=Noun.RUN, name=run.id)


def _asset_parts(run: Run, made: Mapping[str, tuple[str, ...]]) -> tuple[Part, ...]:
    return tuple(Part(subject_id=asset_id, noun=Noun.RUN, name=run.id) for asset_id in made.get(run.id, ()))


def _model(project: Project, name: str) -> Thing:
    stored, name = _names(project, Noun.MODEL, name)
    versions = project.models.versions(name, archived=True)
    if not versions:
        raise UnknownNameError.of("model", name, project.models.names(archived=True), "models")
    return Thing(
        subject_id=named(Noun.MODEL, stored),
        noun=Noun.MODEL,
        name=name,
        lasting=stored,
        parts=tuple(part for version in versions for part in (_version_part(version), _package(version))),
        asset_ids=tuple(part for version in versions for part in (version.asset_id, version.package_id)),
    )


def _version(project: Project, name: str) -> Thing:
    model, _, number = name.partition("/")
    if not number:
        raise InputError(
            expected="a model version written NAME/NUMBER or NAME/ALIAS",
            got=repr(name),
            where="model_version",
            hint=f"For example {name}/3; `mainspring models list` shows what there is.",
        )
    version = project.models.get(model, number)
    return Thing(
        subject_id=version.asset_id,
        noun=Noun.MODEL_VERSION,
        name=str(version),
        lasting=f"{_names(project, Noun.MODEL, version.name)[0]}/{version.number}",
        parts=(_package(version),),
        asset_ids=(version.asset_id, version.package_id),
    )


def _version_part(version: ModelVersion) -> Part:
    return Part(subject_id=version.asset_id, noun=Noun.MODEL_VERSION, name=str(version))


def _package(version: ModelVersion) -> Part:
    return Part(subject_id=version.package_id, noun=Noun.MODEL_VERSION, name=str(version))


def _monitor(project: Project, name: str) -> Thing:
    spec = project.monitors.get(name).spec
    stored, _ = _names(project, Noun.MONITOR, spec.name)
    return Thing(subject_id=named(Noun.MONITOR, stored), noun=Noun.MONITOR, name=spec.name, lasting=stored)


def _deployment(project: Project, name: str) -> Thing:
    found = project.deployments.get(name)
    # What lies on disk alone is brought into the records first: its mark too.
    project.deployments.record(name)
    return Thing(
        subject_id=named(Noun.DEPLOYMENT, found.name),
        noun=Noun.DEPLOYMENT,
        name=found.name,
        lasting=found.name,
    )


def _names(project: Project, noun: Noun, name: str) -> tuple[str, str]:
    with project.records.read() as connection:
        return names.resolve(connection, noun, project.graph.project_id, name)


def _versioned(name: str, what: str) -> tuple[str, int]:
    """`name@2` → (name, 2); a bare name means version 1."""
    bare, _, version = name.partition("@")
    if not bare or not (version or "1").isdigit():
        raise InputError(
            expected=f"a {what} written NAME or NAME@VERSION",
            got=repr(name),
            where=what,
            hint="For example weather@1; `mainspring features list` shows what there is.",
        )
    return bare, int(version or "1")


_FINDERS: Final[Mapping[Noun, Callable[[Project, str], Thing]]] = {
    Noun.FEATURE_GROUP: _group,
    Noun.FEATURE_VIEW: _view,
    Noun.TRAINING_DATASET: _dataset,
    Noun.EXPERIMENT: _experiment,
    Noun.RUN: _run,
    Noun.MODEL: _model,
    Noun.MODEL_VERSION: _version,
    Noun.MONITOR: _monitor,
    Noun.DEPLOYMENT: _deployment,
}
