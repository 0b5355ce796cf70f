"""What does it cost to store bytes by their content, beside a plain write with fsync?"""

from __future__ import annotations

import itertools
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks._harness import Bench, Sample, timed
from mainspring.ports.blobs import open_blobs

REPEATS = 60
SIZES = {"1 kB": 1_000, "1 MB": 1_000_000}


def run(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, size_bytes in SIZES.items():
            plain = _milliseconds(timed(_writer(Path(folder), size_bytes), repeats=REPEATS))
            put = _milliseconds(timed(_putter(Path(folder), size_bytes), repeats=REPEATS))
            bench.add(f"write and fsync, {name}", plain, "ms")
            bench.add(f"put, {name}", put, "ms", peer="write and fsync", peer_value=plain)


def _writer(folder: Path, size_bytes: int) -> Callable[[], object]:
    numbers = itertools.count()
    data = random.Random(size_bytes).randbytes(size_bytes)

    def write() -> None:
        with (folder / f"plain-{size_bytes}-{next(numbers)}").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    return write


def _putter(folder: Path, size_bytes: int) -> Callable[[], object]:
    blobs = open_blobs(folder / "blobs")
    numbers = itertools.count()
    data = random.Random(size_bytes).randbytes(size_bytes)
    return lambda: blobs.put(next(numbers).to_bytes(8, "big") + data)


def _milliseconds(sample: Sample) -> Sample:
    return Sample(sample.value * 1e3, sample.low * 1e3, sample.high * 1e3, sample.n)
