"""Kinds about values that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import polars as pl

from mainspring.checks.arguments import Options, RowOptions, made, number_bounds, share
from mainspring.checks.kind import kind
from mainspring.checks.kinds.ranges import LOW_HIGH, within
from mainspring.checks.rule import Found, Of, Rule, Types, ValueJudge
from mainspring.checks.spec import Expectation
from mainspring.checks.values import is_nan, missing


def is_missing(value: Any) -> bool:
    """Whether a value is None or NaN."""
    return value is None or value != value  # noqa: PLR0124 - NaN differs from itself


def _not_null(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    return missing(expectation.columns[0], schema)


def _null(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    return ~missing(expectation.columns[0], schema)


def _not_null_value(_expectation: Expectation, _types: Types) -> ValueJudge:
    return is_missing


def _null_value(_expectation: Expectation, _types: Types) -> ValueJudge:
    return lambda value: not is_missing(value)


@kind(
    Rule(breaks=_not_null, judges_nulls=True, told_by="presence", value=_not_null_value, alone=True),
    "expect_column_values_to_not_be_null",
)
def not_null(column: str, **options: Unpack[RowOptions]) -> Expectation:
    """A value is there: neither null nor NaN. Here every row is judged."""
    return made("not_null", (column,), {}, options)


@kind(
    Rule(breaks=_null, judges_nulls=True, told_by="presence", value=_null_value, alone=True),
    "expect_column_values_to_be_null",
)
def null(column: str, **options: Unpack[RowOptions]) -> Expectation:
    """No value is there: it is null or NaN. Here every row is judged."""
    return made("null", (column,), {}, options)


def _counts(expectation: Expectation, schema: pl.Schema, of: Of) -> dict[str, pl.Expr]:
    (column,) = expectation.columns
    nan = is_nan(column, schema)
    found = {"n_rows": of(column).len(), f"n_null({column})": of(column).null_count()}
    return found if nan is None else {**found, f"n_nan({column})": of(column).is_nan().sum()}


def _share(expectation: Expectation, found: Mapping[str, Any]) -> Found:
    (column,) = expectation.columns
    if not found["n_rows"]:
        return Found(None, None)
    n_missing = found[f"n_null({column})"] + found.get(f"n_nan({column})", 0)
    observed = (found["n_rows"] - n_missing) / found["n_rows"]
    given = expectation.parameters
    return Found(within(given["low"], given["high"], given)(observed), observed)


@kind(
    Rule(measures=_counts, finds=_share),
    "expect_column_proportion_of_non_null_values_to_be_between",
    names=LOW_HIGH,
)
def not_null_share(
    column: str,
    low: float | None = None,
    high: float | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The share of rows that have a value (neither null nor NaN) lies in [low, high]."""
    where = f"expect.not_null_share({column!r})"
    given = number_bounds(low, high, where, strict_min=strict_min, strict_max=strict_max, take=share)
    return made("not_null_share", (column,), given, options, "frame")
