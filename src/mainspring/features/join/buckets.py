"""A side larger than memory: searched bucket by bucket of its keys, each bucket a task of its own.

Equal keys have equal hashes, so that a key's questions and rows are in one bucket and nothing about it is elsewhere.
Keys and times go to temporary files in one streaming pass; each task reads its own and says which rows answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from mainspring.features.join.nearest import Longs
from mainspring.features.join.point_in_time import STATUS, Found, Side, Spine, find
from mainspring.features.join.side_report import SideReport
from mainspring.features.join.spill import spill_folder
from mainspring.features.join.take import read_part, write_parts
from mainspring.log.progress import Progress, silent
from mainspring.ports.engine import Engine, Task
from mainspring.ports.tables.collect import batches

_BUCKET: Final = "_join.bucket"
_TIME: Final = "_join.time"
_PLACE: Final = "_join.place"
_ASKED: Final = "asked"
_ROWS: Final = "rows"

#: Bytes of a value, by type; text and lists are taken to be short.
_WIDTHS: Final = {pl.Boolean: 1, pl.Date: 4, pl.String: 32, pl.Binary: 32, pl.List: 128}
#: How many times the rows themselves are in memory while they are ordered and searched, at most.
_COPIES: Final = 4
#: How much is in memory before it is written into the buckets' files.
_BUFFER_BYTES: Final = 128_000_000


def estimated_bytes(types: Sequence[pl.DataType], n_rows: int) -> int:
    """About how much memory it takes to search rows of these types at once."""
    return n_rows * _COPIES * sum(_WIDTHS.get(dtype.base_type(), 8) for dtype in types)


def default_memory_bytes() -> int:
    """A quarter of what the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


def find_in_buckets(
    spine: Spine,
    side: Side,
    rows: pl.LazyFrame,
    n_buckets: int,
    engine: Engine,
    root: Path,
    where: str,
    progress: Progress = silent,
) -> Found:
    """What `find` says of the side with these rows, never with more than the buckets of running tasks in memory.

    Args:
        side: its frame is empty, and tells the columns' types.
        rows: the columns of that frame.
        root: where temporary files may be.
        where: whose rows they are, as errors name it.
        progress: told of each bucket.

    Raises:
        IntegrityError: a file of the table is not there any more.
    """
    with spill_folder(root) as folder:
        with progress(f"{where}: rows put into {n_buckets} buckets", 0):
            none = _part(batches(rows, where), [key for key, _ in side.keys], n_buckets, folder / _ROWS)
        keys = [column for _, column in side.keys]
        questions = spine.keys.select(*dict.fromkeys(keys)).with_columns(pl.Series(_TIME, spine.moments))
        asked = _part([questions], keys, n_buckets, folder / _ASKED)
        shared = {"folder": str(folder), "side": replace(side, frame=none), "asked": asked}
        tasks = (Task(str(n), find_in_bucket, {**shared, "bucket": n}) for n in range(n_buckets))
        picked = np.full(spine.height, -1, dtype=np.int64)
        status = np.zeros(spine.height, dtype=np.uint32)
        parts: list[BucketReport] = []
        with progress(f"{where}: buckets searched", n_buckets) as advance:
            for outcome in engine.run_in_order(tasks):
                if outcome.error is not None:
                    raise outcome.error
                parts.append(outcome.value)
                found = pl.read_ipc(folder / f"found{outcome.id}.arrow")
                rows_asked = found.get_column(_ASKED).to_numpy()
                picked[rows_asked] = found.get_column(_PLACE).to_numpy()
                status[rows_asked] = found.get_column("status").to_physical().to_numpy()
                advance()
    return Found(
        picked=picked,
        status=pl.Series("status", STATUS.categories, dtype=STATUS).gather(pl.Series(status)),
        numbers=frozenset().union(*(part.numbers for part in parts)),
        n_rows=sum(part.n_rows for part in parts),
        report=SideReport.summed(part.report for part in parts),
    )


def _part(parts: Iterable[pl.DataFrame], keys: Sequence[str], n_buckets: int, folder: Path) -> pl.DataFrame:
    """The rows, numbered as they come, by their buckets in files; no rows, with the columns."""
    # Under names of their places: the spine's columns are called otherwise, and the hash must not know.
    key = pl.struct(pl.col(key).alias(str(place)) for place, key in enumerate(keys))

    def numbered() -> Iterator[pl.DataFrame]:
        offset = 0
        for rows in parts:
            numbers = pl.int_range(offset, offset + rows.height, dtype=pl.Int64).alias(_PLACE)
            yield rows.with_columns(numbers, (key.hash() % n_buckets).alias(_BUCKET))
            offset += rows.height

    folder.mkdir()
    return write_parts(numbered(), _BUCKET, _BUFFER_BYTES, folder)


@dataclass(frozen=True)
class BucketReport:
    """What one bucket came to, beside the file that says which rows answer."""

    n_rows: int
    numbers: frozenset[int]
    report: SideReport


def find_in_bucket(folder: str, side: Side, asked: pl.DataFrame, bucket: int) -> BucketReport:
    """Which rows of one bucket answer its questions, from its files to a file of its own.

    Args:
        asked: no rows, with the columns of the questions.
    """
    place = Path(folder)
    asked = read_part(place / _ASKED, bucket, asked)
    rows = read_part(place / _ROWS, bucket, side.frame)
    found = find(Spine(asked, asked.get_column(_TIME)), replace(side, frame=rows))
    picked = pl.Series(_PLACE, _there(found.picked, rows))
    numbers = asked.get_column(_PLACE).alias(_ASKED)
    pl.DataFrame([numbers, picked, found.status]).write_ipc(place / f"found{bucket}.arrow")
    return BucketReport(rows.height, found.numbers, found.report)


def _there(picked: Longs, rows: pl.DataFrame) -> Longs:
    """Places within the bucket as places in the whole table."""
    if not rows.height:
        return picked
    places = rows.get_column(_PLACE).to_numpy()
    return np.where(picked >= 0, places[picked], -1)
