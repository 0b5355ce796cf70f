"""How late departures at each origin have been running.

Easy to leak: the mean delay of the flights *scheduled* in the last two hours contains delays of flights that are
still at the gate. Here a flight counts from the moment it has left, and its row is known from the moment it was
computed. A cancelled flight never left and never counts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import numpy as np
import polars as pl

import mainspring as ms

from .sources import Sources

WINDOW: Final = timedelta(hours=2)
EVERY: Final = timedelta(minutes=30)


def define(features: Any) -> Any:
    """The group `traffic`: one row an origin and half-hour."""
    return features.group(
        "traffic",
        version=1,
        keys=["origin"],
        event_time="measured_at",
        known_time="known_at",
        online=True,
        # After two hours without a new row the figure describes nothing any more.
        ttl_s=WINDOW.total_seconds(),
        schema={
            "origin": "string",
            "measured_at": "datetime",
            "known_at": "datetime",
            "n_departures_2h": ms.column("int64", description="Flights that left in the two hours before"),
            "mean_delay_2h": ms.column("float64", description="Minutes; null where nobody left"),
        },
        description="Departure delays in minutes over the two hours before `measured_at`, of flights that had left.",
        owner="delays",
        tags=["flights"],
        jurisdiction="US",
        expectations=[
            ms.expect.unique(["origin", "measured_at"]),
            ms.expect.between("n_departures_2h", 0, 200),
            ms.expect.between("mean_delay_2h", -60, 1440),
            ms.expect.not_null("mean_delay_2h", row_condition="n_departures_2h > 0"),
        ],
        # These are our own sums: one that is wrong is a mistake of ours, and stops.
        on_failure="block",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row an origin and half-hour from the first departure of the year to the last.

    The window is (t - 2 h, t]. `mean_delay_2h` is null where nobody left in it.
    """
    left = sources.flights.filter(pl.col("departed_at").is_not_null()).sort("departed_at")
    if left.is_empty():
        return _of_origin("", left, pl.Series([], dtype=pl.Datetime("us", "UTC")))
    first = left["sched_dep"].dt.truncate("1d").min()
    last = left["sched_dep"].max()
    grid = pl.datetime_range(first, last, EVERY, time_unit="us", time_zone="UTC", eager=True)
    return pl.concat(
        _of_origin(origin, flights, grid) for (origin,), flights in left.group_by("origin")
    ).sort("measured_at", "origin")


def _of_origin(origin: object, left: pl.DataFrame, grid: pl.Series) -> pl.DataFrame:
    moments = left["departed_at"].dt.epoch("us").to_numpy()
    sums = np.concatenate([[0], np.cumsum(left["dep_delay"].to_numpy())])
    at = grid.dt.epoch("us").to_numpy()
    until = np.searchsorted(moments, at, side="right")
    since = np.searchsorted(moments, at - WINDOW // timedelta(microseconds=1), side="right")
    counts = until - since
    means = np.divide(sums[until] - sums[since], counts, out=np.full(len(at), np.nan), where=counts > 0)
    return pl.DataFrame(
        {
            "origin": pl.Series([origin] * len(grid), dtype=pl.String),
            "measured_at": grid,
            "known_at": grid,
            "n_departures_2h": counts.astype(np.int64),
            "mean_delay_2h": pl.Series(means).fill_nan(None),
        }
    )
