"""The online side: rows go to the keys store when they become available, and one row's vector comes from it.

What the reader answers at wall time T is what the point-in-time join answers for t = T, for every group that was
materialised up to T, from the commits that were materialised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
import polars as pl

from mainspring.errors import InputError, StateError, UnknownNameError
from mainspring.features import on_demand, store
from mainspring.features.join import DELETE, EVENT, KNOWN, NUMBER, OP, ORDINAL
from mainspring.features.keycode import encoder
from mainspring.features.pending import NEVER_US, Pending
from mainspring.features.rows import AVAILABLE, available, delay_us, scan, ttl_us
from mainspring.features.spec import (
    CommitSpec,
    FeatureGroupSpec,
    FeatureViewSpec,
    RequestSpec,
    SelectionSpec,
    is_strict,
)
from mainspring.features.store import Stores
from mainspring.ports.keys import Entry, Keys
from mainspring.types import from_us, to_us

#: How many rows `materialize` holds at most of one group.
WINDOW_ROWS: Final = 200_000

PRESENT: Final = "present"
NULL: Final = "null"
MISSING: Final = "missing"
EXPIRED: Final = "expired"

#: One space for all groups, told apart by a prefix: one transaction writes them all, and one reads them all.
SPACE: Final = "features"

_ORDER: Final = [AVAILABLE, NUMBER, ORDINAL]

#: No typed key begins with a zero byte. It is written together with the entries that it speaks of.
_CURSOR: Final = b"\x00cursor"
_TOMBSTONE: Final = b""
_EPOCH_DAY: Final = date(1970, 1, 1)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def materialize(stores: Stores, group: FeatureGroupSpec, until: datetime) -> int:
    """Write to the keys store what has become available up to `until`, and nothing that has not.

    Incremental by commit and availability: a late commit's rows are written however old their event times are. A
    call for a time before the last one's writes nothing.

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
        try:
            for group_id, number in numbers.items():
                _bring_up(stores, groups[group_id], number, until_us, batch)
            batch.flush()
        except BaseException:
            # What was taken but not written would be lost: begin again from the stored cursors.
            stores.pending.clear()
            raise
        return batch.written


