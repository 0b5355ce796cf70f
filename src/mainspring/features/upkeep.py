"""Keeping a group's files few: compaction, and giving up what it leaves behind. Every read answers as before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mainspring.errors import InputError
from mainspring.features import store
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.spec import AssetKind
from mainspring.ports.tables import LeftBehind

OLDER_THAN: Final = timedelta(days=7)
YOUNGEST: Final = timedelta(hours=1)
"""A reader that began before a compaction goes on with the files of its version."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction came to.

    Attributes:
        n_files_before, n_files: that a read needs.
        receipt_id: the report in the graph; None where there was nothing to gain.
    """

    group: str
    n_files_before: int
    n_files: int
    receipt_id: str | None


@dataclass(frozen=True)
class Vacuumed:
    """What a vacuum found, or gave up.

    Attributes:
        files: that no version reads any more and that are old enough.
        n_younger: such files that are not.
        receipt_id: the report in the graph; None where nothing was deleted.
    """

    group: str
    files: tuple[str, ...]
    size_bytes: int
    n_younger: int
    receipt_id: str | None


def compact(stores: Stores, group: FeatureGroupSpec) -> Compacted:
    """Write the rows of many small files into few; commits keep their tickets and so every read its answer."""
    stores.graph.check_writable(f"compact {group.label}")
    name = store.table_name(group)
    if not stores.tables.exists(name):
        return Compacted(group.label, 0, 0, None)
    # Bytes first: a process that dies in between leaves the same rows in fewer files, and nothing to be told.
    done = stores.tables.compact(name)
    if done.n_before == done.n_after:
        return Compacted(group.label, done.n_before, done.n_after, None)
    figures = {"group": group.label, "table": name, "n_before": done.n_before, "n_after": done.n_after}
    return Compacted(group.label, done.n_before, done.n_after, _told(stores, group, "compact", figures))


def vacuum(stores: Stores, group: FeatureGroupSpec, *, older_than: timedelta, dry_run: bool) -> Vacuumed:
    """Delete files that were left behind that long ago.

    What commits and training datasets are pinned to is in the files that stay: a commit is found by its ticket, not by
    a version of the table.

    Raises:
        InputError: `older_than` is shorter than an hour.
    """
    if older_than < YOUNGEST:
        raise InputError(
            expected="at least one hour",
            got=str(older_than),
            where=f"feature group {group.label}, vacuum",
            hint="Somebody may still be reading an earlier version of the table.",
        )
    name = store.table_name(group)
    left = stores.tables.left_behind(name) if stores.tables.exists(name) else []
    before = datetime.now(UTC) - older_than
    due = [item for item in left if item.removed_at < before]
    n_younger = len(left) - len(due)
    if dry_run or not due:
        return Vacuumed(group.label, tuple(item.file for item in due), _size(due), n_younger, None)
    gone = set(stores.tables.discard(name, [item.file for item in due]))
    given_up = [item for item in due if item.file in gone]
    files, size_bytes = [item.file for item in given_up], _size(given_up)
    figures = {"group": group.label, "table": name, "files": files, "size_bytes": size_bytes}
    receipt_id = _told(stores, group, "vacuum", figures)
    return Vacuumed(group.label, tuple(files), size_bytes, n_younger, receipt_id)


def _size(files: list[LeftBehind]) -> int:
    return sum(item.size_bytes for item in files)


def _told(stores: Stores, group: FeatureGroupSpec, kind: str, figures: dict[str, object]) -> str:
    """The receipt: a report whose attributes say all."""
    with stores.graph.execution(kind, group.label, parameters={"group": group.label}) as work:
        receipt = work.add(AssetKind.REPORT, kind, attributes=figures)
        work.event(f"feature_group.{kind}ed", group.group_id, {"group": group.label, "receipt": receipt.id})
    return receipt.id
