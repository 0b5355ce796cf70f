"""Outliers by bounds that are fitted once, then used to flag or clip any rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import polars as pl

from mainspring.errors import InputError
from mainspring.features.wrangle.refuse import frame_of_numbers
from mainspring.lineage.spec import Value

Rule = Literal["iqr", "mad"]

#: Makes the median absolute deviation of normal values their standard deviation: 1 / quantile(0.75) of the standard
#: normal distribution.
_MAD_SCALE: Final = 1.482602218505602
_FACTORS: Final[Mapping[str, float]] = {"iqr": 1.5, "mad": 3.5}


class Bounds(Value):
    """What counts as ordinary, column by column.

    Attributes:
        rule: how they were found.
        factor: how far out they lie, in the rule's measure of spread.
        columns: column → (lowest, highest) ordinary value, both inclusive.
    """

    rule: Rule
    factor: float
    columns: dict[str, tuple[float, float]]

    def flag(self, frame: object, suffix: str = "_outlier") -> pl.DataFrame:
        """The frame with one more column of booleans for each that has bounds: whether the value lies outside.

        Null and NaN are no outliers; infinities are.

        Args:
            frame: (n, …).
            suffix: behind the column's name.

        Raises:
            UnknownNameError: a column is not there.
            InputError: a column does not hold numbers.
        """
        frame = frame_of_numbers(frame, self.columns, "flag outliers")
        return frame.with_columns(
            _outside(name, frame.schema[name], *bounds).alias(name + suffix)
            for name, bounds in self.columns.items()
        )

    def clip(self, frame: object) -> pl.DataFrame:
        """The frame with values outside moved to the nearest bound; null and NaN stay.

        Whole numbers stay whole: they move to the nearest whole number within the bounds.

        Raises:
            UnknownNameError, InputError: as for `flag`; or no whole number lies within the bounds.
        """
        frame = frame_of_numbers(frame, self.columns, "clip outliers")
        return frame.with_columns(
            _clipped(name, frame.schema[name], *bounds) for name, bounds in self.columns.items()
        )


def fit_bounds(
    frame: object, columns: Sequence[str], *, rule: Rule = "iqr", factor: float | None = None
) -> Bounds:
    """Bounds of ordinary values from rows that are mostly ordinary.

    Args:
        frame: the training rows. Null, NaN and infinities are left out.
        columns: columns of numbers.
        rule: "iqr": the quartiles and `factor` times their distance beyond (Tukey, Exploratory Data Analysis, 1977);
            quantiles are interpolated linearly. "mad": the median and `factor` times 1.4826 times the median absolute
            deviation to both sides (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993, whose modified
            z-score of 3.5 this is).
        factor: None = 1.5 for "iqr", 3.5 for "mad".

    Raises:
        UnknownNameError: a column is not there.
        InputError: a column does not hold numbers or has none, its spread is zero, or the factor is not positive.
    """
    if rule not in _FACTORS:
        raise InputError(
            expected=f"one of {', '.join(_FACTORS)}",
            got=repr(rule),
            where="fit_bounds, rule",
            hint="'iqr' goes by quartiles.",
        )
    factor = _FACTORS[rule] if factor is None else factor
    if not (math.isfinite(factor) and factor > 0):
        raise InputError(
            expected="a factor above 0",
            got=repr(factor),
            where="fit_bounds",
            hint="Leave it out for the customary one.",
        )
    frame = frame_of_numbers(frame, columns, "fit_bounds")
    found = {name: _fitted(frame.get_column(name), rule, factor) for name in columns}
    return Bounds(rule=rule, factor=factor, columns=found)


def _fitted(series: pl.Series, rule: Rule, factor: float) -> tuple[float, float]:
    values = series.cast(pl.Float64)
    values = values.filter(values.is_finite().fill_null(False))
    if values.is_empty():
        raise _refused(series.name, "no finite value")
    if rule == "iqr":
        low, high = (float(values.quantile(q, interpolation="linear") or 0.0) for q in (0.25, 0.75))
        spread = factor * (high - low)
    else:
        middle = pl.Series([values.median()], dtype=pl.Float64)[0]
        low = high = float(middle)
        deviation = (values - middle).abs().median()
        assert isinstance(deviation, float)
        spread = factor * _MAD_SCALE * deviation
    if not spread > 0:
        raise _refused(series.name, "values of which most are equal, so that their spread is zero")
    return low - spread, high + spread


def _refused(name: str, got: str) -> InputError:
    return InputError(
        expected="finite numbers that spread",
        got=got,
        where=f"fit_bounds, column {name!r}",
        hint="Leave the column out, or bound it by hand: Bounds(rule=…, factor=…, columns={'x': (0, 100)}).",
    )


def _outside(name: str, dtype: pl.DataType, low: float, high: float) -> pl.Expr:
    value = pl.col(name)
    outside = ((value < low) | (value > high)).fill_null(False)
    # In polars' order NaN is above every number.
    return outside & value.is_not_nan().fill_null(False) if dtype.is_float() else outside


def _clipped(name: str, dtype: pl.DataType, low: float, high: float) -> pl.Expr:
    if dtype.is_float():
        value = pl.col(name)
        return pl.when(value.is_nan()).then(value).otherwise(value.clip(low, high)).cast(dtype).alias(name)
    if math.ceil(low) > math.floor(high):
        raise InputError(
            expected="bounds with a whole number between them",
            got=f"{low} to {high}",
            where=f"clip outliers, column {name!r}",
            hint="Cast the column to Float64 first.",
        )
    if dtype.is_integer():
        return pl.col(name).cast(pl.Int64).clip(math.ceil(low), math.floor(high)).alias(name)
    return pl.col(name).cast(pl.Float64).clip(low, high).alias(name)
