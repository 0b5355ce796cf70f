"""Missing values, filled with what was fitted on other rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import polars as pl

from mainspring.errors import InputError
from mainspring.features.wrangle.refuse import frame_of_numbers, frame_with, is_missing
from mainspring.lineage.spec import Value

How = Literal["mean", "median", "most_frequent"]
Filling: TypeAlias = bool | int | float | str

_HOW: Final = ("mean", "median", "most_frequent")


class Fill(Value):
    """What missing values are filled with.

    Attributes:
        values: column → value.
    """

    values: dict[str, Filling]

    def apply(self, frame: object, *, mark: str | None = None) -> pl.DataFrame:
        """The frame with every null, and every NaN, of these columns filled.

        A column of whole numbers that is filled with a fraction becomes one of fractions; other types stay.

        Args:
            mark: a suffix: for each column one more, of booleans, that says where it was missing. None = none of them.

        Raises:
            UnknownNameError: a column is not there.
            InputError: a column's type cannot hold its value.
        """
        frame = frame_with(frame, self.values, "fill")
        missing = {name: is_missing(name, frame.schema[name]) for name in self.values}
        marks = [] if mark is None else [missing[name].alias(name + mark) for name in self.values]
        return frame.with_columns(
            *(
                _filled(name, frame.schema[name], value, missing[name]).alias(name)
                for name, value in self.values.items()
            ),
            *marks,
        )


def fit_fill(frame: object, how: Mapping[str, How]) -> Fill:
    """What to fill missing values with, from the values that are there.

    Args:
        frame: the training rows.
        how: column → "mean" or "median" (numbers), or "most_frequent" (numbers, text, booleans; of several the
            smallest). For a constant there is nothing to fit: write `Fill(values={"x": 0.0})`.

    Raises:
        UnknownNameError: a column or way is not there.
        InputError: a column has no value at all, or not the type that its way needs.
    """
    frame = frame_with(frame, how, "fit_fill")
    return Fill(values={name: _fitted(frame, name, way) for name, way in how.items()})


def _fitted(frame: pl.DataFrame, name: str, how: str) -> Filling:
    where = f"fit_fill, column {name!r}"
    if how not in _HOW:
        raise InputError(
            expected=" or ".join(_HOW),
            got=repr(how),
            where=where,
            hint="For a constant write Fill(values={'x': 0.0}).",
        )
    dtype = frame.schema[name]
    if how != "most_frequent":
        frame = frame_of_numbers(frame, [name], "fit_fill")
    elif not (dtype.is_numeric() or dtype in (pl.String, pl.Boolean)):
        raise InputError(
            expected="numbers, text or booleans",
            got=f"type {dtype}",
            where=where,
            hint="Cast the column first.",
        )
    present = frame.filter(~is_missing(name, dtype)).get_column(name)
    if present.is_empty():
        raise InputError(
            expected="at least one value",
            got="none",
            where=where,
            hint="Drop the column, or fill it with a constant: Fill(values={'x': 0.0}).",
        )
    if how == "most_frequent":
        counted = present.value_counts(name="__n").sort(["__n", name], descending=[True, False])
        value: Filling = counted.get_column(name)[0]
        return value
    value = present.cast(pl.Float64).mean() if how == "mean" else present.cast(pl.Float64).median()  # type: ignore[assignment]
    if not math.isfinite(value):  # type: ignore[arg-type]
        raise InputError(
            expected=f"values with a finite {how}",
            got=repr(value),
            where=where,
            hint="Clip infinities first, see fit_bounds.",
        )
    return value


def _filled(name: str, dtype: pl.DataType, value: Filling, missing: pl.Expr) -> pl.Expr:
    fits = {
        "number": dtype.is_numeric() and isinstance(value, int | float) and not isinstance(value, bool),
        "text": dtype == pl.String and isinstance(value, str),
        "truth": dtype == pl.Boolean and isinstance(value, bool),
        "nothing": dtype == pl.Null,
    }
    if not any(fits.values()):
        raise InputError(
            expected=f"a value that type {dtype} can hold",
            got=repr(value),
            where=f"fill, column {name!r}",
            hint="Fit on rows of the same types, or cast the column first.",
        )
    wide = pl.Float64 if dtype.is_integer() and isinstance(value, float) and not value.is_integer() else dtype
    target = pl.Series([value]).dtype if dtype == pl.Null else wide
    return pl.when(missing).then(pl.lit(value, target)).otherwise(pl.col(name).cast(target))
