"""How long does the whole demo take, and how much memory do its processes hold together at most?"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks._harness import Bench

SAMPLE_EVERY_S = 0.25


def run(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        began_s = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "mainspring", "demo", "story"], cwd=folder, stdout=subprocess.DEVNULL
        ) as process:
            peak = _Peak(process.pid)
            returned = process.wait()
            seconds = time.perf_counter() - began_s
            peak.stop()
        if returned:
            raise RuntimeError(f"the demo ended with exit code {returned}")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    bench.add("the whole demo", seconds, "s", target=120)
    bench.add("peak memory, all processes", peak.bytes() / 1e9, "GB", target=3)
    bench.add("what it leaves on disk", size / 1e6, "MB")


class _Peak:
    """The largest sum of memory (proportional set size) of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def bytes(self) -> int:
        if self._peak:
            return self._peak
        # Without /proc: the largest single process, in bytes on macOS and KiB elsewhere.
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return largest if sys.platform == "darwin" else largest * 1024

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_EVERY_S):
            self._peak = max(self._peak, sum(_held(pid) for pid in _family(self._pid)))


def _family(root: int) -> set[int]:
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it ended while we looked
    found = {root}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def _held(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
