"""Rows go to the keys store when they become available, not before, in the order of their availability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from mainspring.errors import StateError
from mainspring.features import store
from mainspring.features.erasure import mark as erasure_mark
from mainspring.features.erasure.mark import GROUP_BYTES, mark_key
from mainspring.features.join.point_in_time import DELETE, EVENT, KNOWN, NUMBER, OP, ORDINAL
from mainspring.features.online.keycode import encode_columns
from mainspring.features.online.packing import SPACE, encode_row, packable
from mainspring.features.online.pending import NEVER_US, Pending
from mainspring.features.rows import AVAILABLE, available, scan
from mainspring.features.schema import STORAGE
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.log.progress import silent
from mainspring.ports.keys import Entry, Guards, Keys, OvertakenError
from mainspring.ports.tables.collect import collect
from mainspring.types import from_us, to_us

#: How many rows `materialize` holds at most of one group.
WINDOW_ROWS: Final = 200_000

_ORDER: Final = [AVAILABLE, NUMBER, ORDINAL]

#: No typed key begins with a zero byte. It is written together with the entries that it speaks of.
_CURSOR: Final = b"\x00cursor"


def materialize(stores: Stores, group: FeatureGroupSpec, until: datetime) -> int:
    """Write to the keys store what has become available up to `until`, and nothing that has not.

    Incremental by commit and availability: a late commit's rows are written however old their event times are. Time
    does not go back: a call for a time before the last one's, which may have been in the future, brings new commits to
    where the others are.

    Returns:
        Entries written; a row that loses against a newer one of its key counts as none.

    Raises:
        StateError: the group is not online.
    """
    if not group.online:
        raise StateError(
            expected="a group that is online",
            got="online=False",
            where=f"feature group {group.label}",
            hint="Define it with features.group(..., online=True).",
        )
    with stores.records.read() as connection:
        number = store.last_numbers(connection, [group.group_id]).get(group.group_id, 0)
    return _materialize(
        stores, {group.group_id: number} if number else {}, {group.group_id: group}, to_us(until)
    )


def materialize_all(stores: Stores, until: datetime) -> int:
    """The same for every online group of the project: one look at the records, one transaction of the store."""
    with stores.records.read() as connection:
        numbers = store.online_numbers(connection, stores.project_id)
        for group_id in numbers.keys() - stores.online_groups.keys():
            stores.online_groups[group_id] = store.get_group_by_id(connection, group_id)
    return _materialize(stores, numbers, stores.online_groups, to_us(until))


def _materialize(
    stores: Stores, numbers: Mapping[str, int], groups: Mapping[str, FeatureGroupSpec], until_us: int
) -> int:
    with stores.materializing:
        batch = _Batch(stores.keys)
        # Of one group alone its own bar says all.
        progress = stores.progress if len(numbers) > 1 else silent
        while True:
            try:
                _begin(stores, numbers)
                with progress("online groups brought up to date", len(numbers)) as advance:
                    for group_id, number in numbers.items():
                        _bring_up(stores, groups[group_id], number, until_us, batch)
                        advance()
                    batch.flush()
            except OvertakenError:
                # Of rows that were read an erasure took some: read again what is left.
                stores.pending.clear()
                batch.drop()
                continue
            except BaseException:
                # What was taken but not written would be lost: begin again from the stored cursors.
                stores.pending.clear()
                raise
            return batch.written


def _begin(stores: Stores, numbers: Mapping[str, int]) -> None:
    """Read the marks of erasures, and begin again from the store where what is held does not fit it any more.

    It does not where the store lacks the cursor that was written, because a server may lose its latest, or all; nor
    where an erasure was since the rows were read.
    """
    names = [name for group_id in numbers for name in (mark_key(group_id), _cursor_key(group_id))]
    found = dict(zip(names, stores.keys.get(SPACE, names), strict=True))
    for group_id in numbers:
        key, cursor = mark_key(group_id), found[_cursor_key(group_id)]
        pending = stores.pending.get(group_id)
        if (
            pending is None
            or pending.guards != {key: found[key]}
            or (pending.cursor is not None and (cursor is None or cursor.age < pending.cursor.age))
        ):
            stores.pending[group_id] = Pending(guards={key: found[key]})


class _Batch:
    """Entries on their way to the store; a cursor never goes before the entries that it speaks of."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._entries: list[Entry] = []
        self._cursors: list[Entry] = []
        self._guards: dict[bytes, Entry | None] = {}
        self.written = 0

    def add(self, entries: Sequence[Entry], cursor: Entry | None, guards: Guards) -> None:
        """Take the newest of these entries by key, and the cursor with them, all under these guards."""
        self._guards.update(guards)
        best: dict[bytes, Entry] = dict(zip([entry.key for entry in entries], entries, strict=True))
        # Most often no key comes twice.
        for entry in entries if len(best) < len(entries) else ():
            before = best[entry.key]
            if entry.age > before.age:
                best[entry.key] = entry
        self._entries += best.values()
        if cursor is not None:
            self._cursors.append(cursor)
        if len(self._entries) > WINDOW_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write everything in one transaction."""
        if self._entries or self._cursors:
            before = self._keys.get(SPACE, [cursor.key for cursor in self._cursors])
            pairs = zip(self._cursors, before, strict=True)
            moved = sum(1 for cursor, old in pairs if old is None or cursor.age > old.age)
            entries = [*self._entries, *self._cursors]
            self.written += self._keys.put(SPACE, entries, guards=self._guards) - moved
        self.drop()

    def drop(self) -> None:
        """Write nothing of what was taken."""
        self._entries, self._cursors, self._guards = [], [], {}


def _bring_up(stores: Stores, group: FeatureGroupSpec, number: int, until_us: int, batch: _Batch) -> None:
    pending = stores.pending[group.group_id]
    if pending.done_us == NEVER_US:
        _resume(stores, group, pending)
    # Whoever was here last may have asked for the future, or have a clock that runs ahead.
    until_us = max(until_us, pending.done_us)
    fresh: list[CommitSpec] = []
    if number > pending.number:
        with stores.records.read() as connection:
            group = store.get_group_by_id(connection, group.group_id)
            fresh = store.published(connection, group.group_id, after=pending.number)
        stores.online_groups[group.group_id] = group
    n_rows = sum(commit.n_rows for commit in fresh)
    text = f"feature group {group.label}: {n_rows:,} rows brought online, {WINDOW_ROWS:,} at a time"
    with stores.progress(text, -(-n_rows // WINDOW_ROWS)) as advance:
        if fresh:
            _take_in(stores, group, pending, fresh, batch)
        _advance(stores, group, pending, until_us, batch, advance)


def watermark(stores: Stores, group: FeatureGroupSpec) -> tuple[datetime, int] | None:
    """Until when, and up to which commit, the keys store was filled at least; None when it never was."""
    (cursor,) = stores.keys.get(SPACE, [_cursor_key(group.group_id)])
    return None if cursor is None else (from_us(cursor.event_us), cursor.known_us)


def cursor_number(entry: Entry) -> int | None:
    """Up to which commit the keys store was filled, if the entry is a group's cursor; None for any other."""
    return entry.known_us if entry.key[GROUP_BYTES:] == _CURSOR else None


