"""What does the graph add to each step and to each publication, beside the disk's own waiting?

Time without fsync: the same work with the calls counted and skipped. Publications and steps are compared with one bare
SQLite insert in a transaction of its own, WAL and full sync, in the same process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._harness import Bench, Sample

FOLDER = Path(__file__).parent
TITLES = {
    "insert": "bare SQLite insert",
    "publication": "publication",
    "step": "executed step",
    "cached_step": "reused step",
}
TARGETS_MS = {"step": 2.0}


def run(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        counter = _build(Path(folder))
        if counter is None:
            print("No C compiler: fsyncs are not counted, and their time cannot be taken out.")
            _add(bench, _work(None, skip=False), "")
            return
        _add(bench, _work(counter, skip=True), ", without fsync", targets=TARGETS_MS)
        waited = _work(counter, skip=False)
        _add(bench, waited, ", with fsync")
        for name, measured in waited.items():
            bench.add(f"fsyncs of a {TITLES[name]}", round(measured["syncs"], 2), "calls")


def _add(bench: Bench, found: dict[str, Any], suffix: str, targets: dict[str, float] | None = None) -> None:
    samples = {
        name: Sample.of(1e3 * each for each in measured["seconds"]) for name, measured in found.items()
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


def _build(folder: Path) -> Path | None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "syncs.so"
    words = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(FOLDER / "_syncs.c"), "-ldl"]
    subprocess.run(words, check=True)
    return library


def _work(counter: Path | None, *, skip: bool) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent), "POLARS_MAX_THREADS": "1"}
    if counter is not None:
        environment["LD_PRELOAD"] = str(counter)
    if skip:
        environment["SYNCS_SKIP"] = "1"
    words = [sys.executable, str(FOLDER / "_bookkeeping_child.py"), str(counter or "-")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
