"""From features to the estimator's numbers: one meaning for a frame of rows and for a single row.

A number is passed on as a double; a category becomes the position of its name in the signature. A null, a NaN
and a category that training did not see all become NaN, and what to do with it is the estimator's business.
Wrong types and infinities are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mainspring.errors import InputError, UnknownNameError
from mainspring.features import transform
from mainspring.models.spec import Column, ColumnKind, Signature

Matrix = NDArray[np.float64]
Row = list[float]

MAX_CATEGORIES: Final = 254
"""The most categories a feature keeps by default: scikit-learn's histogram trees take 255 with the missing."""

_NAN: Final = math.nan
_INFINITE: Final = (math.inf, -math.inf)
_NUMBERS: Final = frozenset({float, int, bool})


def as_frame(rows: object, where: str) -> pl.DataFrame:
    """Rows as a Polars frame: Polars itself, or anything with the Arrow C stream (pandas, Arrow, DuckDB).

    Raises:
        InputError: it is no table.
    """
    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, pl.LazyFrame):
        return rows.collect()
    if hasattr(rows, "__arrow_c_stream__"):
        return pl.DataFrame(rows)
    raise InputError(
        expected="a table: a Polars frame, or one with the Arrow C stream (pandas, Arrow, DuckDB)",
        got=type(rows).__name__,
        where=where,
        hint="Wrap the rows in polars.DataFrame(...).",
    )


def learn_columns(
    frame: pl.DataFrame, features: Sequence[str], categorical: Sequence[str], max_categories: int
) -> tuple[Column, ...]:
    """The columns of a signature, categories learnt from the training rows.

    Of a feature with more than `max_categories` the most frequent stay (the first by name among equals); the
    others are treated as unseen.

    Raises:
        UnknownNameError: a feature is not a column.
        InputError: a feature's type is neither number, boolean nor (for a categorical one) text.
    """
    return tuple(_learn(_column(frame, name), name in set(categorical), max_categories) for name in features)


def encode(frame: pl.DataFrame, signature: Signature) -> Matrix:
    """The estimator's matrix (rows, columns), doubles, row-major.

    Args:
        frame: the features, untransformed.

    Raises:
        UnknownNameError: a feature is missing from the frame.
        InputError: a feature has another type than in training, or holds an infinity.
    """
    if signature.transformations is not None:
        frame = transform.apply(signature.transformations, frame)
    encoded = np.empty((frame.height, len(signature.columns)), dtype=np.float64)
    for position, column in enumerate(signature.columns):
        encoded[:, position] = _encode_series(_column(frame, column.name), column)
    return encoded


def row_encoder(signature: Signature) -> Callable[[Mapping[str, Any]], Row]:
    """A function from the values of one row, by feature name, to the estimator's numbers.

    It gives exactly what `encode` gives for the same row, without a frame.
    """
    plan = tuple(
        (column.name, None if column.categories is None else _codes(column), _category_type(column))
        for column in signature.columns
    )

    def encode_row(values: Mapping[str, Any]) -> Row:
        encoded: Row = []
        for name, codes, category_type in plan:
            try:
                given = values[name]
            except KeyError:
                raise UnknownNameError.of("feature", name, values, where="predict_row") from None
            if given is None:
                encoded.append(_NAN)
            elif codes is not None:
                if type(given) is not category_type:
                    given = _plain_category(given, name, category_type)
                encoded.append(codes.get(given, _NAN))
            else:
                number = float(given) if type(given) in _NUMBERS else _plain_number(given, name)
                if number in _INFINITE:
                    raise _infinite(name, "predict_row")
                encoded.append(number)
        return encoded

    if signature.transformations is None:
        return encode_row
    transformed = transform.row_function(signature.transformations)
    return lambda values: encode_row(transformed(values))


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise UnknownNameError.of("column", name, frame.columns, where="features of a model")
    return frame.get_column(name)


def _learn(series: pl.Series, categorical: bool, max_categories: int) -> Column:
    if not categorical:
        _check_number(series)
        return Column(name=series.name, kind=ColumnKind.NUMBER, dtype=str(series.dtype))
    plain = _categories(series)
    counts = plain.drop_nulls().value_counts(name="_count")
    kept = counts.sort("_count", series.name, descending=[True, False]).head(max_categories)
    categories = tuple(kept.get_column(series.name).sort().to_list())
    return Column(name=series.name, kind=ColumnKind.CATEGORY, dtype=str(series.dtype), categories=categories)


def _encode_series(series: pl.Series, column: Column) -> Matrix:
    if series.dtype == pl.Null:
        return np.full(len(series), _NAN)
    if column.categories is None:
        _check_number(series)
        numbers = series.cast(pl.Float64).fill_null(_NAN).to_numpy()
        if np.isinf(numbers).any():
            raise _infinite(series.name, "a frame of features")
        return numbers
    plain = _categories(series)
    if not column.categories:
        return np.full(len(series), _NAN)
    known = pl.Series(list(column.categories))
    if (plain.dtype == pl.String) != (known.dtype == pl.String) or (
        (plain.dtype == pl.Boolean) != (known.dtype == pl.Boolean)
    ):
        raise _wrong_type(series, f"categories of type {known.dtype} as in training")
    codes = pl.Series(range(len(known)), dtype=pl.Float64)
    return (
        plain.replace_strict(known, codes, default=None, return_dtype=pl.Float64).fill_null(_NAN).to_numpy()
    )


def _check_number(series: pl.Series) -> None:
    if not (series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)):
        raise _wrong_type(series, "a number or boolean")


def _categories(series: pl.Series) -> pl.Series:
    """Text, whole numbers or booleans; Polars' own category types become text."""
    if series.dtype in (pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    if series.dtype.is_integer():
        return series.cast(pl.Int64)
    if series.dtype in (pl.String, pl.Boolean):
        return series
    if series.dtype == pl.Null:
        return series.cast(pl.String)
    raise _wrong_type(series, "text, whole numbers or booleans in a categorical feature")


def _codes(column: Column) -> dict[Any, float]:
    return {category: float(code) for code, category in enumerate(column.categories or ())}


def _category_type(column: Column) -> type:
    return type(column.categories[0]) if column.categories else str


def _plain_category(given: object, name: str, wanted: type) -> object:
    if isinstance(given, np.generic):
        given = given.item()
    if type(given) is wanted:
        return given
    raise InputError(
        expected=f"a category of type {wanted.__name__} or None",
        got=f"{given!r} ({type(given).__name__})",
        where=f"feature {name!r}",
        hint="Send the type that the feature had in training.",
    )


def _plain_number(given: object, name: str) -> float:
    if isinstance(given, int | float | np.number | np.bool_):
        return float(given)
    raise InputError(
        expected="a number, a boolean or None",
        got=f"{given!r} ({type(given).__name__})",
        where=f"feature {name!r}",
        hint="Send the type that the feature had in training; list text features as categorical.",
    )


def _wrong_type(series: pl.Series, expected: str) -> InputError:
    return InputError(
        expected=expected,
        got=str(series.dtype),
        where=f"feature {series.name!r}",
        hint="Cast the column, or list it as categorical when the model is made.",
    )


def _infinite(name: str, where: str) -> InputError:
    return InputError(
        expected="finite numbers or nulls",
        got="an infinity",
        where=f"{where}, feature {name!r}",
        hint="An infinity mostly comes from a division by zero; make it a null where it is computed.",
    )
