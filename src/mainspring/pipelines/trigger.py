"""Triggers: readers of the event log that ask for runs, once for each event."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mainspring.lineage import Event, ExecutionState, Graph, cursor
from mainspring.lineage.process import is_dead, process_name
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

    def take(self, graph: Graph) -> Iterator[Request]:
        """Claim, one by one, requests that wait, and those whose process has died or whose run was lost."""
        with graph.records.read() as connection:
            states = [RequestState.REQUESTED, RequestState.RUNNING]
            waiting = store.requests_of(connection, graph.project_id, self.name, states)
            runs = executions_by_id(connection, [request.run_id for request in waiting if request.run_id])
        lost = {run.id for run in runs if run.state is ExecutionState.LOST}
        for request in waiting:
            if request.state is RequestState.RUNNING and not _is_abandoned(request, lost):
                continue
            with graph.records.write() as connection:
                mine = store.claim(connection, request, process_name())
            if mine:
                yield request

    def parameters_of(self, graph: Graph, request: Request) -> Mapping[str, Any]:
        """The pipeline's parameters for the event of a request."""
        if self.parameters is None:
            return {}
        after = request.event_seq - 1
        (event,) = graph.events(after_seq=after, kinds=[self.row.event_kind], limit=1)
        return self.parameters(event)


def _is_abandoned(request: Request, lost: Collection[str]) -> bool:
    """Whether nobody answers a request any more: its run was lost, or its process ended before there was one."""
    return request.run_id in lost or is_dead(request.process or "")
