"""Kinds about where values lie: ranges, lengths, distances from the mean, order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Unpack

import polars as pl

from mainspring.checks.arguments import (
    Bound,
    RowOptions,
    bounds,
    count,
    flag,
    made,
    number,
    number_bounds,
)
from mainspring.checks.kind import kind
from mainspring.checks.rule import Rule, Types, ValueJudge
from mainspring.checks.spec import Expectation
from mainspring.checks.values import as_text, check_number, check_text, is_nan, plain, typed_bound

if TYPE_CHECKING:
    from polars._typing import ClosedInterval

LOW_HIGH = {"low": "min_value", "high": "max_value"}
_CLOSED: Final[dict[tuple[bool, bool], ClosedInterval]] = {
    (False, False): "both",
    (True, False): "right",
    (False, True): "left",
    (True, True): "none",
}
"""By which ends are strict, which ones belong to a range."""


def within(low: Any, high: Any, parameters: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Whether a value lies in a range of which a side may be open (None) or strict; NaN lies in none."""
    strict_min, strict_max = bool(parameters.get("strict_min")), bool(parameters.get("strict_max"))
    if low is None:
        return (lambda value: value < high) if strict_max else (lambda value: value <= high)
    if high is None:
        return (lambda value: value > low) if strict_min else (lambda value: value >= low)
    if strict_min:
        return (lambda value: low < value < high) if strict_max else (lambda value: low < value <= high)
    return (lambda value: low <= value < high) if strict_max else (lambda value: low <= value <= high)


def outside(values: pl.Expr, low: Any, high: Any, parameters: Mapping[str, Any]) -> pl.Expr:
    """An expression (n,) that is true where values lie outside of such a range; NaN may count as above it."""
    is_strict = bool(parameters.get("strict_min")), bool(parameters.get("strict_max"))
    if low is None:
        return values.ge(high) if is_strict[1] else values.gt(high)
    if high is None:
        return values.le(low) if is_strict[0] else values.lt(low)
    return ~values.is_between(pl.lit(low), pl.lit(high), closed=_CLOSED[is_strict])


def _bounds_of(expectation: Expectation, column: str, dtype: pl.DataType) -> tuple[Any, Any]:
    given = expectation.parameters
    low, high = (typed_bound(given[side], column, dtype, "between") for side in ("low", "high"))
    return low, high


