"""A join in a process of its own, so that its peak of memory is its own.

`python -m benchmarks._join_large_child FOLDER MEMORY_BYTES` prints seconds, peak, rows and how many were compared.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import polars as pl

from benchmarks.join_large import FEATURES, FOUND, SPINE
from mainspring.project import open_project

N_COMPARED_KEYS = 200


def join(folder: Path, memory_bytes: int) -> float:
    """Seconds of the join and of writing what it found."""
    began_s = time.perf_counter()
    with open_project(folder) as project:
        view = project.features.get_view("large")
        view.join(folder / SPINE, memory_bytes=memory_bytes).write_parquet(folder / FOUND)
    return time.perf_counter() - began_s


def compare(folder: Path) -> int:
    """Rows of some keys, of which Polars' as-of join says the same; all rows of the spine are there, in its order."""
    found = pl.scan_parquet(folder / FOUND)
    asked = pl.read_parquet(folder / SPINE)
    assert found.select("key", "event_time").collect().equals(asked)
    few = pl.col("key") < N_COMPARED_KEYS
    (table,) = (folder / "home" / "tables").glob("*large*")
    rows = pl.scan_delta(str(table)).filter(few).select("key", "at", *FEATURES).collect().sort("at")
    ours = found.filter(few).collect().sort("event_time", maintain_order=True)
    theirs = ours.select("key", "event_time").join_asof(
        rows, left_on="event_time", right_on="at", by="key", check_sortedness=False
    )
    # Of two rows of one key and second the one written last answers, and as-of joins take the last too.
    assert ours.select(FEATURES).equals(theirs.select(FEATURES))
    return ours.height


if __name__ == "__main__":
    place, bound = Path(sys.argv[1]), int(sys.argv[2])
    seconds = join(place, bound)
    # Linux counts kibibytes. Taken before the comparison, which is not part of it.
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    n_rows = pl.scan_parquet(place / FOUND).select(pl.len()).collect().item()
    told = {"seconds": seconds, "peak_bytes": peak_bytes, "n_rows": n_rows, "n_compared": compare(place)}
    print(json.dumps(told))
