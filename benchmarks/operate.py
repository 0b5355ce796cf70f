"""How fast are backups and examinations of a home with 10 GB of contents and a million assets, and in how much memory?

The commands as an operator gives them, each a process of its own, whose peak of memory is the system's own figure. The
home has a graph with a chained log, runs with artifacts of 100 kB and of 1.6 MB, and a feature table with a tenth of
the bytes. Without `--full` it has 1 GB and 100,000 assets. Files that were just written are in the system's memory:
what is measured is our work, and not the disk's reading.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import insert

import mainspring as ms
from benchmarks import _graph
from benchmarks._bare import publish
from benchmarks._harness import Bench
from mainspring.ports.records.schema import row
from mainspring.tracking.spec import Artifact
from mainspring.tracking.store import artifacts
from mainspring.types import digest_bytes, new_id

SEED: Final = 7
MAX_MB: Final = 1_500.0
SMALL_BYTES: Final = 100_000
LARGE_BYTES: Final = 1_600_000
LARGE_EVERY: Final = 5
ARTIFACTS_A_RUN: Final = 20
ROWS_A_COMMIT: Final = 400_000
COLUMNS: Final = 5
TABLE_SHARE: Final = 0.1


# From a small process: a child's peak begins with the size of whoever forked it. In kB on Linux, in bytes on macOS.
_MEASURED: Final = """
import resource, subprocess, sys, time
began_s = time.perf_counter()
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - began_s
unit = 1 if sys.platform == "darwin" else 1024
print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e6, file=sys.stderr)
sys.exit(status)
"""


def run(bench: Bench) -> None:
    n_bytes, n_assets = (10 * 10**9, 1_000_000) if bench.full else (10**9, 100_000)
    with tempfile.TemporaryDirectory(prefix="operate-") as folder:
        home, backups = Path(folder) / "home", Path(folder) / "backups"
        began_s = time.perf_counter()
        size = _build(home, n_bytes, n_assets)
        print(f"built in {time.perf_counter() - began_s:.0f} s: {size}", flush=True)
        backup = ["backup", str(backups)]
        _add(bench, "doctor", _command(home, ["doctor"]), size)
        _add(bench, "doctor --quick", _command(home, ["doctor", "--quick"]), size)
        _add(bench, "first backup", _command(home, backup), size)
        _go_on(home)
        _add(bench, "backup after one run", _command(home, backup), size)
        _add(bench, "backup --verify", _command(home, [*backup, "--verify"]), size)


@dataclass(frozen=True)
class _Size:
    """What a home has.

    Attributes:
        record_bytes: of the database.
        content_bytes: of blobs and tables.
    """

    n_assets: int
    n_blobs: int
    record_bytes: int
    content_bytes: int

    @property
    def title(self) -> str:
        return f"{self.content_bytes / 1e9:.1f} GB, {self.n_assets:,} assets"


@dataclass(frozen=True)
class _Cost:
    """What a command took."""

    seconds: float
    peak_mb: float


def _add(bench: Bench, name: str, cost: _Cost, size: _Size) -> None:
    title = f"{size.title}: {name}"
    bench.add(title, cost.seconds, "s")
    bench.add(
        f"{title}, bytes of contents and records",
        (size.content_bytes + size.record_bytes) / cost.seconds / 1e6,
        "MB/s",
    )
    bench.add(f"{title}, assets", size.n_assets / cost.seconds, "/s")
    bench.add(f"{title}, peak memory", cost.peak_mb, "MB", target=MAX_MB)


def _command(home: Path, words: Sequence[str]) -> _Cost:
    program = str(Path(sys.executable).with_name("mainspring"))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, program, *words],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"mainspring {' '.join(words)} ended with status {done.returncode}: {done.stderr}")
    seconds, peak_mb = done.stderr.split()[-2:]
    return _Cost(float(seconds), float(peak_mb))


def _build(home: Path, n_bytes: int, n_assets: int) -> _Size:
    home.mkdir()
    (home / "mainspring.toml").write_text(f'[project]\nid = "{_graph.PROJECT_ID}"\n')
    with ms.open(home):
        pass
    place = home / ".mainspring"
    made = _graph.fill(f"sqlite:///{place / 'records.db'}", n_assets, SEED, with_events=True)
    with ms.open(home) as project:
        _insert(project, int(n_bytes * TABLE_SHARE))
        n_blobs = _keep(project, place / "blobs" / "objects", int(n_bytes * (1 - TABLE_SHARE)))
    contents = [file for name in ("blobs", "tables") for file in (place / name).rglob("*") if file.is_file()]
    return _Size(
        n_assets=made.n_assets,
        n_blobs=n_blobs,
        record_bytes=(place / "records.db").stat().st_size,
        content_bytes=sum(file.stat().st_size for file in contents),
    )


def _insert(project: ms.Project, n_bytes: int) -> None:
    """Commits of a feature group, of numbers that do not compress."""
    group = project.features.group("measured", keys=["id"], event_time="at")
    chance = np.random.default_rng(SEED)
    start = datetime(2013, 1, 1, tzinfo=UTC)
    for number in range(max(1, n_bytes // (ROWS_A_COMMIT * COLUMNS * 8))):
        numbers = {f"x{each}": chance.random(ROWS_A_COMMIT) for each in range(COLUMNS)}
        at = pl.lit(start + timedelta(hours=number)).cast(pl.Datetime("us", "UTC"))
        group.insert(pl.DataFrame({"id": np.arange(ROWS_A_COMMIT), **numbers}).with_columns(at=at))


def _keep(project: ms.Project, objects: Path, n_bytes: int) -> int:
    """Runs with artifacts; how many of these. Their bytes are put in place without waiting for the disk each time."""
    chance = random.Random(SEED)
    n_blobs = 0
    while n_bytes > 0:
        with project.tracking.run(f"run-{n_blobs}", experiment="bench") as tracked:
            kept = []
            for number in range(ARTIFACTS_A_RUN):
                content = chance.randbytes(SMALL_BYTES if number % LARGE_EVERY else LARGE_BYTES)
                sha256 = digest_bytes(content)
                place = objects / sha256[:2] / sha256
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
                kept.append(
                    Artifact(
                        run_id=tracked.id,
                        name=f"artifact-{number}",
                        sha256=sha256,
                        size_bytes=len(content),
                        asset_id=new_id(),
                        logged_at=datetime.now(UTC),
                    )
                )
                n_bytes -= len(content)
            with project.records.write() as connection:
                connection.execute(insert(artifacts), [row(each, _graph.PROJECT_ID) for each in kept])
            n_blobs += len(kept)
    return n_blobs


def _go_on(home: Path) -> None:
    """What a day may bring: a publication, and a run with an artifact."""
    with ms.open(home) as project:
        publish(project.graph, "later")
        with project.tracking.run("later", experiment="bench") as tracked:
            tracked.artifact("model.bin", random.Random(SEED + 1).randbytes(LARGE_BYTES))
