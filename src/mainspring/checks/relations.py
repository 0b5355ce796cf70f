"""What a profile of single columns cannot say: how columns go together, and where in time values are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mainspring.errors import InputError

MIN_PAIRS: Final = 3
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def correlations(frame: pl.DataFrame, columns: Sequence[str]) -> NDArray[np.float64]:
    """Pearson's correlation of every pair of numeric columns, over the rows that have both: (k, k), in [-1, 1].

    nan where fewer than three rows have both, or one of them does not vary there.

    Args:
        columns: k numeric ones; null, NaN and infinities count as missing.
    """
    values = frame.select(pl.col(list(columns)).cast(pl.Float64)).to_numpy().astype(np.float64)
    there = np.isfinite(values)
    values = np.where(there, values, 0.0)
    n = there.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # Of numbers near 0 and 1 the squares below neither cancel nor overflow.
        values -= np.where(there, values.sum(axis=0) / n.sum(axis=0), 0.0)
        values /= np.where(
            np.abs(values).max(axis=0, initial=0.0) > 0, np.abs(values).max(axis=0, initial=0.0), 1.0
        )
        pairs, sums, squares = n.T @ n, values.T @ n, (values * values).T @ n
        covariance = values.T @ values - sums * sums.T / pairs
        variance = squares - sums * sums / pairs
        floor = 1e-12 * np.maximum(squares, 1e-300)
        spread = np.where(variance > floor, variance, np.nan)
        found = covariance / np.sqrt(spread * spread.T)
    found[pairs < MIN_PAIRS] = np.nan
    clipped: NDArray[np.float64] = np.clip(found, -1.0, 1.0)
    return clipped


@dataclass(frozen=True)
class MissingOverTime:
    """Shares of missing values in equal stretches of time.

    Attributes:
        starts: when each stretch begins (t,), UTC.
        n_rows: rows in each (t,).
        shares: column → missing share in each (t,); nan where a stretch has no rows.
    """

    starts: tuple[datetime, ...]
    n_rows: NDArray[np.int64]
    shares: dict[str, NDArray[np.float64]]


def missing_over_time(
    frame: pl.DataFrame, time: str, columns: Sequence[str], *, n_stretches: int = 40
) -> MissingOverTime:
    """Where in time values are null or NaN.

    Args:
        time: a column of times; rows without one are left out.
        columns: of which to look.
        n_stretches: into how many equal parts the span of the times is cut; 1 or more.

    Raises:
        InputError: `time` is no column of times.
    """
    if not isinstance(frame.schema[time], pl.Datetime):
        raise InputError(
            expected="a column of times",
            got=f"type {frame.schema[time]}",
            where=f"missing_over_time, column {time!r}",
            hint="Parse it first.",
        )
    rows = frame.filter(pl.col(time).is_not_null())
    instants = rows[time].dt.timestamp("us").to_numpy()
    if not len(instants):
        return MissingOverTime((), np.zeros(0, np.int64), {name: np.zeros(0) for name in columns})
    first, last = int(instants.min()), int(instants.max())
    width = max(1, -(-(last - first + 1) // n_stretches))
    at = (instants - first) // width
    n_used = int(at.max()) + 1
    n_rows = np.bincount(at, minlength=n_used)
    shares = {}
    for name in columns:
        values = rows[name]
        gone = values.is_null() | values.is_nan() if values.dtype.is_float() else values.is_null()
        n_gone = np.bincount(at[gone.fill_null(value=True).to_numpy()], minlength=n_used)
        shares[name] = np.divide(n_gone, n_rows, out=np.full(n_used, np.nan), where=n_rows > 0)
    starts = tuple(_EPOCH + timedelta(microseconds=first + index * width) for index in range(n_used))
    return MissingOverTime(starts, n_rows, shares)
