"""What became of each flight, known when it had landed."""

from __future__ import annotations

from typing import Any

import polars as pl

import mainspring as ms

from .sources import Sources

LATE_MINUTES = 15
"""A flight is late when it arrives more than this after the timetable: the US Department of Transportation
counts 15 minutes and more as late (14 CFR part 234); the files give whole minutes."""


def define(features: Any) -> Any:
    """The group `arrivals`: apart from the timetable, because it becomes known hours later."""
    return features.group(
        "arrivals",
        version=1,
        keys=["flight_id"],
        event_time="arrived_at",
        known_time="known_at",
        schema={
            "flight_id": "string",
            "arrived_at": "datetime",
            "known_at": "datetime",
            "arr_delay": ms.column("float64", description="Minutes after the timetable; below 0 is early"),
            "late": ms.column("bool", description=f"More than {LATE_MINUTES} minutes after the timetable"),
        },
        description="Arrivals. Flights that were cancelled or diverted have no row, hence no label.",
        owner="delays",
        tags=["flights", "label"],
        jurisdiction="US",
        expectations=[
            ms.expect.unique(["flight_id"]),
            ms.expect.not_null("late"),
            ms.expect.between("arr_delay", -120, 1440),
            ms.expect.not_null("arr_delay"),
        ],
        # Nothing is learnt from a label that cannot be; the flight is then one without.
        on_failure="quarantine",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row a flight with an arrival delay; 9,430 flights of the year have none.

    717 of those landed somewhere, diverted; their file has an arrival time but no delay, and no label here.
    """
    landed = sources.flights.filter(pl.col("arr_delay").is_not_null())
    return landed.select(
        "flight_id",
        "arrived_at",
        pl.col("arrived_at").alias("known_at"),
        "arr_delay",
        (pl.col("arr_delay") > LATE_MINUTES).alias("late"),
    )
