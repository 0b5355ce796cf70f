"""Delivery: a reader of the event log that tells the outside what it has, at least once and in order.

The place in the log moves only after the events are delivered for good. A process that dies in between leaves
them to be delivered again, and loses none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from mainspring.errors import InputError, StateError
from mainspring.lineage import cursor
from mainspring.lineage.api import Graph
from mainspring.lineage.sink import Sink, held


@dataclass(frozen=True)
class Parcel:
    """What is told together, and the event of the log that it reaches: its id, and its place."""

    lines: tuple[bytes, ...]
    place: int
    event_id: str


@dataclass
class Skip:
    """A person's word that an event which a destination refuses for good is not to be told there.

    Attributes:
        event_id: as the refusal names it.
        n_skipped: how many destinations refused it, and were let off.
    """

    event_id: str
    reason: str
    n_skipped: int = 0

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InputError(
                expected="a reason",
                got=repr(self.reason),
                where="deliver, skip",
                hint="Say why it need not be told: --reason TEXT. It is kept in the log.",
            )

    def check_used(self) -> None:
        """It was refused by one destination at least.

        Raises:
            InputError: by none: nothing was skipped.
        """
        if not self.n_skipped:
            raise InputError(
                expected="the id of an event that a destination refuses",
                got=f"{self.event_id!r}, which none refused",
                where="deliver, skip",
                hint="Nothing was skipped. Deliver without --skip: the refusal names the event.",
            )


class Delivery(ABC):
    """What the log has and a destination has not. Each destination has a place of its own, and begins with the oldest.

    Args:
        reader: what its place in the log is kept under.
        name: what is delivered and where to, in words.
        lock: held while delivering, so that one process of this machine does it at a time.
    """

    def __init__(self, graph: Graph, *, reader: str, name: str, lock: Path) -> None:
        self._graph = graph
        self._reader = reader
        self._lock = lock
        self.name = name

    @abstractmethod
    def _parcels(self, place: int) -> list[Parcel]:
        """What comes behind a place in the log, in order, as far as one read goes; empty = there is nothing more."""

    @abstractmethod
    def _open(self, wait: Callable[[float], bool] | None) -> AbstractContextManager[Sink]:
        """The destination, held for a block. `wait` is as for `run`."""

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

    def run(self, wait: Callable[[float], bool] | None = None, *, skip: Skip | None = None) -> int:
        """Deliver everything that the log has by now; returns how many lines that was.

        Args:
            skip: what is passed over if it is refused; None = nothing.
            wait: sleeps so many seconds between tries of an endpoint, and none between runs; True = stop here.
                None = just sleep.

        Raises:
            UnavailableError: the destination does not answer, or another process delivers; call again later.
            InputError: the destination refuses a line; nothing behind it is delivered until it takes it.
            IntegrityError: the file holds something else, or the log names what the records do not have.
        """
        self._graph.check_writable(self.name)
        n_delivered = 0
        with held(self._lock), self._open(wait) as sink:
            while True:
                place = self.place
                parcels = self._parcels(place)
                if not parcels or (wait is not None and wait(0)):
                    return n_delivered
                if place == 0:
                    self._begin()
                n_delivered += self._hand_over(sink, place, parcels, wait, skip)

    def _begin(self) -> None:
        with self._graph.records.write() as connection:
            cursor.begin(connection, self._graph.records, self._reader, 0, self._graph.project_id)

    def _hand_over(
        self,
        sink: Sink,
        place: int,
        parcels: Sequence[Parcel],
        wait: Callable[[float], bool] | None,
        skip: Skip | None,
    ) -> int:
        n_delivered, left, n_at_once = 0, parcels, sink.n_runs_at_once
        while left:
            if n_delivered and wait is not None and wait(0):
                break
            batch = left[:n_at_once]
            lines = [line for parcel in batch for line in parcel.lines]
            try:
                sink.deliver(lines)
            except InputError as refused:
                if len(batch) > 1:
                    # Which of them it was shows one by one; what was taken of them is told again.
                    n_at_once = 1
                    continue
                if skip is None or skip.event_id != batch[0].event_id:
                    raise _with_a_way_out(refused, batch[0]) from refused
                self._pass_over(place, batch[0], skip, refused)
            else:
                n_delivered += len(lines)
                with self._graph.records.write() as connection:
                    moved = cursor.move(
                        connection, self._reader, place, batch[-1].place, self._graph.project_id
                    )
                if not moved:
                    # A process on another machine was faster; what it did not deliver is read again.
                    break
            place, left = batch[-1].place, left[len(batch) :]
        return n_delivered

    def _pass_over(self, place: int, parcel: Parcel, skip: Skip, refused: InputError) -> None:
        """Move on behind what was refused, and say so in the log."""
        told = {"destination": self.name, "reason": skip.reason, "refusal": refused.got, "seq": parcel.place}

        def move(connection: Connection) -> None:
            if not cursor.move(connection, self._reader, place, parcel.place, self._graph.project_id):
                raise StateError(
                    expected="a place in the log that this process alone moves",
                    got="one that another process has moved",
                    where=self.name,
                    hint="Nothing was skipped. Deliver again: it may have been taken meanwhile.",
                )

        with self._graph.execution("skip_delivery", self.name, parameters=told) as work:
            work.write(move)
            work.event("delivery.skipped", parcel.event_id, told, loudness="warning")
        skip.n_skipped += 1


def _with_a_way_out(refused: InputError, parcel: Parcel) -> InputError:
    return InputError(
        expected=refused.expected,
        got=refused.got,
        where=refused.where,
        hint=f"{refused.hint} What can never be taken is passed over by: --skip {parcel.event_id} --reason TEXT.",
    )
