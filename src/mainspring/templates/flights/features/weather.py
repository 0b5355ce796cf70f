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

COLUMNS: Final = {
    "temp": "Temperature, °F",
    "dewp": "Dew point, °F",
    "humid": "Relative humidity, %",
    "wind_dir": "Where the wind comes from, degrees",
    "wind_speed": "Mean wind, mph",
    "wind_gust": "Strongest gust, mph; null where there was none",
    "precip": "Precipitation of the hour, inches",
    "pressure": "Pressure at sea level, mbar",
    "visib": "Visibility, miles; instruments report up to ten",
}
"""What is measured, and in which unit."""

CORRECTED_HOUR: Final = datetime(2013, 5, 22, 14, tzinfo=UTC)
"""JFK reported no wind speed for this hour. Half an hour later the hour is sent again, whole."""

CORRECTION_KNOWN_AT: Final = CORRECTED_HOUR + timedelta(hours=1, minutes=30)

REPORT: Final = "report"
"""The column that names each report of the feed: the same when it is sent again."""


def define(features: Any) -> Any:
    """The group `weather`, one row an origin and hour."""
    return features.group(
        "weather",
        version=1,
        keys=["origin"],
        event_time="observed_at",
        known_time="reported_at",
        online=True,
        schema={
            "origin": "string",
            "observed_at": ms.column("datetime", description="The start of the hour"),
            "reported_at": ms.column("datetime", description="The end of the hour; later for a correction"),
            **{name: ms.column("float64", description=text) for name, text in COLUMNS.items()},
        },
        description="Hourly reports of the stations at EWR, JFK and LGA.",
        owner="weather desk",
        tags=["weather", "feed"],
        jurisdiction="US",
        expectations=[
            ms.expect.unique(["origin", "observed_at"]),
            ms.expect.pair_greater("reported_at", "observed_at"),
            ms.expect.not_null("wind_speed", severity="warning"),
            ms.expect.not_null("pressure", severity="warning"),
            # The strongest wind ever measured near the ground is 253 mph (Barrow Island, 1996; WMO archive).
            ms.expect.between("wind_speed", 0, 253),
            ms.expect.between("wind_dir", 0, 360),
            ms.expect.between("humid", 0, 100),
            ms.expect.between("temp", -40, 130),
            ms.expect.between("visib", 0, 10),
            ms.expect.pair_greater(
                "wind_gust", "wind_speed", or_equal=True, ignore_row_if="either_value_is_missing"
            ),
        ],
        # An hour that cannot have been is kept apart with its reasons; the hour before answers in its place.
        on_failure="quarantine",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row an origin and hour, known at the end of the hour."""
    return sources.weather.select(
        "origin",
        "observed_at",
        (pl.col("observed_at") + pl.duration(hours=1)).alias("reported_at"),
        pl.col(*COLUMNS).cast(pl.Float64),
    )


def correction(sources: Sources) -> pl.DataFrame:
    """The corrected hour as events of the feed: all three origins, with the missing wind speed filled in.

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
            pl.format("{} {} again", "origin", "observed_at").alias(REPORT),
            reported_at=pl.lit(CORRECTION_KNOWN_AT).cast(pl.Datetime("us", "UTC")),
        )
        .drop("wind_mean")
    )
