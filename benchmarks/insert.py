"""How long does an insert of a million rows take, with expectations, profile and digest, beside a bare Delta append?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import write_deltalake

import mainspring as ms
from benchmarks._harness import Bench, Sample
from mainspring.features.group import FeatureGroup

N_ROWS = 1_000_000
N_FLOATS = 5
REPEATS = 5
TARGET = 2.0
YEAR_US = 365 * 86_400 * 1_000_000


def run(bench: Bench) -> None:
    frame = _rows()
    with tempfile.TemporaryDirectory() as folder, _project(Path(folder) / "project") as project:
        groups = {
            name: _group(project, name, rules) for name, rules in (("plain", []), ("checked", _rules()))
        }
        calls = {
            "bare": lambda: write_deltalake(f"{folder}/bare", frame, mode="append"),
            **{name: partial(group.insert, frame) for name, group in groups.items()},
        }
        samples = _by_turns(calls)
    title = f"{N_ROWS:,} rows × {frame.width} columns"
    bare = samples["bare"]
    bench.add(f"bare Delta append, not synced, {title}", bare, "s")
    for name, what in (("plain", "profile and digest"), ("checked", "6 expectations, profile and digest")):
        peer = {"peer": "bare Delta append", "peer_value": bare}
        bench.add(f"insert with {what}, {title}", samples[name], "s", target=TARGET * bare.value, **peer)


def _by_turns(calls: dict[str, Callable[[], object]]) -> dict[str, Sample]:
    """Seconds of each call, one of each at a time: whatever else the machine does falls on all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(REPEATS + 1):
        for name, call in calls.items():
            began_s = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - began_s)
    return {name: Sample.of(found) for name, found in seconds.items()}


def _project(folder: Path) -> ms.Project:
    folder.mkdir()
    (folder / "mainspring.toml").write_text('[project]\nid = "bench"\n')
    return ms.open(folder)


def _group(project: ms.Project, name: str, rules: list[ms.Expectation]) -> FeatureGroup:
    return project.features.group(name, keys=["key"], event_time="at", expectations=rules, on_failure="block")


def _rules() -> list[ms.Expectation]:
    return [
        ms.expect.not_null("key"),
        ms.expect.not_null("at"),
        ms.expect.in_set("kind", [f"kind{number}" for number in range(20)]),
        *(ms.expect.between(f"x{number}", -10, 10) for number in range(3)),
    ]


def _rows() -> pl.DataFrame:
    random = np.random.default_rng(7)
    start = int(datetime(2013, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    return pl.DataFrame(
        {
            "key": random.integers(0, 100_000, N_ROWS),
            "at": pl.Series(start + random.integers(0, YEAR_US, N_ROWS)).cast(pl.Datetime("us", "UTC")),
            "kind": pl.Series([f"kind{number}" for number in random.integers(0, 20, N_ROWS)]),
            **{f"x{number}": random.normal(size=N_ROWS) for number in range(N_FLOATS)},
        }
    )
