"""What depends on a thing, and what of that keeps it from being archived or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from mainspring.features import store as features
from mainspring.lineage.marks import find_marks, marked
from mainspring.lineage.spec import Asset, AssetKind, Direction, ExecutionState, MarkKind, Noun
from mainspring.lineage.store import evidence_for, executions_by_id
from mainspring.lineage.walk import walk
from mainspring.models import store as models
from mainspring.project import Project
from mainspring.workflows.lifecycle.served import Served, served
from mainspring.workflows.lifecycle.spec import Dependent, Holds, Thing

WITH_CONTENT: Final = {
    AssetKind.TRAINING_DATASET: Noun.TRAINING_DATASET,
    AssetKind.RUN: Noun.RUN,
    AssetKind.MODEL_VERSION: Noun.MODEL_VERSION,
}
"""What was made of a thing and has content of its own, as people delete it: as long as it is kept, so is the thing."""


def outside(project: Project, thing: Thing) -> list[Dependent]:
    """What the records alone do not tell: deployments by their weight tables, and predictions by the log."""
    if thing.noun is Noun.DEPLOYMENT:
        return list(_of_deployment(project, thing.lasting))
    found = [_serving(each, thing) for each in served(project) if _is_of(project, each, thing)]
    unique = {(item.name, item.do): item for item in found}
    return [*unique.values(), *_predictions(project, thing)]


def _of_deployment(project: Project, name: str) -> Iterator[Dependent]:
    deployment = project.deployments.get(name)
    arm = deployment.table.champion
    if not deployment.table.is_retired:
        yield Dependent(
            what="requests",
            name=name,
            id=None,
            holds=Holds.ARCHIVE,
            do=f"it answers them with {arm.model}/{arm.version}: mainspring deployments retire {name} --yes",
        )
    for monitor in project.monitors.list():
        if monitor.deployment == name:
            yield Dependent(what="monitor", name=monitor.name, id=monitor.id)
    counts = deployment.log_counts()
    if counts.n_logged:
        yield Dependent(what="predictions", name=name, id=None, count=counts.n_logged)


def _is_of(project: Project, found: Served, thing: Thing) -> bool:
    arm = found.arm
    if thing.noun is not Noun.FEATURE_GROUP:
        return bool({arm.version_id, arm.package_id, arm.view_id} & thing.ids)
    view = project.features.get_view(arm.view, arm.view_version).spec
    return thing.lasting in {f"{part.group}@{part.version}" for part in view.selections}


def _serving(found: Served, thing: Thing) -> Dependent:
    serves = f"{found.arm.model}/{found.arm.version}"
    if found.now:
        do = f"it serves {serves}: promote a version that does without this {thing.noun.words}"
    else:
        do = f"a rollback goes back to {serves}"
    return Dependent(what="deployment", name=found.deployment, id=None, holds=Holds.ARCHIVE, do=do)


def _predictions(project: Project, thing: Thing) -> Iterator[Dependent]:
    if thing.noun in (Noun.MODEL, Noun.MODEL_VERSION, Noun.FEATURE_VIEW):
        rows = project.deployments.lineage.touched_by(thing.asset_ids)
        for deployment, count in sorted(Counter(rows.get_column("deployment")).items()):
            yield Dependent(what="predictions", name=deployment, id=None, count=count)


def recorded(connection: Connection, project_id: str, thing: Thing) -> list[Dependent]:
    """What the records tell, as of a moment: pins, aliases, work that runs, and all that was made of the thing."""
    return [
        *_pins(connection, project_id, thing),
        *_aliases(connection, project_id, thing),
        *_running(connection, thing),
        *_views(connection, project_id, thing),
        *_made(connection, project_id, thing),
    ]


def _pins(connection: Connection, project_id: str, thing: Thing) -> Iterator[Dependent]:
    for mark in find_marks(connection, project_id, kind=MarkKind.PINNED, subject_ids=thing.ids):
        if mark.part_of is None or mark.part_of not in thing.ids:
            yield Dependent(
                what="pin",
                name=mark.title,
                id=mark.subject_id,
                holds=Holds.DELETE,
                do=f"pinned by {mark.actor}: mainspring unpin {mark.noun.value} {mark.name}",
            )


def _aliases(connection: Connection, project_id: str, thing: Thing) -> Iterator[Dependent]:
    if thing.noun not in (Noun.MODEL, Noun.MODEL_VERSION):
        return
    for alias in models.list_aliases(connection, project_id, thing.name.partition("/")[0]):
        version = models.find_version(connection, project_id, alias.name, alias.number)
        if version is not None and version.asset_id in thing.ids:
            yield Dependent(
                what="alias",
                name=f"{alias.name}/{alias.alias}",
                id=None,
                holds=Holds.ARCHIVE,
                do=f"it stands on {version}: give it to another version by mainspring gates promote",
            )


def _running(connection: Connection, thing: Thing) -> Iterator[Dependent]:
    if thing.noun not in (Noun.RUN, Noun.EXPERIMENT):
        return
    for execution in executions_by_id(connection, thing.ids):
        if execution.state is ExecutionState.RUNNING:
            yield Dependent(
                what="running",
                name=execution.name,
                id=execution.id,
                holds=Holds.DELETE,
                do="wait until it has ended; `mainspring doctor --repair` ends one whose process died",
            )


def _views(connection: Connection, project_id: str, thing: Thing) -> Iterator[Dependent]:
    if thing.noun is not Noun.FEATURE_GROUP:
        return
    for view in features.all_views(connection, project_id):
        if thing.lasting in {f"{part.group}@{part.version}" for part in view.everything}:
            yield Dependent(what="feature_view", name=view.title, id=view.view_id)


def _made(connection: Connection, project_id: str, thing: Thing) -> Iterator[Dependent]:
    gone = marked(connection, MarkKind.DELETED, project_id)
    made = {asset.id: asset for asset in _downstream(connection, thing) if asset.id not in gone}
    held = [_kept(asset) for asset in made.values() if asset.kind in WITH_CONTENT]
    if thing.noun is Noun.TRAINING_DATASET:
        held += _judged(connection, project_id, made, gone)
    yield from sorted(held, key=lambda item: (item.what, item.name, item.id or ""))
    counted = Counter(asset.kind.value for asset in made.values() if asset.kind not in WITH_CONTENT)
    for kind, count in sorted(counted.items()):
        yield Dependent(what=kind, name="", id=None, count=count)


def _downstream(connection: Connection, thing: Thing) -> Iterator[Asset]:
    for asset in walk(connection, thing.asset_ids, Direction.OUTPUT, None):
        if asset.id not in thing.ids:
            yield asset


def _kept(asset: Asset) -> Dependent:
    noun = WITH_CONTENT[asset.kind]
    name = {
        Noun.MODEL_VERSION: f"{asset.name}/{asset.attributes.get('number')}",
        Noun.RUN: asset.execution_id,
        Noun.TRAINING_DATASET: asset.id,
    }[noun]
    do = f"it was made of this: mainspring delete {noun.value} {name} first"
    return Dependent(what=noun.value, name=name, id=asset.id, holds=Holds.DELETE, do=do)


def _judged(
    connection: Connection, project_id: str, made: dict[str, Asset], gone: frozenset[str]
) -> Iterator[Dependent]:
    """Models that were judged on a dataset: the rows behind their figures stay as long as they do."""
    findings = [asset for asset in made.values() if asset.kind is AssetKind.EVIDENCE]
    subjects = {str(asset.attributes["subject_id"]) for asset in findings} - gone - set(made)
    for found in evidence_for(connection, subjects, None):
        version = models.find_version_by_asset(connection, project_id, found.subject_id)
        if found.id in made and version is not None:
            yield Dependent(
                what="evidence",
                name=f"{found.name} of {version}",
                id=found.id,
                holds=Holds.DELETE,
                do=f"its rows are judged by: mainspring delete model_version {version} first",
            )
