"""Categories as numbers, by encodings that are fitted once and know what to do with a category they never saw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl

from mainspring.errors import InputError
from mainspring.features.wrangle.refuse import frame_of_numbers, frame_with
from mainspring.lineage.spec import Value

Category: TypeAlias = bool | int | str

#: What an unknown category becomes: an error, or the same as null.
Unknown = Literal["refuse", "null"]

_TYPES: Final = "text, whole numbers or booleans"


class Ordinal(Value):
    """Categories as their place in a list.

    Attributes:
        columns: column → its categories in order.
        unknown: what becomes of any other: "refuse" it, or "null".
    """

    columns: dict[str, tuple[Category, ...]]
    unknown: Unknown = "refuse"

    def apply(self, frame: object) -> pl.DataFrame:
        """The frame with these columns as Int64: 0 for the first category. Null stays null.

        Raises:
            UnknownNameError: a column is not there.
            InputError: an unknown category, where they are refused.
        """
        frame = frame_with(frame, self.columns, "encode")
        return frame.with_columns(
            _codes(frame.get_column(name), known, self.unknown) for name, known in self.columns.items()
        )


class OneHot(Value):
    """Categories as one column each, of 0 and 1.

    Attributes:
        columns: column → its categories in order.
        unknown: what becomes of any other: "refuse" it, or "null": 0 in every column, as null is.
    """

    columns: dict[str, tuple[Category, ...]]
    unknown: Unknown = "refuse"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the columns that are made, in order: `column=category`."""
        return tuple(f"{name}={item}" for name, known in self.columns.items() for item in known)

    def apply(self, frame: object) -> pl.DataFrame:
        """The frame without these columns, and behind the others `outputs` as Int8. Null is 0 in all of them.

        Raises:
            UnknownNameError: a column is not there.
            InputError: an unknown category, where they are refused; or a column that has the name of an output.
        """
        frame = frame_with(frame, self.columns, "encode")
        self._check_names(frame)
        made = []
        for name, known in self.columns.items():
            codes = _codes(frame.get_column(name), known, self.unknown)
            made += [
                (codes == code).fill_null(False).cast(pl.Int8).alias(f"{name}={item}")
                for code, item in enumerate(known)
            ]
        return frame.drop(list(self.columns)).with_columns(made)

    def _check_names(self, frame: pl.DataFrame) -> None:
        outputs, kept = self.outputs, set(frame.columns) - set(self.columns)
        clashes = [name for name in outputs if name in kept or outputs.count(name) > 1]
        if clashes:
            raise InputError(
                expected="columns with other names than those that are made, column=category",
                got=repr(clashes[0]),
                where="encode",
                hint="Rename the column first.",
            )


class TargetMeans(Value):
    """Categories as the mean of the target among their rows, drawn towards the mean of all.

    Attributes:
        columns: column → (category, value) pairs, by category.
        prior: the mean of the target over all rows: what null becomes, and an unknown category with "null".
        unknown: what becomes of a category that was not fitted: "refuse" it, or "null".
    """

    columns: dict[str, tuple[tuple[Category, float], ...]]
    prior: float
    unknown: Unknown = "null"

    def apply(self, frame: object) -> pl.DataFrame:
        """The frame with these columns as Float64; for rows that the means were not fitted on.

        Raises:
            UnknownNameError: a column is not there.
            InputError: an unknown category, where they are refused.
        """
        frame = frame_with(frame, self.columns, "encode")
        return frame.with_columns(self._means(frame.get_column(name)) for name in self.columns)

    def _means(self, series: pl.Series) -> pl.Series:
        pairs = self.columns[series.name]
        codes = _codes(series, [category for category, _ in pairs], self.unknown)
        means = pl.Series([mean for _, mean in pairs], dtype=pl.Float64)
        return means.gather(codes).fill_null(self.prior).alias(series.name)


def fit_ordinal(frame: object, columns: Sequence[str], *, unknown: Unknown = "refuse") -> Ordinal:
    """The categories of each column, sorted; null is none.

    Args:
        frame: the training rows (n, …).
        columns: of text, whole numbers or booleans.
        unknown: what `apply` does with a category that was not there: "refuse", or "null" makes it null.

    Raises:
        UnknownNameError: a column is not there.
        InputError: a column is not of text, whole numbers or booleans.
    """
    return Ordinal(columns=_categories(frame_with(frame, columns, "encode"), columns), unknown=unknown)


def fit_one_hot(frame: object, columns: Sequence[str], *, unknown: Unknown = "refuse") -> OneHot:
    """The categories of each column, sorted, for one column of 0 and 1 a category.

    Args:
        frame, columns, unknown: as for `fit_ordinal`; an unknown category that is not refused is 0 in all.

    Raises:
        UnknownNameError, InputError: as for `fit_ordinal`.
    """
    return OneHot(columns=_categories(frame_with(frame, columns, "encode"), columns), unknown=unknown)


def fit_target_means(
    frame: object,
    columns: Sequence[str],
    target: str,
    *,
    smoothing: float = 10.0,
    unknown: Unknown = "null",
) -> TargetMeans:
    """Means of the target by category: (n · mean + m · prior) / (n + m) for n rows (Micci-Barreca, A Preprocessing
    Scheme for High-Cardinality Categorical Attributes, 2001, in the form of an m-estimate).

    The rows that they are fitted on must not be encoded by them, because each value holds its own row's target: use
    `target_means_out_of_fold` for those.

    Args:
        frame: the training rows (n, …).
        columns: of text, whole numbers or booleans.
        target: a column of numbers or booleans without null.
        smoothing: m: how many rows the prior counts for; 0 = none.
        unknown: what `apply` does with a category that was not there: "refuse", or "null" gives it the prior.

    Raises:
        UnknownNameError: a column is not there.
        InputError: a column is not of categories, the target not of numbers or null somewhere, there is no row, or the
            smoothing is negative or not finite.
    """
    frame = frame_with(frame, [target], "fit_target_means")
    values = _target(frame, target, smoothing)
    prior = float(np.mean(values.to_numpy()))
    found = {
        name: _fitted(frame.get_column(name), values, prior, smoothing) for name in _checked(frame, columns)
    }
    return TargetMeans(columns=found, prior=prior, unknown=unknown)


