"""How fast are runs logged and listed, and what does the identity of a step's code cost?

Peer of the metric points: the same rows in one bare SQLite transaction, WAL and normal sync, no objects.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import mainspring as ms
from benchmarks._harness import Bench, Sample, timed
from mainspring.features.code.closure import code_closure
from mainspring.tracking import ActiveRun, Tracking

BATCH = 1_000
RUNS = 200


def run(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="tracking-") as folder:
        home = Path(folder)
        (home / "mainspring.toml").write_text('[project]\nid = "bench"\n')
        bare = _bare(home / "bare.db")
        with ms.open(home) as project:
            with project.tracking.run("bench") as active:
                _logging(bench, active, bare)
            _listing(bench, project.tracking)
    closure = timed(lambda: code_closure(_logging), repeats=50)
    bench.add("code closure of a function of this file, files parsed", _ms(closure), "ms", target=5.0)


def _logging(bench: Bench, active: ActiveRun, bare: Sample) -> None:
    metrics = {f"m{number}": float(number) for number in range(BATCH)}
    one = timed(lambda: active.log(metrics={"loss": 0.5}), repeats=500)
    many = timed(lambda: active.log(metrics=metrics), repeats=20)
    numbers = iter(range(10**9))
    param = timed(lambda: active.log(params={f"p{next(numbers)}": 1}), repeats=50)
    bench.add("log one metric", _ms(one), "ms", target=3.0)
    bench.add(f"log {BATCH} metrics", _ms(many), "ms", peer="bare SQLite", peer_value=_ms(bare), target=40.0)
    bench.add("log one parameter, durable", _ms(param), "ms")


def _listing(bench: Bench, tracking: Tracking) -> None:
    for number in range(RUNS):
        with tracking.run("one", experiment="listed") as active:
            active.log(params={"depth": number, "rate": 0.1}, metrics={"auc": number / RUNS})
    listed = timed(lambda: tracking.runs("listed"), repeats=10)
    bench.add(f"list {RUNS} runs with parameters and metrics", _ms(listed), "ms", target=100.0)


def _bare(path: Path) -> Sample:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(
        "CREATE TABLE points (seq INTEGER PRIMARY KEY, run TEXT, key TEXT, step INTEGER, value REAL)"
    )
    connection.execute("CREATE INDEX by_run ON points (run, key, step)")
    rows = [("r" * 32, f"m{number}", 0, float(number)) for number in range(BATCH)]

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO points (run, key, step, value) VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    sample = timed(insert, repeats=20)
    connection.close()
    return sample


def _ms(sample: Sample) -> Sample:
    return Sample(1e3 * sample.value, 1e3 * sample.low, 1e3 * sample.high, sample.n)
