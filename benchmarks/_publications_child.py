"""One writer of the publications benchmark. Run with a request as JSON; says `ready`, and goes on a line is sent.

Prints JSON: how many it wrote in the window, the longest that one took, and what one costs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.engine import Engine

import mainspring as ms
from benchmarks._bare import bare_insert, publish
from benchmarks._syncs import find_counter
from mainspring.types import new_id

WARM_UP = 5


def main() -> None:
    request = json.loads(sys.argv[1])
    with _work(request) as (work, n_statements):
        counter = find_counter()
        print("ready", flush=True)
        sys.stdin.readline()
        syncs = counter() if counter else 0
        n_done, longest_s = 0, 0.0
        now_s = began_s = time.monotonic()
        while now_s - began_s < request["seconds"]:
            work()
            before_s, now_s = now_s, time.monotonic()
            n_done, longest_s = n_done + 1, max(longest_s, now_s - before_s)
        found = {"n": n_done, "seconds": now_s - began_s, "longest_s": longest_s, "statements": n_statements}
        print(json.dumps({**found, "syncs": counter() - syncs if counter else None}))


@contextmanager
def _work(request: dict[str, Any]) -> Iterator[tuple[Callable[[], object], int]]:
    """What is done again and again, warm, and how many statements one is."""
    if request["kind"] == "bare insert":
        insert = _bare(request)
        for _ in range(WARM_UP):
            insert()
        yield insert, 1
        return
    with ms.open(request["home"]) as project:
        source = publish(project.graph, "source")

        def once() -> None:
            publish(project.graph, "plain", source)

        for _ in range(WARM_UP):
            once()
        yield once, _statements(once)


def _bare(request: dict[str, Any]) -> Callable[[], object]:
    if request["server"] is None:
        return bare_insert(Path(request["home"]) / "bare.db", request["row_bytes"])
    connection = psycopg.connect(request["server"], autocommit=True)
    connection.execute("CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, payload text)")
    payload = "x" * (request["row_bytes"] - len(new_id()))
    return lambda: connection.execute("INSERT INTO bare VALUES (%s, %s)", (new_id(), payload))


def _statements(work: Callable[[], None]) -> int:
    """Without what begins and ends the transaction."""
    seen: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    work()
    event.remove(Engine, "before_cursor_execute", hear)
    return len(seen)


if __name__ == "__main__":
    main()
