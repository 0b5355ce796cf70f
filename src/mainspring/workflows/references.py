"""Which rows refer to which blobs, and to which rows of other rooms: what must be there for the records to be true."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    cast,
    exists,
    func,
    inspect,
    literal,
    or_,
    select,
)

from mainspring.features import store as features
from mainspring.gates import store as gates
from mainspring.identity import store as _identity  # noqa: F401 - it declares a table
from mainspring.lineage import store as lineage
from mainspring.lineage.marks import marked, marks
from mainspring.lineage.names import names
from mainspring.lineage.spec import AssetKind, MarkKind
from mainspring.models import store as models
from mainspring.monitoring import store as monitoring
from mainspring.pipelines import store as pipelines
from mainspring.ports.records.schema import metadata
from mainspring.serving import store as serving
from mainspring.tracking import store as tracking
from mainspring.tracking.artifacts import store as artifacts
from mainspring.types import digest

METRIC_POINTS: Final = tracking.metric_points.name
"""The one table that SQLite keeps in a file of its own."""

DIGEST_LENGTH: Final = 64
_DIGEST: Final = re.compile(rf"(?=([0-9a-f]{{{DIGEST_LENGTH}}}))")


_KEPT_IN_BLOBS: Final = (AssetKind.TRAINING_DATASET.value, AssetKind.REPORT.value)
"""The kinds of assets of which some are contents; there may be a million of the others."""


@dataclass(frozen=True)
class BlobReference:
    """A row that is not true without a blob.

    Attributes:
        owner: the row, in words for people.
        owner_id: the id under which it would be marked as deleted.
        size_bytes: None where the row does not know it.
    """

    sha256: str
    owner: str
    owner_id: str
    size_bytes: int | None = None


def blob_references(connection: Connection, project_id: str) -> Iterator[BlobReference]:
    """Every blob that the project's records need, once for each row that needs it.

    What was deleted needs none.
    """
    gone = marked(connection, MarkKind.DELETED, project_id)
    return (found for found in _references(connection, project_id) if found.owner_id not in gone)


def content_of(connection: Connection, project_id: str, ids: Collection[str]) -> dict[str, bool]:
    """The blobs that the rows of these ids need, and whether nothing else of the project needs them."""
    found = list(blob_references(connection, project_id))
    others = {item.sha256 for item in found if item.owner_id not in ids}
    return {item.sha256: item.sha256 not in others for item in found if item.owner_id in ids}


def _references(connection: Connection, project_id: str) -> Iterator[BlobReference]:
    for asset in _rows(connection, lineage.assets, project_id, lineage.assets.c.kind.in_(_KEPT_IN_BLOBS)):
        attributes = asset["attributes"]
        owner = f"{asset['kind']} {asset['name']!r} ({asset['id']})"
        if asset["kind"] == AssetKind.TRAINING_DATASET.value:
            yield BlobReference(attributes["blob"], owner, asset["id"])
            yield BlobReference(attributes["provenance"], owner, asset["id"])
            if attributes.get("profiles") is not None:
                yield BlobReference(attributes["profiles"], owner, asset["id"])
        elif asset["kind"] == AssetKind.REPORT.value and not _is_described(asset):
            yield BlobReference(asset["digest"], owner, asset["id"])
    yield from _profiles(connection, project_id)
    for package in _rows(connection, models.packages, project_id):
        owner = f"model package {package['name']!r} ({package['id']})"
        yield BlobReference(package["digest"], owner, package["id"])
        for file in package["files"].values():
            yield BlobReference(file["sha256"], owner, package["id"], file["size_bytes"])
    for run in _rows(connection, tracking.runs, project_id, tracking.runs.c.environment.is_not(None)):
        yield BlobReference(run["environment"]["packages_sha256"], f"run {run['id']}", run["id"])
    for artifact in _rows(connection, tracking.artifacts, project_id):
        owner = f"artifact {artifact['name']!r} of run {artifact['run_id']}"
        yield BlobReference(artifact["sha256"], owner, artifact["run_id"], artifact["size_bytes"])
    for part in _parts(connection, project_id):
        owner = f"part {part['number']} of an upload to {part['name']!r} of run {part['run_id']}"
        yield BlobReference(part["sha256"], owner, part["run_id"], part["size_bytes"])
    for table in (pipelines.cache, pipelines.steps):
        for made in _rows(connection, table, project_id):
            for output in made["outputs"]:
                for blob in output["blobs"]:
                    owner = f"output {output['name']!r} of step {made['step']!r}"
                    yield BlobReference(blob["sha256"], owner, made["execution_id"], blob["size_bytes"])


def _parts(connection: Connection, project_id: str) -> Iterator[Any]:
    """What has come of artifacts that are on their way."""
    parts, uploads = artifacts.parts, artifacts.uploads
    query = select(parts.c.number, parts.c.sha256, parts.c.size_bytes, uploads.c.name, uploads.c.run_id)
    query = query.join_from(parts, uploads, parts.c.upload_id == uploads.c.id)
    query = query.where(uploads.c.project_id == project_id)
    yield from connection.execution_options(yield_per=5_000).execute(query).mappings()


def _profiles(connection: Connection, project_id: str) -> Iterator[BlobReference]:
    """Of large commits and of monitored windows; the small commits, of which there may be a million, have none."""
    assets, evidence = lineage.assets, lineage.evidence
    for table, kind, figures, owner_id, what in (
        (assets, AssetKind.COMMIT.value, assets.c.attributes, assets.c.id, "commit of feature group"),
        (evidence, "monitor", evidence.c.figures, evidence.c.subject_id, "finding of monitor"),
    ):
        sha256 = figures["profile"].as_string()
        query = select(table.c.id, table.c.name, owner_id.label("owner_id"), sha256.label("sha256")).where(
            table.c.project_id == project_id, table.c.kind == kind, sha256.is_not(None)
        )
        if table is assets:
            # An erasure took its bytes, and it is computed again from the rows that are left.
            query = query.where(table.c.id.not_in(features.erased_commits()))
        for found in connection.execution_options(yield_per=5_000).execute(query).mappings():
            owner = f"{what} {found['name']!r} ({found['id']})"
            yield BlobReference(found["sha256"], owner, found["owner_id"])


def _is_described(asset: Any) -> bool:
    """Whether its attributes are all of its content, as an evaluation's are."""
    return bool(asset["digest"] == digest([asset["kind"], asset["name"], asset["attributes"]]))


