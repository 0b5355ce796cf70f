"""Duplicate rows: which one of them stays is said, never left to chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import polars as pl

from mainspring.checks.arguments import column_names
from mainspring.errors import InputError
from mainspring.features.wrangle.refuse import frame_with

_ROW: Final = "__row"


def deduplicate(
    frame: object,
    keys: Sequence[str],
    *,
    by: Sequence[str] = (),
    keep: Literal["first", "last"] = "last",
) -> pl.DataFrame:
    """One row of those with equal keys; the rows that stay keep their order.

    Args:
        frame: any number of rows.
        keys: columns that say which rows are the same thing. Null equals null here.
        by: columns whose order decides which of them stays; null comes before every value. Rows that are equal in them
            too stand in the order of the frame, so that the answer never depends on chance.
        keep: the first or the last in that order.

    Raises:
        UnknownNameError: a column is not there.
        InputError: something else than a list of columns.
    """
    if keep not in ("first", "last"):
        raise InputError.of_kind(
            "'first' or 'last'", keep, "deduplicate, keep", "Say which row of equal keys stays."
        )
    keys, by = (column_names(each, "deduplicate", at_least=0) for each in (keys, by))
    frame = frame_with(frame, dict.fromkeys((*keys, *by)), "deduplicate")
    numbered = frame.with_row_index(_ROW)
    ordered = numbered.sort([*by, _ROW], nulls_last=False) if by else numbered
    kept = ordered.unique(list(keys), keep=keep, maintain_order=True) if keys else _one(ordered, keep)
    return kept.sort(_ROW).drop(_ROW)


def _one(rows: pl.DataFrame, keep: Literal["first", "last"]) -> pl.DataFrame:
    return rows.head(1) if keep == "first" else rows.tail(1)
