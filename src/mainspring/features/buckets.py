"""A side larger than memory: joined bucket by bucket of its keys, each bucket a task of its own.

Equal keys have equal hashes, so that a key's questions and rows are in one bucket and nothing about it is elsewhere.
The table goes to temporary files in one streaming pass; each task reads its own two files and writes a third.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from mainspring.features.join import Answers, Side, Spine, answer
from mainspring.features.side_report import SideReport
from mainspring.ports.engine import Engine, Task
from mainspring.ports.tables.collect import collect

_BUCKET: Final = "_join.bucket"
_ROW: Final = "_join.row"
_TIME: Final = "_join.time"
_PROVENANCE: Final = "_join.provenance."


#: Bytes of a value, by type; text and lists are taken to be short.
_WIDTHS: Final = {pl.Boolean: 1, pl.Date: 4, pl.String: 32, pl.Binary: 32, pl.List: 128}
#: How many times the rows themselves are in memory while they are ordered and searched, at most.
_COPIES: Final = 3


def estimated_bytes(types: Sequence[pl.DataType], n_rows: int) -> int:
    """About how much memory it takes to join a table at once."""
    return n_rows * _COPIES * sum(_WIDTHS.get(dtype.base_type(), 8) for dtype in types)


def default_memory_bytes() -> int:
    """A quarter of what the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


def answer_in_buckets(
    spine: Spine, side: Side, rows: pl.LazyFrame, n_buckets: int, engine: Engine, where: str
) -> Answers:
    """What `answer` says of the side with these rows, never with more than a task's buckets of them in memory.

    Args:
        side: its frame is empty, and tells the columns' types.
        where: whose rows they are, as errors name it.

    Raises:
        IntegrityError: a file of the table is not there any more.
    """
    with tempfile.TemporaryDirectory(prefix="mainspring-join-") as name:
        folder = Path(name)
        parts = pl.PartitionBy(folder / "rows", key=_BUCKET, include_key=False)
        split = _split(rows, [key for key, _ in side.keys], n_buckets)
        collect(split.sink_ipc(parts, mkdir=True, compression="lz4", lazy=True), where, streaming=True)
        _split_spine(spine, side, n_buckets, folder)
        tasks = (
            Task(str(bucket), join_bucket, {"folder": name, "bucket": bucket, "side": side})
            for bucket in range(n_buckets)
        )
        reports = []
        for outcome in engine.run_in_order(tasks):
            if outcome.error is not None:
                raise outcome.error
            reports.append(outcome.value)
        found = pl.concat([pl.read_ipc(folder / f"found{n}.arrow") for n in range(n_buckets)])
    found = found.sort(_ROW)
    provenance = found.select(
        pl.col(f"^{_PROVENANCE}.*$").name.map(lambda name: name.removeprefix(_PROVENANCE))
    )
    return Answers(
        [found.get_column(output) for _, output in side.columns], provenance, SideReport.summed(reports)
    )


def _split(rows: pl.LazyFrame, keys: Sequence[str], n_buckets: int) -> pl.LazyFrame:
    # Under names of their places: the spine's columns are called otherwise, and the hash must not know.
    parts = pl.struct(pl.col(key).alias(str(place)) for place, key in enumerate(keys))
    return rows.with_columns((parts.hash() % n_buckets).alias(_BUCKET))


def _split_spine(spine: Spine, side: Side, n_buckets: int, folder: Path) -> None:
    keys = [column for _, column in side.keys]
    asked = spine.keys.select(*dict.fromkeys(keys)).with_columns(
        pl.Series(_TIME, spine.moments), pl.int_range(spine.height).alias(_ROW)
    )
    for bucket in range(n_buckets):
        part = _split(asked.lazy(), keys, n_buckets).filter(pl.col(_BUCKET) == bucket).drop(_BUCKET)
        part.collect().write_ipc(folder / f"spine{bucket}.arrow")


def join_bucket(folder: str, bucket: int, side: Side) -> SideReport:
    """One bucket's answers, from its files to a file of its own."""
    place = Path(folder)
    asked = pl.read_ipc(place / f"spine{bucket}.arrow")
    parts = sorted((place / "rows" / f"{_BUCKET}={bucket}").glob("*"))
    rows = pl.concat([side.frame, *(pl.read_ipc(part) for part in parts)], rechunk=True)
    found = answer(Spine(asked, asked.get_column(_TIME)), replace(side, frame=rows))
    told = found.provenance.rename(lambda name: f"{_PROVENANCE}{name}")
    pl.DataFrame([asked.get_column(_ROW), *found.columns]).hstack(told).write_ipc(
        place / f"found{bucket}.arrow"
    )
    return found.report
