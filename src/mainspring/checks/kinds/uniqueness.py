"""Kinds about values that come once: among rows, within a row, and how many distinct ones there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, Unpack

import polars as pl

from mainspring.checks.arguments import (
    Options,
    RowOptions,
    column_names,
    count,
    made,
    number_bounds,
    share,
)
from mainspring.checks.kind import kind
from mainspring.checks.kinds.ignoring import ALL_MISSING, ANY_MISSING, chosen, judged, row_judged
from mainspring.checks.kinds.nulls import is_missing
from mainspring.checks.kinds.ranges import LOW_HIGH, within
from mainspring.checks.rule import Found, Of, RowJudge, Rule, Types
from mainspring.checks.spec import Expectation
from mainspring.checks.values import plain


def _repeated(expectation: Expectation, _schema: pl.Schema) -> pl.Expr:
    columns = expectation.columns
    return (pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)).is_duplicated()


def _is_unique(expectation: Expectation) -> pl.Expr | None:
    if len(expectation.columns) > 1:
        return None
    values = pl.col(expectation.columns[0])
    return values.drop_nulls().n_unique() == values.count()


def _several_in_gx(expectation: Expectation) -> tuple[str, dict[str, Any]] | None:
    if len(expectation.columns) == 1:
        return None
    given = {"column_list": list(expectation.columns), "ignore_row_if": ANY_MISSING}
    return "expect_compound_columns_to_be_unique", given


@kind(
    Rule(breaks=_repeated, clear=_is_unique),
    "expect_column_values_to_be_unique",
    names={"columns": "column"},
    nearest=_several_in_gx,
)
def unique(columns: str | Iterable[str], **options: Unpack[RowOptions]) -> Expectation:
    """No two rows carry the same combination of values; every row of a repeated combination breaks it.

    Rows with a null among `columns` are not judged, as in SQL.
    """
    listed = (columns,) if isinstance(columns, str) else columns
    return made("unique", column_names(listed, "expect.unique"), {}, options)


@kind(
    Rule(breaks=_repeated, judged=judged),
    "expect_compound_columns_to_be_unique",
    names={"columns": "column_list"},
)
def unique_together(
    columns: Iterable[str], *, ignore_row_if: str = ALL_MISSING, **options: Unpack[RowOptions]
) -> Expectation:
    """No two rows carry the same combination of values, where a null equals a null.

    Args:
        columns: two or more.
        ignore_row_if: which rows are not judged: "all_values_are_missing", "any_value_is_missing" or "never".
    """
    where = "expect.unique_together"
    given = {"ignore_row_if": chosen(ignore_row_if, where)}
    return made("unique_together", column_names(columns, where, 2), given, options)


def _equal_within(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    pairs = combinations([plain(column, schema) for column in expectation.columns], 2)
    return pl.any_horizontal([one.eq_missing(other) for one, other in pairs])


def _equal_within_row(expectation: Expectation, _types: Types) -> RowJudge:
    columns, is_judged = expectation.columns, row_judged(expectation)

    def judge(row: Mapping[str, Any]) -> bool | None:
        values = [row[column] for column in columns]
        if not is_judged(values):
            return None
        # NaN equals NaN here, as it does for polars.
        return len(
            {"NaN" if is_missing(value) and value is not None else (value,) for value in values}
        ) < len(values)

    return judge


@kind(
    Rule(breaks=_equal_within, judged=judged, row=_equal_within_row, alone=True),
    "expect_select_column_values_to_be_unique_within_record",
    "expect_multicolumn_values_to_be_unique",
    names={"columns": "column_list"},
)
def unique_within_row(
    columns: Iterable[str], *, ignore_row_if: str = ALL_MISSING, **options: Unpack[RowOptions]
) -> Expectation:
    """In each row the columns hold different values; two nulls are equal.

    Args:
        columns: two or more, of one type.
        ignore_row_if: which rows are not judged: "all_values_are_missing", "any_value_is_missing" or "never".
    """
    where = "expect.unique_within_row"
    given = {"ignore_row_if": chosen(ignore_row_if, where)}
    return made("unique_within_row", column_names(columns, where, 2), given, options)


def _distinct(expectation: Expectation, _schema: pl.Schema, of: Of) -> dict[str, pl.Expr]:
    (column,) = expectation.columns
    return {
        "n_rows": of(column).len(),
        f"n_null({column})": of(column).null_count(),
        f"n_distinct({column})": of(column).drop_nulls().n_unique(),
    }


def _distinct_count(expectation: Expectation, found: Mapping[str, Any]) -> Found:
    n_rows, n_null, observed = found.values()
    if n_rows == n_null:
        return Found(None, observed)
    given = expectation.parameters
    return Found(within(given["low"], given["high"], given)(observed), observed)


def _distinct_share(expectation: Expectation, found: Mapping[str, Any]) -> Found:
    n_rows, n_null, n_distinct = found.values()
    if n_rows == n_null:
        return Found(None, None)
    observed = n_distinct / (n_rows - n_null)
    given = expectation.parameters
    return Found(within(given["low"], given["high"], given)(observed), observed)


@kind(
    Rule(measures=_distinct, finds=_distinct_count),
    "expect_column_unique_value_count_to_be_between",
    names=LOW_HIGH,
)
def distinct_count(
    column: str,
    low: int | None = None,
    high: int | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The number of distinct values, nulls left out, lies in [low, high]."""
    where = f"expect.distinct_count({column!r})"
    given = number_bounds(low, high, where, strict_min=strict_min, strict_max=strict_max, take=count)
    return made("distinct_count", (column,), given, options, "frame")


@kind(
    Rule(measures=_distinct, finds=_distinct_share),
    "expect_column_proportion_of_unique_values_to_be_between",
    names=LOW_HIGH,
)
def distinct_share(
    column: str,
    low: float | None = None,
    high: float | None = None,
    *,
    strict_min: bool = False,
    strict_max: bool = False,
    **options: Unpack[Options],
) -> Expectation:
    """The number of distinct values, divided by the number of values (nulls left out), lies in [low, high]."""
    where = f"expect.distinct_share({column!r})"
    given = number_bounds(low, high, where, strict_min=strict_min, strict_max=strict_max, take=share)
    return made("distinct_share", (column,), given, options, "frame")
