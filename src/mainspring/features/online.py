"""The online side of a view: one entity's vector at one moment.

What the reader answers at wall time T is what the point-in-time join answers for t = T, for every group that was
materialised up to T, from the commits that were materialised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from mainspring.errors import InputError, UnknownNameError
from mainspring.features import on_demand
from mainspring.features.iso8601 import PARSERS
from mainspring.features.keycode import encoder
from mainspring.features.packing import ASSET_BYTES, SPACE, decode_row, unpack
from mainspring.features.personal import of_spine, open_door
from mainspring.features.rows import delay_us, ttl_us
from mainspring.features.schema import STORAGE
from mainspring.features.spec import (
    Default,
    FeatureGroupSpec,
    FeatureViewSpec,
    RequestSpec,
    SelectionSpec,
    is_strict,
)
from mainspring.features.store import Stores
from mainspring.ports.keys import Entry
from mainspring.types import from_us, to_us

PRESENT: Final = "present"
NULL: Final = "null"
MISSING: Final = "missing"
EXPIRED: Final = "expired"


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
        keys: side → the key that was looked up: key of the group → value; what came as text of a time is the time.
        sides: feature → the side that it is looked up on; without request columns and on-demand features.
    """

    values: dict[str, Any]
    inputs: dict[str, Any]
    status: dict[str, str]
    commits: dict[str, int | None]
    assets: dict[str, str | None]
    event_us: dict[str, int | None]
    keys: dict[str, dict[str, Any]]
    sides: Mapping[str, str]

    @property
    def statuses(self) -> dict[str, str]:
        """Feature → present, null, missing or expired: why a value is None. Without a side it is present or null."""
        return {
            name: PRESENT if value is not None else _why(self.status.get(self.sides.get(name, "")))
            for name, value in self.values.items()
        }

    @property
    def event_times(self) -> dict[str, datetime | None]:
        """Side → event time, aware UTC."""
        return {side: None if stamp is None else from_us(stamp) for side, stamp in self.event_us.items()}


@dataclass(frozen=True, slots=True)
class Vectors:
    """The features of many requests at one moment, column by column: lists of the same length, in the order asked.

    Attributes:
        values: feature → values, in the view's order; None where there is no value.
        status: side → of each request present, null, missing or expired.
        commits, assets, event_us: side → of each request as in `Vector`.
        sides: as in `Vector`.
        types: feature → logical type; None where a request column has whatever type was sent.
    """

    values: dict[str, list[Any]]
    status: dict[str, list[str]]
    commits: dict[str, list[int | None]]
    assets: dict[str, list[str | None]]
    event_us: dict[str, list[int | None]]
    sides: Mapping[str, str]
    types: Mapping[str, str | None]

    @property
    def statuses(self) -> dict[str, list[str]]:
        """Feature → of each request present, null, missing or expired."""
        out = {}
        for name, values in self.values.items():
            sided = self.status.get(self.sides.get(name, ""), [PRESENT] * len(values))
            out[name] = [
                PRESENT if value is not None else _why(state)
                for value, state in zip(values, sided, strict=True)
            ]
        return out

    def to_polars(self) -> pl.DataFrame:
        """The values as a frame, one row a request; times are aware UTC."""
        return pl.DataFrame(
            [
                pl.Series(name, values, dtype=None if (kind := self.types[name]) is None else STORAGE[kind])
                for name, values in self.values.items()
            ]
        )


def _why(status: str | None) -> str:
    """The status of a value that is None, on a side of that status."""
    return NULL if status is None or status is PRESENT else status


@dataclass(frozen=True, slots=True)
class _Lookup:
    """One side, compiled."""

    side: str
    group_id: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    encode: Callable[[Sequence[object]], bytes]
    fields: tuple[tuple[int, str, Callable[[Any], object] | None, Default], ...]
    empty: dict[str, None]
    delay_us: int
    ttl_us: int | None
    cutoff: bool
    timed: bool


