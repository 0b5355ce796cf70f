"""The features of this project, on a handful of rows."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
from features import times, view


def test_a_flight_from_new_york_to_los_angeles_is_3974_km() -> None:
    """JFK to LAX, as the great circle goes."""
    km = view.distance_km(
        np.array([40.6398]), np.array([-73.7789]), np.array([33.9425]), np.array([-118.4081])
    )
    assert abs(km[0] - 3974) < 5


def test_an_unknown_place_has_no_distance() -> None:
    """A destination that is not in the airport file."""
    assert np.isnan(
        view.distance_km(np.array([40.6]), np.array([-73.8]), np.array([np.nan]), np.array([np.nan]))
    )[0]


def test_summer_time_is_an_hour_closer_to_utc() -> None:
    """The same clock time in January and in July."""
    frame = pl.DataFrame({"day": [date(2013, 1, 7), date(2013, 7, 7)], "hhmm": [900, 900]})
    found = frame.select(at=times.instant(pl.col("day"), pl.col("hhmm")))["at"].to_list()
    assert found == [datetime(2013, 1, 7, 14, tzinfo=UTC), datetime(2013, 7, 7, 13, tzinfo=UTC)]


def test_an_arrival_after_midnight_is_later_than_the_departure() -> None:
    """Left at 23:30 in New York, landed at 01:10 in Chicago: two hours and forty minutes."""
    frame = pl.DataFrame({"left": [datetime(2013, 7, 8, 3, 30, tzinfo=UTC)], "arrival": [110]})
    minutes = frame.select(times.elapsed_minutes(pl.col("left"), pl.col("arrival"), "America/Chicago")).item()
    assert minutes == 160