def target_means_out_of_fold(
    frame: object,
    columns: Sequence[str],
    target: str,
    *,
    seed: int,
    folds: int = 5,
    smoothing: float = 10.0,
) -> pl.DataFrame:
    """The training rows with these columns encoded by `fit_target_means` of the other folds: no row's own target is in
    its value.

    Args:
        frame, columns, target, smoothing: as for `fit_target_means`.
        seed: of the division into folds, at random and of equal size; the same rows and seed give the same result.
        folds: at least 2, at most the number of rows.

    Returns:
        The frame with these columns as Float64. A category that only one fold has becomes the prior there.

    Raises:
        UnknownNameError, InputError: as for `fit_target_means`; or too few or many folds.
    """
    frame = frame_with(frame, [*columns, target], "target_means_out_of_fold")
    if not 2 <= folds <= frame.height:
        raise InputError(
            expected=f"2 to {frame.height} folds, the number of rows",
            got=repr(folds),
            where="target_means_out_of_fold",
            hint="Five is customary.",
        )
    fold = np.random.default_rng(seed).permutation(np.arange(frame.height) % folds)
    encoded = []
    for number in range(folds):
        within = pl.Series(fold == number)
        means = fit_target_means(frame.filter(~within), columns, target, smoothing=smoothing)
        encoded.append(means.apply(frame.filter(within)))
    order = np.argsort(np.concatenate([np.flatnonzero(fold == number) for number in range(folds)]))
    return pl.concat(encoded).select(pl.all().gather(pl.Series(order)))


def _checked(frame: pl.DataFrame, columns: Sequence[str]) -> Sequence[str]:
    frame = frame_with(frame, columns, "encode")
    for name in columns:
        dtype = frame.schema[name]
        if not (dtype.is_integer() or dtype in (pl.String, pl.Boolean)):
            raise InputError(
                expected=f"a column of {_TYPES}",
                got=f"type {dtype}",
                where=f"encode, column {name!r}",
                hint="Cast the column, or cut numbers into bands first.",
            )
    return columns


def _categories(frame: pl.DataFrame, columns: Sequence[str]) -> dict[str, tuple[Category, ...]]:
    return {
        name: tuple(frame.get_column(name).drop_nulls().unique().sort().to_list())
        for name in _checked(frame, columns)
    }


def _codes(series: pl.Series, known: Sequence[Category], unknown: Unknown) -> pl.Series:
    """The place of each value among the known ones; null where it is none of them."""
    places: Mapping[Category, int] = {category: place for place, category in enumerate(known)}
    distinct = series.unique().drop_nulls()
    strange = [value for value in distinct if not _is_known(value, places)]
    if strange and unknown == "refuse":
        raise InputError(
            expected=f"one of the {len(known)} categories that were fitted",
            got=f"{strange[0]!r}" + (f" and {len(strange) - 1} others" if len(strange) > 1 else ""),
            where=f"encode, column {series.name!r}",
            hint="Fit on rows that have it, or fit with unknown='null'.",
        )
    codes = [places[value] if _is_known(value, places) else None for value in distinct]
    if distinct.is_empty():
        return pl.Series(series.name, [None] * len(series), dtype=pl.Int64)
    return series.replace_strict(
        distinct, pl.Series(codes, dtype=pl.Int64), default=None, return_dtype=pl.Int64
    )


def _is_known(value: object, places: Mapping[Category, int]) -> bool:
    # True is equal to 1 in Python, and is another category.
    return value in places and type(value) is type(next(iter(places)))


def _target(frame: pl.DataFrame, target: str, smoothing: float) -> pl.Series:
    where = f"fit_target_means, target {target!r}"
    if not 0 <= smoothing < math.inf:
        raise InputError(
            expected="a finite number of rows, 0 or more",
            got=repr(smoothing),
            where="smoothing",
            hint="10 is customary.",
        )
    if frame.schema[target] != pl.Boolean:
        frame = frame_of_numbers(frame, [target], "fit_target_means")
    values = frame.get_column(target).cast(pl.Float64)
    if values.is_empty() or not values.is_finite().fill_null(False).all():
        raise InputError(
            expected="a finite target in every row, and at least one row",
            got="no row" if values.is_empty() else "null, NaN or infinity",
            where=where,
            hint="Drop rows without a label first.",
        )
    return values


def _fitted(
    series: pl.Series, target: pl.Series, prior: float, smoothing: float
) -> tuple[tuple[Category, float], ...]:
    known = series.drop_nulls().unique().sort().to_list()
    codes = _codes(series, known, "refuse")
    there = codes.is_not_null()
    place = codes.filter(there).to_numpy()
    n = np.bincount(place, minlength=len(known))
    # Summed in the order of the rows, so that the same rows give the same bits.
    total = np.bincount(place, weights=target.filter(there).to_numpy(), minlength=len(known))
    means = (total + smoothing * prior) / (n + smoothing)
    return tuple(zip(known, means.tolist(), strict=True))
