"""Runs a pipeline of three steps and kills itself in step `FATAL`; run by test_kill.py.

Usage: killed_pipeline.py RECORDS_URL BLOBS_URL FATAL. Appends a line to calls.txt beside the blobs for each
step that is executed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import polars as pl

from mainspring.lineage import Code, Graph
from mainspring.pipelines import Pipelines, pipeline, step
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import SystemClock
from mainspring.ports.engine import open_engine
from mainspring.ports.records import open_records


def note(name: str) -> None:
    """Write down that a step runs, and die if it is its turn."""
    with Path(os.environ["CALLS"]).open("a") as file:
        file.write(name + "\n")
    if os.environ.get("FATAL") == name:
        os.kill(os.getpid(), signal.SIGKILL)


@step
def first() -> pl.DataFrame:
    note("first")
    return pl.DataFrame({"a": [1, 2, 3]})


@step
def second(data: pl.DataFrame) -> int:
    note("second")
    return int(data["a"].sum())


@step
def third(total: int) -> list[int]:
    note("third")
    return [total] * 2


@pipeline
def three() -> list[int]:
    return third(second(first()))


def main(records_url: str, blobs_url: str, fatal: str) -> None:
    os.environ["FATAL"] = fatal
    graph = Graph(
        records=open_records(records_url),
        blobs=open_blobs(blobs_url),
        clock=SystemClock(),
        project_id="killed",
        actor="user:test",
        code=lambda: Code(commit=None, dirty=None, digest="0" * 64),
    )
    run = Pipelines(graph, open_engine("local:")).run(three)
    sys.stdout.write(",".join(f"{found.node} {found.state}" for found in run.steps) + f" = {run.output}")


if __name__ == "__main__":
    main(*sys.argv[1:])
