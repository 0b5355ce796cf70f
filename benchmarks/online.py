"""How fast do features come online, and how long does a read of ten take, for one entity and for a hundred?"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import redis
from scripts.reach_services import REDIS_URL, reach_redis

from benchmarks._harness import Bench, Sample
from benchmarks._peers import peer
from mainspring.features.online.api import OnlineReader
from mainspring.features.online.materialize import forget
from mainspring.features.online.packing import SPACE
from mainspring.project import Project, open_project
from mainspring.types import new_id

N_ROWS = 100_000
N_FEATURES = 10
MANY = 100
ROUNDS = 9
READS_PER_ROUND = 1_000
FEATURES = tuple(f"f{number}" for number in range(N_FEATURES))
#: How much longer than a raw round trip of the same bytes a read from Redis may take.
ROUND_TRIPS = 1.3
#: What one peer reports of the same work, by name; see benchmarks/peers/feast/online.py.
FEAST = "feast 0.67, SQLite"


def run(bench: Bench) -> None:
    frame = rows()
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        frame.write_parquet(file.name)
        feast = peer("feast", "online", file.name)
    with tempfile.TemporaryDirectory() as folder:
        _measure(bench, "lmdb", Path(folder), {}, frame, feast, {1: 40.0, MANY: 600.0})
    problem = reach_redis()
    if problem is not None:
        print(f"no figures for Redis: {REDIS_URL}: {problem}")
        return
    with tempfile.TemporaryDirectory() as folder:
        _measure(bench, "redis", Path(folder), {"keys.url": REDIS_URL}, frame, None, {})


def rows() -> pl.DataFrame:
    """One row an entity, of numbers."""
    draw = np.random.default_rng(7)
    return pl.DataFrame(
        {
            "user": [f"user-{number:06d}" for number in range(N_ROWS)],
            "at": pl.Series([datetime(2026, 1, 1, tzinfo=UTC)]).extend_constant(
                datetime(2026, 1, 1, tzinfo=UTC), N_ROWS - 1
            ),
            **{name: draw.normal(size=N_ROWS) for name in FEATURES},
        }
    )


def _measure(
    bench: Bench,
    backend: str,
    folder: Path,
    overrides: dict[str, Any],
    frame: pl.DataFrame,
    feast: dict[str, float] | None,
    targets: dict[int, float],
) -> None:
    with _project(folder, overrides) as project:
        group = project.features.group("users", keys=["user"], event_time="at", online=True)
        group.insert(frame)
        seconds = []
        for _ in range(4):
            # A process that brings them in for the first time: nothing is there, and nothing in memory.
            forget(project.keys, group.spec.group_id)
            with open_project(folder, overrides=overrides) as fresh:
                began_s = time.perf_counter()
                assert fresh.features.get_group("users").materialize() == N_ROWS
                seconds.append(time.perf_counter() - began_s)
        took = Sample.of(seconds[1:])
        per_row = Sample(*(value / N_ROWS * 1e6 for value in (took.value, took.low, took.high)), took.n)
        title = f"{backend}: materialise {N_ROWS:,} rows of {N_FEATURES} features, each"
        told = None if feast is None else feast["materialize_row_us"]
        bench.add(
            title, per_row, "µs", peer=FEAST, peer_value=told, target=1e6 / 150_000 if targets else None
        )
        view = project.features.view("users", features=[group[FEATURES]], spine_time="t")
        reader, now = view.online(), project.clock.now()
        numbers = random.Random(7).choices(range(N_ROWS), k=READS_PER_ROUND)
        keys = [{"user": f"user-{number:06d}"} for number in numbers]
        raw = _raw_redis(project, reader, keys, overrides) if overrides else {}
        one = _microseconds(lambda: [reader.read(key, {}, now) for key in keys], len(keys))
        parts = [keys[at : at + MANY] for at in range(0, len(keys), MANY)]
        many = _microseconds(lambda: [reader.many(part, {}, now) for part in parts], len(parts))
        for n, took in ((1, one), (MANY, many)):
            name = f"{backend}: read of {N_FEATURES} features for {n} entit{'y' if n == 1 else 'ies'}"
            if n in raw:
                bench.add(f"raw redis-py: HMGET of {n}", raw[n], "µs")
                target = ROUND_TRIPS * raw[n].value
                bench.add(name, took, "µs", peer="raw redis-py", peer_value=raw[n], target=target)
            else:
                told = None if feast is None else feast[f"read_{n}_us"]
                bench.add(name, took, "µs", peer=FEAST, peer_value=told, target=targets.get(n))
        forget(project.keys, group.spec.group_id)


@contextmanager
def _project(folder: Path, overrides: dict[str, Any]) -> Iterator[Project]:
    folder.mkdir(exist_ok=True)
    (folder / "mainspring.toml").write_text(f'[project]\nid = "bench-{new_id()}"\n')
    with open_project(folder, overrides=overrides) as project:
        yield project


def _raw_redis(
    project: Project, reader: OnlineReader, keys: list[dict[str, str]], overrides: dict[str, Any]
) -> dict[int, Sample]:
    """The same bytes by the library alone, one round trip, not decoded."""
    place = f"mainspring:{{{project.config.project.id}}}:{SPACE}"
    names = [reader._lookups[0].key_of(key) for key in keys]
    parts = [names[at : at + MANY] for at in range(0, len(names), MANY)]
    with redis.Redis.from_url(overrides["keys.url"]) as client:
        assert None not in client.hmget(place, names)
        one = _microseconds(lambda: [client.hmget(place, [name]) for name in names], len(names))
        return {
            1: one,
            MANY: _microseconds(lambda: [client.hmget(place, part) for part in parts], len(parts)),
        }


def _microseconds(work: Callable[[], object], calls: int) -> Sample:
    """Microseconds of one call, over rounds of many."""
    rounds = []
    for at in range(ROUNDS + 1):
        began_s = time.perf_counter()
        work()
        if at:
            rounds.append((time.perf_counter() - began_s) / calls * 1e6)
    return Sample.of(rounds)
