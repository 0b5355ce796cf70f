"""Which rows a rule on several columns does not judge, by what is missing in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import polars as pl

from mainspring.checks.arguments import choice
from mainspring.checks.spec import Expectation

ALL_MISSING: Final = "all_values_are_missing"
ANY_MISSING: Final = "any_value_is_missing"
NEVER: Final = "never"
BOTH_MISSING: Final = "both_values_are_missing"
EITHER_MISSING: Final = "either_value_is_missing"
NEITHER: Final = "neither"

COLUMNS: Final = (ALL_MISSING, ANY_MISSING, NEVER)
"""The words for several columns."""
PAIR: Final = (BOTH_MISSING, EITHER_MISSING, NEITHER)
"""The words for two."""


def chosen(given: object, where: str, known: tuple[str, ...] = COLUMNS) -> str:
    """One of those words."""
    return choice(given, "ignore_row_if", known, where)


def judged(expectation: Expectation) -> pl.Expr:
    """An expression (n,) that is true where a row is judged."""
    there = [pl.col(column).is_not_null() for column in expectation.columns]
    match expectation.parameters["ignore_row_if"]:
        case "all_values_are_missing" | "both_values_are_missing":
            return pl.any_horizontal(there)
        case "any_value_is_missing" | "either_value_is_missing":
            return pl.all_horizontal(there)
        case _:
            return there[0] | ~there[0]


def row_judged(expectation: Expectation) -> Callable[[list[Any]], bool]:
    """The same of one row's values."""
    match expectation.parameters["ignore_row_if"]:
        case "all_values_are_missing" | "both_values_are_missing":
            return lambda values: any(value is not None for value in values)
        case "any_value_is_missing" | "either_value_is_missing":
            return lambda values: None not in values
        case _:
            return lambda _: True
