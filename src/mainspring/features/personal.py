"""Personal data at the door: what a group's columns say of it, done before anything is written or looked up.

A hash is written `secret:` and 64 hex digits. Whoever sends one gets it back, so that rows which were read can be
inserted, joined and looked up again; anything else is hashed. So a key names its entity everywhere, given as it is or
as it was read.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from mainspring.errors import ConflictError, InputError, StateError
from mainspring.features import schema
from mainspring.features.column import Column
from mainspring.features.iso8601 import PARSERS
from mainspring.features.python_types import PYTHON
from mainspring.features.spec import FeatureGroupSpec, SelectionSpec
from mainspring.features.treatment import TreatedColumn
from mainspring.features.wrangle.anonymise import KEY_MIN_BYTES, generalise, hash_of, keyed_hash
from mainspring.types import utc

FindSecret = Callable[[str], bytes | None]
"""From the name of a secret to what it is; None where the configuration has none of that name."""

_CHECK_DIGITS: Final = 16


@dataclass(frozen=True)
class Door:
    """The treatments of columns with their secrets.

    Attributes:
        columns: name → how it is treated.
        keys: name of a secret → what it is.
    """

    columns: Mapping[str, TreatedColumn]
    keys: Mapping[str, bytes]

    def frame(self, frame: pl.DataFrame, where: str) -> pl.DataFrame:
        """The frame without what must not be written; other columns, and what is not there, stay as they are.

        Raises:
            InputError: a column is of another type; the message shows none of its values.
        """
        treated = {name: item for name, item in self.columns.items() if name in frame.columns}
        dropped = [name for name, item in treated.items() if item.treatment.how == "drop"]
        kept = [
            self._series(frame.get_column(name), item, where)
            for name, item in treated.items()
            if name not in dropped
        ]
        return frame.with_columns(kept).drop(dropped)

    def value(self, name: str, given: object, where: str) -> object:
        """The same of one value of a column that is not dropped; null stays null, a time may be text of ISO 8601.

        Raises:
            InputError: it is of another type.
        """
        column = self.columns[name]
        if given is None or _is_hash(given, column):
            return given
        if type(given) is str and column.type in PARSERS:
            with suppress(ValueError):
                given = PARSERS[column.type](given)
        if not _fits(given, column.type):
            raise _other_type(name, column.type, type(given).__name__, where)
        try:
            return self._treated(given, column, where)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            # A number that no int64 holds, text that no UTF-8 writes: the library's message has it.
            raise _other_type(name, column.type, type(given).__name__, where) from None

    def _treated(self, given: Any, column: TreatedColumn, where: str) -> object:
        if column.treatment.how == "hash":
            typed = utc(given) if isinstance(given, datetime) else given
            typed = float(given) if column.type == "float64" and isinstance(given, int) else typed
            return self._prefix(column) + hash_of(typed, self._key(column))
        series = pl.Series(column.name, [given], dtype=schema.STORAGE[column.type])
        return self._series(series, column, where).item()

    def _series(self, given: pl.Series, column: TreatedColumn, where: str) -> pl.Series:
        name = given.name
        if isinstance(given.dtype, pl.Categorical | pl.Enum):
            given = given.cast(pl.String)
        is_hash = pl.repeat(False, len(given), eager=True)
        if column.treatment.how == "hash" and given.dtype == pl.String:
            is_hash = given.str.contains(f"^(?:{_pattern(column)})$").fill_null(True)
            if is_hash.all():
                return given
        try:
            typed = schema.cast(given, column.type, where)
        except InputError:
            # The message of the cast shows values.
            raise _other_type(name, column.type, str(given.dtype), where) from None
        if column.treatment.how == "generalise":
            assert column.treatment.width is not None
            return generalise(typed.to_frame(), {name: column.treatment.width}).get_column(name)
        prefixed = (pl.lit(self._prefix(column)) + pl.col(name)).alias(name)
        hashed = keyed_hash(typed.to_frame(), [name], self._key(column)).select(prefixed).to_series()
        return given.zip_with(is_hash, hashed) if is_hash.any() else hashed

    def _key(self, column: TreatedColumn) -> bytes:
        return self.keys[column.treatment.secret or ""]

    def _prefix(self, column: TreatedColumn) -> str:
        return f"{column.treatment.secret}:"


def open_door(columns: Iterable[TreatedColumn], find_secret: FindSecret, where: str) -> Door:
    """The door of these columns, with the secrets that they need.

    Raises:
        StateError: the configuration has no secret of a name, or a short one.
        ConflictError: it has another one than the first time.
    """
    listed = list(columns)
    keys = {name: _secret(name, find_secret, where) for name in _secret_names(listed)}
    for item in listed:
        if item.check and item.check != _check(keys[item.treatment.secret or ""]):
            raise ConflictError(
                expected=f"the secret {item.treatment.secret!r} that {item.name!r} was hashed with from the first",
                got="another one",
                where=where,
                hint="Put the old one back into privacy.secrets; a new one needs a name of its own and the next "
                "version of the group.",
            )
    return Door({item.name: item for item in listed}, keys)


@contextmanager
def unshown(treated: Iterable[object]) -> Iterator[None]:
    """While rows are read that are not treated yet: what a library says of values that it cannot read may quote them.

    Raises:
        InputError: the same without the values, where any column is treated.
    """
    try:
        yield
    except InputError as error:
        if not any(True for _ in treated) or error.__cause__ is None:
            raise
        raise InputError(
            expected="rows that can be read, each value of its column's type",
            got="something else there; values are not shown, because some of the columns are personal data",
            where=error.where,
            hint=f"Look at that place yourself. {error.hint}",
        ) from None


def sealed(
    columns: Sequence[TreatedColumn], find_secret: FindSecret, where: str
) -> tuple[TreatedColumn, ...]:
    """The columns with what tells whether a secret is the one of the first time.

    Raises:
        StateError: as for `open_door`.
    """
    new = [item for item in columns if not item.check]
    checks = {name: _check(_secret(name, find_secret, where)) for name in _secret_names(new)}
    return tuple(
        item.model_copy(update={"check": item.check or checks.get(item.treatment.secret or "", "")})
        for item in columns
    )


def treated_columns(declared: Mapping[str, object], where: str) -> tuple[TreatedColumn, ...]:
    """What a schema says of personal data.

    Raises:
        InputError: a column cannot be treated so.
    """
    out = []
    for name, column in declared.items():
        if isinstance(column, Column) and column.anonymise is not None:
            place = f"{where}, column {name!r}"
            item = TreatedColumn(
                name=name, type=schema.type_name(column.type, place), treatment=column.anonymise
            )
            _check_type(item, column, place)
            out.append(item)
    return tuple(out)


def check_treated(group: FeatureGroupSpec, where: str) -> None:
    """Refuses a treatment of a time, and of a key that would be dropped.

    Raises:
        InputError: there is one.
    """
    times = {group.event_time, group.known_time}
    for item in group.treated:
        is_dropped = item.treatment.how == "drop"
        if item.name in times or (is_dropped and item.name in group.keys):
            raise InputError(
                expected="features and keys that are anonymised, and keys that are kept",
                got=f"{item.treatment} of the {'time' if item.name in times else 'key'} {item.name!r}",
                where=where,
                hint="Rows are found by their keys and ordered by their times: hash a key, and leave a time as it is.",
            )


def of_spine(
    selections: Iterable[SelectionSpec], groups: Mapping[tuple[str, int], FeatureGroupSpec], where: str
) -> dict[str, TreatedColumn]:
    """Columns of a spine by which keys are looked up that are treated.

    Raises:
        InputError: by one column keys are looked up that are treated differently.
    """
    found: dict[str, tuple[TreatedColumn | None, str]] = {}
    for item in selections:
        group = groups[item.table]
        treated = {each.name: each for each in group.treated}
        for key in group.keys:
            column = item.on.get(key, key)
            asked = treated.get(key)
            if asked is not None:
                asked = asked.model_copy(update={"name": column})
            before, other = found.setdefault(column, (asked, group.label))
            if before != asked:
                raise InputError(
                    expected=f"keys that are anonymised in one way behind the spine's column {column!r}",
                    got=f"{_said(before)} in {other} and {_said(asked)} in {group.label}",
                    where=where,
                    hint="Give one of them a column of its own: group['…'].on({'"
                    + key
                    + "': 'other_column'}).",
                )
    return {column: asked for column, (asked, _) in found.items() if asked is not None}


def check_unread(treated: Iterable[str], read: Iterable[str], where: str) -> None:
    """Refuses to read a spine's column that is anonymised as anything but a key.

    Raises:
        InputError: one is.
    """
    for name in sorted(set(treated) & set(read)):
        raise InputError(
            expected=f"{name!r} only as key: the group that it names rows of anonymises it",
            got="a view that reads it as request column, input of a function, condition or time too",
            where=where,
            hint="Give the key a column of its own: group['…'].on({'key': 'other_column'}).",
        )


def check_compared(predicate: pl.Expr, hashed: Iterable[TreatedColumn], where: str) -> None:
    """Refuses to compare a hashed column with what is no hash: no row would ever be found.

    Raises:
        InputError: there is such a comparison.
    """
    columns = {item.name: item for item in hashed}
    if not columns.keys() & set(predicate.meta.root_names()):
        return
    nodes = [predicate]
    while nodes:
        parts = nodes.pop().meta.pop()
        nodes += parts
        names = {part.meta.output_name() for part in parts if part.meta.is_column()}
        texts = [text for part in parts if part.meta.is_literal() for text in _texts(part)]
        for name in sorted(names & columns.keys()):
            if not all(re.fullmatch(_pattern(columns[name]), text) for text in texts):
                raise InputError(
                    expected=f"a comparison of {name!r} with its hashes: the group hashes it at the door",
                    got="one with something else, which no row has",
                    where=where,
                    hint=f"Write read().of_keys({{{name!r}: …}}) with the key as it is given to insert.",
                )


def _texts(literal: pl.Expr) -> list[str]:
    """Texts of a literal, or of a list of them."""
    values = pl.select(literal.alias("value")).get_column("value")
    if isinstance(values.dtype, pl.List):
        values = values.explode()
    return [text for text in values.to_list() if isinstance(text, str)]


def _said(column: TreatedColumn | None) -> str:
    return "none" if column is None else f"{column.treatment} of {column.type}"


def _secret_names(columns: Iterable[TreatedColumn]) -> list[str]:
    return list(dict.fromkeys(item.treatment.secret for item in columns if item.treatment.secret is not None))


def _secret(name: str, find_secret: FindSecret, where: str) -> bytes:
    found = find_secret(name)
    if found is None or len(found) < KEY_MIN_BYTES:
        raise StateError(
            expected=f"a secret {name!r} of at least {KEY_MIN_BYTES} bytes in privacy.secrets, which personal data "
            "is hashed with",
            got="none" if found is None else f"{len(found)} bytes",
            where=where,
            hint=f"Set MAINSPRING_PRIVACY_SECRETS='{name}=…', or '{name}=file:PATH'; draw one with "
            "secrets.token_hex(32).",
        )
    return found


def _check(key: bytes) -> str:
    return hmac.new(key, b"mainspring: which secret this is", hashlib.sha256).hexdigest()[:_CHECK_DIGITS]


def _pattern(column: TreatedColumn) -> str:
    return f"{re.escape(column.treatment.secret or '')}:[0-9a-f]{{64}}"


def _is_hash(given: object, column: TreatedColumn) -> bool:
    return (
        column.treatment.how == "hash"
        and type(given) is str
        and re.fullmatch(_pattern(column), given) is not None
    )


def _fits(given: object, kind: str) -> bool:
    is_bool, is_time = isinstance(given, bool), isinstance(given, datetime)
    return isinstance(given, PYTHON[kind]) and is_bool == (kind == "bool") and is_time == (kind == "datetime")


def _other_type(name: str, kind: str, got: str, where: str) -> InputError:
    return InputError(
        expected=f"values of type {kind}",
        got=f"type {got}, or values that do not fit",
        where=f"{where}, column {name!r}",
        hint="Look at the column: its values are not shown, because they are personal data.",
    )


def _check_type(column: TreatedColumn, declared: Column, where: str) -> None:
    treatment = column.treatment
    if treatment.how == "generalise":
        assert treatment.width is not None
        empty = pl.DataFrame(schema={column.name: schema.STORAGE[column.type]})
        if generalise(empty, {column.name: treatment.width}).schema != empty.schema:
            raise InputError(
                expected="a whole width for whole numbers",
                got=repr(treatment.width),
                where=where,
                hint="Declare float64, or write a whole number.",
            )
        return
    if treatment.how == "hash" and column.type not in PYTHON:
        raise InputError(
            expected=f"a hash of {', '.join(PYTHON)}",
            got=f"type {column.type}",
            where=where,
            hint="Drop the column, or make a column of each part.",
        )
    if declared.default is not None:
        raise InputError(
            expected="no default of what is hashed or dropped",
            got="one",
            where=where,
            hint="Leave it out: rows from before have null.",
        )
