"""Delivers in child processes that are killed at their 1st, 2nd, 3rd … step. Run by test_delivery_kill.py.

A step is a call that changes what survives, as in killed_publications.py; each is killed once just before it and
once just after it, and a write also in its middle. Every child publishes something first. Prints one JSON line: how
many children were killed, and what was published.

Usage: killed_deliveries.py RECORDS_URL FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.lineage.killed_publications import Countdown

from mainspring.lineage import AssetKind, Code, Graph
from mainspring.lineage.openlineage_delivery import OpenLineageDelivery
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import SystemClock
from mainspring.ports.records import open_records


def open_graph(records_url: str, folder: Path) -> Graph:
    """The graph that the children and the checker share."""
    return Graph(
        records=open_records(records_url),
        blobs=open_blobs(f"file:{folder / 'blobs'}"),
        clock=SystemClock(),
        project_id="killed",
        actor="user:test",
        code=lambda: Code(commit=None, dirty=None, digest="0" * 64),
    )


def delivery(graph: Graph, folder: Path) -> OpenLineageDelivery:
    """To a file beside everything else."""
    url = f"file:{folder / 'events.ndjson'}"
    return OpenLineageDelivery(
        graph, url, known_as=url, folder=folder, lock=folder / "lock", namespace="killed"
    )


class TearingCountdown(Countdown):
    """Kills also when half of a write has reached the file."""

    def watch(self) -> None:
        super().watch()
        whole = os.pwrite

        def torn(descriptor: int, data: memoryview, offset: int) -> int:
            self.step()
            half = len(data) // 2
            whole(descriptor, data[:half], offset)
            self.step()
            whole(descriptor, data[half:], offset + half)
            self.step()
            return len(data)

        os.pwrite = torn


def live(records_url: str, folder: Path, name: str, fatal: int) -> None:
    graph = open_graph(records_url, folder)
    with graph.execution("load", name) as work:
        work.add(AssetKind.ARTIFACT, name)
    TearingCountdown(fatal).watch()
    delivery(graph, folder).run()
    os._exit(0)


def main(records_url: str, folder: Path) -> None:
    published: list[str] = []
    for fatal in range(1, 500):
        published.append(f"n{fatal}")
        child = os.fork()
        if child == 0:
            try:
                live(records_url, folder, published[-1], fatal)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            break
    print(json.dumps({"published": published}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
