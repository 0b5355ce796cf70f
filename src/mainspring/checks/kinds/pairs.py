"""Kinds that compare the columns of a row with each other."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

import polars as pl

from mainspring.checks.arguments import RowOptions, column_names, flag, is_plain, made, number, refused
from mainspring.checks.kind import kind
from mainspring.checks.kinds.ignoring import ALL_MISSING, BOTH_MISSING, PAIR, chosen, judged, row_judged
from mainspring.checks.rule import RowJudge, Rule, Types
from mainspring.checks.spec import Expectation, Plain
from mainspring.checks.values import check_number, is_nan, plain, typed_value

_NAMES = {"a": "column_A", "b": "column_B"}


def _compared(by: Callable[[Expectation], Callable[[Any, Any], Any]]) -> Rule:
    """A row breaks the rule where its two values do not compare so: also where one of them is null or NaN."""

    def breaks(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
        a, b = (_present(column, schema) for column in expectation.columns)
        compared: pl.Expr = by(expectation)(a, b)
        return ~compared.fill_null(value=False)

    def row(expectation: Expectation, _types: Types) -> RowJudge:
        (first, second), is_judged = expectation.columns, row_judged(expectation)
        compare = by(expectation)

        def judge(given: Mapping[str, Any]) -> bool | None:
            a, b = given[first], given[second]
            if not is_judged([a, b]):
                return None
            return a is None or b is None or not compare(a, b)

        return judge

    return Rule(breaks=breaks, judged=judged, row=row, alone=True)


def _present(column: str, schema: pl.Schema) -> pl.Expr:
    # NaN equals itself for polars and is above every number; for us it compares with nothing.
    return plain(column, schema) if is_nan(column, schema) is None else pl.col(column).fill_nan(None)


def _above(expectation: Expectation) -> Callable[[Any, Any], Any]:
    return operator.ge if expectation.parameters.get("or_equal") else operator.gt


@kind(_compared(lambda _: operator.eq), "expect_column_pair_values_to_be_equal", names=_NAMES)
def pair_equal(
    a: str, b: str, *, ignore_row_if: str = BOTH_MISSING, **options: Unpack[RowOptions]
) -> Expectation:
    """In each row both columns hold the same value; one that is missing equals nothing.

    Args:
        ignore_row_if: which rows are not judged: "both_values_are_missing", "either_value_is_missing" or "neither".
    """
    where = "expect.pair_equal"
    given = {"ignore_row_if": chosen(ignore_row_if, where, PAIR)}
    return made("pair_equal", column_names([a, b], where, 2), given, options)


@kind(_compared(_above), "expect_column_pair_values_a_to_be_greater_than_b", names=_NAMES)
def pair_greater(
    a: str,
    b: str,
    *,
    or_equal: bool = False,
    ignore_row_if: str = BOTH_MISSING,
    **options: Unpack[RowOptions],
) -> Expectation:
    """In each row the value of `a` is greater than that of `b`; one that is missing is not.

    Args:
        or_equal: equal ones hold too.
        ignore_row_if: which rows are not judged: "both_values_are_missing", "either_value_is_missing" or "neither".
    """
    where = "expect.pair_greater"
    given = {
        "or_equal": flag(or_equal, "or_equal", where),
        "ignore_row_if": chosen(ignore_row_if, where, PAIR),
    }
    return made("pair_greater", column_names([a, b], where, 2), given, options)


def _typed_pairs(expectation: Expectation, types: Types) -> list[tuple[Any, ...]]:
    return [
        tuple(
            None if value is None else typed_value(value, column, types[column], expectation.kind)
            for column, value in zip(expectation.columns, pair, strict=True)
        )
        for pair in expectation.parameters["pairs"]
    ]


def _pair_in_set(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    columns = expectation.columns
    matches = [
        pl.all_horizontal(
            [
                pl.col(column).is_null() if value is None else plain(column, schema) == pl.lit(value)
                for column, value in zip(columns, pair, strict=True)
            ]
        ).fill_null(value=False)
        for pair in _typed_pairs(expectation, schema)
    ]
    return ~pl.any_horizontal(matches)


def _pair_in_set_row(expectation: Expectation, types: Types) -> RowJudge:
    (first, second), is_judged = expectation.columns, row_judged(expectation)
    known = frozenset(_typed_pairs(expectation, types))

    def judge(row: Mapping[str, Any]) -> bool | None:
        pair = (row[first], row[second])
        return pair not in known if is_judged(list(pair)) else None

    return judge


@kind(
    Rule(breaks=_pair_in_set, judged=judged, row=_pair_in_set_row, alone=True),
    "expect_column_pair_values_to_be_in_set",
    names={**_NAMES, "pairs": "value_pairs_set"},
)
def pair_in_set(
    a: str,
    b: str,
    pairs: Iterable[tuple[Plain, Plain]],
    *,
    ignore_row_if: str = BOTH_MISSING,
    **options: Unpack[RowOptions],
) -> Expectation:
    """In each row the two values together are one of `pairs`; None in a pair means a null.

    Args:
        ignore_row_if: which rows are not judged: "both_values_are_missing", "either_value_is_missing" or "neither".
    """
    where = "expect.pair_in_set"
    given = {"pairs": _pairs(pairs, where), "ignore_row_if": chosen(ignore_row_if, where, PAIR)}
    return made("pair_in_set", column_names([a, b], where, 2), given, options)


def _pairs(given: object, where: str) -> tuple[tuple[Plain, ...], ...]:
    listed = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else []
    found = tuple(tuple(pair) for pair in listed if isinstance(pair, list | tuple) and len(pair) == 2)
    if not found or len(found) < len(listed) or not all(is_plain(value) for pair in found for value in pair):
        raise refused(
            "a list of pairs of values", repr(given)[:200], where, "Write [('JFK', 1), ('LGA', 2)]."
        )
    return found


def _sum(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    for column in expectation.columns:
        check_number(column, schema[column], expectation.kind)
    columns = [pl.col(column).cast(pl.Float64) for column in expectation.columns]
    found = pl.sum_horizontal(columns, ignore_nulls=False)
    return found.ne(expectation.parameters["total"]).fill_null(value=True)


def _sum_row(expectation: Expectation, types: Types) -> RowJudge:
    columns, is_judged = expectation.columns, row_judged(expectation)
    for column in columns:
        check_number(column, types[column], expectation.kind)
    total = expectation.parameters["total"]

    def judge(row: Mapping[str, Any]) -> bool | None:
        values = [row[column] for column in columns]
        if not is_judged(values):
            return None
        return None in values or sum(map(float, values)) != total

    return judge


@kind(
    Rule(breaks=_sum, judged=judged, row=_sum_row, alone=True),
    "expect_multicolumn_sum_to_equal",
    names={"columns": "column_list", "total": "sum_total"},
)
def row_sum(
    columns: Iterable[str], total: float, *, ignore_row_if: str = ALL_MISSING, **options: Unpack[RowOptions]
) -> Expectation:
    """In each row the columns add up to `total`, added from left to right as floats; where one is missing they do not.

    Args:
        columns: two or more columns of numbers.
        ignore_row_if: which rows are not judged: "all_values_are_missing", "any_value_is_missing" or "never".
    """
    where = "expect.row_sum"
    given = {"total": number(total, "total", where), "ignore_row_if": chosen(ignore_row_if, where)}
    return made("row_sum", column_names(columns, where, 2), given, options)
