"""Delivery: a reader of the event log that tells the outside in OpenLineage, at least once and in order.

The place in the log moves only after the events are delivered for good. A process that dies in between leaves
them to be delivered again, and loses none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from mainspring.lineage import cursor, openlineage, store
from mainspring.lineage.api import Graph
from mainspring.lineage.sink import Patience, Sink, check_url, held, open_sink
from mainspring.lineage.spec import EXECUTION_STARTED, Event, EventFilter
from mainspring.lineage.work import Work, gather

EVENTS_A_READ: Final = 1_000


@dataclass(frozen=True)
class Parcel:
    """What one publication tells, and the place in the log that it reaches."""

    lines: tuple[bytes, ...]
    place: int


class Delivery:
    """What the log has and a destination has not.

    Args:
        url: the destination: `file:PATH`, `http:` or `https:`.
        known_as: what its place in the log is kept under: the URL as it was configured. Each destination has a place
            of its own, and begins with the oldest event.
        folder: relative paths of `file:` are relative to it.
        lock: held while delivering, so that one process of this machine does it at a time.
        namespace: of jobs and datasets.
        token: for HTTP; empty = none.
    """

    def __init__(
        self,
        graph: Graph,
        url: str,
        *,
        known_as: str,
        folder: Path,
        lock: Path,
        namespace: str,
        token: str = "",
        patience: Patience | None = None,
    ) -> None:
        check_url(url)
        self._graph = graph
        self.url = url
        self.namespace = namespace
        self._folder = folder
        self._lock = lock
        self._token = token
        self._patience = patience
        self._reader = f"openlineage:{known_as}"

    @property
    def place(self) -> int:
        """`seq` of the last event of the log that was delivered; 0 = none yet."""
        with self._graph.records.read() as connection:
            return cursor.place_of(connection, self._reader, self._graph.project_id)

    def rewind(self) -> None:
        """Go back to the oldest event: the next delivery tells everything again."""
        project_id = self._graph.project_id
        with held(self._lock), self._graph.records.write() as connection:
            place = cursor.place_of(connection, self._reader, project_id)
            cursor.move(connection, self._reader, place, 0, project_id)

    def run(self, wait: Callable[[float], bool] | None = None) -> int:
        """Deliver everything that the log has by now; returns how many OpenLineage events that was.

        Args:
            wait: sleeps so many seconds between tries of an endpoint, and none between runs; True = stop here.
                None = just sleep.

        Raises:
            UnavailableError: the destination does not answer, or another process delivers; call again later.
            InputError: the destination refuses an event; nothing behind it is delivered until it takes it.
            IntegrityError: the file holds something else, or the log names what the records do not have.
        """
        n_delivered = 0
        with (
            held(self._lock),
            open_sink(self.url, self._folder, self._token, self._patience, wait) as sink,
        ):
            while True:
                place, parcels = self._read()
                if not parcels or (wait is not None and wait(0)):
                    return n_delivered
                if place == 0:
                    self._begin()
                n_delivered += self._hand_over(sink, place, parcels, wait)

    def _begin(self) -> None:
        with self._graph.records.write() as connection:
            cursor.begin(connection, self._graph.records, self._reader, 0, self._graph.project_id)

    def _hand_over(
        self, sink: Sink, place: int, parcels: Sequence[Parcel], wait: Callable[[float], bool] | None
    ) -> int:
        n_delivered = 0
        for first in range(0, len(parcels), sink.n_runs_at_once):
            if n_delivered and wait is not None and wait(0):
                break
            batch = parcels[first : first + sink.n_runs_at_once]
            lines = [line for parcel in batch for line in parcel.lines]
            sink.deliver(lines)
            n_delivered += len(lines)
            with self._graph.records.write() as connection:
                moved = cursor.move(connection, self._reader, place, batch[-1].place, self._graph.project_id)
            if not moved:
                # A process on another machine was faster; what it did not deliver is read again.
                break
            place = batch[-1].place
        return n_delivered

    def _read(self) -> tuple[int, list[Parcel]]:
        """Where the reader stands, and what comes next."""
        project_id = self._graph.project_id
        with self._graph.records.read() as connection:
            place = cursor.place_of(connection, self._reader, project_id)
            events = store.events_after(connection, project_id, place, EventFilter(), EVENTS_A_READ)
            groups = publications(events, all_read=len(events) < EVENTS_A_READ)
            ids = list(dict.fromkeys(group[0].execution for group in groups))
            works = gather(connection, ids)
            started = store.started(connection, ids)
        return place, [
            Parcel(_lines(group, works[group[0].execution], started, self.namespace), group[-1].seq or place)
            for group in groups
        ]


def publications(events: Sequence[Event], *, all_read: bool) -> list[list[Event]]:
    """The events in groups, one for each publication.

    A publication's events stand next to each other in the log and become visible together. A group at the end may
    go on behind what was read: unless all was read, or it is the only one, it is left for the next read.
    """
    groups = [list(group) for _, group in groupby(events, key=_publication)]
    return groups if all_read or len(groups) < 2 else groups[:-1]


def _publication(event: Event) -> tuple[str, bool]:
    return event.execution, event.kind == EXECUTION_STARTED


def _lines(group: Sequence[Event], work: Work, started: set[str], namespace: str) -> tuple[bytes, ...]:
    if group[0].kind == EXECUTION_STARTED:
        told = [openlineage.start(work, namespace)]
    elif work.execution.id in started:
        told = [openlineage.end(work, namespace)]
    else:
        told = list(openlineage.run_events(work, namespace))
    return tuple(openlineage.line(event) for event in told)
