"""Which row answers: for each question (key, moment) the best row that could be used by then. Pure functions.

A row can be used from its availability a = max(event + delay, known) on. Of the rows of a key that can be used the one
with the highest (event, known, written) answers. Let the rows of a key stand in that order, and let s be the smallest
availability of a row and of all that stand after it. s never falls, and the last row with s <= t is the last row with
a <= t: none after it is available yet, so its s is its own a. Hence one order and one backward search on (key, s)
answer everything, however late corrections came.

Where the rows already stand in that order for all keys together, and become available in it, a row's place says all
about its time: they are sorted by key alone, and searched by place.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Longs: TypeAlias = NDArray[np.int64]

#: What two numbers may come to that are packed into one.
_LIMIT: Final = 2**62

#: With more pieces than that rows are sorted one by one.
_MAX_RUNS: Final = 10_000


class Questions:
    """Keys and moments that are asked about, made ready once for every table that shares the keys' numbers.

    Args:
        keys: (n,) numbers of keys, from 0; -1 = never matches.
        moments: (n,) int64 microseconds.
        n_keys: above every key's number.
    """

    def __init__(self, keys: Longs, moments: Longs, n_keys: int) -> None:
        self.keys = keys
        self.moments = moments
        self.n_keys = n_keys

    def __len__(self) -> int:
        return len(self.moments)

    @cached_property
    def first(self) -> int:
        """The earliest moment."""
        return int(self.moments.min())

    @cached_property
    def last(self) -> int:
        """The latest moment."""
        return int(self.moments.max())

    @cached_property
    def by_time(self) -> Longs:
        """(n,) positions of the questions by their moments."""
        return np.argsort(self.moments)

    @cached_property
    def ascending(self) -> Longs:
        """(n,) the moments in that order."""
        return self.moments[self.by_time]

    def n_up_to(self, stamps: Longs, delay_us: int = 0) -> Longs:
        """(n,) how many of some ascending stamps, delayed, have come by each moment."""
        found = np.empty(len(self), dtype=np.int64)
        # Ascending moments walk through the stamps once, instead of jumping about in them.
        found[self.by_time] = np.searchsorted(stamps, self.ascending - delay_us, side="right")
        return found

    @cached_property
    def order(self) -> Longs:
        """(n,) positions of the questions by (key, moment)."""
        width = self.last - self.first + 1
        if self.n_keys * width < _LIMIT:
            return np.argsort(self.keys * width + (self.moments - self.first))
        return np.lexsort((self.moments, self.keys))

    def find(self, places: Longs, asked: Longs, lowest: Longs) -> Longs:
        """For each question the last index of `places` that is at most `asked`, or -1 where that is below `lowest`.

        Args:
            places: (m,) ascending.
            asked: (n,) ascending in the order of (key, moment).
            lowest: (n,) where the question's key begins.
        """
        found = np.empty(len(self), dtype=np.int64)
        # As above: once through the table.
        found[self.order] = np.searchsorted(places, asked[self.order], side="right") - 1
        reached = places[np.maximum(found, 0)] >= lowest
        return np.where(reached & (found >= 0) & (self.keys >= 0), found, -1)


def search(asked: Questions, rows: pl.DataFrame, *, delay_us: int) -> Longs:
    """For each question the position of the row that answers, or -1.

    Args:
        rows: all int64: `key` (its number; -1 = never matches), `event` (microseconds), `number` and `ordinal` (the
            order of writing, no two alike), and `known` (microseconds) unless they are known from the event on.
        delay_us: added to `event`.
    """
    if not len(asked) or not rows.height:
        return np.full(len(asked), -1, dtype=np.int64)
    written = rows.select("number", "ordinal")
    rows = rows.drop("number", "ordinal")
    falls = _falls(written)
    if not falls:
        return _search(asked, rows, delay_us)
    runs = _runs(written, falls)
    if runs is None:
        order = written.select(pl.arg_sort_by("number", "ordinal")).to_series()
        found = _search(asked, rows.select(pl.all().gather(order)), delay_us)
        return np.where(found >= 0, order.cast(pl.Int64).to_numpy()[found], -1)
    # Files come newest first, each in its own order: what is copied in runs need not be sorted.
    found = _search(asked, pl.concat([rows.slice(*run) for run in runs], rechunk=True), delay_us)
    starts = np.cumsum([0, *(length for _, length in runs[:-1])])
    run = np.searchsorted(starts, found, side="right") - 1
    offsets = np.array([offset for offset, _ in runs]) - starts
    return np.where(found >= 0, found + offsets[run], -1)


def _falls(written: pl.DataFrame) -> list[int]:
    """Positions of rows that were written before the row that they stand behind."""
    number, ordinal = pl.col("number").diff(), pl.col("ordinal").diff()
    return written.select(pl.arg_where((number < 0) | ((number == 0) & (ordinal < 0)))).to_series().to_list()


def _runs(written: pl.DataFrame, falls: list[int]) -> list[tuple[int, int]] | None:
    """Offset and length of the pieces that make up the order of writing; None where they are torn, or too many."""
    if len(falls) > _MAX_RUNS:
        return None
    starts = [0, *falls]
    ends = [*falls, written.height]
    pairs = written.select(pl.col("number", "ordinal").gather([*starts, *(end - 1 for end in ends)])).rows()
    firsts, lasts = pairs[: len(starts)], pairs[len(starts) :]
    order = sorted(range(len(starts)), key=firsts.__getitem__)
    if any(lasts[before] > firsts[after] for before, after in pairwise(order)):
        return None
    return [(starts[place], ends[place] - starts[place]) for place in order]


def _search(asked: Questions, rows: pl.DataFrame, delay_us: int) -> Longs:
    """The same over rows in the order of writing."""
    in_order = rows.get_column("event").is_sorted()
    if in_order and "known" not in rows.columns:
        return _by_place(asked, rows, delay_us)
    order = _ranked(rows, in_order)
    rows = rows.select(pl.all().gather(order))
    if "known" not in rows.columns:
        available = pl.col("event") + delay_us
    else:
        settled = _settled(rows)
        if settled is not None:
            order, rows = order.gather(settled), rows.select(pl.all().gather(settled))
        available = pl.max_horizontal(pl.col("event") + delay_us, "known")
    return _by_availability(
        asked, rows.select("key", available.alias("available")), order.cast(pl.Int64).to_numpy()
    )


def _sorted(keys: pl.Series) -> tuple[pl.Series, int]:
    """(key, row) as ascending numbers, and how many bits of them are the row."""
    bits = keys.len().bit_length()
    # Numbers are sorted several times faster than positions are by them.
    packed = keys * (1 << bits) + pl.int_range(keys.len(), eager=True)
    return packed.sort(), bits


def _by_place(asked: Questions, rows: pl.DataFrame, delay_us: int) -> Longs:
    """The search where a row's place is its rank: what is available by a moment are the rows below some place."""
    packed, bits = _sorted(rows.get_column("key"))
    places = packed.to_numpy()
    events = rows.get_column("event").to_numpy()
    usable = asked.n_up_to(events, delay_us)
    lowest = asked.keys << bits
    found = asked.find(places, lowest + usable - 1, lowest)
    return np.where(found >= 0, places[found] & ((1 << bits) - 1), -1)


