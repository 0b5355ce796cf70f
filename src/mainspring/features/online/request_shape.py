"""What a request to a view carries: checked at the door, alike for one request and for many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.iso8601 import PARSERS
from mainspring.features.personal import FindSecret, of_spine, open_door
from mainspring.features.python_types import EXACTLY, PYTHON
from mainspring.features.spec import FeatureGroupSpec, FeatureViewSpec, RequestSpec

_AS_TEXT: Final[Mapping[str, str]] = {
    "datetime": 'As text, write date and time in ISO 8601, such as "2013-06-24T15:40:00Z"; at most microseconds.',
    "date": 'As text, write it in ISO 8601, such as "2013-06-24".',
}

_NOTHING: Final = type(None)


class RequestShape:
    """What requests to one view consist of.

    Attributes:
        key_columns: columns that name entities; given in `keys` (or in `request`).
        request_columns: columns that the request must carry (they may be among the keys).
    """

    def __init__(
        self,
        view: FeatureViewSpec,
        groups: Mapping[tuple[str, int], FeatureGroupSpec],
        key_columns: Sequence[str],
        find_secret: FindSecret,
    ) -> None:
        self._where = f"request to view {view.name}@{view.version}"
        types = {
            name: kind
            for part in view.parts
            if isinstance(part, RequestSpec) and part.role != "training_only"
            for name, kind in part.columns.items()
        }
        self.key_columns = tuple(key_columns)
        self.request_columns = (*types, *(name for name in view.on_demand_requests))
        self._needed = tuple(dict.fromkeys((*self.key_columns, *self.request_columns)))
        self._checks = [
            (name, PYTHON.get(kind, list), kind) for name, kind in types.items() if kind is not None
        ]
        checked = {name for name, *_ in self._checks}
        self._unchecked = tuple(name for name in self._needed if name not in checked)
        treated = of_spine(view.everything, groups, self._where).values()
        self._door = open_door(treated, find_secret, self._where)
        key_types = {
            item.on.get(key, key): groups[item.group, item.version].type_of(key)
            for item in view.selections
            for key in groups[item.group, item.version].keys
            if item.on.get(key, key) not in self._door.columns
        }
        typed = {name: kind for name, kind in {**key_types, **types}.items() if kind is not None}
        self._parsers: list[tuple[str, Callable[[str], object], str]] = [
            (name, PARSERS[kind], kind) for name, kind in typed.items() if kind in PARSERS
        ]
        label_keys = [column for label in view.labels for column in label.on.values()]
        self._allowed = frozenset({*self._needed, *label_keys})

    def one(self, keys: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of one request, checked; what came as text of a time is the time.

        Raises:
            InputError: a column is missing, unknown, or of another type.
        """
        try:
            given = {**request, **keys}
        except TypeError as error:
            raise self._no_mapping(keys, request) from error
        if not given.keys() <= self._allowed:
            raise self._unknown(given)
        if not _PLAIN.issuperset(map(type, given.values())):
            given = {name: _of_numpy(value) for name, value in given.items()}
        for name, parse, kind in self._parsers:
            value = given.get(name)
            if type(value) is str:
                try:
                    given[name] = parse(value)
                except ValueError as error:
                    raise _wrong_type(name, kind, value) from error
        if self._door.columns:
            given = self.anonymised(given)
        for name in self._needed:
            if name not in given:
                raise self._absent(given)
        for name, kinds, kind in self._checks:
            value = given[name]
            if value is not None and (
                not isinstance(value, kinds) or (type(value) is bool and kind != "bool")
            ):
                raise _wrong_type(name, kind, value)
        return given

    def many(
        self, keys: Sequence[Mapping[str, Any]], requests: Sequence[Mapping[str, Any]]
    ) -> dict[str, list[Any]]:
        """The same of n requests, column by column; raises as `one`."""
        if not {*map(type, keys), *map(type, requests)} <= {dict}:
            for key, request in zip(keys, requests, strict=True):
                if not isinstance(key, Mapping) or not isinstance(request, Mapping):
                    raise self._no_mapping(key, request)
        given = keys
        if any(requests):
            given = [{**request, **key} for key, request in zip(keys, requests, strict=True)]
        columns = self._plain(given)
        if columns is None:
            # One by one: what is parsed, and what is wrong with which.
            rows = [self.one({}, row) for row in given]
            columns = {name: [row[name] for row in rows] for name in self._needed}
        return columns

    def _plain(self, given: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]] | None:
        """The columns as they were given, if they can be taken so; a look at each column, not at each value."""
        if self._door.columns or not set().union(*given) <= self._allowed:
            return None
        try:
            columns = {name: [row[name] for row in given] for name in self._needed}
        except KeyError:
            return None
        for name, *_ in self._parsers:
            if name in columns and str in set(map(type, columns[name])):
                return None
        for name in self._unchecked:
            column = columns[name]
            if not _PLAIN.issuperset(map(type, column)) and any(
                isinstance(item, np.generic) for item in column
            ):
                return None
        for name, _, kind in self._checks:
            if not {*map(type, columns[name])} - {_NOTHING} <= EXACTLY.get(kind, {list}):
                return None
        return columns

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

    def _no_mapping(self, keys: object, request: object) -> InputError:
        is_keys = not isinstance(keys, Mapping)
        return InputError.of_kind(
            f"a mapping of column → value ({self._taken()})",
            keys if is_keys else request,
            f"{self._where}, {'keys' if is_keys else 'request'}",
            "For several entities at once call `view.online().many` with a list of mappings.",
        )

    def _unknown(self, given: Mapping[str, Any]) -> UnknownNameError | InputError:
        name = next(name for name in given if name not in self._allowed)
        near = UnknownNameError.of(
            "column",
            name,
            self._allowed,
            self._where,
            otherwise="Leave it out: features of groups are looked up and not sent.",
        )
        return InputError(
            expected=self._taken(), got=f"unknown column {name!r}", where=self._where, hint=near.hint
        )

    def _absent(self, given: Mapping[str, Any]) -> InputError:
        return InputError(
            expected=self._taken(),
            got=f"no {', no '.join(repr(name) for name in self._needed if name not in given)}",
            where=self._where,
            hint="Send every key and request column; send null where the value is not known.",
        )

    def _taken(self) -> str:
        """What a request consists of, in words."""
        known = [name for name in self.request_columns if name not in self.key_columns]
        parts = [f"keys {', '.join(self.key_columns)}"] if self.key_columns else []
        parts += [f"request {', '.join(known)}"] if known else []
        return " and ".join(parts) or "neither keys nor request"


#: What comes most often: none of it is a numpy scalar.
_PLAIN: Final = frozenset({str, int, float, bool, _NOTHING, datetime, date})


def _of_numpy(value: object) -> object:
    """A numpy scalar, as a row of an array or of a pandas frame has them, as the Python value that it is."""
    return value.item() if isinstance(value, np.generic) else value


def _wrong_type(name: str, kind: str, value: object) -> InputError:
    return InputError(
        expected=f"type {kind}",
        got=f"{type(value).__name__}: {value!r}",
        where=f"request column {name!r}",
        hint=_AS_TEXT.get(kind, "Send the type that the view declares."),
    )
