"""The flights template: its rows say what the files say, and know nothing before its time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

from mainspring.workflows.demo.world import load_code
from mainspring.workflows.init import init_project


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project made from the template."""
    made = tmp_path_factory.mktemp("template") / "flights"
    init_project(made, template="flights")
    return made


@pytest.fixture(scope="module")
def features(folder: Path) -> Iterator[ModuleType]:
    """The project's own feature code."""
    path = list(sys.path)
    yield load_code(folder, "features")
    sys.path[:] = path


@pytest.fixture(scope="module")
def sources(features: ModuleType) -> Any:
    """The year's files."""
    return features.sources.read()


def _utc(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hhmm", "instant"),
    [
        (date(2013, 1, 1), 515, _utc(2013, 1, 1, 10, 15)),
        (date(2013, 7, 1), 515, _utc(2013, 7, 1, 9, 15)),
        (date(2013, 7, 1), 2400, _utc(2013, 7, 2, 4, 0)),
        (date(2013, 11, 3), 130, _utc(2013, 11, 3, 5, 30)),
    ],
)
def test_local_clock_times_become_instants(
    features: ModuleType, day: date, hhmm: int, instant: datetime
) -> None:
    """Winter, summer, the midnight that ends a day, and the first of the hours that autumn repeats."""
    frame = pl.DataFrame({"day": [day], "hhmm": [hhmm]})
    assert frame.select(features.times.instant(pl.col("day"), pl.col("hhmm"))).item() == instant


def test_a_time_that_spring_skips_is_null(features: ModuleType) -> None:
    """There was no half past two on 10 March."""
    frame = pl.DataFrame({"day": [date(2013, 3, 10)], "hhmm": [230]})
    assert frame.select(features.times.instant(pl.col("day"), pl.col("hhmm"))).item() is None


def test_every_flight_has_an_id_of_its_own(sources: Any) -> None:
    """336,776 flights, 8,255 of which never left."""
    assert sources.flights.height == sources.flights["flight_id"].n_unique() == 336_776
    assert sources.flights["departed_at"].null_count() == 8_255


def test_arrivals_agree_with_the_delays_in_the_file(features: ModuleType, sources: Any) -> None:
    """Departure and arrival found through time zones differ by what the file's clock times and delays say."""
    landed = sources.flights.filter(pl.col("arr_delay").is_not_null())
    minutes = (landed["arrived_at"] - landed["departed_at"]).dt.total_minutes()
    assert minutes.min() > 20 and minutes.max() < 1440
    rows = features.arrivals.rows(sources)
    assert rows.height == 327_346
    assert (rows["late"] == (rows["arr_delay"] > 15)).all()
    assert (rows["known_at"] > landed["departed_at"]).all()


def test_an_arrival_in_a_zone_without_summer_time(sources: Any) -> None:
    """Hawaii and Puerto Rico keep one time all year: durations there do not jump in March."""
    for dest in ("HNL", "SJU"):
        flights = sources.flights.filter((pl.col("dest") == dest) & pl.col("arrived_at").is_not_null())
        minutes = (flights["arrived_at"] - flights["departed_at"]).dt.total_minutes()
        by_month = minutes.to_frame("m").with_columns(flights["local_day"].dt.month().alias("month"))
        means = by_month.group_by("month").agg(pl.col("m").mean())["m"]
        assert means.max() - means.min() < 50


def test_missing_weather_is_counted_as_in_the_files(features: ModuleType, sources: Any) -> None:
    """Four wind speeds and 2,729 pressures are missing; nothing is filled in."""
    rows = features.weather.rows(sources)
    assert rows.height == 26_115
    assert (rows["wind_speed"].null_count(), rows["pressure"].null_count()) == (4, 2_729)
    assert (rows["reported_at"] - rows["observed_at"]).unique().to_list() == [timedelta(hours=1)]


def test_the_correction_repairs_one_hour(features: ModuleType, sources: Any) -> None:
    """Three rows for the hour, known later than the first ones, JFK's wind speed between its neighbours'."""
    rows = features.weather.correction(sources)
    assert rows["origin"].to_list() == ["EWR", "JFK", "LGA"]
    assert rows["observed_at"].unique().to_list() == [features.weather.CORRECTED_HOUR]
    assert (rows["reported_at"] > rows["observed_at"] + timedelta(hours=1)).all()
    assert rows["wind_speed"].null_count() == 0


def test_traffic_knows_only_flights_that_have_left(features: ModuleType, sources: Any) -> None:
    """Each row is the mean over the flights that left in the two hours before it: searched one by one."""
    rows = features.traffic.rows(sources)
    some = rows.filter(pl.col("n_departures_2h") > 0).sample(25, seed=7)
    for row in some.iter_rows(named=True):
        left = sources.flights.filter(
            (pl.col("origin") == row["origin"])
            & (pl.col("departed_at") <= row["measured_at"])
            & (pl.col("departed_at") > row["measured_at"] - timedelta(hours=2))
        )
        assert left.height == row["n_departures_2h"]
        assert left["dep_delay"].mean() == pytest.approx(row["mean_delay_2h"])
        assert row["known_at"] == row["measured_at"]


def test_distance_agrees_with_the_file(features: ModuleType, sources: Any) -> None:
    """Great-circle kilometres from coordinates are the file's miles, within one in a hundred."""
    places = {row["faa"]: (row["lat"], row["lon"]) for row in sources.airports.iter_rows(named=True)}
    routes = sources.flights.filter(pl.col("distance") > 100).unique(["origin", "dest"])
    known = [row for row in routes.iter_rows(named=True) if row["dest"] in places]
    a = np.array([places[row["origin"]] for row in known])
    b = np.array([places[row["dest"]] for row in known])
    km = features.view.distance_km(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    assert km == pytest.approx(np.array([row["distance"] for row in known]) * 1.609344, rel=0.01)


def test_shuffled_days_are_whole_days(features: ModuleType, sources: Any) -> None:
    """The same flights on other days: each day's delays stay together, with its weather."""
    shuffled = features.sources.shuffle_days(sources, 7)
    assert shuffled.flights.height == sources.flights.height
    assert shuffled.flights["flight_id"].n_unique() == sources.flights.height

    def by_day(flights: pl.DataFrame) -> list[tuple[int, float]]:
        days = flights.group_by("local_day").agg(pl.len(), pl.col("arr_delay").sum())
        return sorted(days.select("len", "arr_delay").iter_rows())

    assert by_day(shuffled.flights) == by_day(sources.flights)
    assert shuffled.weather.select("origin", "observed_at").is_unique().all()
    assert shuffled.weather.height > 0.999 * sources.weather.height


def test_the_projects_own_tests_pass(folder: Path) -> None:
    """A team that starts from the template starts green."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
