"""The long versions: hundreds of kills, and sixteen processes at work for minutes, on SQLite and on PostgreSQL.

Online values lie in LMDB beside SQLite, and in Redis beside PostgreSQL; consumers of a NATS stream are killed as well.

Prints what was measured, and ends with an error if anything that was acknowledged is lost, anything is there by
halves, a writer failed, or one was starved.

Usage: python -m tests.soak [MINUTES]        20 without it: 500 kills and 4 minutes of work on each database
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis
from scripts.reach_services import REDIS_URL
from tests.databases import PostgresSchemas
from tests.soak.acknowledged import DONE, all_lines, interruptions
from tests.soak.checker import COMPARED, halves
from tests.soak.home import Home
from tests.soak.judge import found_wrong
from tests.soak.sent import consumed, sent
from tests.soak.world import PROJECT, World, copy_world, make_template

from mainspring.project import open_project

MINUTES: Final = 20.0
KILLS_A_MINUTE: Final = 25
"""Of the whole time: 500 kills on each database in twenty minutes."""

STREAM_KILLS_A_MINUTE: Final = 10
EVENTS_A_KILL: Final = 50

WORK_SHARE: Final = 0.2
"""Of the whole time, what sixteen writers work on each database."""

N_WRITERS: Final = 16
N_KILLED: Final = 4
ROUNDS: Final = 3.0
"""Of one life at most: half the lives publish a thing of every kind before they are killed."""
STARVED_S: Final = 20.0
"""A write that waits for longer is two thirds on its way to being refused."""

STARVED_SHARE: Final = 0.25
"""A process that did less than this part of the mean is starved."""


@contextmanager
def _database(kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield "sqlite:///"
        return
    schemas = PostgresSchemas()
    try:
        yield schemas.fresh()
    finally:
        schemas.close()


@contextmanager
def _keys(kind: str) -> Iterator[str]:
    """Where online values lie; empty = in the home."""
    if kind == "sqlite":
        yield ""
        return
    with redis.Redis.from_url(REDIS_URL) as client:
        for forget in (True, False):
            for name in client.scan_iter(f"mainspring:{{{PROJECT}}}:*"):
                client.unlink(name)
            if forget:
                yield REDIS_URL


@contextmanager
def _world(kind: str, template: Path) -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        _database(kind) as url,
        _keys(kind) as keys_url,
    ):
        world = copy_world(template, Path(folder), url, keys_url)
        os.environ |= {"MAINSPRING_RECORDS_URL": world.records_url, "MAINSPRING_ACTOR_NAME": "user:soak"}
        os.environ |= {"MAINSPRING_KEYS_URL": keys_url or f"lmdb:{world.home}/keys"}
        with open_project(world.folder) as project:
            project.features.materialize()
        yield world


def _told(module: str, world: World, *arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", f"tests.soak.{module}", str(world.folder), str(world.ledgers)]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode or "locked" in done.stderr:
        print(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    if found["n_failed"]:
        print(done.stderr)
    return found


def kills(kind: str, template: Path, n_kills: int) -> list[str]:
    """So many kills, and what was wrong afterwards."""
    with _world(kind, template) as world:
        told = _told("killing", world, N_KILLED, n_kills, int(time.time()), ROUNDS)
        hit = Counter(line.kind for line in interruptions(world.ledgers))
        done = Counter(line.kind for line in all_lines(world.ledgers) if line.at == DONE)
        wrong = found_wrong(world)
    print(f"{kind}: {told['n_kills']} kills in {told['seconds']:.0f} s; acknowledged {sum(done.values()):,}")
    print(f"  killed in the middle of: {_counts(hit)}")
    print(f"  acknowledged: {_counts(done)}")
    if told["n_failed"]:
        wrong.append(f"{told['n_failed']} writers failed")
    return [f"{kind}, kills: {each}" for each in wrong]


def work(kind: str, template: Path, seconds: float) -> list[str]:
    """Sixteen writers for so long, and what was wrong afterwards."""
    with _world(kind, template) as world:
        told = _told("working", world, N_WRITERS, seconds, int(time.time()))
        wrong = found_wrong(world)
    mean = told["n_done"] / N_WRITERS
    print(
        f"{kind}: {N_WRITERS} writers, {told['n_done']:,} publications in {told['seconds']:.0f} s "
        f"({told['n_done'] / told['seconds']:.1f} a second); a writer {told['least']} to {told['most']}; "
        f"longest wait {told['longest_wait_s']:.2f} s, longest write {told['longest_write_s']:.2f} s"
    )
    if told["n_failed"]:
        wrong.append(f"{told['n_failed']} writers failed")
    if told["longest_wait_s"] > STARVED_S:
        wrong.append(f"a write waited for {told['longest_wait_s']:.1f} s")
    if told["least"] < STARVED_SHARE * mean:
        wrong.append(f"a writer did {told['least']} things where the mean is {mean:.0f}")
    return [f"{kind}, work: {each}" for each in wrong]


def streams(kind: str, template: Path, n_kills: int) -> list[str]:
    """So many kills of consumers of one stream, and what was wrong afterwards."""
    seed = int(time.time())
    with _world(kind, template) as world, sent(EVENTS_A_KILL * n_kills, seed) as (stream, line):
        told = consumed(world, stream, N_KILLED, n_kills, seed)
        home = Home(world.home, world.records_url, world.keys_url)
        wrong = [*COMPARED["push"](home, [line]), *halves(home)]
    print(f"{kind}: {told['n_kills']} consumers killed; events {len(line.what['events']):,}")
    if told["n_failed"]:
        print(told["stderr"])
        wrong.append(f"{told['n_failed']} consumers failed")
    return [f"{kind}, streams: {each}" for each in wrong]


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{kind} {n}" for kind, n in found.most_common()) or "nothing"


def main(minutes: float) -> int:
    """Everything, one after another; how many things were wrong."""
    os.environ["TZ"] = "UTC"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        template = make_template(Path(folder) / "project")
        for kind in ("sqlite", "postgres"):
            wrong += kills(kind, template, max(1, round(KILLS_A_MINUTE * minutes)))
            wrong += streams(kind, template, max(1, round(STREAM_KILLS_A_MINUTE * minutes)))
            wrong += work(kind, template, WORK_SHARE * minutes * 60)
    print("\n".join(wrong) or "nothing wrong")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(1, main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)))
