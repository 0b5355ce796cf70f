"""Pushes and their commits in child processes that are killed at a SQL statement or commit, one step further each.

Prints one JSON line: the events whose push was acknowledged, and all that were tried.

Usage: killed_pushes.py RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.features.insert.killed_inserts import open_features

from mainspring.features.api import Features

#: Every fifth step: there are some fifty, and a child costs a quarter of a second.
STRIDE = 5


def stream(features: Features) -> Any:
    """The group that is pushed to."""
    schema = {"name": str, "t": datetime, "x": float}
    return features.group("pushed", keys=["name"], event_time="t", online=True, schema=schema)


def rows(step: int) -> list[dict[str, Any]]:
    """Two events that tell which push they came with."""
    at = datetime(2013, 1, 1, tzinfo=UTC)
    return [{"id": f"{step}-{part}", "name": f"{step}-{part}", "t": at, "x": 1.0} for part in (0, 1)]


def live(urls: list[str], fatal: int, say: int) -> None:
    """Push, say so, and commit, unless the `fatal`-th step comes first."""
    left = fatal

    def step(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_features(*urls) as features:
        group = stream(features)
        event.listen(Engine, "before_cursor_execute", step)
        event.listen(Engine, "commit", step)
        group.push(rows(fatal), event_id="id")
        os.write(say, b"pushed ")
        group.flush()
    os.write(say, b"done")


def main(urls: list[str]) -> None:
    """Kill until a push and its commit come through."""
    tried: list[int] = []
    acknowledged: list[int] = []
    said = b""
    while not said.endswith(b"done"):
        tried.append(1 + STRIDE * len(tried))
        listen, say = os.pipe()
        child = os.fork()
        if child == 0:
            live(urls, tried[-1], say)
            os._exit(0)
        os.close(say)
        with os.fdopen(listen, "rb") as answers:
            said = answers.read()
        if said.startswith(b"pushed"):
            acknowledged.append(tried[-1])
        os.waitpid(child, 0)
    print(json.dumps({"tried": tried, "acknowledged": acknowledged}))


if __name__ == "__main__":
    main(sys.argv[1:])
