"""Runs the work of the bookkeeping benchmark in a process whose fsyncs are counted; prints JSON.

Arguments: the path of the counter library, or "-" without one.
"""

from __future__ import annotations

import ctypes
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mainspring as ms
from mainspring.lineage import AssetKind

WARM_UP = 20
REPEATS = 300
STEPS = 40
RUNS = 6

Measured = dict[str, Any]


@ms.step
def first(*, start: int) -> int:
    return start


@ms.step
def following(value: int) -> int:
    return value + 1


@ms.pipeline
def chain(start: int) -> Any:
    value = first(start=start)
    for _ in range(STEPS - 1):
        value = following(value)
    return value


def main() -> None:
    counter = None if sys.argv[1] == "-" else ctypes.CDLL(sys.argv[1]).syncs_counted
    found: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory(prefix="bookkeeping-") as folder:
        home = Path(folder)
        (home / "mainspring.toml").write_text('[project]\nid = "bench"\n')
        found["insert"] = _insert(home / "bare.db", counter)
        with ms.open(home) as project:
            graph = project.graph
            source = _publish(graph, "source")
            found["publication"] = _each(lambda: _publish(graph, "plain", source), counter)
            found["step"] = _pipeline(project, counter, fresh=True)
            found["cached_step"] = _pipeline(project, counter, fresh=False)
    print(json.dumps(found))


def _publish(graph: Any, name: str, source: str | None = None) -> str:
    with graph.execution("bench", name) as work:
        if source is not None:
            work.use(source, role="input")
        asset = work.add(AssetKind.ARTIFACT, name)
        work.event("artifact.made", asset.id, {"n": 1})
    return str(asset.id)


def _insert(path: Path, counter: Callable[[], int] | None) -> Measured:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, payload TEXT)")
    numbers = iter(range(10**9))

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?, ?)", (f"{next(numbers):032x}", "x" * 200))
        connection.execute("COMMIT")

    measured = _each(insert, counter)
    connection.close()
    return measured


def _each(work: Callable[[], object], counter: Callable[[], int] | None) -> Measured:
    for _ in range(WARM_UP):
        work()
    before = counter() if counter else 0
    seconds = []
    for _ in range(REPEATS):
        began_s = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began_s)
    return {"seconds": seconds, "syncs": (counter() - before) / REPEATS if counter else None}


def _pipeline(project: Any, counter: Callable[[], int] | None, *, fresh: bool) -> Measured:
    """Seconds a step: a whole run divided by its steps, so what the run costs of its own is in it.

    Chains begin 1,000 apart, because an equal input met before would be a reused step.
    """
    project.pipelines.run(chain, start=-1_000)
    seconds, before = [], counter() if counter else 0
    for number in range(RUNS):
        began_s = time.perf_counter()
        run = project.pipelines.run(chain, start=1_000 * number if fresh else -1_000)
        seconds.append((time.perf_counter() - began_s) / STEPS)
        assert run.n_executed == (STEPS if fresh else 0)
    return {"seconds": seconds, "syncs": (counter() - before) / RUNS / STEPS if counter else None}


if __name__ == "__main__":
    main()
