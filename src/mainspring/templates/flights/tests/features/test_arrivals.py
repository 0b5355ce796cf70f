"""What a flight's arrival says, and when it is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
from features import arrivals, sources

from mainspring.testing import assert_frames_equal, check_feature_function

LANDED = datetime(2013, 6, 1, 14, tzinfo=UTC)
FLIGHTS = pl.DataFrame(
    {
        "flight_id": ["on time", "late", "cancelled"],
        "arrived_at": [LANDED, LANDED, None],
        "arr_delay": [15.0, 16.0, None],
    }
)


def _rows(flights: pl.DataFrame) -> pl.DataFrame:
    nothing: Any = dict.fromkeys(sources.Sources.__dataclass_fields__)
    return arrivals.rows(replace(sources.Sources(**nothing), flights=flights))


def test_late_is_more_than_fifteen_minutes() -> None:
    """A flight that never arrived has no row, hence no label; an arrival is known when it happens."""
    expected = pl.DataFrame(
        {
            "flight_id": ["on time", "late"],
            "arrived_at": [LANDED, LANDED],
            "known_at": [LANDED, LANDED],
            "arr_delay": [15.0, 16.0],
            "late": [False, True],
        }
    )
    assert_frames_equal(_rows(FLIGHTS), expected, keys=["flight_id"])


def test_each_flight_speaks_for_itself() -> None:
    """In any order, alone, or not at all."""
    check_feature_function(_rows, FLIGHTS, keys=["flight_id"], by_row=True)
