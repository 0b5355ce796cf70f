"""Several processes that write to one group at once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from tests.features.insert.killed_inserts import open_features

from mainspring.testing._processes import in_processes

N_INSERTS = 3


def insert_some(records_url: str, folder: str, writer: str) -> list[int]:
    """The numbers of the commits that one writer made."""
    with open_features(
        records_url, f"file:{folder}/tables", f"lmdb:{folder}/keys", f"file:{folder}/blobs"
    ) as store:
        group = store.group("shared", keys=["writer", "n"])
        frames = [pl.DataFrame({"writer": [writer], "n": [number]}) for number in range(N_INSERTS)]
        return [group.insert(frame).number for frame in frames]


def test_writers_of_two_processes_all_land(records_url: str, tmp_path: Path) -> None:
    """From the first insert on, which makes the table: each commit once, under a number of its own."""
    writers = [(records_url, str(tmp_path), name) for name in ("anna", "bert")]
    numbers = [number for made in in_processes(insert_some, writers) for number in made]
    assert sorted(numbers) == list(range(1, 2 * N_INSERTS + 1))
    with open_features(
        records_url, f"file:{tmp_path}/tables", f"lmdb:{tmp_path}/keys", f"file:{tmp_path}/blobs"
    ) as store:
        rows = store.get_group("shared").read().to_polars()
    assert sorted(rows.rows()) == [(name, n) for name in ("anna", "bert") for n in range(N_INSERTS)]
