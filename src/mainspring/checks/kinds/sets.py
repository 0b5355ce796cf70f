"""Kinds about which values there are: of rows, and of the column as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Unpack

import polars as pl

from mainspring.checks.arguments import Item, Options, RowOptions, flag, made, value_set
from mainspring.checks.kind import kind
from mainspring.checks.rule import Found, Of, Rule, Types, ValueJudge
from mainspring.checks.spec import Expectation
from mainspring.checks.values import typed_set

VALUES: Final = {"values": "value_set"}
N_OBSERVED: Final = 100
"""Of the distinct values of a column so many are told."""
N_COMPARED: Final = 8
INLINE: Final = 12
"""Bytes that polars keeps of a text beside its length. Up to `N_COMPARED` texts of no more are compared one by one in
less than half the time that `is_in` takes."""


def _in_set(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    (column,) = expectation.columns
    values = typed_set(expectation.parameters["values"], column, schema[column], expectation.kind)
    if 0 < len(values) <= N_COMPARED and _is_inline(values):
        return ~pl.any_horizontal([pl.col(column) == value for value in values])
    return ~pl.col(column).is_in(values.implode())


def _is_inline(values: pl.Series) -> bool:
    return values.dtype == pl.String and all(len(value.encode()) <= INLINE for value in values)


def _not_in_set(expectation: Expectation, schema: pl.Schema) -> pl.Expr:
    return ~_in_set(expectation, schema)


def _in_set_value(expectation: Expectation, types: Types) -> ValueJudge:
    (column,) = expectation.columns
    values = typed_set(expectation.parameters["values"], column, types[column], expectation.kind)
    known = frozenset(values.to_list())
    return lambda value: value not in known


def _not_in_set_value(expectation: Expectation, types: Types) -> ValueJudge:
    breaks = _in_set_value(expectation, types)
    return lambda value: not breaks(value)


@kind(
    Rule(breaks=_in_set, value=_in_set_value, alone=True), "expect_column_values_to_be_in_set", names=VALUES
)
def in_set(column: str, values: Iterable[Item], **options: Unpack[RowOptions]) -> Expectation:
    """Values are among `values`, which are of the column's own type.

    Raises:
        InputError: `values` is empty, is one text, or holds None (nulls are never judged).
    """
    return made("in_set", (column,), {"values": value_set(values, f"expect.in_set({column!r})")}, options)


@kind(
    Rule(breaks=_not_in_set, value=_not_in_set_value, alone=True),
    "expect_column_values_to_not_be_in_set",
    names=VALUES,
)
def not_in_set(column: str, values: Iterable[Item], **options: Unpack[RowOptions]) -> Expectation:
    """No value is among `values`, which are of the column's own type."""
    where = f"expect.not_in_set({column!r})"
    return made("not_in_set", (column,), {"values": value_set(values, where)}, options)


def _distinct(expectation: Expectation, schema: pl.Schema, of: Of) -> dict[str, pl.Expr]:
    """The set's own values that occur; how many distinct ones there are besides tells the rest."""
    (column,) = expectation.columns
    values = typed_set(expectation.parameters["values"], column, schema[column], expectation.kind)
    distinct = of(column).drop_nulls().unique()
    among = distinct.is_in(values.implode())
    return {
        f"distinct({column})": distinct.sort().head(N_OBSERVED).implode(),
        f"n_distinct({column})": distinct.len(),
        f"n_wanted({column}, {values.to_list()!r})": pl.lit(values.n_unique()),
        f"found({column}, {values.to_list()!r})": distinct.filter(among).implode(),
        f"strange({column}, {values.to_list()!r})": distinct.filter(~among).sort().head(N_OBSERVED).implode(),
    }


def _compared(judge: Callable[[int, int, int], bool]) -> Callable[[Expectation, Mapping[str, Any]], Found]:
    """Judges by how many values are found, how many are strange, and how many of the set there are."""

    def finds(_: Expectation, given: Mapping[str, Any]) -> Found:
        parts = {name.partition("(")[0]: value for name, value in given.items()}
        if not parts["n_distinct"]:
            return Found(None, [])
        n_found = len(parts["found"])
        details = {"n_distinct": parts["n_distinct"], "strange": parts["strange"]}
        return Found(
            judge(n_found, parts["n_distinct"] - n_found, parts["n_wanted"]), parts["distinct"], details
        )

    return finds


@kind(
    Rule(measures=_distinct, finds=_compared(lambda _found, strange, _wanted: not strange)),
    "expect_column_distinct_values_to_be_in_set",
    names=VALUES,
)
def distinct_in_set(column: str, values: Iterable[Item], **options: Unpack[Options]) -> Expectation:
    """Every distinct value is one of `values`."""
    where = f"expect.distinct_in_set({column!r})"
    return made("distinct_in_set", (column,), {"values": value_set(values, where)}, options, "frame")


@kind(
    Rule(measures=_distinct, finds=_compared(lambda found, _strange, wanted: found == wanted)),
    "expect_column_distinct_values_to_contain_set",
    names=VALUES,
)
def distinct_contain_set(column: str, values: Iterable[Item], **options: Unpack[Options]) -> Expectation:
    """Each of `values` occurs; others may occur too."""
    where = f"expect.distinct_contain_set({column!r})"
    return made("distinct_contain_set", (column,), {"values": value_set(values, where)}, options, "frame")


@kind(
    Rule(measures=_distinct, finds=_compared(lambda found, strange, wanted: found == wanted and not strange)),
    "expect_column_distinct_values_to_equal_set",
    names=VALUES,
)
def distinct_equal_set(column: str, values: Iterable[Item], **options: Unpack[Options]) -> Expectation:
    """Each of `values` occurs, and no other value does."""
    where = f"expect.distinct_equal_set({column!r})"
    return made("distinct_equal_set", (column,), {"values": value_set(values, where)}, options, "frame")


def _modes(expectation: Expectation, schema: pl.Schema, of: Of) -> dict[str, pl.Expr]:
    (column,) = expectation.columns
    values = typed_set(expectation.parameters["values"], column, schema[column], expectation.kind)
    modes = of(column).drop_nulls().mode().sort()
    return {
        f"modes({column})": modes.head(N_OBSERVED).implode(),
        f"n_modes({column})": modes.len(),
        f"n_modes({column}, {values.to_list()!r})": modes.is_in(values.implode()).sum(),
    }


def _most_common(expectation: Expectation, given: Mapping[str, Any]) -> Found:
    modes, n_modes, n_in_set = given.values()
    if not n_modes:
        return Found(None, [])
    enough = 1 if expectation.parameters["ties_okay"] else n_modes
    return Found((n_modes == 1 or expectation.parameters["ties_okay"]) and n_in_set >= enough, modes)


@kind(
    Rule(measures=_modes, finds=_most_common),
    "expect_column_most_common_value_to_be_in_set",
    names=VALUES,
)
def most_common_in_set(
    column: str, values: Iterable[Item], *, ties_okay: bool = False, **options: Unpack[Options]
) -> Expectation:
    """The most frequent value is one of `values`.

    Args:
        ties_okay: of several that are equally frequent one is enough; otherwise a tie breaks it.
    """
    where = f"expect.most_common_in_set({column!r})"
    given = {"values": value_set(values, where), "ties_okay": flag(ties_okay, "ties_okay", where)}
    return made("most_common_in_set", (column,), given, options, "frame")
