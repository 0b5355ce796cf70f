"""How long does a point-in-time join take, beside a bare backward as-of join in Polars?"""

from __future__ import annotations

import numpy as np
import polars as pl

from benchmarks._harness import Bench, timed
from mainspring.features.join import Side, join

N_SPINE = 100_000
N_ROWS = 300_000
N_KEYS = 300
N_SIDES = 3
REPEATS = 7
SECOND_US = 1_000_000


def run(bench: Bench) -> None:
    random = np.random.default_rng(7)
    spine = pl.DataFrame({"key": random.integers(0, N_KEYS, N_SPINE), "t": _times(random, N_SPINE)})
    rows = [_rows(random, number) for number in range(N_SIDES)]
    sides = [_side(frame, number) for number, frame in enumerate(rows)]

    def bare() -> None:
        found = spine.sort("key", "t")
        for number, frame in enumerate(rows):
            right = frame.select("key", "_event_us", f"x{number}").sort("key", "_event_us")
            found = found.join_asof(
                right, left_on="t", right_on="_event_us", by="key", check_sortedness=False
            )
            found = found.drop("_event_us", strict=False)

    asof = timed(bare, repeats=REPEATS)
    ours = timed(lambda: join(spine, spine["t"], sides), repeats=REPEATS)
    title = f"{N_SIDES} tables of {N_ROWS:,} rows to {N_SPINE:,}"
    bench.add(f"bare as-of join, {title}", asof, "s")
    bench.add(
        f"point-in-time join with known times and provenance, {title}",
        ours,
        "s",
        peer="bare as-of join",
        peer_value=asof,
    )


def _times(random: np.random.Generator, n: int) -> np.ndarray:
    return random.integers(0, 365 * 86_400, n) * SECOND_US


def _rows(random: np.random.Generator, number: int) -> pl.DataFrame:
    events = _times(random, N_ROWS)
    return pl.DataFrame(
        {
            "key": random.integers(0, N_KEYS, N_ROWS),
            "_event_us": events,
            "_known_us": events + random.integers(0, 7_200, N_ROWS) * SECOND_US,
            "_commit": np.ones(N_ROWS, dtype=np.int64),
            "_number": np.ones(N_ROWS, dtype=np.int64),
            "_ordinal": np.arange(N_ROWS),
            "_op": np.zeros(N_ROWS, dtype=np.int64),
            f"x{number}": random.normal(size=N_ROWS),
        }
    )


def _side(frame: pl.DataFrame, number: int) -> Side:
    column = f"x{number}"
    return Side(f"side{number}", frame, (("key", "key"),), ((column, column),), cutoff=True)
