"""Times that come as text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.features.iso8601 import parse_date, parse_datetime
from mainspring.types import utc

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=OFFSETS | st.none()))
def test_what_is_written_is_read_as_the_same_instant(moment: datetime) -> None:
    """With any offset, or with none for UTC."""
    assert parse_datetime(moment.isoformat()) == utc(moment)
    assert parse_datetime(moment.isoformat(" ")).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "2013-06-24", "yesterday", "2013-06-24T15:40:00.1234567Z", "1372088400"]
)
def test_no_instant_is_guessed(text: str) -> None:
    """A day alone, words, numbers and nanoseconds are refused."""
    with pytest.raises(ValueError, match="whole microseconds"):
        parse_datetime(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_beyond_the_years_of_utc_is_refused(text: str) -> None:
    """Where it was written it has a year, in UTC it has none."""
    with pytest.raises(ValueError, match="1 to 9999"):
        parse_datetime(text)


def test_an_hour_that_no_day_has_is_refused() -> None:
    """The form is right, the time is not."""
    with pytest.raises(ValueError, match="hour"):
        parse_datetime("2013-06-24T25:00:00Z")


def test_dates_are_dates() -> None:
    """A date is one day, and an instant is none."""
    assert parse_date("2013-06-24") == date(2013, 6, 24)
    with pytest.raises(ValueError, match="2013"):
        parse_date("2013-06-24T00:00:00Z")
