"""Runs the work of the bookkeeping benchmark in a process whose fsyncs are counted; prints JSON."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mainspring as ms
from benchmarks._bare import bare_insert, bare_rows, last_publication, publish
from benchmarks._chain import chain
from benchmarks._syncs import find_counter

WARM_UP = 20
REPEATS = 300
STEPS = 40
RUNS = 6

Measured = dict[str, Any]


def main() -> None:
    counter = find_counter()
    with tempfile.TemporaryDirectory(prefix="bookkeeping-") as folder:
        home = Path(folder)
        (home / "mainspring.toml").write_text('[project]\nid = "bench"\n')
        with ms.open(home) as project:
            source = publish(project.graph, "source")
            publish(project.graph, "plain", source)
            written = last_publication(home / ".mainspring" / "records.db")
            size_bytes = sum(
                len(str(each)) for _, row in written for each in row.values() if each is not None
            )
            insert, rows = bare_insert(home / "bare.db", size_bytes), bare_rows(home, written)
            works: dict[str, Callable[[], object]] = {
                "insert": insert,
                "rows": rows,
                "publication": lambda: publish(project.graph, "plain", source),
            }
            found = _in_turn(works, counter)
            found["step"] = _pipeline(project, counter, fresh=True)
            found["cached_step"] = _pipeline(project, counter, fresh=False)
    print(json.dumps({"works": found, "row_bytes": size_bytes}))


def _in_turn(
    works: dict[str, Callable[[], object]], counter: Callable[[], int] | None
) -> dict[str, Measured]:
    """Each once, and again: what else the machine does meets all of them."""
    for work in works.values():
        for _ in range(WARM_UP):
            work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    syncs = dict.fromkeys(works, 0)
    for _ in range(REPEATS):
        for name, work in works.items():
            before = counter() if counter else 0
            began_s = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began_s)
            syncs[name] += (counter() if counter else 0) - before
    return {
        name: {"seconds": seconds[name], "syncs": syncs[name] / REPEATS if counter else None}
        for name in works
    }


def _pipeline(project: Any, counter: Callable[[], int] | None, *, fresh: bool) -> Measured:
    """Seconds a step: a whole run divided by its steps, so what the run costs of its own is in it.

    Chains begin 1,000 apart, because an equal input met before would be a reused step.
    """
    project.pipelines.run(chain, start=-1_000, length=STEPS)
    seconds, before = [], counter() if counter else 0
    for number in range(RUNS):
        began_s = time.perf_counter()
        run = project.pipelines.run(chain, start=1_000 * number if fresh else -1_000, length=STEPS)
        seconds.append((time.perf_counter() - began_s) / STEPS)
        assert run.n_executed == (STEPS if fresh else 0)
    return {"seconds": seconds, "syncs": (counter() - before) / RUNS / STEPS if counter else None}


if __name__ == "__main__":
    main()