_OWNERS: Final = {
    lineage.assets.name: "id",
    lineage.evidence.name: "subject_id",
    models.packages.name: "id",
    models.versions.name: "asset_id",
    tracking.runs.name: "id",
    tracking.artifacts.name: "run_id",
    artifacts.parts.name: "upload_id",
}
"""The column that says whose a row is: rows of what was deleted keep no blob. Rows of other tables always do."""


def unmentioned(
    connection: Connection,
    digests: Collection[str],
    *,
    in_use: Collection[str] = (),
    given_up: Collection[str] = (),
) -> set[str]:
    """Those of the digests that no text in any row of any project has in it, save rows of what was deleted.

    Wider than `blob_references` on purpose: whoever deletes must not depend on knowing every way to refer.

    Args:
        in_use: ids of what is used although it was deleted: its rows count.
        given_up: ids of what is treated as deleted.
    """
    left = set(digests)
    released: set[str] = set()
    in_log: set[str] = set()
    gone = marked(connection, MarkKind.DELETED, None).union(given_up) - set(in_use)
    there = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        texts = [cast(column, Text) for column in table.c if isinstance(column.type, Text | JSON)]
        if not left or table.name not in there or not texts:
            continue
        owner = _OWNERS.get(table.name)
        columns = [
            *texts,
            literal("").label("owner") if owner is None else table.c[owner].label("owner"),
            _only_tells(table).label("tells"),
        ]
        # Most rows are links, which have ids and no digests.
        with_digest = select(*columns).where(or_(*(func.length(text) >= DIGEST_LENGTH for text in texts)))
        for *row, owner_id, tells in connection.execution_options(yield_per=5_000).execute(with_digest):
            for text in row:
                if text is None or len(text) < DIGEST_LENGTH:
                    continue
                found = left.intersection(_DIGEST.findall(text))
                if owner_id in gone:
                    released |= found
                elif tells:
                    in_log |= found
                else:
                    left -= found
    # The log and a run only tell of what was deleted; of anything else its mention counts as every other.
    return left - (in_log - released)


