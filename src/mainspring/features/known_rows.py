"""What is known of the rows of a group's commits without reading them, from what the table says of its files."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from mainspring.checks.known import KnownColumn, KnownRows
from mainspring.features import store
from mainspring.features.join.point_in_time import COMMIT
from mainspring.features.schema import STORAGE
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.tables import FileStatistics


def find_known(stores: Stores, group: FeatureGroupSpec, commits: Sequence[CommitSpec]) -> KnownRows | None:
    """Of all rows that these commits wrote, deletes included; None where the table does not know them exactly."""
    if not commits:
        return KnownRows(0, {})
    told = stores.tables.statistics(store.table_name(group))
    files = None if told is None else _with_rows_of(told, sorted(item.ticket for item in commits))
    # All rows of the commits are in these files; when there are no more, the files have no others.
    if files is None or sum(file.n_rows for file in files) != sum(item.n_rows for item in commits):
        return None
    with stores.records.read() as connection:
        # Looked at last: who erases writes it down before the first file changes.
        if store.editions_of(connection, group.group_id):
            return None
    columns: dict[str, KnownColumn] = {}
    for item in group.columns or ():
        # Of NaN nothing is said; and rows from before a column that has a default have that, not what is in the file.
        if not STORAGE[item.type].is_float() and item.default is None:
            found = _of_files(item.name, item.type, files)
            columns |= {} if found is None else {item.name: found}
    return KnownRows(sum(file.n_rows for file in files), columns)


def _with_rows_of(files: Sequence[FileStatistics], tickets: Sequence[int]) -> list[FileStatistics] | None:
    """Files that may have rows under these tickets, which are ascending; None where it is not known which."""
    if any(COMMIT not in file.low for file in files):
        return None
    return [
        file
        for file in files
        if file.n_rows
        and (at := bisect_left(tickets, file.low[COMMIT])) < len(tickets)
        and tickets[at] <= file.high[COMMIT]
    ]


def _of_files(name: str, type_name: str, files: Sequence[FileStatistics]) -> KnownColumn | None:
    if any(name not in file.n_null for file in files):
        return None
    n_null = sum(file.n_null[name] for file in files)
    if any(name not in file.low for file in files):
        return KnownColumn(n_null)
    low = min((file.low[name] for file in files if file.low[name] is not None), default=None)
    high = max((file.high[name] for file in files if file.high[name] is not None), default=None)
    return KnownColumn(n_null, (low, high), is_exact=type_name != "datetime")
