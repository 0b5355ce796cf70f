"""How one column of a frame is counted: numbers by sorting them once, texts by grouping them once."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mainspring.checks.column import ColumnKind, ColumnProfile, Extent
from mainspring.checks.distinct import Registers, of_numbers, of_texts, packed
from mainspring.checks.moments import Moments
from mainspring.checks.quantiles import Counts, Keys, doubles, keys, of_sorted
from mainspring.checks.top import TopValues, cut_of, listed

DAY_US: Final = 86_400_000_000
LARGEST_WHOLE: Final = 2**53
"""Up to here a double holds every whole number."""


def kind_of(dtype: pl.DataType) -> ColumnKind:
    """How a column of that polars type is summarised."""
    if dtype.is_numeric():
        return ColumnKind.NUMERIC
    if dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        return ColumnKind.CATEGORY
    if dtype in (pl.List, pl.Array):
        return ColumnKind.LIST
    return ColumnKind.TIME if dtype in (pl.Datetime, pl.Date) else ColumnKind.OTHER


def counted(blank: ColumnProfile, values: pl.Series, *, on_bins: bool) -> ColumnProfile:
    """The column's counts.

    Args:
        blank: name, kind, type and whether it is private.
        values: (n,)
        on_bins: whether to count on the blank's own bins, too; otherwise `relaid` lays them.
    """
    found = blank.model_copy(update={"n_rows": len(values), "n_null": values.null_count()})
    # A column of nulls may have lost its type on the way.
    typeless = kind_of(values.dtype) is not blank.kind
    if blank.kind is ColumnKind.NUMERIC:
        return _numeric(found, values.cast(pl.Float64) if typeless else values, on_bins=on_bins)
    if blank.kind is ColumnKind.CATEGORY:
        return _category(found, values.cast(pl.String) if typeless else values, on_bins=on_bins)
    if blank.kind is ColumnKind.TIME:
        return _time(found, values.cast(pl.Datetime("us")) if typeless else values)
    if blank.kind is ColumnKind.LIST:
        return _list(found, values.cast(pl.List(pl.Float64)) if typeless else values)
    return found


def _numeric(blank: ColumnProfile, values: pl.Series, *, on_bins: bool) -> ColumnProfile:
    given = _present(values).cast(pl.Float64).to_numpy()
    is_finite = np.isfinite(given)
    is_whole = bool(is_finite.all())
    finite, rest = (given, given[:0]) if is_whole else (given[is_finite], given[~is_finite])
    changes: dict[str, Any] = {
        "n_nan": int(np.isnan(rest).sum()),
        "n_low_infinite": int((rest == -math.inf).sum()),
        "n_high_infinite": int((rest == math.inf).sum()),
    }
    numbers, counts = _sorted(finite)
    different = doubles(numbers)
    if on_bins:
        up_to = np.searchsorted(different, blank.edges, side="right")
        if counts is not None:
            up_to = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])[up_to]
        changes["counts"] = tuple(np.diff([0, *up_to.tolist(), len(finite)]).tolist())
    low, high = (values.min(), values.max()) if values.dtype.is_integer() else (None, None)
    inexact = isinstance(low, int) and isinstance(high, int) and max(-low, high) > LARGEST_WHOLE
    changes["inexact"] = inexact
    if blank.private:
        return blank.model_copy(update=changes) if inexact else _private(blank, changes, of_numbers(numbers))
    quantiles = of_sorted(numbers, counts)
    changes |= {
        "minimum": low if inexact else float(different[0]) if len(different) else None,
        "maximum": high if inexact else float(different[-1]) if len(different) else None,
        "moments": Moments.of(different, counts),
        "quantiles": quantiles,
    }
    if not quantiles.is_exact and not inexact:
        changes["top"] = _frequent_numbers(different, counts)
        changes["registers"] = packed(of_numbers(numbers))
    return blank.model_copy(update=changes)


def _present(values: pl.Series) -> pl.Series:
    # To ask for the others is a query of its own.
    return values.drop_nulls() if values.null_count() else values


def _sorted(values: NDArray[np.float64]) -> tuple[Keys, Counts | None]:
    """The different values as keys, ascending, and how often each occurs; None = once."""
    numbers = keys(values)
    numbers.sort()
    differs = numbers[1:] != numbers[:-1]
    if differs.all():
        return numbers, None
    first = np.concatenate([[0], np.flatnonzero(differs) + 1])
    return numbers[first], np.diff(np.append(first, len(numbers)))


def _frequent_numbers(different: NDArray[np.float64], counts: Counts | None) -> TopValues:
    if counts is None:
        return TopValues(unlisted=1)
    cut = cut_of(counts)
    above = counts > cut
    return listed(different[above].tolist(), counts[above].tolist(), cut)


def _category(blank: ColumnProfile, values: pl.Series, *, on_bins: bool) -> ColumnProfile:
    found = _present(values).alias("value").value_counts(name="n")
    texts = found["value"].cast(pl.String)
    counts = found["n"].to_numpy().astype(np.int64)
    changes: dict[str, Any] = {"n_unlisted": len(values) - values.null_count()}
    if on_bins:
        rows = dict(zip(*_these(texts, counts, texts.is_in(list(blank.levels))), strict=True))
        changes["counts"] = tuple(rows.get(level, 0) for level in blank.levels)
        changes["n_unlisted"] -= sum(changes["counts"])
    if values.dtype in (pl.String, pl.Categorical, pl.Enum):
        changes["lengths"] = _extent(texts.str.len_chars().to_numpy().astype(np.float64), counts)
    if blank.private:
        return _private(blank, changes, of_texts(texts))
    cut = cut_of(counts)
    changes["top"] = listed(*_these(texts, counts, pl.Series(counts > cut)), cut)
    if cut:
        changes["registers"] = packed(of_texts(texts))
    return blank.model_copy(update=changes)


def _these(texts: pl.Series, counts: Counts, which: pl.Series) -> tuple[list[str], list[int]]:
    return texts.filter(which).to_list(), counts[which.to_numpy()].tolist()


def _time(blank: ColumnProfile, values: pl.Series) -> ColumnProfile:
    given = _present(values)
    if values.dtype == pl.Date:
        instants = given.to_physical().to_numpy().astype(np.float64) * DAY_US
    else:
        instants = given.dt.cast_time_unit("us").to_physical().to_numpy().astype(np.float64)
    numbers, counts = _sorted(instants)
    if blank.private:
        return _private(blank, {}, of_numbers(numbers))
    quantiles = of_sorted(numbers, counts)
    changes: dict[str, Any] = {
        "minimum": _text(given.min()),
        "maximum": _text(given.max()),
        "quantiles": quantiles,
    }
    if not quantiles.is_exact:
        changes["registers"] = packed(of_numbers(numbers))
    return blank.model_copy(update=changes)


def _list(blank: ColumnProfile, values: pl.Series) -> ColumnProfile:
    given = _present(values)
    given = given.arr.to_list() if given.dtype == pl.Array else given
    lengths = given.list.len().to_numpy().astype(np.float64)
    changes: dict[str, Any] = {"lengths": _extent(lengths)}
    inner = given.dtype.inner  # type: ignore[attr-defined]
    if inner.is_numeric():
        numbers = given.cast(pl.List(pl.Float64))
        # Exploding an empty list would give a null of its own.
        items = numbers.filter(pl.Series(lengths > 0)).explode()
        changes["n_missing_items"] = items.null_count() + int(items.is_nan().sum() or 0)
        squares = pl.element() * pl.element()
        whole = numbers.filter(~numbers.list.eval(pl.element().is_null()).list.any())
        norms = whole.list.eval(squares).list.sum().sqrt().to_numpy()
        changes["norms"] = _extent(norms[np.isfinite(norms)])
    return blank.model_copy(update=changes)


def _private(blank: ColumnProfile, changes: dict[str, Any], registers: Registers) -> ColumnProfile:
    return blank.model_copy(update=changes | {"registers": packed(registers)})


def _extent(sizes: NDArray[np.float64], counts: Counts | None = None) -> Extent:
    if not len(sizes):
        return Extent(moments=Moments.of(sizes))
    return Extent(minimum=float(sizes.min()), maximum=float(sizes.max()), moments=Moments.of(sizes, counts))


def _text(value: object) -> str | None:
    return value.isoformat() if isinstance(value, date | datetime) else None
