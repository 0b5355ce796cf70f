"""Hourly weather at the three origins.

The files stamp a reading with the hour in which it was taken. Airport stations report late in the hour (at
minute 51 to 56) and the precipitation counts the hour up to the report, so a row stamped 14:00 was certainly
known at 15:00 and certainly not at 14:00. `reported_at` is therefore the end of the hour. Joining by the stamp
alone would let a flight at 14:05 see 45 minutes of rain that had not fallen yet.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

import mainspring as ms

from .sources import Sources

COLUMNS: Final = [
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
]

CORRECTED_HOUR: Final = datetime(2013, 5, 22, 14, tzinfo=UTC)
"""JFK reported no wind speed for this hour. Half an hour later the hour is sent again, whole."""

CORRECTION_KNOWN_AT: Final = CORRECTED_HOUR + timedelta(hours=1, minutes=30)


def define(features: Any) -> Any:
    """The group `weather`, one row an origin and hour."""
    return features.group(
        "weather",
        version=1,
        keys=["origin"],
        event_time="observed_at",
        known_time="reported_at",
        online=True,
        description="Temperature and dew point in °F, wind in mph, precipitation in inches, pressure in mbar, "
        "visibility in miles.",
        expectations=[
            ms.expect.unique(["origin", "observed_at"]),
            ms.expect.not_null("wind_speed", severity="warning"),
            ms.expect.not_null("pressure", severity="warning"),
            # The strongest wind ever measured near the ground is 253 mph (Barrow Island, 1996; WMO archive).
            ms.expect.between("wind_speed", 0, 253, severity="warning"),
            ms.expect.between("temp", -40, 130, severity="warning"),
            ms.expect.between("visib", 0, 10),
        ],
        on_failure="alert",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row an origin and hour, known at the end of the hour."""
    return sources.weather.select(
        "origin",
        "observed_at",
        (pl.col("observed_at") + pl.duration(hours=1)).alias("reported_at"),
        pl.col(COLUMNS).cast(pl.Float64),
    )


def correction(sources: Sources) -> pl.DataFrame:
    """The corrected hour, sent again for all three origins with the missing wind speed filled in.

    What the station would have said is not in the files: the mean of the hour before and the hour after stands
    for it. This is the one value in the project that was made up.
    """
    hour = timedelta(hours=1)
    around = rows(sources).filter(
        pl.col("observed_at").is_between(CORRECTED_HOUR - hour, CORRECTED_HOUR + hour)
    )
    means = around.group_by("origin").agg(pl.col("wind_speed").mean().alias("wind_mean"))
    return (
        around.filter(pl.col("observed_at") == CORRECTED_HOUR)
        .join(means, on="origin", how="left", maintain_order="left")
        .with_columns(
            pl.col("wind_speed").fill_null(pl.col("wind_mean")),
            reported_at=pl.lit(CORRECTION_KNOWN_AT).cast(pl.Datetime("us", "UTC")),
        )
        .drop("wind_mean")
    )