class OnlineReader:
    """Reads one view's features for one entity at a time; nothing but keys, a dictionary and your functions.

    Threads may share it. It holds no state but compiled plans.
    """

    def __init__(
        self, stores: Stores, view: FeatureViewSpec, groups: Mapping[tuple[str, int], FeatureGroupSpec]
    ) -> None:
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
            if isinstance(part, RequestSpec) and part.role != "training_only"
            for name, kind in part.columns.items()
        }
        self.request_columns = (*types, *(name for name in view.on_demand_requests))
        """Columns that the request must carry (they may be among the keys)."""
        self._checks = [
            (name, _PYTHON.get(kind, list), kind) for name, kind in types.items() if kind is not None
        ]
        where = f"request to view {view.name}@{view.version}"
        self._door = open_door(of_spine(view.everything, groups, where).values(), stores.find_secret, where)
        key_types = {
            item.on.get(key, key): groups[item.group, item.version].type_of(key)
            for item in view.selections
            for key in groups[item.group, item.version].keys
            if item.on.get(key, key) not in self._door.columns
        }
        self._parsers = [
            (name, PARSERS[kind], kind)
            for name, kind in {**key_types, **types}.items()
            if kind is not None and kind in PARSERS
        ]
        label_keys = [column for label in view.labels for column in label.on.values()]
        self._allowed = frozenset({*self.key_columns, *self.request_columns, *label_keys})
        self._feature_names = view.features
        self._sides = {
            name: item.side for item in view.selections if not item.hidden for name in item.outputs
        }
        self._types = self._feature_types(groups)

    def _feature_types(self, groups: Mapping[tuple[str, int], FeatureGroupSpec]) -> dict[str, str | None]:
        types: dict[str, str | None] = {item.name: item.output for item in self.view.on_demand}
        for part in self.view.parts:
            if isinstance(part, RequestSpec):
                types |= part.columns
            else:
                group = groups[part.group, part.version]
                pairs = zip(part.outputs, part.columns, strict=True)
                types |= {output: group.type_of(column) for output, column in pairs}
        return types

    def read(self, keys: Mapping[str, Any], request: Mapping[str, Any], now: datetime) -> Vector:
        """The features as they are known at `now`.

        Args:
            keys: column → value, as the spine's columns are called; None never matches.
            request: column → value, for request features and on-demand functions. Here and in `keys`, a column
                declared as datetime or date may come as text of ISO 8601.
            now: the moment asked about (naive = UTC).

        Raises:
            InputError: a column is missing, unknown, or of another type.
        """
        wanted, values = self._asked(keys, request)
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
                assets[lookup.side] = entry.value[:ASSET_BYTES].hex()
                events[lookup.side] = entry.event_us if lookup.timed else None
            if state is PRESENT and entry is not None:
                state = _fill(values, lookup, decode_row(entry.value[ASSET_BYTES:]))
            else:
                values.update(lookup.empty)
            status[lookup.side] = state
        for function in self._functions:
            values[function.name] = function.value(values)
        features = {name: values.pop(name) for name in self._feature_names}
        keyed = {
            lookup.side: dict(zip(lookup.keys, row, strict=True))
            for lookup, row in zip(self._lookups, wanted, strict=True)
        }
        return Vector(features, values, status, commits, assets, events, keyed, self._sides)

    def many(
        self,
        keys: Sequence[Mapping[str, Any]],
        request: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        now: datetime,
    ) -> Vectors:
        """What `read` answers for each of many, from one state of the online store, in one read of it.

        Args:
            keys: n times column → value; not all of them need differ.
            request: one for all, or n of them.
            now: the moment asked about (naive = UTC).

        Raises:
            InputError: as for `read`, or not as many requests as keys.
        """
        requests = [request] * len(keys) if isinstance(request, Mapping) else list(request)
        if len(requests) != len(keys):
            raise InputError(
                expected=f"one request, or {len(keys)} of them: as many as keys",
                got=f"{len(requests)}",
                where=f"requests to view {self.view.name}@{self.view.version}",
                hint="Send {} where there is nothing but keys.",
            )
        asked = [self._asked(*pair) for pair in zip(keys, requests, strict=True)]
        columns: dict[str, list[Any]] = {
            name: [values[name] for _, values in asked] for name in self.request_columns
        }
        found = self._entries_of_many([wanted for wanted, _ in asked])
        now_us = to_us(now)
        status: dict[str, list[str]] = {}
        commits: dict[str, list[int | None]] = {}
        assets: dict[str, list[str | None]] = {}
        events: dict[str, list[int | None]] = {}
        for lookup, entries in zip(self._lookups, found, strict=True):
            states = [_state(lookup, entry, now_us) for entry in entries]
            known = [
                entry if state is not None else None for entry, state in zip(entries, states, strict=True)
            ]
            commits[lookup.side] = [None if entry is None else entry.commit for entry in known]
            assets[lookup.side] = [
                None if entry is None else entry.value[:ASSET_BYTES].hex() for entry in known
            ]
            events[lookup.side] = [
                entry.event_us if entry is not None and lookup.timed else None for entry in known
            ]
            status[lookup.side] = _fill_columns(columns, lookup, known, states)
        for function in self._functions:
            columns[function.name] = function.values(columns, len(keys))
        features = {name: columns[name] for name in self._feature_names}
        return Vectors(features, status, commits, assets, events, self._sides, self._types)

    def anonymised(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept of keys or a request: values that are hashed or coarsened in the groups are so here.

        Raises:
            InputError: one is of another type.
        """
        treated = self._door.columns
        return {
            name: self._door.value(name, value, "request") if name in treated else value
            for name, value in given.items()
        }

    def _asked(
        self, keys: Mapping[str, Any], request: Mapping[str, Any]
    ) -> tuple[list[list[Any]], dict[str, Any]]:
        """One request: the key of each side, and its request columns."""
        given = {**request, **keys}
        if not given.keys() <= self._allowed:
            raise self._unknown(given)
        for name, parse, kind in self._parsers:
            value = given.get(name)
            if type(value) is str:
                try:
                    given[name] = parse(value)
                except ValueError as error:
                    raise _wrong_type(name, kind, value) from error
        if self._door.columns:
            given = self.anonymised(given)
        try:
            wanted = [[given[column] for column in lookup.columns] for lookup in self._lookups]
            values: dict[str, Any] = {name: given[name] for name in self.request_columns}
        except KeyError as error:
            raise self._absent(given) from error
        for name, kinds, kind in self._checks:
            value = values[name]
            if value is not None and (
                not isinstance(value, kinds) or (type(value) is bool and kind != "bool")
            ):
                raise _wrong_type(name, kind, value)
        return wanted, values

    def _entries_of_many(self, wanted: Sequence[list[list[Any]]]) -> list[list[Entry | None]]:
        """For each side the entries of all requests: one read of one state of the store."""
        out: list[list[Entry | None]] = []
        keys: list[bytes] = []
        places: list[tuple[list[Entry | None], int]] = []
        for side, lookup in enumerate(self._lookups):
            prefix, encode = self._prefixes[side], lookup.encode
            entries: list[Entry | None] = [None] * len(wanted)
            out.append(entries)
            for row, sides in enumerate(wanted):
                values = sides[side]
                if None not in values:
                    keys.append(prefix + encode(values))
                    places.append((entries, row))
        if keys:
            for (entries, row), entry in zip(places, self._get(SPACE, keys), strict=True):
                entries[row] = entry
        return out

    def _entries(self, wanted: list[list[Any]]) -> list[Entry | None]:
        """One read of one state of the store for all sides."""
        out: list[Entry | None] = [None] * len(wanted)
        asked = [place for place, values in enumerate(wanted) if None not in values]
        if asked:
            keys = [self._prefixes[place] + self._lookups[place].encode(wanted[place]) for place in asked]
            for place, entry in zip(asked, self._get(SPACE, keys), strict=True):
                out[place] = entry
        return out

    def _unknown(self, given: Mapping[str, Any]) -> UnknownNameError | InputError:
        name = next(name for name in given if name not in self._allowed)
        where = f"request to view {self.view.name}@{self.view.version}"
        near = UnknownNameError.of(
            "column",
            name,
            self._allowed,
            where,
            otherwise="Leave it out: features of groups are looked up and not sent.",
        )
        return InputError(expected=self._taken(), got=f"unknown column {name!r}", where=where, hint=near.hint)

    def _absent(self, given: Mapping[str, Any]) -> InputError:
        needed = dict.fromkeys((*self.key_columns, *self.request_columns))
        return InputError(
            expected=self._taken(),
            got=f"no {', no '.join(repr(name) for name in needed if name not in given)}",
            where=f"request to view {self.view.name}@{self.view.version}",
            hint="Send every key and request column; send null where the value is not known.",
        )

    def _taken(self) -> str:
        """What a request consists of, in words."""
        known = [name for name in self.request_columns if name not in self.key_columns]
        parts = [f"keys {', '.join(self.key_columns)}"] if self.key_columns else []
        parts += [f"request {', '.join(known)}"] if known else []
        return " and ".join(parts) or "neither keys nor request"


_PYTHON: Final[Mapping[str, type | tuple[type, ...]]] = {
    "int64": int,
    "float64": (int, float),
    "string": str,
    "bool": bool,
    "datetime": datetime,
    "date": date,
    "binary": bytes,
}
"""Of everything else: a list."""


def _wrong_type(name: str, kind: str, value: object) -> InputError:
    return InputError(
        expected=f"type {kind}",
        got=f"{type(value).__name__}: {value!r}",
        where=f"request column {name!r}",
        hint=_AS_TEXT.get(kind, "Send the type that the view declares."),
    )


_AS_TEXT: Final[Mapping[str, str]] = {
    "datetime": 'As text, write date and time in ISO 8601, such as "2013-06-24T15:40:00Z"; at most microseconds.',
    "date": 'As text, write it in ISO 8601, such as "2013-06-24".',
}


def _compile(view: FeatureViewSpec, selection: SelectionSpec, group: FeatureGroupSpec) -> _Lookup:
    place = {name: i for i, name in enumerate(group.features)}
    defaults = {item.name: item.default for item in group.columns or ()}
    fields = tuple(
        (place[column], output, unpack(group.type_of(column)), defaults[column])
        for column, output in zip(selection.columns, selection.outputs, strict=True)
    )
    columns = tuple(selection.on.get(key, key) for key in group.keys)
    return _Lookup(
        side=selection.side,
        group_id=group.group_id,
        keys=tuple(group.keys),
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
    if len(entry.value) == ASSET_BYTES:
        return MISSING
    if lookup.ttl_us is not None and lookup.timed and entry.event_us < now_us - lookup.ttl_us:
        return EXPIRED
    return PRESENT


def _fill(values: dict[str, Any], lookup: _Lookup, row: Sequence[Any]) -> str:
    """One row's values into `values`; whether any of them is there."""
    state = NULL
    width = len(row)
    for place, output, convert, default in lookup.fields:
        # A row written before the group gained the column has the column's default.
        value = row[place] if place < width else default
        if value is not None:
            state = PRESENT
            if convert is not None:
                value = convert(value)
        values[output] = value
    return state


def _fill_columns(
    columns: dict[str, list[Any]],
    lookup: _Lookup,
    entries: Sequence[Entry | None],
    states: Sequence[str | None],
) -> list[str]:
    """The values of many rows into `columns`; what each row came to."""
    width = 1 + max((place for place, *_ in lookup.fields), default=-1)
    nothing: list[Any] = [None] * width
    defaults: list[Any] = [None] * width
    for place, _, _, default in lookup.fields:
        defaults[place] = default
    rows = [
        _widened(decode_row(entry.value[ASSET_BYTES:]), defaults)
        if state is PRESENT and entry is not None
        else nothing
        for entry, state in zip(entries, states, strict=True)
    ]
    # Rows may be longer than that, by columns that the group gained later.
    stored = list(zip(*rows, strict=False)) or [()] * width
    empty: Sequence[int] = range(len(rows))
    for place, output, convert, _ in lookup.fields:
        column = list(stored[place])
        if convert is not None:
            column = [None if value is None else convert(value) for value in column]
        columns[output] = column
        empty = [row for row in empty if column[row] is None]
    out = [MISSING if state is None else state for state in states]
    for row in empty:
        if out[row] is PRESENT:
            out[row] = NULL
    return out


def _widened(row: list[Any], defaults: list[Any]) -> list[Any]:
    """A row written before the group gained columns has the columns' defaults."""
    return row if len(row) >= len(defaults) else [*row, *defaults[len(row) :]]
