"""What does the graph add to each step and to each publication, beside the disk's own waiting?

Time without fsync: the same work with the calls counted and skipped. Publications and steps are compared with one bare
SQLite insert in a transaction of its own, of as many bytes as all rows of the publication together, with the same
write-ahead log and full sync, in the same process and in turn. The publication's own rows, inserted by the bare driver
into tables with the same indexes, say what of it is the database's work.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import _syncs
from benchmarks._harness import Bench, Sample

ROOT = Path(__file__).parent.parent
TITLES = {
    "insert": "bare SQLite insert",
    "rows": "bare SQLite, the publication's rows",
    "publication": "publication",
    "step": "executed step",
    "cached_step": "reused step",
}
TARGETS_MS = {"step": 2.0}
TARGET_RATIO = 3.0


def run(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        counter = _syncs.build(Path(folder))
        if counter is None:
            print("No C compiler: fsyncs are not counted, and their time cannot be taken out.")
            _add(bench, _work(None, skip=False), "")
            return
        _add(bench, _work(counter, skip=True), ", without fsync", targets=TARGETS_MS)
        waited = _work(counter, skip=False)
        _add(bench, waited, ", with fsync")
        for name, measured in waited["works"].items():
            bench.add(f"fsyncs of a {TITLES[name]}", round(measured["syncs"], 2), "calls")
        seconds = {name: statistics.median(each["seconds"]) for name, each in waited["works"].items()}
        bench.add(
            "publication beside a bare insert, as many fsyncs",
            seconds["publication"] / seconds["insert"],
            "×",
            target=TARGET_RATIO,
        )
        bench.add("bytes in the rows of a publication, and in the bare row", waited["row_bytes"], "bytes")


def _add(bench: Bench, found: dict[str, Any], suffix: str, targets: dict[str, float] | None = None) -> None:
    samples = {
        name: Sample.of(1e3 * each for each in measured["seconds"])
        for name, measured in found["works"].items()
    }
    for name, sample in samples.items():
        peer = None if name == "insert" else TITLES["insert"]
        bench.add(
            TITLES[name] + suffix,
            sample,
            "ms",
            peer=peer,
            peer_value=samples["insert"] if peer else None,
            target=(targets or {}).get(name),
        )


def _work(counter: Path | None, *, skip: bool) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}
    environment |= _syncs.environment(counter, skip=skip)
    words = [sys.executable, "-m", "benchmarks._bookkeeping_child"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
