"""The timetable: one row a scheduled flight. It is the spine: each row asks one question."""

from __future__ import annotations

from typing import Any

import polars as pl

import mainspring as ms

from .sources import Sources


def define(features: Any) -> Any:
    """The group `flights`. A flight's schedule is public long before the day, so no known time cuts off."""
    return features.group(
        "flights",
        version=1,
        keys=["flight_id"],
        event_time="sched_dep",
        schema={
            "flight_id": "string",
            "sched_dep": "datetime",
            "carrier": "string",
            # Of a small aircraft the register names its owner.
            "tailnum": ms.column(
                "string", personal="indirect", description="Of the aircraft; null if never set"
            ),
            "origin": "string",
            "dest": "string",
            "sched_minute": ms.column("int64", description="Minutes since local midnight"),
            "weekday": ms.column("int64", description="Local; 1 is Monday"),
            "flight_year": "int64",
        },
        description="Scheduled departures from EWR, JFK and LGA. `sched_dep` is the instant; `sched_minute` and "
        "`weekday` are what the local timetable prints.",
        owner="delays",
        tags=["flights"],
        jurisdiction="US",
        expectations=[
            ms.expect.unique(["flight_id"]),
            ms.expect.in_set("origin", ["EWR", "JFK", "LGA"]),
            ms.expect.not_null("carrier"),
            ms.expect.length("dest", 3),
            ms.expect.between("sched_minute", 0, 1439),
            ms.expect.in_set("weekday", [1, 2, 3, 4, 5, 6, 7]),
            ms.expect.not_null("tailnum", severity="warning"),
        ],
        # Every flight is asked about, also one that is odd.
        on_failure="alert",
    )


def rows(sources: Sources) -> pl.DataFrame:
    """One row a flight, cancelled ones included."""
    columns = ["flight_id", "sched_dep", "carrier", "tailnum", "origin", "dest", "sched_minute", "weekday"]
    return sources.flights.select(*columns, pl.col("local_day").dt.year().cast(pl.Int64).alias("flight_year"))
