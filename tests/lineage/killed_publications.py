"""Publishes in child processes that are killed at their 1st, 2nd, 3rd … step. Run by test_kill.py.

A step is a call that changes what survives: a file write, fsync or rename, a SQL statement, a commit. Each is
killed once just before it and once just after it. Prints one JSON line: what was acknowledged before each
kill, and which publication ran to its end.

Usage: killed_publications.py RECORDS_URL BLOBS_URL
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from mainspring.lineage import AssetKind, Code, Graph, Verdict
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import SystemClock
from mainspring.ports.records import open_records

FILE_CALLS = ("open", "write", "fsync", "rename", "replace", "link", "unlink", "mkdir")


class Countdown:
    """Kills this process at step `fatal`."""

    def __init__(self, fatal: int) -> None:
        self.left = fatal

    def step(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        for name in FILE_CALLS:
            self._wrap(name)
        event.listen(Engine, "before_cursor_execute", self.step)
        event.listen(Engine, "after_cursor_execute", self.step)
        event.listen(Engine, "commit", self.step)

    def _wrap(self, name: str) -> None:
        original = getattr(os, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            self.step()
            done = original(*arguments, **named)
            self.step()
            return done

        setattr(os, name, counted)


def publish(records_url: str, blobs_url: str, name: str, durable: bool) -> None:
    records = open_records(records_url)
    blobs = open_blobs(blobs_url)
    graph = Graph(
        records=records,
        blobs=blobs,
        clock=SystemClock(),
        project_id="killed",
        actor="user:test",
        code=lambda: Code(commit=None, dirty=None, digest="0" * 64),
    )
    with graph.execution("work", name, durable=durable) as work:
        blob = blobs.put(name.encode() * 100)
        made = work.add(AssetKind.ARTIFACT, name, digest=blob.sha256)
        other = work.add(AssetKind.REPORT, name, digest=blob.sha256)
        work.evidence(made.id, "looked", verdict=Verdict.PASS, figures={"n": 1}, bound={"report": other.id})
        work.event("work.done", made.id, {"name": name})


def live(records_url: str, blobs_url: str, name: str, durable: bool, fatal: int, say: int) -> None:
    countdown = Countdown(fatal)
    raw_write = os.write
    countdown.watch()
    publish(records_url, blobs_url, name, durable)
    raw_write(say, b"acknowledged")
    os._exit(0)


def main(records_url: str, blobs_url: str) -> None:
    acknowledged: list[str] = []
    attempted: list[str] = []
    for durable in (False, True):
        for fatal in range(1, 500):
            name = f"{'durable' if durable else 'short'}-{fatal}"
            attempted.append(name)
            listen, say = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    live(records_url, blobs_url, name, durable, fatal, say)
                finally:
                    os._exit(1)
            os.close(say)
            with os.fdopen(listen, "rb") as heard:
                if heard.read():
                    acknowledged.append(name)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                break
    print(json.dumps({"attempted": attempted, "acknowledged": acknowledged}))


if __name__ == "__main__":
    Path(sys.argv[2].removeprefix("file:")).mkdir(parents=True, exist_ok=True)
    main(sys.argv[1], sys.argv[2])
