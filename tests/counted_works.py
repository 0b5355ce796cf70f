"""Does one piece of work after another and prints what each cost. Run by test_costs.py, in a folder with a project.

Statements and write transactions are counted where SQLAlchemy hands them to the driver, in the thread that works;
fsyncs by a library that is loaded before libc, where there is one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from benchmarks._bare import publish
from benchmarks._chain import chain
from benchmarks._syncs import find_counter
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

import mainspring as ms
from mainspring.lineage import AssetKind, Graph, Verdict


class Count:
    """What was counted so far."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._syncs = find_counter()
        self._statements = 0
        self._writes = 0
        event.listen(Engine, "before_cursor_execute", self._statement)
        event.listen(Engine, "commit", self._commit)

    def _statement(self, _connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if threading.get_ident() == self._thread:
            # The driver begins by itself on PostgreSQL.
            self._statements += not statement.startswith("BEGIN")
            self._writes += statement == "BEGIN IMMEDIATE"

    def _commit(self, connection: Connection) -> None:
        if threading.get_ident() == self._thread and connection.dialect.name == "postgresql":
            self._writes += not connection.get_execution_options().get("postgresql_readonly", False)

    def now(self) -> dict[str, int | None]:
        syncs = None if self._syncs is None else self._syncs()
        return {"statements": self._statements, "writes": self._writes, "syncs": syncs}


def part(graph: Graph, source_id: str, parent_id: str) -> None:
    """A publication as a part of a longer execution."""
    with graph.execution("cost", "part", parent_id=parent_id) as work:
        work.use(source_id)
        made = work.add(AssetKind.ARTIFACT, "part")
        work.event("artifact.made", made.id)


def found(graph: Graph, source_id: str) -> None:
    """A finding about an asset."""
    with graph.execution("cost", "evidence") as work:
        work.evidence(source_id, "cost", verdict=Verdict.PASS, figures={"n": 1})


def main() -> None:
    count = Count()
    costs: dict[str, dict[str, int | None]] = {}

    @contextmanager
    def counted(name: str) -> Iterator[None]:
        before = count.now()
        yield
        after = count.now()
        costs[name] = {
            what: None if spent is None else spent - (before[what] or 0) for what, spent in after.items()
        }

    def cost(name: str, work: Callable[[], object]) -> None:
        with counted(name):
            work()

    with ms.open(".") as project:
        graph = project.graph
        source_id = publish(graph, "source")
        for _ in range(2):
            cost("short execution", lambda: publish(graph, "short", source_id))
        cost("evidence", lambda: found(graph, source_id))

        with graph.execution("cost", "warm", durable=True):
            pass
        long = graph.execution("cost", "long", durable=True)
        cost("long execution, begin", long.__enter__)
        cost("part of a long execution", lambda: part(graph, source_id, long.id))
        cost("long execution, end", lambda: long.__exit__(None, None, None))

        group = project.features.group("costs", keys=["id"], event_time="at")
        rows = pl.DataFrame({"id": [1, 2], "at": ["2013-01-01T00:00:00Z"] * 2, "x": [0.5, 1.5]})
        rows = rows.with_columns(pl.col("at").str.to_datetime(time_unit="us", time_zone="UTC"))
        group.insert(rows)
        cost("feature commit", lambda: group.insert(rows))

        with project.tracking.run("warm", experiment="costs"):
            pass
        run = project.tracking.run("run", experiment="costs")
        cost("tracked run, begin", run.__enter__)
        run.log(metrics={"warm": 0.0})
        cost("tracked run, parameters", lambda: run.log(params={"a": 1, "b": 2}))
        cost("tracked run, metrics", lambda: run.log(metrics={"loss": 0.5, "auc": 0.7}, step=1))
        cost("tracked run, artifact", lambda: run.artifact("notes.txt", b"noted"))
        cost("tracked run, end", lambda: run.__exit__(None, None, None))

        cost("pipeline of 2 steps", lambda: project.pipelines.run(chain, start=0, length=2))
        cost("pipeline of 3 steps", lambda: project.pipelines.run(chain, start=100, length=3))
        cost("the same 2 steps again", lambda: project.pipelines.run(chain, start=0, length=2))
        cost("the same 3 steps again", lambda: project.pipelines.run(chain, start=100, length=3))
    Path("costs.json").write_text(json.dumps(costs))


if __name__ == "__main__":
    main()
