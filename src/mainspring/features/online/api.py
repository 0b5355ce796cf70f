"""The online side of a view: what is read of one entity, or of many, at one moment.

What the reader answers at wall time T is what the point-in-time join answers for t = T, for every group that was
materialised up to T, from the commits that were materialised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from mainspring.errors import InputError
from mainspring.features import on_demand
from mainspring.features.iso8601 import Moment, instant
from mainspring.features.online.lookup import Lookup
from mainspring.features.online.packing import ASSET_BYTES, SPACE
from mainspring.features.online.request_shape import RequestShape
from mainspring.features.online.vectors import Found, Vector, Vectors
from mainspring.features.spec import FeatureGroupSpec, FeatureViewSpec, RequestSpec
from mainspring.features.store import Stores
from mainspring.ports.keys import Entry
from mainspring.types import to_us


class OnlineReader:
    """Reads one view's features; nothing but keys, a dictionary and your functions.

    Threads may share it. It holds no state but compiled plans.
    """

    def __init__(
        self, stores: Stores, view: FeatureViewSpec, groups: Mapping[tuple[str, int], FeatureGroupSpec]
    ) -> None:
        self._keys = stores.keys
        self.view = view
        self._lookups = [Lookup.of(view, item, groups[item.group, item.version]) for item in view.selections]
        self._functions = [on_demand.bind(item, stores.functions) for item in view.on_demand]
        self.key_columns = tuple(
            dict.fromkeys(column for lookup in self._lookups for column in lookup.columns)
        )
        """Columns that name entities; given in `keys` (or in `request`)."""
        self._shape = RequestShape(view, groups, self.key_columns, stores.find_secret)
        self.request_columns = self._shape.request_columns
        """Columns that the request must carry (they may be among the keys)."""
        self._feature_names = view.features
        self._sides = {
            name: item.side for item in view.selections if not item.hidden for name in item.outputs
        }
        self._types = _types(view, groups)

    def read(self, keys: Mapping[str, Any], request: Mapping[str, Any], now: Moment) -> Vector:
        """The features as they are known at `now`.

        Args:
            keys: column → value, as the spine's columns are called; None never matches.
            request: column → value, for request features and on-demand functions. Here and in `keys`, a column
                declared as datetime or date may come as text of ISO 8601.
            now: the moment asked about (naive = UTC).

        Raises:
            InputError: a column is missing, unknown, or of another type.
            IntegrityError: a value of the online store is no row of its group.
        """
        given = self._shape.one(keys, request)
        now_us = _moment_us(now)
        values: dict[str, Any] = {name: given[name] for name in self.request_columns}
        status: dict[str, str] = {}
        commits: dict[str, int | None] = {}
        assets: dict[str, str | None] = {}
        events: dict[str, int | None] = {}
        for lookup, entry in zip(self._lookups, self._entries(given), strict=True):
            side = lookup.side
            status[side], deciding = lookup.fill(values, entry, now_us)
            if deciding is None:
                commits[side] = assets[side] = events[side] = None
            else:
                commits[side] = deciding.commit
                assets[side] = deciding.value[:ASSET_BYTES].hex()
                events[side] = deciding.event_us if lookup.timed else None
        for function in self._functions:
            values[function.name] = function.value(values)
        features = {name: values.pop(name) for name in self._feature_names}
        keyed = {
            lookup.side: {key: given[column] for key, column in zip(lookup.keys, lookup.columns, strict=True)}
            for lookup in self._lookups
        }
        return Vector(features, values, status, commits, assets, events, keyed, self._sides)

    def many(
        self,
        keys: Sequence[Mapping[str, Any]],
        request: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        now: Moment,
    ) -> Vectors:
        """What `read` answers for each of many, from one state of the online store, in one read of it.

        Args:
            keys: n times column → value; not all of them need differ.
            request: one for all, or n of them.
            now: the moment asked about (naive = UTC).

        Raises:
            InputError: as for `read`, or not as many requests as keys.
            IntegrityError: as for `read`.
        """
        self._check_many(keys, request)
        n = len(keys)
        requests = [request] * n if isinstance(request, Mapping) else list(request)
        if len(requests) != n:
            raise InputError(
                expected=f"one request, or {n} of them: as many as keys",
                got=f"{len(requests)}",
                where=f"requests to view {self.view.name}@{self.view.version}",
                hint="Send {} where there is nothing but keys.",
            )
        given = self._shape.many(keys, requests)
        columns: dict[str, list[Any]] = {name: given[name] for name in self.request_columns}
        found = self._fill(columns, given, n, _moment_us(now))
        for function in self._functions:
            columns[function.name] = function.values(columns, n)
        return Vectors(
            values={name: columns[name] for name in self._feature_names},
            status={side: status for side, (status, _) in found.items()},
            found={side: rows for side, (_, rows) in found.items()},
            sides=self._sides,
            types=self._types,
        )

    def _check_many(self, keys: object, request: object) -> None:
        """Refuses what is no list where many are asked for."""
        where = f"requests to view {self.view.name}@{self.view.version}"
        if not isinstance(keys, Sequence) or isinstance(keys, str | bytes):
            raise InputError.of_kind(
                "a list of mappings of column → value, one an entity",
                keys,
                f"{where}, keys",
                "One entity is asked for by `read`.",
            )
        if not isinstance(request, Mapping | Sequence) or isinstance(request, str | bytes):
            raise InputError.of_kind(
                "a mapping of column → value, or a list of as many as keys",
                request,
                f"{where}, request",
                "Send {} where there is nothing but keys.",
            )

    def anonymised(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept of given keys or a request: values that are hashed or coarsened in the groups are so here.

        Raises:
            InputError: one is of another type.
        """
        return self._shape.anonymised(given)

    def _entries(self, given: Mapping[str, Any]) -> list[Entry | None]:
        """One read of one state of the store for all sides."""
        keys = [lookup.key_of(given) for lookup in self._lookups]
        found = iter(self._keys.get(SPACE, [key for key in keys if key is not None]))
        return [None if key is None else next(found) for key in keys]

    def _fill(
        self, columns: dict[str, list[Any]], given: Mapping[str, list[Any]], n: int, now_us: int
    ) -> dict[str, tuple[list[str], Found]]:
        """What groups have for n requests into `columns`, from one read of one state of the store."""
        asked = [lookup.keys_of(given, n) for lookup in self._lookups]
        found = self._keys.get_columns(SPACE, list(chain.from_iterable(keys for _, keys in asked)))
        out, begin = {}, 0
        for lookup, (places, keys) in zip(self._lookups, asked, strict=True):
            end = begin + len(keys)
            part = found.part(begin, end)
            out[lookup.side] = lookup.fill_columns(columns, part, (places, keys), n, now_us)
            begin = end
        return out


def _types(
    view: FeatureViewSpec, groups: Mapping[tuple[str, int], FeatureGroupSpec]
) -> dict[str, str | None]:
    """Feature → logical type; None where a request column has whatever type was sent."""
    types: dict[str, str | None] = {item.name: item.output for item in view.on_demand}
    for part in view.parts:
        if isinstance(part, RequestSpec):
            types |= part.columns
        else:
            group = groups[part.group, part.version]
            pairs = zip(part.outputs, part.columns, strict=True)
            types |= {output: group.type_of(column) for output, column in pairs}
    return types


def _moment_us(now: Moment) -> int:
    return to_us(now if isinstance(now, datetime) else instant(now, "online read, now"))
