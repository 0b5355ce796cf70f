"""Rows of a table by their places, from a table that comes in parts: each part is looked at once and let go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from mainspring.errors import StateError
from mainspring.features.join.nearest import Longs

_ASKED: Final = "_take.asked"
_FILE: Final = "_take.file"


def take(
    parts: Iterable[pl.DataFrame], places: Longs, n_rows: int | None = None, where: str = "rows"
) -> pl.DataFrame:
    """The rows at (n,) places; all null where a place is -1.

    Args:
        parts: the table's rows in order, at least one part; none of them is held.
        n_rows: how many they must be; None = whatever comes.
        where: whose rows they are, as errors name it.

    Raises:
        StateError: there are more or fewer rows than `n_rows`.
    """
    order = np.argsort(places)
    n_nowhere = int(np.searchsorted(places[order], 0))
    taken = pl.concat(list(picked(parts, places[order][n_nowhere:], n_rows, where)), rechunk=True)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(-n_nowhere, len(order) - n_nowhere)
    if not taken.height:
        return taken.clear(len(order))
    index = pl.Series(np.maximum(back, 0))
    return taken.select(pl.all().gather(index.set(pl.Series(back < 0), None) if n_nowhere else index))


def picked(
    parts: Iterable[pl.DataFrame], ascending: Longs, n_rows: int | None, where: str
) -> Iterator[pl.DataFrame]:
    """The rows at ascending places, part by part; at least one frame, for its columns."""
    offset = done = 0
    for part in parts:
        end = int(np.searchsorted(ascending, offset + part.height))
        if end > done or not offset:
            yield part.select(pl.all().gather(pl.Series(ascending[done:end] - offset)))
        offset, done = offset + part.height, end
    if n_rows is not None and offset != n_rows:
        raise gone_since(f"{n_rows} rows, of which {offset} are left", where)


def gone_since(got: str, where: str) -> StateError:
    """The refusal to read on in a table that is not the one that was searched: places in it would be other rows."""
    return StateError(
        expected="the rows that the join found",
        got=got,
        where=where,
        hint="Rows were erased or vacuumed since the join: join again. Where that is refused too, a file is lost.",
    )


def scatter(
    parts: Iterable[pl.DataFrame],
    places: Longs,
    n_a_file: int,
    buffer_bytes: int,
    folder: Path,
    n_rows: int | None,
    where: str,
) -> pl.DataFrame:
    """The rows at (n,) places into files of the rows that asked for them: so many of these a file's name.

    Args:
        buffer_bytes: about how much is in memory before it is written.
        n_rows, where: as for `take`.

    Returns:
        No rows, with the columns of the files.
    """
    order = np.argsort(places)
    ascending = places[order]
    begin = int(np.searchsorted(ascending, 0))

    def of_askers() -> Iterator[pl.DataFrame]:
        done = begin
        for rows in picked(parts, ascending[begin:], n_rows, where):
            asked = pl.Series(_ASKED, order[done : done + rows.height])
            done += rows.height
            yield rows.with_columns(asked, (asked // n_a_file).alias(_FILE))

    return write_parts(of_askers(), _FILE, buffer_bytes, folder)


def write_parts(parts: Iterable[pl.DataFrame], by: str, buffer_bytes: int, folder: Path) -> pl.DataFrame:
    """Rows into files by what a column says, `VALUE/NUMBER.arrow` without that column; at least one part.

    Args:
        buffer_bytes: about how much is in memory before it is written.

    Returns:
        No rows, with the columns of the files.
    """
    none = pl.DataFrame()
    for number, rows in enumerate(_buffered(parts, buffer_bytes)):
        none = rows.clear().drop(by)
        for (value,), part in rows.partition_by(by, as_dict=True, include_key=False).items():
            # A folder each: to list one for all of them for each of them is quadratic.
            place = folder / str(value)
            place.mkdir(exist_ok=True)
            part.write_ipc(place / f"{number:06}.arrow", compression="lz4")
    return none


def read_part(folder: Path, value: int, none: pl.DataFrame) -> pl.DataFrame:
    """The rows that `write_parts` wrote for a value; `none` where it wrote none."""
    there = [pl.read_ipc(path) for path in sorted((folder / str(value)).glob("*.arrow"))]
    return pl.concat(there, rechunk=True) if there else none


def _buffered(parts: Iterable[pl.DataFrame], n_bytes: int) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    held_bytes = 0
    for part in parts:
        held.append(part)
        held_bytes += int(part.estimated_size())
        if held_bytes >= n_bytes:
            yield pl.concat(held)
            held, held_bytes = [], 0
    if held:
        yield pl.concat(held)


def scattered(folder: Path, file: int, asked: range, none: pl.DataFrame) -> pl.DataFrame:
    """The rows that `scatter` put into a file for the rows that asked, in their order; null where there is none.

    Args:
        none: what `scatter` returned.
    """
    wanted = pl.DataFrame({_ASKED: pl.int_range(asked.start, asked.stop, eager=True)})
    rows = read_part(folder, file, none)
    return wanted.join(rows, on=_ASKED, how="left", maintain_order="left").drop(_ASKED)
