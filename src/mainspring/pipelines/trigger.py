"""Triggers: readers of the event log that ask for runs, once for each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from mainspring.errors import FencedError
from mainspring.lineage import Event, ExecutionState, Graph, cursor
from mainspring.lineage.process import process_name
from mainspring.lineage.spec import Standing
from mainspring.lineage.store import executions_by_id
from mainspring.pipelines import store
from mainspring.pipelines.spec import Request, RequestState, TriggerRow
from mainspring.pipelines.step import Pipeline
from mainspring.types import new_id

EVENTS_A_READ = 1_000


@dataclass(frozen=True)
class Trigger:
    """A pipeline that events of one kind ask for.

    Attributes:
        where: which events count; None = all.
        parameters: the pipeline's parameters for an event; None = its defaults.
    """

    row: TriggerRow
    pipeline: Pipeline[Any, Any]
    where: Callable[[Event], bool] | None
    parameters: Callable[[Event], Mapping[str, Any]] | None

    @property
    def name(self) -> str:
        """What keeps its place in the log."""
        return self.row.name

    def begin(self, graph: Graph, *, from_start: bool) -> None:
        """Give a new trigger its place in the log; one that has a place keeps it."""
        with graph.records.write() as connection:
            store.add_trigger(connection, graph.records, self.row, graph.project_id)
            place = 0 if from_start else cursor.newest(connection, graph.project_id)
            cursor.begin(connection, graph.records, self.row.reader, place, graph.project_id)

    def read(self, graph: Graph) -> None:
        """Turn new events into requests; requests and the moved cursor are one transaction."""
        while True:
            with graph.records.read() as connection:
                place = cursor.place_of(connection, self.row.reader, graph.project_id)
            events = graph.events(after_seq=place, kinds=[self.row.event_kind], limit=EVENTS_A_READ)
            if not events:
                return
            wanted = [event for event in events if self.where is None or self.where(event)]
            asked = [store.request_of(self.row, event, new_id()) for event in wanted]
            last = events[-1].seq or place
            with graph.records.write() as connection:
                # Another process that read the same events may have moved the cursor: then its requests stand.
                if cursor.move(connection, self.row.reader, place, last, graph.project_id):
                    store.add_requests(connection, asked, graph.project_id)

    def take(self, graph: Graph) -> Iterator[Claim]:
        """Claim, one by one, requests that wait, and those that nobody answers any more."""
        with graph.records.read() as connection:
            states = [RequestState.REQUESTED, RequestState.RUNNING]
            waiting = store.requests_of(connection, graph.project_id, self.name, states)
            runs = executions_by_id(connection, [request.run_id for request in waiting if request.run_id])
            leases = graph.leases.seen(connection, [_lease_of(request) for request in waiting])
        lost = {run.id for run in runs if run.state is ExecutionState.LOST}
        answered = {found.lease.subject for found in leases if found.standing is not Standing.LOST}
        for request in waiting:
            if _lease_of(request) in answered and request.run_id not in lost:
                continue
            if (claim := Claim.find(graph, request)) is not None:
                yield claim

    def parameters_of(self, graph: Graph, request: Request) -> Mapping[str, Any]:
        """The pipeline's parameters for the event of a request."""
        if self.parameters is None:
            return {}
        after = request.event_seq - 1
        (event,) = graph.events(after_seq=after, kinds=[self.row.event_kind], limit=1)
        return self.parameters(event)


@dataclass(frozen=True)
class Claim:
    """A request that this process answers, under a lease until it is closed: nobody else does meanwhile.

    Attributes:
        name: this process, and which of its claims: other threads of it may take the request over too.
    """

    graph: Graph
    request: Request
    name: str
    token: int

    @classmethod
    def find(cls, graph: Graph, request: Request) -> Claim | None:
        """Claim a request as it was seen; None when somebody else was faster."""
        name = f"{process_name()} {new_id()}"
        with graph.records.write() as connection:
            if not store.claim(connection, request, name):
                return None
            token = graph.leases.take(connection, _lease_of(request))
        graph.leases.keep(_lease_of(request), token)
        return cls(graph, request, name, token)

    def begin(self, connection: Connection, run_id: str) -> None:
        """Say which run answers it.

        Raises:
            FencedError: another process or thread has taken it over.
        """
        if not store.set_request_run(connection, self.request.id, self.name, run_id):
            raise self._fenced()

    def close(self, connection: Connection, state: RequestState, error: str | None) -> None:
        """Say what became of it.

        Raises:
            FencedError: another process or thread has taken it over, or may.
        """
        if not self.graph.leases.give_up(connection, _lease_of(self.request), self.token):
            raise self._fenced()
        store.finish_request(connection, self.request.id, state, error)

    def forget(self) -> None:
        """Answer it no longer. What was not closed lapses, and is answered again."""
        self.graph.leases.forget(_lease_of(self.request))

    def _fenced(self) -> FencedError:
        return FencedError(
            expected="a request that this process still answers",
            got="its lease was not renewed, so that others answer it",
            where=f"pipeline request {self.request.id}",
            hint="Nothing was published, and nothing is to be done: whoever handles events next answers it.",
        )


def _lease_of(request: Request) -> str:
    return f"request/{request.id}"
