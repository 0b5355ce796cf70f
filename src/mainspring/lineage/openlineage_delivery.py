"""The event log, delivered as OpenLineage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from pathlib import Path
from typing import Final

from mainspring.lineage import openlineage, store
from mainspring.lineage.api import Graph
from mainspring.lineage.delivery import Delivery, Parcel
from mainspring.lineage.sink import Destination, Patience, Sink, check_destination, open_sink
from mainspring.lineage.spec import EXECUTION_STARTED, Event, EventFilter
from mainspring.lineage.work import Work, gather

EVENTS_A_READ: Final = 1_000


class OpenLineageDelivery(Delivery):
    """Every publication of the log, told in OpenLineage.

    Args:
        url: the destination: `file:PATH`, `http:` or `https:`.
        known_as: what its place in the log is kept under: the URL as it was configured.
        folder: relative paths of `file:` are relative to it.
        lock: see `Delivery`.
        namespace: of jobs and datasets.
        token: for HTTP; empty = none.

    Raises:
        InputError: the URL names no destination.
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
        super().__init__(graph, reader=f"openlineage:{known_as}", name=f"lineage to {url}", lock=lock)
        self.url = url
        self.namespace = namespace
        self._folder = folder
        self._patience = patience
        self._to = Destination(
            url=url,
            lines="OpenLineage events",
            first_bytes=b'{"eventType":"',
            setting="openlineage.url",
            token=token,
            token_setting="openlineage.token",
        )
        check_destination(self._to)

    def _open(self, wait: Callable[[float], bool] | None) -> AbstractContextManager[Sink]:
        return open_sink(self._to, self._folder, self._patience, wait)

    def _parcels(self, place: int) -> list[Parcel]:
        project_id = self._graph.project_id
        with self._graph.records.read() as connection:
            events = store.events_after(connection, project_id, place, EventFilter(), EVENTS_A_READ)
            groups = publications(events, all_read=len(events) < EVENTS_A_READ)
            ids = list(dict.fromkeys(group[0].execution for group in groups))
            works = gather(connection, ids)
            started = store.started(connection, ids)
        return [
            Parcel(
                _lines(group, works[group[0].execution], started, self.namespace),
                group[-1].seq or place,
                group[-1].id,
            )
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