def forget(keys: Keys, group_id: str) -> int:
    """Remove every entry of a group, so that the next `materialize` of a new process writes all of them again.

    The mark of its erasures stays: who read rows before one of them must not put them still.

    Returns:
        How many entries there were, the cursor included.
    """
    start = bytes.fromhex(group_id)
    found = [
        entry.key
        for entry in keys.entries(SPACE)
        if entry.key.startswith(start) and not erasure_mark.is_mark(entry)
    ]
    return keys.delete(SPACE, found)


def _cursor_key(group_id: str) -> bytes:
    return bytes.fromhex(group_id) + _CURSOR


def _resume(stores: Stores, group: FeatureGroupSpec, pending: Pending) -> None:
    (cursor,) = stores.keys.get(SPACE, [_cursor_key(group.group_id)])
    if cursor is None:
        return
    pending.number, pending.done_us, pending.cursor = cursor.known_us, cursor.event_us, cursor
    _load(stores, group, pending)


def _ready(stores: Stores, group: FeatureGroupSpec, commits: list[CommitSpec], after_us: int) -> pl.LazyFrame:
    rows = scan(stores, group, commits).with_columns(available(group))
    return rows.filter(pl.col(AVAILABLE).is_not_null() & (pl.col(AVAILABLE) > after_us))


def _window(rows: pl.LazyFrame, commits: list[CommitSpec], where: str) -> tuple[pl.DataFrame, int | None]:
    """The first rows of these commits by availability, and up to where they are complete (None = to the end)."""
    if sum(commit.n_rows for commit in commits) <= WINDOW_ROWS:
        return collect(rows.sort(_ORDER), where), None
    times = collect(rows.select(AVAILABLE), where).get_column(AVAILABLE).sort()
    if len(times) <= WINDOW_ROWS:
        return collect(rows.sort(_ORDER), where), None
    horizon = int(times[WINDOW_ROWS - 1])
    return collect(rows.filter(pl.col(AVAILABLE) <= horizon).sort(_ORDER), where), horizon