def _between(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    low, high = _bounds_of(expectation, column, schema[column])
    breaks = outside(plain(column, schema), low, high, expectation.parameters)
    # Polars orders NaN above every number, so that only an open upper side lets it pass; for us it lies in no range.
    nan = is_nan(column, schema)
    return breaks if nan is None or high is not None else breaks | nan


def _between_value(expectation: Expectation, types: Types) -> ValueJudge:
    (column,) = expectation.columns
    low, high = _bounds_of(expectation, column, types[column])
    if low is not None and high is not None and len(expectation.parameters) == 2:
        # The most frequent rule of all is spared a call.
        return lambda value: not low <= value <= high
    holds = within(low, high, expectation.parameters)
    return lambda value: not holds(value)


@kind(
    Rule(breaks=_between, told_by="bounds", value=_between_value, alone=True),
    "expect_column_values_to_be_between",
    names=LOW_HIGH,
)
def between(
    column: str,
    low: Bound = None,
    high: Bound = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[RowOptions],
) -> Expectation:
    """Values lie in [low, high], both ends included; None leaves a side open. NaN lies in no range.

    Args:
        column: a numeric, time or text column (text compares by code point).
        low: smallest right value; a naive datetime is read as UTC.
        high: largest right value.
        strict_min: `low` itself is not right any more.
        strict_max: `high` itself is not right any more.
        options: mostly, row_condition, severity, meta.

    Raises:
        InputError: both sides are open, low > high, or an argument is of another type.
    """
    where = f"expect.between({column!r})"
    given = bounds(low, high, where, strict_min=strict_min, strict_max=strict_max)
    return made("between", (column,), given, options)


def _lengths(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    given = expectation.parameters
    return outside(as_text(column, schema, "lengths").str.len_chars(), given["low"], given["high"], given)


def _lengths_value(expectation: Expectation, types: Types) -> ValueJudge:
    (column,) = expectation.columns
    check_text(column, types[column], "lengths")
    given = expectation.parameters
    holds = within(given["low"], given["high"], given)
    return lambda value: not holds(len(value))


@kind(
    Rule(breaks=_lengths, value=_lengths_value, alone=True),
    "expect_column_value_lengths_to_be_between",
    names=LOW_HIGH,
)
def lengths(
    column: str,
    low: int | None = None,
    high: int | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[RowOptions],
) -> Expectation:
    """Texts have between `low` and `high` characters (code points), both included; None leaves a side open."""
    where = f"expect.lengths({column!r})"
    given = number_bounds(low, high, where, strict_min=strict_min, strict_max=strict_max, take=count)
    return made("lengths", (column,), given, options)


def _length(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    return as_text(column, schema, "length").str.len_chars().ne(expectation.parameters["value"])


def _length_value(expectation: Expectation, types: Types) -> ValueJudge:
    (column,) = expectation.columns
    check_text(column, types[column], "length")
    wanted = expectation.parameters["value"]
    return lambda value: len(value) != wanted


@kind(Rule(breaks=_length, value=_length_value, alone=True), "expect_column_value_lengths_to_equal")
def length(column: str, value: int, **options: Unpack[RowOptions]) -> Expectation:
    """Texts have exactly `value` characters (code points)."""
    where = f"expect.length({column!r})"
    return made("length", (column,), {"value": count(value, "value", where)}, options)


def _z_scores(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    check_number(column, schema[column], "z_scores")
    values = pl.col(column).cast(pl.Float64)
    known = values.fill_nan(None)
    scores = (values - known.mean()) / known.std()
    if expectation.parameters["double_sided"]:
        scores = scores.abs()
    # Polars orders NaN above every number: the score of NaN, and any score where all values are equal, breaks.
    return scores.ge(expectation.parameters["threshold"]).fill_null(value=True)


@kind(Rule(breaks=_z_scores), "expect_column_value_z_scores_to_be_less_than")
def z_scores(
    column: str, threshold: float, *, double_sided: bool = True, **options: Unpack[RowOptions]
) -> Expectation:
    """Values lie less than `threshold` standard deviations (n - 1) from the mean; NaN never does, nor any of one value.

    Args:
        double_sided: below the mean too; otherwise only values above it can break.
    """
    where = f"expect.z_scores({column!r})"
    given = {
        "threshold": number(threshold, "threshold", where),
        "double_sided": flag(double_sided, "double_sided", where),
    }
    return made("z_scores", (column,), given, options)


def _steps(
    breaks: Callable[[pl.Expr, pl.Expr], pl.Expr], strictly: Callable[[pl.Expr, pl.Expr], pl.Expr]
) -> Rule:
    """A rule on each value and the one before it that is neither null nor NaN; the first one cannot break it."""

    def judge(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
        (column,) = expectation.columns
        nan = is_nan(column, schema)
        values = plain(column, schema) if nan is None else pl.col(column).fill_nan(None)
        before = values.forward_fill().shift(1)
        compare = strictly if expectation.parameters["strictly"] else breaks
        found = compare(values, before).fill_null(value=False)
        return found if nan is None else found | nan

    return Rule(breaks=judge)


@kind(_steps(operator.lt, operator.le), "expect_column_values_to_be_increasing")
def increasing(column: str, *, strictly: bool = False, **options: Unpack[RowOptions]) -> Expectation:
    """No value is smaller than the one before it, nulls left out; `strictly`: nor equal to it. NaN breaks it."""
    where = f"expect.increasing({column!r})"
    return made("increasing", (column,), {"strictly": flag(strictly, "strictly", where)}, options)


@kind(_steps(operator.gt, operator.ge), "expect_column_values_to_be_decreasing")
def decreasing(column: str, *, strictly: bool = False, **options: Unpack[RowOptions]) -> Expectation:
    """No value is larger than the one before it, nulls left out; `strictly`: nor equal to it. NaN breaks it."""
    where = f"expect.decreasing({column!r})"
    return made("decreasing", (column,), {"strictly": flag(strictly, "strictly", where)}, options)
