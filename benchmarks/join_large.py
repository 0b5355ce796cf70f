"""Is a point-in-time join of tables larger than memory held within a bound, and how long does it take?

Small by default; `--full` is 5 M questions to a table of 100 M rows, within 6 GB. The answers are written to a file
batch by batch, and those of some keys are compared with Polars' as-of join.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks._harness import Bench
from benchmarks.join import SECOND_US, START_US, YEAR_S
from mainspring.project import open_project

SPINE, FOUND = "spine.parquet", "found.parquet"
FEATURES = ("x", "y")
N_INSERTS = 20
BOUND_BYTES = 6_000_000_000


def run(bench: Bench) -> None:
    n_spine, n_rows = (5_000_000, 100_000_000) if bench.full else (50_000, 1_000_000)
    memory_bytes = 1_500_000_000 if bench.full else 20_000_000
    with tempfile.TemporaryDirectory() as place:
        make(Path(place), n_spine, n_rows, n_keys=n_rows // 100)
        told = child(Path(place), memory_bytes)
    title = f"{n_spine:,} rows and a table of {n_rows:,} × {len(FEATURES)}"
    assert told["n_rows"] == n_spine
    assert told["n_compared"] > 0
    bench.add(f"view.join and its batches into a file, {title}", told["seconds"], "s")
    bench.add(f"its peak of memory, {title}", told["peak_bytes"] / 1e9, "GB", target=BOUND_BYTES / 1e9)


def make(folder: Path, n_spine: int, n_rows: int, n_keys: int) -> None:
    """A project with one group, inserted in the order of time, its view, and a spine beside it."""
    draw = np.random.default_rng(11)
    (folder / "mainspring.toml").write_text('[project]\nid = "bench"\n[home]\npath = "home"\n')
    asked = START_US + draw.integers(0, YEAR_S, n_spine) * SECOND_US
    pl.DataFrame({"key": draw.integers(0, n_keys, n_spine), "event_time": _times(asked)}).write_parquet(
        folder / SPINE
    )
    width_s = YEAR_S // N_INSERTS
    with open_project(folder) as project:
        group = project.features.group("large", keys=["key"], event_time="at")
        for number in range(N_INSERTS):
            n = n_rows // N_INSERTS
            events = np.sort(draw.integers(number * width_s, (number + 1) * width_s, n))
            columns = {"key": draw.integers(0, n_keys, n), "at": _times(START_US + events * SECOND_US)}
            values = {name: draw.normal(size=n) for name in FEATURES}
            group.insert(pl.DataFrame({**columns, **values}))
        project.features.view("large", features=[group[list(FEATURES)]])


def child(folder: Path, memory_bytes: int) -> dict[str, Any]:
    """What a process of its own says of the join."""
    command = [sys.executable, "-m", "benchmarks._join_large_child", str(folder), str(memory_bytes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _times(stamps_us: np.ndarray) -> pl.Series:
    return pl.Series(stamps_us).cast(pl.Datetime("us", "UTC"))