class _Batch:
    """Entries on their way to the store; a cursor never goes before the entries that it speaks of."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._entries: list[Entry] = []
        self._cursors: list[Entry] = []
        self.written = 0

    def add(self, entries: Sequence[Entry], cursor: Entry | None) -> None:
        """Take the newest of these entries by key, and the cursor with them."""
        best: dict[bytes, Entry] = {}
        for entry in entries:
            before = best.get(entry.key)
            # Rows come in the order of writing: of two that are equally new the later one is kept.
            if before is None or entry.age >= before.age:
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
            self.written += self._keys.put(SPACE, [*self._entries, *self._cursors]) - moved
        self._entries, self._cursors = [], []


def _bring_up(stores: Stores, group: FeatureGroupSpec, number: int, until_us: int, batch: _Batch) -> None:
    pending = stores.pending.setdefault(group.group_id, Pending())
    if pending.done_us == NEVER_US:
        _resume(stores, group, pending)
    if until_us < pending.done_us:
        return
    if number > pending.number:
        with stores.records.read() as connection:
            group = store.get_group_by_id(connection, group.group_id)
            fresh = store.published(connection, group.group_id, after=pending.number)
        stores.online_groups[group.group_id] = group
        _take_in(stores, group, pending, fresh, batch)
    _advance(stores, group, pending, until_us, batch)


def watermark(stores: Stores, group: FeatureGroupSpec) -> tuple[datetime, int] | None:
    """Until when, and up to which commit, the keys store was filled at least; None when it never was."""
    (cursor,) = stores.keys.get(SPACE, [_cursor_key(group)])
    return None if cursor is None else (from_us(cursor.event_us), cursor.known_us)


def _cursor_key(group: FeatureGroupSpec) -> bytes:
    return bytes.fromhex(group.group_id) + _CURSOR


def _resume(stores: Stores, group: FeatureGroupSpec, pending: Pending) -> None:
    (cursor,) = stores.keys.get(SPACE, [_cursor_key(group)])
    if cursor is None:
        return
    pending.number, pending.done_us = cursor.known_us, cursor.event_us
    _load(stores, group, pending)


def _ready(stores: Stores, group: FeatureGroupSpec, commits: list[CommitSpec], after_us: int) -> pl.LazyFrame:
    rows = scan(stores, group, commits).with_columns(available(group))
    return rows.filter(pl.col(AVAILABLE).is_not_null() & (pl.col(AVAILABLE) > after_us))


def _window(rows: pl.LazyFrame) -> tuple[pl.DataFrame, int | None]:
    """The first rows by availability, and up to where they are complete (None = to the end)."""
    times = rows.select(AVAILABLE).collect().get_column(AVAILABLE).sort()
    if len(times) <= WINDOW_ROWS:
        return rows.sort(_ORDER).collect(), None
    horizon = int(times[WINDOW_ROWS - 1])
    return rows.filter(pl.col(AVAILABLE) <= horizon).sort(_ORDER).collect(), horizon


def _load(stores: Stores, group: FeatureGroupSpec, pending: Pending) -> None:
    with stores.records.read() as connection:
        commits = store.published(connection, group.group_id, up_to=pending.number)
    rows, horizon = _window(_ready(stores, group, commits, pending.done_us))
    pending.load(rows, AVAILABLE, horizon)


def _take_in(
    stores: Stores, group: FeatureGroupSpec, pending: Pending, fresh: list[CommitSpec], batch: _Batch
) -> None:
    """Write what new commits say about the past; hold the rest."""
    after_us: int | None = NEVER_US if pending.done_us != NEVER_US else None
    while after_us is not None:
        rows = _ready(stores, group, fresh, after_us).filter(pl.col(AVAILABLE) <= pending.done_us)
        past, after_us = _window(rows)
        batch.add(_encoded(group, _newest(group, past)), None)
    coming = _ready(stores, group, fresh, pending.done_us)
    if pending.horizon_us is not None:
        coming = coming.filter(pl.col(AVAILABLE) <= pending.horizon_us)
    rows_new, horizon = _window(coming)
    before = pending.remaining()
    merged = rows_new if before is None else pl.concat([before, rows_new]).sort(_ORDER)
    if horizon is not None:
        merged = merged.filter(pl.col(AVAILABLE) <= horizon)
    pending.load(merged, AVAILABLE, horizon if horizon is not None else pending.horizon_us)
    pending.number = fresh[-1].number or pending.number


def _advance(stores: Stores, group: FeatureGroupSpec, pending: Pending, until_us: int, batch: _Batch) -> None:
    while True:
        bound = until_us if pending.horizon_us is None else min(until_us, pending.horizon_us)
        taken = pending.take(bound, lambda rows: _encoded(group, rows), lambda rows: _newest(group, rows))
        pending.done_us = max(pending.done_us, bound)
        if taken:
            batch.add(taken, Entry(_cursor_key(group), pending.done_us, pending.number, 0, b""))
        if bound == until_us:
            return
        _load(stores, group, pending)


def _newest(group: FeatureGroupSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """The newest of these rows by key."""
    order = [EVENT, KNOWN, NUMBER, ORDINAL]
    ordered = rows.sort(order)
    return (
        ordered.unique(list(group.keys), keep="last", maintain_order=True) if group.keys else ordered.tail(1)
    )


def _encoded(group: FeatureGroupSpec, rows: pl.DataFrame) -> list[Entry]:
    """One entry a row, in order."""
    encode = encoder([group.type_of(name) for name in group.keys], group.keys)
    space, n_keys = bytes.fromhex(group.group_id), len(group.keys)
    plain = rows.select(
        *(pl.col(name) for name in group.keys),
        *(_packable(name, group.type_of(name)) for name in group.features),
        EVENT, KNOWN, NUMBER, OP,
    )  # fmt: skip
    entries = []
    for row in plain.iter_rows():
        event, known, number, op = row[-4:]
        value = _TOMBSTONE if op == DELETE else _encode(row[n_keys:-4])
        entries.append(Entry(space + encode(row[:n_keys]), event, known, number, value))
    return entries


def _packable(name: str, kind: str) -> pl.Expr:
    """Times and dates as whole numbers, which keep their meaning in msgpack."""
    if kind == "datetime":
        return pl.col(name).dt.timestamp("us")
    if kind == "date":
        return pl.col(name).cast(pl.Int32)
    return pl.col(name)


def _unpack(kind: str) -> Callable[[Any], object] | None:
    if kind == "datetime":
        return from_us
    if kind == "date":
        return lambda days: _EPOCH_DAY + timedelta(days=days)
    return None


@dataclass(frozen=True, slots=True)
class Vector:
    """The features of one request at one moment.

    Attributes:
        values: feature → value, in the view's order; None where there is no value.
        inputs: columns that only on-demand features read.
        status: side → present, null (a row whose selected values are all null), missing or expired.
        commits: side → the number of the commit of the row that decided; None where there was no row.
        assets: side → that commit's asset id.
        event_us: side → its event time; None where there was no row, or the group has no event time.
    """

    values: dict[str, Any]
    inputs: dict[str, Any]
    status: dict[str, str]
    commits: dict[str, int | None]
    assets: dict[str, str | None]
    event_us: dict[str, int | None]

    @property
    def event_times(self) -> dict[str, datetime | None]:
        """Side → event time, aware UTC."""
        return {side: None if stamp is None else from_us(stamp) for side, stamp in self.event_us.items()}


@dataclass(frozen=True, slots=True)
class _Lookup:
    """One side, compiled."""

    side: str
    group_id: str
    columns: tuple[str, ...]
    encode: Callable[[Sequence[object]], bytes]
    fields: tuple[tuple[int, str, Callable[[Any], object] | None], ...]
    empty: dict[str, None]
    delay_us: int
    ttl_us: int | None
    cutoff: bool
    timed: bool


class OnlineReader:
    """Reads one view's features for one entity at a time; nothing but keys, a dictionary and your functions.

    Threads may share it. It holds no state but compiled plans and the assets of commits that it has seen.
    """

    def __init__(
        self, stores: Stores, view: FeatureViewSpec, groups: Mapping[tuple[str, int], FeatureGroupSpec]
    ) -> None:
        self._stores = stores
        self._get = stores.keys.get
        self.view = view
        self._lookups = [_compile(view, item, groups[item.group, item.version]) for item in view.selections]
        self._prefixes = [bytes.fromhex(lookup.group_id) for lookup in self._lookups]
        self._functions = [on_demand.bind(item, stores.functions) for item in view.on_demand]
        self.key_columns = tuple(
            dict.fromkeys(column for lookup in self._lookups for column in lookup.columns)
        )
        """Columns that name entities; given in `keys` (or in `request`)."""
        types = {
            name: kind
            for part in view.parts
            if isinstance(part, RequestSpec)
            for name, kind in part.columns.items()
        }
        self.request_columns = (*types, *(name for name in view.on_demand_requests))
        """Columns that the request must carry (they may be among the keys)."""
        self._checks = [(name, _PYTHON[kind], kind) for name, kind in types.items() if kind is not None]
        label_keys = view.label.on.values() if view.label else ()
        self._allowed = frozenset({*self.key_columns, *self.request_columns, *label_keys})
        self._feature_names = view.features
        self._assets: dict[tuple[str, int], str | None] = {}

    def read(self, keys: Mapping[str, Any], request: Mapping[str, Any], now: datetime) -> Vector:
        """The features as they are known at `now`.

        Args:
            keys: column → value, as the spine's columns are called; None never matches.
            request: column → value, for request features and on-demand functions.
            now: the moment asked about (naive = UTC).

        Raises:
            InputError: a column is missing, unknown, or of another type.
        """
        given = {**request, **keys}
        if not given.keys() <= self._allowed:
            raise self._unknown(given)
        try:
            wanted = [[given[column] for column in lookup.columns] for lookup in self._lookups]
            values: dict[str, Any] = {name: given[name] for name in self.request_columns}
        except KeyError as error:
            raise self._absent(str(error.args[0])) from error
        for name, kinds, kind in self._checks:
            value = values[name]
            if value is not None and (
                not isinstance(value, kinds) or (type(value) is bool and kind != "bool")
            ):
                raise _wrong_type(name, kind, value)
        now_us = to_us(now)
        status: dict[str, str] = {}
        commits: dict[str, int | None] = {}
        assets: dict[str, str | None] = {}
        events: dict[str, int | None] = {}
        for lookup, entry in zip(self._lookups, self._entries(wanted), strict=True):
            state = _state(lookup, entry, now_us)
            if entry is None or state is None:
                commits[lookup.side] = assets[lookup.side] = events[lookup.side] = None
                state = MISSING
            else:
                commits[lookup.side] = entry.commit
                assets[lookup.side] = self._asset(lookup.group_id, entry.commit)
                events[lookup.side] = entry.event_us if lookup.timed else None
            if state is PRESENT and entry is not None:
                state = _fill(values, lookup, _decode(entry.value))
            else:
                values.update(lookup.empty)
            status[lookup.side] = state
        for function in self._functions:
            values[function.name] = function.value(values)
        features = {name: values.pop(name) for name in self._feature_names}
        return Vector(features, values, status, commits, assets, events)

    def _entries(self, wanted: list[list[Any]]) -> list[Entry | None]:
        """One read of one state of the store for all sides."""
        out: list[Entry | None] = [None] * len(wanted)
        asked = [place for place, values in enumerate(wanted) if None not in values]
        if asked:
            keys = [self._prefixes[place] + self._lookups[place].encode(wanted[place]) for place in asked]
            for place, entry in zip(asked, self._get(SPACE, keys), strict=True):
                out[place] = entry
        return out

    def _asset(self, group_id: str, number: int) -> str | None:
        found = self._assets.get((group_id, number))
        if found is None:
            with self._stores.records.read() as connection:
                found = store.commit_asset(connection, group_id, number)
            self._assets[group_id, number] = found
        return found

    def _unknown(self, given: Mapping[str, Any]) -> UnknownNameError | InputError:
        name = next(name for name in given if name not in self._allowed)
        near = UnknownNameError.of(
            "column", name, self._allowed, f"request to view {self.view.name}@{self.view.version}"
        )
        return InputError(
            expected=near.expected, got=f"unknown column {name!r}", where=near.where, hint=near.hint
        )

    def _absent(self, name: str) -> InputError:
        return InputError(
            expected=f"the columns {', '.join(dict.fromkeys((*self.key_columns, *self.request_columns)))}",
            got=f"no {name!r}",
            where=f"request to view {self.view.name}@{self.view.version}",
            hint="Send every key and request column; send null where the value is not known.",
        )


_PYTHON: Final[Mapping[str, type | tuple[type, ...]]] = {
    "int64": int,
    "float64": (int, float),
    "string": str,
    "bool": bool,
    "datetime": datetime,
    "date": date,
    "binary": bytes,
    "list[int64]": list,
    "list[float64]": list,
    "list[string]": list,
}


def _wrong_type(name: str, kind: str, value: object) -> InputError:
    return InputError(
        expected=f"type {kind}",
        got=f"{type(value).__name__}: {value!r}",
        where=f"request column {name!r}",
        hint="Send the type that the view declares.",
    )


def _compile(view: FeatureViewSpec, selection: SelectionSpec, group: FeatureGroupSpec) -> _Lookup:
    place = {name: i for i, name in enumerate(group.features)}
    fields = tuple(
        (place[column], output, _unpack(group.type_of(column)))
        for column, output in zip(selection.columns, selection.outputs, strict=True)
    )
    columns = tuple(selection.on.get(key, key) for key in group.keys)
    return _Lookup(
        side=selection.side,
        group_id=group.group_id,
        columns=columns,
        encode=encoder([group.type_of(name) for name in group.keys], columns),
        fields=fields,
        empty=dict.fromkeys(selection.outputs),
        # Features of the label's own group must be true strictly before the moment, as in the join.
        delay_us=delay_us(group) + int(is_strict(view, selection)),
        ttl_us=ttl_us(group),
        cutoff=group.known_time is not None,
        timed=group.event_time is not None,
    )


def _state(lookup: _Lookup, entry: Entry | None, now_us: int) -> str | None:
    """Present, missing (a delete) or expired; None where nothing can be known yet."""
    if entry is None:
        return None
    if entry.event_us + lookup.delay_us > now_us or (lookup.cutoff and entry.known_us > now_us):
        return None
    if entry.value == _TOMBSTONE:
        return MISSING
    if lookup.ttl_us is not None and lookup.timed and entry.event_us < now_us - lookup.ttl_us:
        return EXPIRED
    return PRESENT


def _fill(values: dict[str, Any], lookup: _Lookup, row: Sequence[Any]) -> str:
    state = NULL
    width = len(row)
    for place, output, unpack in lookup.fields:
        # A row written before the group gained the column has no value for it.
        value = row[place] if place < width else None
        if value is not None:
            state = PRESENT
            if unpack is not None:
                value = unpack(value)
        values[output] = value
    return state
