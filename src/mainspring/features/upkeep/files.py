"""Keeping a group's files few: compaction, and giving up what it leaves behind. Every read answers as before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mainspring.errors import InputError
from mainspring.features import store
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.features.upkeep import maintenance
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import AssetKind
from mainspring.ports.tables import LeftBehind

OLDER_THAN: Final = timedelta(days=7)
YOUNGEST: Final = timedelta(hours=1)
"""A reader that began before a compaction goes on with the files of its version."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction came to.

    Attributes:
        n_files_before, n_files: that reads of its rows and of its rejects need.
        receipt_id: the report in the graph; None where there was nothing to gain.
    """

    group: str
    n_files_before: int
    n_files: int
    receipt_id: str | None


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        verb = "deleted" if self.receipt_id is not None else "could be deleted"
        files = f"{len(self.files):,} files of {self.size_bytes / 1e6:,.1f} MB {verb}"
        return f"<Vacuumed {self.group}: {files}, {self.n_younger:,} younger>"


def compact(stores: Stores, group: FeatureGroupSpec) -> Compacted:
    """Write the rows of many small files into few; commits keep their tickets and so every read its answer."""
    stores.graph.check_writable(f"compact {group.label}")
    with maintenance.of_group(stores, group):
        return _compacted(stores, group)


def _compacted(stores: Stores, group: FeatureGroupSpec) -> Compacted:
    # Bytes first: a process that dies in between leaves the same rows in fewer files, and nothing to be told.
    with stores.progress(f"feature group {group.label}: small files written into few", 0):
        done = {name: stores.tables.compact(name) for name in store.tables_of(stores, group)}
    n_before = sum(each.n_before for each in done.values())
    n_after = sum(each.n_after for each in done.values())
    if n_before == n_after:
        return Compacted(group.label, n_before, n_after, None)
    figures = {"group": group.label, "tables": list(done), "n_before": n_before, "n_after": n_after}
    with _execution(stores, group, "compact") as work:
        receipt_id = _told(group, work, "compact", figures)
    return Compacted(group.label, n_before, n_after, receipt_id)


def vacuum(stores: Stores, group: FeatureGroupSpec, *, older_than: timedelta, dry_run: bool) -> Vacuumed:
    """Delete files that were left behind that long ago.

    What commits and training datasets are pinned to is in the files that stay: a commit is found by its ticket, not by
    a version of the table.

    Raises:
        InputError: `older_than` is no span of time, or shorter than an hour.
    """
    _check_age(older_than, f"feature group {group.label}, vacuum")
    if dry_run:
        return _vacuumed(stores, group, older_than, dry_run=True)
    stores.graph.check_writable(f"vacuum {group.label}")
    # What a compaction is writing looks like what a killed one left.
    with maintenance.of_group(stores, group):
        return _vacuumed(stores, group, older_than, dry_run=False)


def _vacuumed(stores: Stores, group: FeatureGroupSpec, older_than: timedelta, *, dry_run: bool) -> Vacuumed:
    left = {name: stores.tables.left_behind(name) for name in store.tables_of(stores, group)}
    before = datetime.now(UTC) - older_than
    due = {name: [item for item in found if item.removed_at < before] for name, found in left.items()}
    files, size_bytes = _sum(due)
    n_younger = sum(map(len, left.values())) - len(files)
    if dry_run or not files:
        return Vacuumed(group.label, files, size_bytes, n_younger, None)
    # Durable: one that is killed is seen to have begun.
    with _execution(stores, group, "vacuum", durable=True) as work:
        for name, found in due.items():
            gone = set(stores.tables.discard(name, [item.file for item in found]))
            due[name] = [item for item in found if item.file in gone]
        files, size_bytes = _sum(due)
        named = {name: [item.file for item in found] for name, found in due.items() if found}
        figures = {"group": group.label, "files": named, "size_bytes": size_bytes}
        receipt_id = _told(group, work, "vacuum", figures)
    return Vacuumed(group.label, files, size_bytes, n_younger, receipt_id)


def _check_age(older_than: object, where: str) -> None:
    if not isinstance(older_than, timedelta):
        raise InputError.of_kind(
            "a timedelta", older_than, where, "Write vacuum(older_than=timedelta(days=7))."
        )
    if older_than < YOUNGEST:
        raise InputError(
            expected="at least one hour",
            got=str(older_than),
            where=where,
            hint="Somebody may still be reading an earlier version of the table.",
        )


def _sum(found: Mapping[str, list[LeftBehind]]) -> tuple[tuple[str, ...], int]:
    """The files, table by table, and their bytes."""
    items = [item for each in found.values() for item in each]
    return tuple(item.file for item in items), sum(item.size_bytes for item in items)


def _execution(stores: Stores, group: FeatureGroupSpec, kind: str, *, durable: bool = False) -> Publication:
    return stores.graph.execution(kind, group.label, parameters={"group": group.label}, durable=durable)


def _told(group: FeatureGroupSpec, work: Publication, kind: str, figures: dict[str, object]) -> str:
    """The receipt: a report whose attributes say all."""
    receipt = work.add(AssetKind.REPORT, kind, attributes=figures)
    work.event(f"feature_group.{kind}ed", group.group_id, {"group": group.label, "receipt": receipt.id})
    return receipt.id
