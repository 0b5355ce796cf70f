"""Collects what nothing refers to: shows it first, deletes it when told to, and leaves a receipt in the graph."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select

from mainspring.errors import InputError
from mainspring.features.join.spill import find_abandoned, remove_abandoned
from mainspring.features.store import rejects_table_name, table_name
from mainspring.features.upkeep import maintenance
from mainspring.lineage.spec import AssetKind, ExecutionState, Standing, Value
from mainspring.lineage.store import executions
from mainspring.log.progress import Progress, silent
from mainspring.ports.read_only import refused as read_only
from mainspring.project import Project, spill_root
from mainspring.tracking.artifacts.spec import Upload
from mainspring.tracking.artifacts.store import delete_upload, uploads_before
from mainspring.types import from_us
from mainspring.workflows.doctor.records import running
from mainspring.workflows.doctor.tables import find_unpublished
from mainspring.workflows.lifecycle.retention import (
    EventIdsRule,
    LogRule,
    Rule,
    apply,
    apply_to_event_ids,
    apply_to_log,
    log_rules,
    rules,
)
from mainspring.workflows.lifecycle.served import served_ids
from mainspring.workflows.prediction_logs import log_tables
from mainspring.workflows.references import unmentioned

OLDER_THAN: Final = timedelta(days=7)
YOUNGEST: Final = timedelta(hours=1)
"""Bytes are put before the row that refers to them: what is younger may be somebody's work."""


class RubbishKind(enum.StrEnum):
    """What nothing refers to: a blob, a staged file whose process is gone, an artifact that is sent in parts of which
    none came for long, rows that were never published, a file that a compaction, or a deletion of predictions, left
    behind, temporary files of a join whose process is gone.
    """

    BLOB = "blob"
    DRAFT = "draft"
    UPLOAD = "upload"
    APPEND = "append"
    FILE = "file"
    SPILL = "spill"


class Rubbish(Value):
    """One thing that nothing refers to.

    Attributes:
        name: digest of a blob, name of a staged file, run and path of an upload, table and ticket of an append, or
            table and path of a file, or a folder of temporary files.
        size_bytes: None for an append: its rows share files with nothing, but are not measured. None for an upload: its
            parts are blobs.
        since: when it was put or written last, by the machine's clock; None for an append.
        deletable: an append is not: its rows could only go by rewriting the table, which never happens.
    """

    kind: RubbishKind
    name: str
    size_bytes: int | None
    since: datetime | None
    deletable: bool


class Collection(Value):
    """What one run of `gc` found, and what it deleted.

    Attributes:
        put_before: only what was put before this moment was looked at: `older_than` ago, or the beginning of the
            longest piece of work that is still running, whichever is earlier.
        retention: what each configured rule would give up, or gave up; bytes of it that are old enough are then
            in `rubbish`.
        logs: the same of rules about prediction logs; their files become `rubbish` when they are old enough.
        event_ids: the same of the rule about ids of pushed events; None where it is not set.
        deleted: digests and names; empty in a dry run.
        execution_id, receipt_id: the execution that deleted and its receipt (a report); None if nothing was.
    """

    put_before: datetime
    rubbish: tuple[Rubbish, ...]
    retention: tuple[Rule, ...] = ()
    logs: tuple[LogRule, ...] = ()
    event_ids: EventIdsRule | None = None
    deleted: tuple[str, ...] = ()
    deleted_bytes: int = 0
    execution_id: str | None = None
    receipt_id: str | None = None

    @property
    def size_bytes(self) -> int:
        """What could be deleted, or was."""
        return sum(item.size_bytes or 0 for item in self.rubbish if item.deletable)


