"""Kinds of expectations, ours and those of plug-ins. Each rule is one or two polars expressions; `validate` runs them
all at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from mainspring.checks.spec import Expectation, Plain
from mainspring.errors import InputError, UnknownNameError
from mainspring.plugins import Group, Plugin
from mainspring.types import utc


@dataclass(frozen=True)
class Rule:
    """How one kind is judged.

    Attributes:
        breaks: for rules about rows: a boolean expression (n,) that is true where a row breaks the
            expectation. Its value on rows where a read column is null does not matter, unless `judges_nulls`.
        holds: for rules about the whole frame: whether a frame of that many rows is right.
        judges_nulls: whether null rows are judged too; otherwise they are counted apart and pass.
        check: raises InputError for an expectation whose columns or parameters are wrong; None = any will do. It is
            called when the expectation is made.
    """

    breaks: Callable[[Expectation, pl.Schema], pl.Expr] | None = None
    holds: Callable[[Expectation, int], bool] | None = None
    judges_nulls: bool = False
    check: Callable[[Expectation], None] | None = None


def get_rule(expectation: Expectation) -> Rule:
    """How an expectation is judged.

    Raises:
        UnknownNameError: there is no such kind.
        PluginError: the plug-in that it was made with is not installed, or cannot be used.
    """
    kind, distribution = expectation.kind, expectation.distribution
    plugin = find_plugin(kind)
    if distribution is not None and (plugin is None or plugin.distribution != distribution):
        raise EXPECTATIONS.missing(kind, distribution, None, f"expectation {expectation.name}")
    if plugin is not None:
        return plugin.value
    if kind in _RULES:
        return _RULES[kind]
    known = [*_RULES, *EXPECTATIONS.names()]
    raise UnknownNameError.of("expectation kind", kind, known, where="expectations")


def find_plugin(kind: str) -> Plugin[Rule] | None:
    """The plug-in that adds a kind; None for a kind of ours, and where there is no such kind."""
    return EXPECTATIONS.find(kind)


def is_nan(column: str, schema: pl.Schema) -> pl.Expr | None:
    """An expression (n,) that is true where a float column is NaN; None for other types."""
    return pl.col(column).is_nan() if schema[column].is_float() else None


def _between(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    breaks = pl.lit(value=False)
    for side in ("low", "high"):
        bound = _bound(expectation.parameters[side], column, schema[column])
        if bound is not None:
            breaks = breaks | (pl.col(column).lt(bound) if side == "low" else pl.col(column).gt(bound))
    # Polars orders NaN above every number; for us it lies in no range.
    nan = is_nan(column, schema)
    return breaks if nan is None else breaks | nan


def _bound(given: object, column: str, dtype: pl.DataType) -> object:
    if given is None:
        return None
    if dtype.is_temporal() and isinstance(given, str):
        return _time_bound(given, column, dtype)
    fits = (dtype.is_numeric() and isinstance(given, int | float) and not isinstance(given, bool)) or (
        dtype in (pl.String, pl.Categorical, pl.Enum) and isinstance(given, str)
    )
    if not fits:
        raise InputError(
            expected=f"a bound that compares with type {dtype}",
            got=repr(given),
            where=f"expectation between on column {column!r}",
            hint="Give numbers for a numeric column, datetimes for a time column, text for a text column.",
        )
    return given


def _time_bound(given: str, column: str, dtype: pl.DataType) -> pl.Expr:
    try:
        instant = utc(datetime.fromisoformat(given))
    except ValueError as error:
        raise InputError(
            expected="an ISO 8601 time as bound of a time column",
            got=repr(given),
            where=f"expectation between on column {column!r}",
            hint="Write it such as 2013-06-01T00:00:00Z, or give a datetime.",
        ) from error
    if dtype == pl.Date:
        return pl.lit(instant.date())
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        return pl.lit(instant.replace(tzinfo=None))
    return pl.lit(instant)


def _not_null(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    nan = is_nan(column, schema)
    missing = pl.col(column).is_null()
    return missing if nan is None else missing | nan.fill_null(value=False)


def _in_set(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    values = expectation.parameters["values"]
    assert isinstance(values, tuple)
    return ~pl.col(column).is_in(_typed(values, column, schema[column]).implode())


def _typed(values: tuple[Plain, ...], column: str, dtype: pl.DataType) -> pl.Series:
    try:
        given = pl.Series(values=list(values), strict=True)
    except TypeError:
        given = pl.Series(values=[], dtype=pl.Null)
    # A number never equals a text: saying so here is kinder than failing every row.
    if not _same_family(given.dtype, dtype):
        raise InputError(
            expected=f"a set of values of type {dtype}",
            got=repr(list(values))[:200],
            where=f"expectation in_set on column {column!r}",
            hint="Give values of the column's own type, all of one type.",
        )
    return _cast_exactly(given, dtype)


def _same_family(given: pl.DataType, dtype: pl.DataType) -> bool:
    if dtype in (pl.Categorical, pl.Enum):
        return given == pl.String
    return given == dtype or (given.is_numeric() and dtype.is_numeric())


def _cast_exactly(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    """The values that the column's type can hold; one that it cannot hold (1.5 for an integer) matches no row."""
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return given.cast(dtype, strict=False).drop_nulls()
    cast = given.cast(dtype, strict=False)
    return cast.filter((cast.cast(given.dtype, strict=False) == given).fill_null(value=False))


def _unique(expectation: Expectation, _schema: pl.Schema) -> pl.Expr:
    return pl.struct(expectation.columns).is_duplicated()


def _matches(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    if schema[column] not in (pl.String, pl.Categorical, pl.Enum):
        raise InputError(
            expected="a text column",
            got=f"type {schema[column]}",
            where=f"expectation matches on column {column!r}",
            hint="Use between or in_set for numbers.",
        )
    return ~pl.col(column).cast(pl.String).str.contains(rf"\A(?:{expectation.parameters['regex']})\z")


def _row_count(expectation: Expectation, n_rows: int) -> bool:
    low, high = expectation.parameters["low"], expectation.parameters["high"]
    return (low is None or n_rows >= low) and (high is None or n_rows <= high)  # type: ignore[operator]


_RULES: Final[dict[str, Rule]] = {
    "between": Rule(breaks=_between),
    "not_null": Rule(breaks=_not_null, judges_nulls=True),
    "in_set": Rule(breaks=_in_set),
    "unique": Rule(breaks=_unique),
    "matches": Rule(breaks=_matches),
    "row_count": Rule(holds=_row_count),
}


def _misfit(_name: str, value: object) -> str | None:
    if not isinstance(value, Rule):
        return f"a {type(value).__name__}"
    return None if (value.breaks is None) != (value.holds is None) else "a Rule with both or neither of them"


EXPECTATIONS: Final[Group[Rule]] = Group(
    name="mainspring.expectations",
    noun="expectation kind",
    contract="a mainspring.checks.rules.Rule with either `breaks` or `holds`",
    misfit=_misfit,
    builtin=lambda: _RULES,
)
