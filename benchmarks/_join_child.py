"""One way to join, in a process of its own, so that its peak of memory is its own.

`python -m benchmarks._join_child ours|polars FOLDER PREFIX REPEATS` prints seconds of each join, and the peak, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import polars as pl

from benchmarks.join import FEATURES, GROUPS, SPINE
from mainspring.project import open_project


def ours(folder: Path, prefix: str, repeats: int) -> list[float]:
    """`view.join` of a spine in memory with groups on disk."""
    spine = pl.read_parquet(folder / SPINE)
    with open_project(folder) as project:
        view = project.features.get_view(prefix)
        return [_seconds(lambda: view.join(spine).frame) for _ in range(repeats)]


def polars(folder: Path, prefix: str, repeats: int) -> list[float]:
    """Scan the same files, sort and join as of the event time: no known times, ties as they come, no report."""
    spine = pl.read_parquet(folder / SPINE)
    tables = [next((folder / "home" / "tables").glob(f"*{prefix}{number}*")) for number in range(GROUPS)]

    def join() -> pl.DataFrame:
        found = spine.lazy().sort("event_time")
        for number, table in enumerate(tables):
            features = [f"{prefix}{number}_{name}" for name in FEATURES]
            right = pl.scan_delta(str(table)).select("key", "at", *features).sort("at")
            found = found.join_asof(
                right, left_on="event_time", right_on="at", by="key", check_sortedness=False
            ).drop("at", strict=False)
        return found.collect()

    return [_seconds(join) for _ in range(repeats)]


def _seconds(function: object) -> float:
    assert callable(function)
    began_s = time.perf_counter()
    function()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    how, place, named, times = sys.argv[1:]
    seconds = {"ours": ours, "polars": polars}[how](Path(place), named, int(times))
    # Linux counts kibibytes.
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes}))