def collect(
    project: Project, *, older_than: timedelta = OLDER_THAN, delete: bool = False, progress: Progress = silent
) -> Collection:
    """Find what nothing refers to, and delete it if told to; before that, what retention rules give up.

    Never anything that a row of any project in the database mentions, and nothing that was put, or put again, in
    the last `older_than` or since the oldest execution began that is still running. A blob that is put while it is
    being deleted is there afterwards.

    Args:
        older_than: at least an hour.
        delete: False = only look.

    Raises:
        InputError: `older_than` is shorter than an hour.
        AccessError: to delete is asked of a project that is open read-only.
    """
    if older_than < YOUNGEST:
        raise InputError(
            expected="at least one hour",
            got=str(older_than),
            where="older_than",
            hint="Bytes are stored before the row that refers to them; younger ones may be somebody's work.",
        )
    if delete and project.read_only:
        raise read_only("gc --delete")
    retention = _retain(project, delete=delete)
    logs = _retain_logs(project, delete=delete)
    put_before = min([datetime.now(UTC) - older_than, *_running_since(project)])
    # Before the blobs are looked at: a part that comes meanwhile keeps its upload, and that its parts.
    uploads = _uploads(project, put_before, delete=delete)
    found = Collection(
        put_before=put_before,
        retention=retention,
        logs=logs,
        event_ids=apply_to_event_ids(project, delete=delete),
        rubbish=(
            *_blobs(project, put_before, given_up=[upload.id for upload in uploads]),
            *(_left_upload(upload) for upload in uploads),
            *_drafts(project, put_before),
            *_files(project, put_before),
            *_spilled(project),
            *_appends(project, progress),
        ),
    )
    if not delete or not any(item.deletable for item in found.rubbish):
        return found
    return _delete(project, found, older_than, progress)


def _retain(project: Project, *, delete: bool) -> tuple[Rule, ...]:
    # Each rule is looked at after the one before it was applied.
    return tuple(apply(project, rule) if delete else rule for rule in rules(project))


def _retain_logs(project: Project, *, delete: bool) -> tuple[LogRule, ...]:
    found = tuple(log_rules(project))
    if delete:
        found = tuple(apply_to_log(project, rule) for rule in found)
        # What a process that died in between had deleted for readers, and not yet from the tables.
        for deployment in project.deployments.list(archived=True):
            deployment.give_up_rows()
    return found


def _running_since(project: Project) -> list[datetime]:
    with project.records.read() as connection:
        lost = {Standing.LOST, Standing.FREE}
        gone = {item.id for item, standing in running(project.graph, connection) if standing in lost}
        # Of every project: they may share the blobs.
        query = select(executions.c.id, executions.c.started_us).where(
            executions.c.state == ExecutionState.RUNNING.value
        )
        return [from_us(started_us) for found, started_us in connection.execute(query) if found not in gone]


def _uploads(project: Project, put_before: datetime, *, delete: bool) -> list[Upload]:
    """Uploads of any project that nobody completes, as projects may share the blobs; given up, if told to."""
    with project.records.read() as connection:
        found = uploads_before(connection, put_before, None)
    if not delete:
        return found
    with project.records.write() as connection:
        return [upload for upload in found if delete_upload(connection, upload.id, put_before)]


def _left_upload(upload: Upload) -> Rubbish:
    return Rubbish(
        kind=RubbishKind.UPLOAD,
        name=f"{upload.run_id}/{upload.name}",
        size_bytes=None,
        since=upload.touched_at,
        deletable=True,
    )


def _blobs(project: Project, put_before: datetime, given_up: Sequence[str]) -> list[Rubbish]:
    # Listed first: a row that is written after the reading of the rows refers to a blob that was put after this.
    old = {blob.sha256: blob for blob in project.blobs.walk() if blob.put_at < put_before}
    with project.records.read() as connection:
        orphans = unmentioned(connection, old, in_use=served_ids(project), given_up=given_up)
    return [
        Rubbish(
            kind=RubbishKind.BLOB,
            name=sha256,
            size_bytes=old[sha256].size_bytes,
            since=old[sha256].put_at,
            deletable=True,
        )
        for sha256 in sorted(orphans)
    ]


def _drafts(project: Project, put_before: datetime) -> list[Rubbish]:
    return [
        Rubbish(
            kind=RubbishKind.DRAFT,
            name=draft.name,
            size_bytes=draft.size_bytes,
            since=draft.written_at,
            deletable=True,
        )
        for draft in project.blobs.drafts()
        if draft.written_at < put_before
    ]


