"""How long does a profile of 1 M rows take beside Polars' describe, and an insert beside a bare append?"""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import mainspring as ms
from benchmarks._harness import Bench, timed
from mainspring.checks.profile import pooled, profile
from mainspring.ports.tables import open_tables

N_ROWS = 1_000_000
REPEATS = 5
TARGET_S = 0.7
INSERT_RATIO = 2.0


def run(bench: Bench) -> None:
    frame = made(N_ROWS)
    title = f"{frame.height:,} rows x {frame.width} columns"
    bare = timed(frame.describe, repeats=REPEATS)
    ours = timed(lambda: profile(frame), repeats=REPEATS)
    bench.add(f"Polars describe, {title}", bare, "s")
    bench.add(
        f"profile with quantiles, distinct and frequent values, {title}",
        ours,
        "s",
        peer="Polars describe",
        peer_value=bare,
        target=TARGET_S,
    )
    parts = [profile(part) for part in frame.iter_slices(N_ROWS // 10)]
    bench.add("10 profiles pooled into one", timed(lambda: pooled(parts), repeats=REPEATS), "s")
    _inserts(bench, frame)


def made(n: int) -> pl.DataFrame:
    """Measurements, counts, categories, a key, a time: 25 columns, some with gaps."""
    random = np.random.default_rng(7)
    columns: dict[str, Any] = {f"x{i}": random.normal(100 * i, 1 + i, n) for i in range(14)}
    columns |= {f"n{i}": random.integers(0, top, n) for i, top in enumerate((24, 365, 5_000, 1_000_000))}
    columns |= {f"s{i}": random.integers(0, top, n).astype(str) for i, top in enumerate((5, 100, 3_000))}
    columns["flag"] = random.random(n) < 0.3
    columns["price"] = random.gamma(2, size=n).round(2)
    columns["id"] = np.arange(n)
    columns["at"] = pl.Series(1_356_998_400_000_000 + random.integers(0, 31_536_000, n) * 1_000_000)
    gaps = pl.int_range(pl.len()) % 17 == 0
    return pl.DataFrame(columns).with_columns(
        pl.col("at").cast(pl.Datetime("us", "UTC")), pl.when(~gaps).then(pl.col("x1")).alias("x1")
    )


def _inserts(bench: Bench, frame: pl.DataFrame) -> None:
    """An insert validates, digests, profiles, compares with the batches before, appends and publishes."""
    with tempfile.TemporaryDirectory() as folder:
        tables, names = open_tables(f"file:{folder}/bare"), count()
        bare = timed(lambda: tables.append(f"t{next(names)}", frame, token="1"), repeats=3)
        home = Path(folder) / "project"
        home.mkdir()
        (home / "mainspring.toml").write_text('[project]\nid = "bench"\n')
        checks = [
            ms.expect.not_null("id"),
            *(ms.expect.between(f"x{i}", -1e6, 1e6) for i in range(14)),
            ms.expect.in_set("s0", [str(i) for i in range(5)]),
        ]
        with ms.open(home) as project:
            group = project.features.group("rows", keys=["id"], event_time="at", expectations=checks)
            # Shifted, so that each insert is of rows of its own.
            ours = timed(
                lambda: group.insert(frame.with_columns(pl.col("id") + next(names) * N_ROWS)), repeats=3
            )
    title = f"{frame.height:,} rows x {frame.width} columns"
    bench.add(f"bare Delta append, {title}", bare, "s")
    bench.add(
        f"insert with {len(checks)} expectations, profile and drift, {title}",
        ours,
        "s",
        peer="bare Delta append",
        peer_value=bare,
        target=INSERT_RATIO * bare.value,
    )
