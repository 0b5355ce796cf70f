"""What a join found: which rows answer, and their values when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from mainspring.errors import InputError, IntegrityError
from mainspring.features.insert.frames import to_arrow, to_pandas
from mainspring.features.join.buckets import estimated_bytes
from mainspring.features.join.nearest import Longs
from mainspring.features.join.point_in_time import TOLD, Found, provenance
from mainspring.features.join.side_report import SideReport
from mainspring.features.join.spill import spill_folder
from mainspring.features.join.take import gone_since, scatter, scattered, take
from mainspring.features.join.threads import each
from mainspring.log.progress import Progress, silent
from mainspring.ports._disk import refusals
from mainspring.ports.tables.collect import batches

ROWS_AT_ONCE: Final = 100_000
"""How many rows a batch of a result has, at most."""


@dataclass(frozen=True)
class Source:
    """One side's rows, and which of them answer.

    Attributes:
        rows: its table, in the order in which it was searched; in memory where it is small.
        found: which of them answer.
        columns: (column of the table, column of the result).
        cutoff: whether known times cut off.
        where: whose rows they are, as errors name it.
    """

    rows: pl.LazyFrame | pl.DataFrame
    found: Found
    columns: tuple[tuple[str, str], ...]
    cutoff: bool
    where: str

    def parts(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """These columns of the table, part by part.

        Raises:
            StateError: a file of the table was taken away since the join.
        """
        wanted = list(dict.fromkeys(columns))
        if isinstance(self.rows, pl.DataFrame):
            yield self.rows.select(wanted)
            return
        try:
            yield from batches(self.rows.select(wanted), self.where)
        except IntegrityError as error:
            raise gone_since(error.got, self.where) from error

    def taken(self, columns: Sequence[str], places: Longs) -> pl.DataFrame:
        """The rows at (n,) places; null at -1."""
        return take(self.parts(columns), places, self.found.n_rows, self.where)

    def values(self) -> pl.DataFrame:
        """The columns of the result."""
        return self.named(self.taken([column for column, _ in self.columns], self.found.matched))

    def named(self, taken: pl.DataFrame) -> pl.DataFrame:
        """Columns of the table as columns of the result."""
        return taken.select(pl.col(column).alias(output) for column, output in self.columns)

    def provenance(self) -> pl.DataFrame:
        """Row by row what decided."""
        told = provenance(self.taken(TOLD, self.found.picked), self.found.status, cutoff=self.cutoff)
        return told.select(
            "commit",
            "number",
            "ordinal",
            pl.col("event_us").cast(pl.Datetime("us", "UTC")).alias("event_time"),
            pl.col("known_us").cast(pl.Datetime("us", "UTC")).alias("known_time"),
            "status",
        )


class JoinResult:
    """What a join found, and where from. Which rows answer is settled; values are read when they are asked for, those
    of groups that are estimated to need less than 64 MB at the join.

    What an erasure takes later stays in a result that has read it, which is in this process's memory only: let it go,
    and join again. Values that were not read are refused then.

    Attributes:
        report: side → counts (matched, missing, expired, null keys), oldest and newest event time used, commits.
        pins: `name@version` → the highest commit number read; give them to another join to get the same bytes.
        assets: side → commit number → asset id, for commits that decided at least one row.
        as_of: labels that became known later were not used; None for a view without label.
    """

    def __init__(
        self,
        spine: pl.DataFrame,
        sources: Mapping[str, Source],
        finish: Callable[[pl.DataFrame], pl.DataFrame],
        *,
        pins: Mapping[str, int],
        assets: Mapping[str, Mapping[int, str]],
        as_of: datetime | None,
        memory_bytes: int,
        spill_root: Path,
        progress: Progress = silent,
    ) -> None:
        """Put together by a view.

        Args:
            finish: adds to rows what is computed of them, row by row.
            memory_bytes: a result that is estimated to need more is read through temporary files by `batches`.
            progress: told of what takes long.
        """
        self._spine = spine
        self._sources = sources
        self._finish = finish
        self._memory_bytes = memory_bytes
        self._spill_root = spill_root
        self._progress = progress
        self.report: Mapping[str, SideReport] = {side: item.found.report for side, item in sources.items()}
        self.pins = pins
        self.assets = assets
        self.as_of = as_of

    def __len__(self) -> int:
        return self._spine.height

    def __repr__(self) -> str:
        sides = ", ".join(f"{side} {item.n_matched:,} matched" for side, item in self.report.items())
        return f"<JoinResult of {len(self):,} rows: {sides}>"

    @property
    def warnings(self) -> list[str]:
        """What looks like a leak, in sentences that begin with the side; empty where nothing does."""
        return [f"{side}: {text}" for side, counts in self.report.items() for text in counts.warnings]

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The spine's rows in its order, with its columns (the time as aware UTC), the joined columns (hidden ones
        too), the on-demand features and the label.

        Raises:
            StateError: a file of a table was taken away since the join, as an erasure does.
        """
        with self._progress(f"values of {len(self):,} rows read", 0):
            found = each(Source.values, list(self._sources.values()))
        return self._finish(
            self._spine.hstack([column for values in found for column in values.get_columns()])
        )

    @cached_property
    def provenance(self) -> Mapping[str, pl.DataFrame]:
        """Side → a frame row by row: `commit` (ticket), `number`, `ordinal`, `event_time`, `known_time`, `status` of
        the row that decided.
        """
        return {side: source.provenance() for side, source in self._sources.items()}

    def to_polars(self) -> pl.DataFrame:
        """`frame`."""
        return self.frame

    def to_arrow(self) -> Any:
        """The rows as a pyarrow table."""
        return to_arrow(self.frame)

    def to_pandas(self) -> Any:
        """The rows as a pandas frame."""
        return to_pandas(self.frame)

    def batches(self) -> Iterator[pl.DataFrame]:
        """The rows of `frame`, in order, at most 100,000 at a time; at least one batch, which may be empty.

        A result that is too large for the memory that a join may use is never whole in it: each table is read once,
        what answers goes to temporary files by the batch that it belongs to, and they go with the last batch.
        """
        types = [dtype for source in self._sources.values() for dtype in self._types(source)]
        if "frame" in vars(self) or estimated_bytes(types, len(self)) <= self._memory_bytes:
            yield from self.frame.iter_slices(ROWS_AT_ONCE)
            if not len(self):
                yield self.frame
            return
        with spill_folder(self._spill_root) as folder:
            places = []
            with self._progress("values of tables put into files", len(self._sources)) as advance:
                for number, source in enumerate(self._sources.values()):
                    place = folder / str(number)
                    places.append((source, place, self._scatter(source, place)))
                    advance()
            yield from self._scattered(places)

    def _scatter(self, source: Source, folder: Path) -> pl.DataFrame:
        """What answers, into files by the batches that it belongs to; no rows, with the columns."""
        folder.mkdir()
        return scatter(
            source.parts([column for column, _ in source.columns]),
            source.found.matched,
            ROWS_AT_ONCE,
            self._memory_bytes // 4,
            folder,
            source.found.n_rows,
            source.where,
        )

    def _scattered(self, places: Sequence[tuple[Source, Path, pl.DataFrame]]) -> Iterator[pl.DataFrame]:
        """The batches, of what was put into files by them."""
        for start in range(0, len(self), ROWS_AT_ONCE):
            asked = self._spine.slice(start, ROWS_AT_ONCE)
            span = range(start, start + asked.height)
            found = [
                source.named(scattered(folder, start // ROWS_AT_ONCE, span, none))
                for source, folder, none in places
            ]
            yield self._finish(pl.concat([asked, *found], how="horizontal"))

    def write_parquet(self, path: str | Path) -> None:
        """The rows as a Parquet file, batch by batch.

        Raises:
            AccessError: the temporary files or the path cannot be written.
            InputError: what is no path, a folder, or a file in a folder that is not there.
        """
        place = _file(path)
        with spill_folder(self._spill_root) as folder:
            files = []
            text = f"{len(self):,} rows written, {ROWS_AT_ONCE:,} at a time"
            with self._progress(text, -(-len(self) // ROWS_AT_ONCE)) as advance:
                for number, batch in enumerate(self.batches()):
                    files.append(folder / f"{number}.arrow")
                    batch.write_ipc(files[-1], compression="lz4")
                    advance()
            with refusals(place):
                # Beside it, and then in its place: half a file is never there under the name.
                half = place.with_name(f".{place.name}.{folder.name}")
                try:
                    pl.scan_ipc(files).sink_parquet(half)
                    half.replace(place)
                finally:
                    half.unlink(missing_ok=True)

    def _types(self, source: Source) -> list[pl.DataType]:
        schema = source.rows.collect_schema()
        return [schema[column] for column, _ in source.columns]


def _file(path: object) -> Path:
    """Where a file can be; refused before the rows are read."""
    where, hint = "result of a join, write_parquet", "For example 'joined.parquet'."
    if not isinstance(path, str | Path):
        raise InputError.of_kind("the path of a file", path, where, hint)
    place = Path(path)
    with refusals(place):
        if place.is_dir():
            raise InputError(
                expected="the path of a file", got=f"the folder {str(path)!r}", where=where, hint=hint
            )
        if not place.parent.is_dir():
            raise InputError(
                expected="a folder that is there",
                got=repr(str(place.parent)),
                where=where,
                hint="Make the folder first, or name another.",
            )
    return place