def _load(stores: Stores, group: FeatureGroupSpec, pending: Pending) -> None:
    with stores.records.read() as connection:
        commits = store.published(connection, group.group_id, up_to=pending.number)
    pending.assets = _assets(commits)
    rows, horizon = _window(_ready(stores, group, commits, pending.done_us), commits, group.label)
    pending.load(rows, AVAILABLE, horizon)


def _take_in(
    stores: Stores, group: FeatureGroupSpec, pending: Pending, fresh: list[CommitSpec], batch: _Batch
) -> None:
    """Write what new commits say about the past; hold the rest."""
    pending.assets |= _assets(fresh)
    after_us: int | None = NEVER_US if pending.done_us != NEVER_US else None
    while after_us is not None:
        rows = _ready(stores, group, fresh, after_us).filter(pl.col(AVAILABLE) <= pending.done_us)
        past, after_us = _window(rows, fresh, group.label)
        batch.add(entries_of(group, newest(group, past), pending.assets), None, pending.guards)
    coming = _ready(stores, group, fresh, pending.done_us)
    if pending.horizon_us is not None:
        coming = coming.filter(pl.col(AVAILABLE) <= pending.horizon_us)
    rows_new, horizon = _window(coming, fresh, group.label)
    before = pending.remaining()
    if before is not None:
        rows_new = pl.concat([_with_new_columns(before, group).select(rows_new.columns), rows_new])
    merged = rows_new.sort(_ORDER)
    if horizon is not None:
        merged = merged.filter(pl.col(AVAILABLE) <= horizon)
    pending.load(merged, AVAILABLE, horizon if horizon is not None else pending.horizon_us)
    pending.number = fresh[-1].number or pending.number


def _with_new_columns(rows: pl.DataFrame, group: FeatureGroupSpec) -> pl.DataFrame:
    """Rows that were read before the group gained columns, with what these columns are in them."""
    return rows.with_columns(
        pl.lit(item.default, STORAGE[item.type]).alias(item.name)
        for item in group.columns or ()
        if item.name not in rows.columns
    )


def _advance(
    stores: Stores,
    group: FeatureGroupSpec,
    pending: Pending,
    until_us: int,
    batch: _Batch,
    advance: Callable[[], None],
) -> None:
    while True:
        bound = until_us if pending.horizon_us is None else min(until_us, pending.horizon_us)
        taken = pending.take(
            bound,
            # A column may have come without a commit.
            lambda rows: entries_of(group, _with_new_columns(rows, group), pending.assets),
            lambda rows: newest(group, rows),
        )
        pending.done_us = max(pending.done_us, bound)
        if taken or pending.cursor is None or pending.cursor.known_us != pending.number:
            # It also vouches for rows of late commits, which went before it.
            pending.cursor = Entry(_cursor_key(group.group_id), pending.done_us, pending.number, 0, b"")
            batch.add(taken, pending.cursor, pending.guards)
        advance()
        if bound == until_us:
            return
        _load(stores, group, pending)


def newest(group: FeatureGroupSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """The newest of these rows by key."""
    order = [EVENT, KNOWN, NUMBER, ORDINAL]
    ordered = rows.sort(order)
    return (
        ordered.unique(list(group.keys), keep="last", maintain_order=True) if group.keys else ordered.tail(1)
    )


def _assets(commits: list[CommitSpec]) -> dict[int, bytes]:
    return {item.number or 0: bytes.fromhex(item.asset_id or "") for item in commits}


def entries_of(group: FeatureGroupSpec, rows: pl.DataFrame, assets: Mapping[int, bytes]) -> list[Entry]:
    """One entry a row, in order."""
    types = [group.type_of(name) for name in group.keys]
    columns = [rows.get_column(name).to_list() for name in group.keys]
    keys = encode_columns(types, columns, rows.height, bytes.fromhex(group.group_id))
    packed = _packed(group, rows)
    numbers, ops = rows.get_column(NUMBER).to_list(), rows.get_column(OP).to_list()
    values = [
        assets[number] if op == DELETE else assets[number] + row
        for number, op, row in zip(numbers, ops, packed, strict=True)
    ]
    events, known, ordinals = (rows.get_column(name).to_list() for name in (EVENT, KNOWN, ORDINAL))
    return list(map(Entry, keys, events, known, numbers, values, ordinals))


def _packed(group: FeatureGroupSpec, rows: pl.DataFrame) -> list[bytes]:
    if not group.features:
        return [encode_row(())] * rows.height
    plain = rows.select(packable(name, group.type_of(name)) for name in group.features)
    return list(map(encode_row, plain.iter_rows()))