def _files(project: Project, removed_before: datetime) -> list[Rubbish]:
    return [
        Rubbish(
            kind=RubbishKind.FILE,
            name=f"{table}/{left.file}",
            size_bytes=left.size_bytes,
            since=left.removed_at,
            deletable=True,
        )
        for table in _tables(project)
        for left in project.tables.left_behind(table)
        if left.removed_at < removed_before
    ]


def _spilled(project: Project) -> list[Rubbish]:
    """However young they are: nobody holds them."""
    return [
        Rubbish(
            kind=RubbishKind.SPILL,
            name=left.name,
            size_bytes=left.size_bytes,
            since=left.since,
            deletable=True,
        )
        for left in find_abandoned(spill_root(project.config.home_path))
    ]


def _tables(project: Project) -> list[str]:
    groups = (group.spec for group in project.features.groups(archived=True))
    names = (name for group in groups for name in (table_name(group), rejects_table_name(group)))
    return [*log_tables(project), *(name for name in names if project.tables.exists(name))]


def _appends(project: Project, progress: Progress) -> list[Rubbish]:
    found = []
    groups = project.features.groups(archived=True)
    with progress("groups", len(groups)) as advance:
        for group in groups:
            for table, ticket in find_unpublished(project, group.spec):
                name = f"{table} ticket {ticket}"
                found.append(
                    Rubbish(kind=RubbishKind.APPEND, name=name, size_bytes=None, since=None, deletable=False)
                )
            advance()
    return found


def _delete(project: Project, found: Collection, older_than: timedelta, progress: Progress) -> Collection:
    due = [item for item in found.rubbish if item.deletable]
    parameters = {"older_than_s": older_than.total_seconds(), "n_due": len(due)}
    deleted = []
    # Durable: one that is killed is seen to have begun, and called lost.
    with project.graph.execution("gc", "home", parameters=parameters, durable=True) as work:
        with progress("deleted", len(due)) as advance:
            discarded = _discard(project, [item.name for item in due if item.kind is RubbishKind.FILE])
            has_spilled = any(item.kind is RubbishKind.SPILL for item in due)
            removed = remove_abandoned(spill_root(project.config.home_path)) if has_spilled else set()
            for item in due:
                if item.kind is RubbishKind.DRAFT:
                    project.blobs.delete_draft(item.name)
                    deleted.append(item)
                elif item.kind is RubbishKind.SPILL:
                    if item.name in removed:
                        deleted.append(item)
                elif item.kind is RubbishKind.UPLOAD:
                    # Given up before anything else was looked at.
                    deleted.append(item)
                elif item.kind is RubbishKind.FILE:
                    if item.name in discarded:
                        deleted.append(item)
                elif project.blobs.collect(item.name, found.put_before):
                    deleted.append(item)
                advance()
        size_bytes = sum(item.size_bytes or 0 for item in deleted)
        blob = project.blobs.put(_receipt(found, deleted))
        figures = {"n_deleted": len(deleted), "deleted_bytes": size_bytes}
        receipt = work.add(AssetKind.REPORT, "gc", digest=blob.sha256, attributes=figures)
        work.event("home.collected", receipt.id, figures)
    return found.model_copy(
        update={
            "deleted": tuple(item.name for item in deleted),
            "deleted_bytes": size_bytes,
            "execution_id": work.id,
            "receipt_id": receipt.id,
        }
    )


def _discard(project: Project, names: Sequence[str]) -> set[str]:
    """Delete files of tables, each table's together; the names of those that went."""
    by_table: dict[str, list[str]] = {}
    for name in names:
        table, _, file = name.partition("/")
        by_table.setdefault(table, []).append(file)
    gone = set()
    for table, files in by_table.items():
        with maintenance.of_table(project.tables, project.graph.leases, table):
            gone |= {f"{table}/{file}" for file in project.tables.discard(table, files)}
    return gone


def _receipt(found: Collection, deleted: Sequence[Rubbish]) -> bytes:
    """What was deleted, as JSON. A blob and not a row: rows that mention a digest keep its blob."""
    items = [item.model_dump(mode="json") for item in deleted]
    return json.dumps({"put_before": found.put_before.isoformat(), "deleted": items}, indent=1).encode()
