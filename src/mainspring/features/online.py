"""The online side of a view: one entity's vector at one moment.

What the reader answers at wall time T is what the point-in-time join answers for t = T, for every group that was
materialised up to T, from the commits that were materialised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from mainspring.errors import InputError, UnknownNameError
from mainspring.features import on_demand
from mainspring.features.iso8601 import PARSERS
from mainspring.features.keycode import encoder
from mainspring.features.packing import ASSET_BYTES, SPACE, decode_row, unpack
from mainspring.features.rows import delay_us, ttl_us
from mainspring.features.spec import FeatureGroupSpec, FeatureViewSpec, RequestSpec, SelectionSpec, is_strict
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
    """

    values: dict[str, Any]
    inputs: dict[str, Any]
    status: dict[str, str]
    commits: dict[str, int | None]
    assets: dict[str, str | None]
    event_us: dict[str, int | None]
    keys: dict[str, dict[str, Any]]

    @property
    def event_times(self) -> dict[str, datetime | None]:
        """Side → event time, aware UTC."""
        return {side: None if stamp is None else from_us(stamp) for side, stamp in self.event_us.items()}


@dataclass(frozen=True, slots=True)
class _Lookup:
    """One side, compiled."""

    side: str
    group_id: str
    keys: tuple[str, ...]
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
            if isinstance(part, RequestSpec)
            for name, kind in part.columns.items()
        }
        self.request_columns = (*types, *(name for name in view.on_demand_requests))
        """Columns that the request must carry (they may be among the keys)."""
        self._checks = [(name, _PYTHON[kind], kind) for name, kind in types.items() if kind is not None]
        key_types = {
            item.on.get(key, key): groups[item.group, item.version].type_of(key)
            for item in view.selections
            for key in groups[item.group, item.version].keys
        }
        self._parsers = [
            (name, PARSERS[kind], kind)
            for name, kind in {**key_types, **types}.items()
            if kind is not None and kind in PARSERS
        ]
        label_keys = view.label.on.values() if view.label else ()
        self._allowed = frozenset({*self.key_columns, *self.request_columns, *label_keys})
        self._feature_names = view.features

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
        return Vector(features, values, status, commits, assets, events, keyed)

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
    "list[int64]": list,
    "list[float64]": list,
    "list[string]": list,
}


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
    fields = tuple(
        (place[column], output, unpack(group.type_of(column)))
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
    state = NULL
    width = len(row)
    for place, output, convert in lookup.fields:
        # A row written before the group gained the column has no value for it.
        value = row[place] if place < width else None
        if value is not None:
            state = PRESENT
            if convert is not None:
                value = convert(value)
        values[output] = value
    return state
