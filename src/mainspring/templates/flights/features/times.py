"""Local clock times as the timetable prints them, and the instants that they mean."""

from __future__ import annotations

import polars as pl

NEW_YORK = "America/New_York"


def instant(day: pl.Expr, hhmm: pl.Expr, zone: str = NEW_YORK) -> pl.Expr:
    """The UTC instant of a local clock time such as 1545 on a local calendar day.

    2400 is the midnight that ends the day. In the hour that autumn repeats, the first of the two is meant; a
    time that spring skips is null, and no flight of the year has one.

    Args:
        day: dates.
        hhmm: integers, hours times 100 plus minutes; null gives null.
        zone: the zone whose clocks show it.
    """
    wall = day.cast(pl.Datetime("us")) + pl.duration(minutes=minute_of_day(hhmm))
    local = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def minute_of_day(hhmm: pl.Expr) -> pl.Expr:
    """Minutes since local midnight of a clock time: 1545 is 945, 2400 is 1440."""
    return hhmm // 100 * 60 + hhmm % 100


def elapsed_minutes(departed_at: pl.Expr, arrival_hhmm: pl.Expr, zone: str) -> pl.Expr:
    """Minutes from a departure to the next moment at which the clocks of `zone` show `arrival_hhmm`.

    Good for any journey shorter than a day.
    """
    local = departed_at.dt.convert_time_zone(zone)
    minute = local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute().cast(pl.Int64)
    return (minute_of_day(arrival_hhmm) - minute) % 1440
