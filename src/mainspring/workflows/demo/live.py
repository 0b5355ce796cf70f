"""Days as they are lived: values come online, flights are asked about, outcomes are posted."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol

import polars as pl

from mainspring.errors import StateError
from mainspring.workflows.demo.wire import Wire
from mainspring.workflows.demo.world import DEPLOYMENT, YEAR, World, midnight

BUCKET: Final = timedelta(minutes=30)
POST_EVERY: Final = timedelta(hours=2)
"""Outcomes are posted so often and at the end of the day: each posting is an execution, which takes a few ms."""
KEYS: Final = ("origin", "dest", "tailnum")
REQUEST: Final = ("carrier", "sched_minute", "weekday", "flight_year")

Body = dict[str, Any]


class Asks(Protocol):
    """Where predictions come from."""

    def predict(self, bodies: list[Body]) -> None:
        """Ask for each; raises if one is refused."""

    def post(self, outcomes: list[Body]) -> None:
        """Hand in true labels."""


class OverHttp:
    """Asks the prediction server, as any client would."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def predict(self, bodies: list[Body]) -> None:
        self._check(self._wire.post(f"/v1/deployments/{DEPLOYMENT}/predict", bodies))

    def post(self, outcomes: list[Body]) -> None:
        self._check(self._wire.post(f"/v1/deployments/{DEPLOYMENT}/outcomes", [{"outcomes": outcomes}]))

    def _check(self, replies: list[Any]) -> None:
        for reply in replies:
            if reply.status != 200:
                raise StateError(
                    expected="status 200",
                    got=f"{reply.status}: {reply.body}",
                    where=f"deployment {DEPLOYMENT!r}",
                    hint="See the server's words above; run the demo again to go on.",
                )


class InProcess:
    """Asks the deployment in this process: the same code, without the wire."""

    def __init__(self, deployment: Any) -> None:
        self._deployment = deployment

    def predict(self, bodies: list[Body]) -> None:
        for body in bodies:
            self._deployment.predict(body["keys"], body["request"], body["prediction_id"])

    def post(self, outcomes: list[Body]) -> None:
        rows = [(row["prediction_id"], float(row["value"]), row["known_at"]) for row in outcomes]
        self._deployment.post_outcomes(rows)


class LiveDays:
    """Lives one day after the other. A day that was begun before is gone on with, from the clock's present.

    Args:
        world: the project.
        asks: where predictions come from.
    """

    def __init__(self, world: World, asks: Asks) -> None:
        self._world = world
        self._asks = asks
        self._waiting: list[tuple[datetime, str, bool]] = []
        self._flights = world.flights.partition_by("local_day", as_dict=True)

    def live(self, month: int, day: int) -> int:
        """Live one local day; returns how many flights were asked about."""
        begin, end = midnight(month, day), midnight(month, day) + timedelta(days=1)
        present = self._world.clock.now()
        if present >= end:
            self._remember(self.asked(month, day), begin, present)
            return 0
        flights = self.asked(month, day)
        self._remember(flights, begin, present)
        n_asked = 0
        bucket, post_at = None, begin
        for moment, together in itertools.groupby(
            flights.iter_rows(named=True), key=lambda row: row["sched_dep"]
        ):
            if moment < present:
                continue
            if bucket is None or moment >= bucket + BUCKET:
                bucket = _bucket(moment)
                self._come_online(max(bucket, begin))
                if bucket >= post_at:
                    self._post(max(bucket, begin))
                    post_at = bucket + POST_EVERY
            self._world.set_clock(moment)
            bodies = [body_of(row) for row in together]
            self._asks.predict(bodies)
            n_asked += len(bodies)
        self._world.set_clock(end)
        self._post(end)
        return n_asked

    def asked(self, month: int, day: int) -> pl.DataFrame:
        """The flights of a day that are asked about: the first by a hash of their id, in order of departure.

        Chosen from the timetable, before anybody knows which of them will be cancelled.
        """
        flights = self._flights.get((date(YEAR, month, day),))
        if flights is None:
            return self._world.flights.clear()
        ranks = pl.Series([_hash(name) for name in flights["flight_id"]]).rank("ordinal")
        return flights.filter(ranks <= self._world.options.requests_per_day).sort("sched_dep", "flight_id")

    def _come_online(self, moment: datetime) -> None:
        """What is known at `moment` goes to the online store, and nothing that is not."""
        self._world.set_clock(moment)
        self._correct(moment)
        # All groups in one look at the records and one transaction of the online store.
        self._world.project.features.materialize(moment)

    def _correct(self, moment: datetime) -> None:
        """Push the corrected hour, in the hours after it became known."""
        known_at = self._world.features.weather.CORRECTION_KNOWN_AT
        due = known_at <= moment < known_at + timedelta(hours=12)
        if due and self._world.options.shuffle_days_seed is None:
            correct(self._world)

    def _remember(self, flights: pl.DataFrame, begin: datetime, present: datetime) -> None:
        """Note what a day's flights will turn out to be, unless that was certainly posted before."""
        if present - begin > timedelta(days=3):
            return
        landed = flights.filter(pl.col("known_at").is_not_null())
        self._waiting += list(zip(landed["known_at"], landed["flight_id"], landed["late"], strict=True))

    def _post(self, until: datetime) -> None:
        """Post the outcomes of flights that have landed by `until`, in order of arrival."""
        due = sorted(row for row in self._waiting if row[0] <= until)
        self._waiting = [row for row in self._waiting if row[0] > until]
        if due:
            self._asks.post(
                [{"prediction_id": name, "value": late, "known_at": known_at} for known_at, name, late in due]
            )


def correct(world: World) -> None:
    """Push the corrected hour of weather, as the station sends it again; a second time changes nothing."""
    weather = world.groups["weather"]
    weather.push(world.features.weather.correction(world.sources), event_id=world.features.weather.REPORT)
    # The hour is whole: what comes online next comes from its commit.
    weather.flush()


def body_of(flight: dict[str, Any]) -> Body:
    """The request about one flight: what a caller at the gate knows. The prediction is named after the flight."""
    return {
        "keys": {name: flight[name] for name in KEYS},
        "request": {name: flight[name] for name in REQUEST},
        "prediction_id": flight["flight_id"],
    }


def _bucket(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // BUCKET.total_seconds() * BUCKET.total_seconds(), UTC)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
