"""Expectations that are answered from what is known of rows without reading them: counts, and bounds of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mainspring.checks.scan import Asked, Scan
from mainspring.checks.spec import Expectation, Result
from mainspring.checks.validate import result_of


@dataclass(frozen=True)
class KnownColumn:
    """What is known of a column that is not of floats.

    Attributes:
        n_null: its rows without a value.
        bounds: no value is below the first or above the second; both None where there is no value. None = not known.
        is_exact: whether both bounds are values.
    """

    n_null: int
    bounds: tuple[Any, Any] | None = None
    is_exact: bool = False


@dataclass(frozen=True)
class KnownRows:
    """What is known of a frame of so many rows; of columns that are not named nothing is."""

    n_rows: int
    columns: Mapping[str, KnownColumn]


def answered(expectations: Sequence[Expectation], schema: pl.Schema, known: KnownRows) -> list[Result | None]:
    """What a validation of the rows would say, each as far as it follows from what is known; None = look at the rows.

    Raises:
        As `validate`.
    """
    scan = Scan(expectations, schema)
    return [_answered(asked, schema, known) for asked in scan.asked]


def _answered(asked: Asked, schema: pl.Schema, known: KnownRows) -> Result | None:
    if asked.expectation.row_condition is not None:
        return None
    figures = _figures(known)
    if asked.broken is not None and _is_unbroken(asked, schema, known):
        figures[asked.broken] = pl.Series(dtype=pl.UInt32)
    needed = {asked.n_rows, asked.n_null, asked.broken, *(asked.measures or {}).values()} - {None}
    if not needed <= set(figures):
        return None
    found = result_of(asked, figures, schema.to_frame(), schema, 0)
    return found.model_copy(update={"answered_from": "statistics"})


def _figures(known: KnownRows) -> dict[str, Any]:
    """By the names of the aggregates."""
    figures: dict[str, Any] = {"n_rows": known.n_rows}
    for name, column in known.columns.items():
        figures[f"n_null({name})"] = column.n_null
        if column.is_exact and column.bounds is not None:
            figures[f"min({name})"], figures[f"max({name})"] = column.bounds
    return figures


def _is_unbroken(asked: Asked, schema: pl.Schema, known: KnownRows) -> bool:
    """Whether no row breaks the rule, because none of a few that tell of all the others does."""
    if asked.rule.told_by is None:
        return False
    (name,) = asked.expectation.columns
    column = known.columns.get(name)
    if column is None:
        return False
    if asked.rule.told_by == "presence":
        values = pl.Series([True][: known.n_rows - column.n_null], dtype=pl.Boolean)
    elif column.bounds is not None:
        values = pl.Series([each for each in column.bounds if each is not None], dtype=schema[name])
    else:
        return False
    few = pl.DataFrame({name: values.extend_constant(None, min(column.n_null, 1))})
    scan = Scan([asked.expectation], few.schema)
    return len(scan.run(few)[str(scan.asked[0].broken)]) == 0
