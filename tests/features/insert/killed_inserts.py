"""Inserts in child processes that are killed at a SQL statement or commit, one step further each time.

Prints one JSON line: the idempotency keys whose insert was acknowledged, and all that were tried.

Usage: killed_inserts.py RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import event
from sqlalchemy.engine import Engine

from mainspring.features.api import Features
from mainspring.lineage import Code, Graph
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import SystemClock
from mainspring.ports.keys import open_keys
from mainspring.ports.records import open_records
from mainspring.ports.tables import open_tables

#: Every third step: a statement and what follows it fail alike, and a child costs a quarter of a second.
STRIDE = 3


@contextmanager
def open_features(records_url: str, tables_url: str, keys_url: str, blobs_url: str) -> Iterator[Features]:
    """The feature store of a process of its own."""
    records, keys = open_records(records_url), open_keys(keys_url)
    graph = Graph(
        records=records,
        blobs=open_blobs(blobs_url),
        clock=SystemClock(),
        project_id="killed",
        actor="user:test",
        code=lambda: Code(commit=None, dirty=None, digest="0" * 64),
    )
    yield Features(graph, open_tables(tables_url), lambda: keys)
    keys.close()
    records.close()


def rows(step: int) -> pl.DataFrame:
    """Two rows that tell which insert they came with."""
    times = [datetime(2013, 1, 1, hour, tzinfo=UTC) for hour in (0, 1)]
    return pl.DataFrame({"step": [step, step], "t": times, "x": [1.0, 2.0]})


def insert(urls: list[str], step: int) -> None:
    """One insert under its own idempotency key."""
    with open_features(*urls) as features:
        group = features.group("killed", keys=["step"], event_time="t")
        group.insert(rows(step), idempotency_key=f"step-{step}")


def live(urls: list[str], fatal: int, say: int) -> None:
    """Insert, unless the `fatal`-th step comes first."""
    left = fatal

    def step(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)
    insert(urls, fatal)
    os.write(say, b"done")


def main(urls: list[str]) -> None:
    """Kill until an insert comes through."""
    tried: list[int] = []
    acknowledged: list[int] = []
    while not acknowledged:
        tried.append(1 + STRIDE * len(tried))
        listen, say = os.pipe()
        child = os.fork()
        if child == 0:
            live(urls, tried[-1], say)
            os._exit(0)
        os.close(say)
        with os.fdopen(listen, "rb") as answers:
            if answers.read() == b"done":
                acknowledged.append(tried[-1])
        os.waitpid(child, 0)
    print(json.dumps({"tried": tried, "acknowledged": acknowledged}))


if __name__ == "__main__":
    main(sys.argv[1:])
