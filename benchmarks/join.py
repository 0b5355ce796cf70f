"""How long does a point-in-time join of three tables on disk take, beside Polars' as-of join and Feast with DuckDB?

Small by default; `--full` is 1 M questions to three tables of 5 M rows and five features each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks._harness import Bench, Sample
from benchmarks._peers import peer
from mainspring.project import Project, open_project

GROUPS = 3
FEATURES = tuple("abcde")
SPINE = "spine.parquet"
COMMITS = 5
REPEATS = 3
YEAR_S = 365 * 86_400
SECOND_US = 1_000_000
START_US = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * SECOND_US

#: In order of time, known when it is true; and learnt up to two hours late, with a fiftieth of the rows corrected.
CALM, LATE = "calm", "late"


def run(bench: Bench) -> None:
    n_spine, n_rows, n_keys = (1_000_000, 5_000_000, 100_000) if bench.full else (100_000, 500_000, 10_000)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder, n_spine, n_rows, n_keys)
        title = f"{n_spine:,} rows, {GROUPS} groups of {n_rows:,} × {len(FEATURES)}"
        asof = _child("polars", folder, CALM)
        feast = peer("feast", "join", str(folder))
        bench.add(f"scan, sort and join_asof by Polars, {title}", Sample.of(asof["seconds"]), "s")
        bench.add("its peak of memory", asof["peak_bytes"] / 1e9, "GB")
        if feast is not None:
            bench.add(f"get_historical_features by Feast, {title}", Sample.of(feast["seconds"] * 2), "s")
            bench.add("its peak of memory, Feast", feast["peak_bytes"] / 1e9, "GB")
        for prefix, words, bound in (
            (CALM, "in order of time", 1.3),
            (LATE, "learnt late and corrected", 2.5),
        ):
            found = _child("ours", folder, prefix)
            plain = Sample.of(asof["seconds"])
            took = Sample.of(found["seconds"])
            bench.add(
                f"view.join, {words}, {title}",
                took,
                "s",
                peer="Polars",
                peer_value=plain,
                target=bound * plain.value,
            )
            bench.add(
                f"its peak of memory, {words}",
                found["peak_bytes"] / 1e9,
                "GB",
                peer="Polars",
                peer_value=asof["peak_bytes"] / 1e9,
            )
            if feast is not None:
                other = Sample.of(feast["seconds"] * 2)
                bench.add(
                    f"view.join beside Feast, {words}",
                    took,
                    "s",
                    peer="Feast 0.67, DuckDB",
                    peer_value=other,
                    target=other.value / 12,
                )


def make(folder: Path, n_spine: int, n_rows: int, n_keys: int) -> None:
    """A project with both sets of groups, their views, and the spine beside it."""
    draw = np.random.default_rng(7)
    (folder / "mainspring.toml").write_text('[project]\nid = "bench"\n[home]\npath = "home"\n')
    pl.DataFrame(
        {
            "key": draw.integers(0, n_keys, n_spine),
            "event_time": _times(START_US + draw.integers(0, YEAR_S, n_spine) * SECOND_US),
        }
    ).write_parquet(folder / SPINE)
    with open_project(folder) as project:
        for prefix in (CALM, LATE):
            groups = [
                _fill(project, draw, prefix, number, n_rows, n_keys, folder) for number in range(GROUPS)
            ]
            project.features.view(prefix, features=[group[group.features] for group in groups])


def _fill(
    project: Project,
    draw: np.random.Generator,
    prefix: str,
    number: int,
    n_rows: int,
    n_keys: int,
    folder: Path,
) -> Any:
    known = "known" if prefix == LATE else None
    group = project.features.group(f"{prefix}{number}", keys=["key"], event_time="at", known_time=known)
    events = np.sort(draw.integers(0, YEAR_S, n_rows)) * SECOND_US + START_US
    keys = draw.integers(0, n_keys, n_rows)
    learnt = events + draw.integers(0, 7_200, n_rows) * SECOND_US
    if known is not None:
        # A correction comes in the last commit: an earlier row's key and event time, learnt days later.
        last, n_late = n_rows - n_rows // COMMITS, n_rows // 50
        corrected = draw.integers(0, last, n_late)
        places = draw.choice(np.arange(last, n_rows), n_late, replace=False)
        keys[places], events[places] = keys[corrected], events[corrected]
        learnt[places] = events[places] + draw.integers(1, 30 * 86_400, n_late) * SECOND_US
    frame = pl.DataFrame({"key": keys, "at": _times(events)})
    if known is not None:
        frame = frame.with_columns(_times(learnt).alias("known"))
    frame = frame.with_columns(
        pl.Series(f"{prefix}{number}_{name}", draw.normal(size=n_rows)) for name in FEATURES
    )
    for part in frame.iter_slices(-(-n_rows // COMMITS)):
        group.insert(part)
    if prefix == CALM:
        frame.write_parquet(folder / f"{prefix}{number}.parquet")
    return group


def _times(stamps_us: np.ndarray) -> pl.Series:
    return pl.Series(stamps_us).cast(pl.Datetime("us", "UTC"))


def _child(how: str, folder: Path, prefix: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks._join_child", how, str(folder), prefix, str(REPEATS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
