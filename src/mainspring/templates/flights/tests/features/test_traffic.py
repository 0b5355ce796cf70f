"""How late departures have been running, and what of it is known when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from features import sources, traffic

from mainspring.testing import check_feature_function

NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FLIGHTS = pl.DataFrame(
    {
        "flight_id": ["prompt", "hours late", "cancelled", "next day"],
        "origin": ["JFK"] * 4,
        "sched_dep": [NOON, NOON, NOON, NOON + timedelta(days=1)],
        "departed_at": [NOON + 10 * MINUTE, NOON + 200 * MINUTE, None, NOON + timedelta(days=1)],
        "dep_delay": [10.0, 200.0, None, 0.0],
    }
)


def _rows(flights: pl.DataFrame) -> pl.DataFrame:
    nothing: Any = dict.fromkeys(sources.Sources.__dataclass_fields__)
    return traffic.rows(replace(sources.Sources(**nothing), flights=flights))


def _at(minutes: int) -> tuple[int, float | None]:
    found = _rows(FLIGHTS).filter(pl.col("measured_at") == NOON + minutes * MINUTE)
    return found.select("n_departures_2h", "mean_delay_2h").row(0)


def test_a_flight_counts_from_the_moment_it_has_left() -> None:
    """Not from its schedule: the delay of one that is still at the gate is nobody's knowledge."""
    assert _at(0) == (0, None)
    assert _at(30) == (1, 10.0)
    assert _at(210) == (1, 200.0)


def test_the_window_is_two_hours() -> None:
    """Open at its beginning."""
    assert (_at(120), _at(150)) == ((1, 10.0), (0, None))


def test_the_order_of_the_file_is_nobodys_business() -> None:
    """The same twice and in any order; a flight without departure counts nowhere."""
    left = FLIGHTS.drop_nulls("departed_at")
    check_feature_function(_rows, left, keys=["origin", "measured_at"], nullable=[])
    assert _rows(FLIGHTS).equals(_rows(left))