def _only_tells(table: Table) -> ColumnElement[bool]:
    """As SQL: a row says what there was, and needs it no more than that: an event, or a run, of its artifacts."""
    if table is lineage.assets:
        return table.c.kind == AssetKind.RUN.value
    return literal(table is lineage.events)


@dataclass(frozen=True)
class Edge:
    """A column whose values are ids of another table's rows; null refers to nothing."""

    column: Column[Any]
    to: Column[Any]

    @property
    def label(self) -> str:
        """The column, as `table.column`."""
        return f"{self.column.table.name}.{self.column.name}"


_ASSET: Final = lineage.assets.c.id
_EXECUTION: Final = lineage.executions.c.id

EDGES: Final = (
    Edge(lineage.assets.c.execution_id, _EXECUTION),
    Edge(lineage.executions.c.parent_id, _EXECUTION),
    Edge(lineage.links.c.execution_id, _EXECUTION),
    Edge(lineage.links.c.asset_id, _ASSET),
    Edge(lineage.events.c.execution, _EXECUTION),
    Edge(marks.c.execution_id, _EXECUTION),
    Edge(names.c.execution_id, _EXECUTION),
    Edge(lineage.evidence.c.id, _ASSET),
    Edge(lineage.evidence.c.subject_id, _ASSET),
    Edge(features.commits.c.group_id, features.groups.c.group_id),
    Edge(features.commits.c.asset_id, _ASSET),
    Edge(features.editions.c.group_id, features.groups.c.group_id),
    Edge(features.editions.c.execution_id, _EXECUTION),
    Edge(features.views.c.view_id, _ASSET),
    Edge(tracking.runs.c.id, _EXECUTION),
    Edge(tracking.runs.c.execution_id, _EXECUTION),
    Edge(tracking.params.c.run_id, tracking.runs.c.id),
    Edge(tracking.datasets.c.asset_id, _ASSET),
    Edge(tracking.inputs.c.run_id, tracking.runs.c.id),
    Edge(tracking.inputs.c.asset_id, tracking.datasets.c.asset_id),
    Edge(tracking.artifacts.c.run_id, tracking.runs.c.id),
    Edge(artifacts.uploads.c.run_id, tracking.runs.c.id),
    Edge(artifacts.parts.c.upload_id, artifacts.uploads.c.id),
    Edge(pipelines.runs.c.id, _EXECUTION),
    Edge(pipelines.steps.c.execution_id, _EXECUTION),
    Edge(pipelines.cache.c.execution_id, _EXECUTION),
    Edge(models.packages.c.id, _ASSET),
    Edge(models.versions.c.asset_id, _ASSET),
    Edge(models.versions.c.package_id, models.packages.c.id),
    Edge(models.versions.c.dataset_id, _ASSET),
    Edge(models.aliases.c.decision_id, _ASSET),
    Edge(models.alias_moves.c.execution_id, _EXECUTION),
    Edge(gates.policies.c.asset_id, _ASSET),
    Edge(serving.revisions.c.id, _ASSET),
    Edge(serving.revisions.c.version_id, _ASSET),
    Edge(serving.contexts.c.revision_id, _ASSET),
    Edge(serving.rollouts.c.id, _ASSET),
    Edge(serving.outcomes.c.execution_id, _EXECUTION),
    Edge(serving.cuts.c.execution_id, _EXECUTION),
    Edge(monitoring.alerts.c.subject_id, _ASSET),
)


def dangling(connection: Connection, edge: Edge, project_id: str) -> list[str]:
    """The ids that an edge's column names and that do not exist, in order."""
    # Under another name: a column may refer to its own table.
    target = edge.to.table.alias("target")
    there = exists().where(target.c[edge.to.name] == edge.column).correlate(edge.column.table)
    query = (
        select(edge.column)
        .distinct()
        .where(edge.column.table.c.project_id == project_id, edge.column.is_not(None), ~there)
        .order_by(edge.column)
    )
    return list(connection.execute(query).scalars())


def _rows(
    connection: Connection, table: Table, project_id: str, *which: ColumnElement[bool]
) -> Iterator[Any]:
    query = select(table).where(table.c.project_id == project_id, *which)
    yield from connection.execution_options(yield_per=5_000).execute(query).mappings()
