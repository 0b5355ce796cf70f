"""Whoever opened the store is told of work that may take long, part by part."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.features.api import Features

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


class Watch:
    """Keeps what it is told: text → (parts, how many of them were done)."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[int, int]] = {}

    @contextmanager
    def __call__(self, text: str, total: int) -> Iterator[Callable[[], None]]:
        self.told[text] = (total, 0)

        def advance() -> None:
            self.told[text] = (total, self.told[text][1] + 1)

        yield advance

    def of(self, text: str) -> tuple[int, int]:
        """Parts of the one that has this in its text, and how many were done."""
        (found,) = [counts for each, counts in self.told.items() if text in each]
        return found


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def watched(features: Features, watch: Watch) -> Features:
    """A feature store that is watched."""
    stores = features._stores
    return Features(stores.graph, stores.tables, lambda: stores.keys, progress=watch)


def rows(n: int, hours: float = 0) -> pl.DataFrame:
    return pl.DataFrame({"place": [f"p{i}" for i in range(n)], "t": [at(hours)] * n, "temp": [1.0] * n})


def test_an_insert_of_files(watched: Features, watch: Watch, tmp_path: Path) -> None:
    """Each file is told of when its digest is taken and when it is read; then the rows."""
    for number in range(3):
        rows(2, number).write_parquet(tmp_path / f"{number}.parquet")
    watched.group("weather", keys=["place"], event_time="t").insert(str(tmp_path / "*.parquet"))
    assert watch.of("digests of files taken") == (3, 3)
    assert watch.of("files read") == (3, 3)
    assert watch.of("6 rows checked and written") == (0, 0)


def test_an_insert_of_a_query(watched: Features, watch: Watch, tmp_path: Path) -> None:
    """Each chunk is told of; nobody knows how many come."""
    with sqlite3.connect(tmp_path / "rows.db") as base:
        base.execute("CREATE TABLE w (place TEXT, t TEXT, temp REAL)")
        base.executemany("INSERT INTO w VALUES (?, ?, ?)", [(f"p{i}", "2013-01-01", 1.0) for i in range(5)])
    base.close()
    query = ms.sql(f"sqlite:///{tmp_path}/rows.db", "SELECT * FROM w", chunk_rows=2)
    watched.group("weather", keys=["place"], event_time="t").insert(query)
    assert watch.of("chunks of 2 rows read") == (0, 3)


def test_materialize(watched: Features, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Group by group, and window by window of each."""
    monkeypatch.setattr("mainspring.features.online.materialize.WINDOW_ROWS", 2)
    for name, n in (("weather", 4), ("traffic", 1)):
        group = watched.group(name, keys=["place"], event_time="t", online=True)
        for hour in range(n):
            group.insert(rows(1, hour))
    assert watched.materialize(at(9))
    assert watch.of("online groups") == (2, 2)
    assert watch.of("weather@1: 4 rows brought online") == (2, 2)
    assert watch.of("traffic@1: 1 rows brought online") == (1, 1)


def test_a_join_in_buckets(
    watched: Features, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups, buckets, and batches of what is written."""
    group = watched.group("weather", keys=["place"], event_time="t")
    group.insert(rows(4))
    view = watched.view("v", features=[group["temp"]])
    spine = pl.DataFrame({"place": ["p1", "p2"], "event_time": [at(1)] * 2})
    monkeypatch.setattr("mainspring.features.view.JOIN_MEMORY_MIN_BYTES", 1)
    joined = view.join(spine, memory_bytes=200)
    assert watch.of("buckets searched") == (6, 6)
    assert watch.of("groups searched") == (1, 1)
    joined.write_parquet(tmp_path / "joined.parquet")
    assert watch.of("2 rows written") == (1, 1)


def test_compaction_and_erasure(watched: Features, watch: Watch) -> None:
    """What is left of each commit, the tables, and the datasets; nothing is told of a dry run."""
    group = watched.group("weather", keys=["place"], event_time="t")
    for hour in range(3):
        group.insert(rows(2, hour))
    group.compact()
    assert watch.of("small files written into few") == (0, 0)
    data = watched.view("v", features=[group["temp"]]).training_dataset(
        pl.DataFrame({"place": ["p0", "p1"], "event_time": [at(5)] * 2})
    )
    group.erase({"place": "p0"}, reason="asked", dry_run=True)
    assert not [text for text in watch.told if text.startswith("erase")]
    group.erase({"place": "p0"}, reason="asked")
    assert watch.of("left of each commit") == (3, 3)
    assert watch.of("erase in weather@1: tables") == (1, 1)
    assert watch.of("training datasets") == (1, 1)
    assert data.erasures
