"""Times that come as text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.features.conftest import at

from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.iso8601 import instant, parse_date, parse_datetime
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


def test_a_moment_is_not_cut_to_microseconds() -> None:
    """A seventh digit is refused, as of a cell, unless it says nothing."""
    for text in ("2024-01-01T00:00:00.1234567", "2024-01-01 00:00:00,0000001Z"):
        with pytest.raises(InputError, match="whole microseconds"):
            instant(text, "as_of")
    whole = datetime(2024, 1, 1, microsecond=123456, tzinfo=UTC)
    assert instant("2024-01-01T00:00:00.123456000", "as_of") == whole
    assert instant("2024-01-01", "as_of") == datetime(2024, 1, 1, tzinfo=UTC)


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


@pytest.mark.once
def test_every_door_takes_times_as_text(features: Features) -> None:
    """Reads, joins, datasets, the online store and its reader, as datetimes and dates."""
    group = features.group("g", keys=["k"], event_time="t", online=True)
    group.insert(pl.DataFrame({"k": [1], "t": [at(0)], "x": [1.0]}))
    labels = features.group("l", keys=["k"], event_time="t")
    labels.insert(pl.DataFrame({"k": [1], "t": [at(0)], "y": [1]}))
    day = "2013-01-02"
    assert group.materialize(day) == 1
    assert features.materialize("2013-01-02T00:00:00+00:00") == 0
    for moment in (day, date(2013, 1, 2), datetime(2013, 1, 2)):
        assert group.read(moment).number == group.profile(moment).columns[0].n_rows == 1
        assert group.read("2012-12-31").number == 0
        assert group.changes("2012-12-31", moment).frame.height == 1
    view = features.view("v", features=[group["x"]], label=labels["y"], spine_time="s")
    spine = pl.DataFrame({"k": [1], "s": [at(1)]})
    assert view.join(spine, as_of=day).as_of == at(24)
    assert view.training_dataset(spine, as_of=day)["train"].height == 1
    assert view.online().read({"k": 1}, {}, day).values == {"x": 1.0}
    assert view.online().many([{"k": 1}], {}, day).values == {"x": [1.0]}


@pytest.mark.once
def test_what_is_no_time_is_refused_at_every_door(features: Features) -> None:
    group = features.group(
        "g", keys=["k"], event_time="t", online=True, schema={"k": int, "t": datetime, "x": int}
    )
    view = features.view("v", features=[group["x"]], spine_time="s")
    spine = pl.DataFrame({"k": [1], "s": [at(1)]})
    doors: list[Callable[[Any], object]] = [
        group.materialize,
        features.materialize,
        group.read,
        lambda given: group.changes(0, given),
        lambda given: view.join(spine, as_of=given),
        lambda given: view.online().read({"k": 1}, {}, given),
    ]
    for door in doors:
        for given_ in ("yesterday", 1.5, "0001-01-01T00:00:00+05:00"):
            with pytest.raises(InputError, match="a time such as"):
                door(given_)