def _ranked(rows: pl.DataFrame, in_order: bool) -> pl.Series:
    """Positions of the rows in the order of (key, event, written)."""
    if in_order:
        packed, bits = _sorted(rows.get_column("key"))
        return packed & ((1 << bits) - 1)
    by_event = rows.select(pl.arg_sort_by("event", maintain_order=True)).to_series()
    packed, bits = _sorted(rows.get_column("key").gather(by_event))
    return by_event.gather(packed & ((1 << bits) - 1))


def _settled(rows: pl.DataFrame) -> pl.Series | None:
    """Positions that put rows of one key and event time in the order of their known times; None where they are in it.

    Args:
        rows: in the order of (key, event, written).
    """
    same = (pl.col("key").diff() == 0) & (pl.col("event").diff() == 0)
    if not rows.select((same & (pl.col("known").diff() < 0)).any()).item():
        return None
    tied = same | same.shift(-1)
    among = rows.with_row_index("place").filter(tied)
    # The sort is stable: of equal known times the one written last stays last.
    by_known = among.sort("key", "event", "known", maintain_order=True)
    places = np.arange(rows.height)
    places[among.get_column("place").to_numpy()] = by_known.get_column("place").to_numpy()
    return pl.Series(places)


def _by_availability(asked: Questions, rows: pl.DataFrame, order: Longs) -> Longs:
    """The search by (key, s).

    Args:
        rows: `key` and `available`, in the order of (key, event, known, written).
        order: (m,) the rows' positions.
    """
    first, width = asked.first, asked.last - asked.first + 2
    if asked.n_keys * width < _LIMIT:
        # What is available before the first question, or after the last, is so from just there.
        usable = pl.col("available").clip(first, asked.last + 1) - first
        moments = asked.moments - first
    else:
        # Where it would stand among the questions' moments; those that are equal have all come by any of them.
        width = len(asked) + 1
        ranks = np.searchsorted(asked.ascending, rows.get_column("available").to_numpy())
        rows = rows.with_columns(pl.Series("rank", ranks))
        usable, moments = pl.col("rank"), asked.n_up_to(asked.ascending) - 1
    places = rows.select((pl.col("key") * width + usable).cum_min(reverse=True)).to_series().to_numpy()
    lowest = asked.keys * width
    found = asked.find(places, lowest + moments, lowest)
    return np.where(found >= 0, order[found], -1)
