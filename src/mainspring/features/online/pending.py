"""Rows that are written and known of, but not available yet at the moment materialised last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from mainspring.ports.keys import Entry, Guards

#: Before every availability.
NEVER_US: Final = -(2**62)

#: Rows that are turned into entries ahead of their time: a frame's cost is per call, not per row.
AHEAD_ROWS: Final = 2_048


@dataclass
class Pending:
    """The part of a group that comes next, in the order of availability.

    Attributes:
        number: commits up to this one are accounted for.
        done_us: what was available then is in the keys store.
        rows: rows of those commits with done_us < availability <= horizon_us, sorted by it and by writing.
        available_us: their availability, (n,) int64.
        next: rows before this position have been taken.
        horizon_us: later rows were left in the table; None = there are none.
        assets: number → asset id (16 bytes) of the commits that rows may come from.
        ahead: entries of the rows from position `ahead_from` on.
        cursor: the last entry that says how far the keys store was filled; None before the first.
        guards: under which they may be put: the mark of erasures, as it was before any of the rows was read.
    """

    number: int = 0
    done_us: int = NEVER_US
    rows: pl.DataFrame | None = None
    available_us: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    next: int = 0
    horizon_us: int | None = None
    assets: dict[int, bytes] = field(default_factory=dict)
    ahead: list[Entry] = field(default_factory=list)
    ahead_from: int = 0
    cursor: Entry | None = None
    guards: Guards = field(default_factory=dict)

    def remaining(self) -> pl.DataFrame | None:
        """What has not been taken; None when nothing was ever loaded."""
        return None if self.rows is None else self.rows.slice(self.next)

    def load(self, rows: pl.DataFrame, column: str, horizon_us: int | None) -> None:
        """Hold these rows, sorted by `column`, instead of the ones before."""
        self.rows = rows
        self.available_us = rows.get_column(column).to_numpy()
        self.next = self.ahead_from = 0
        self.ahead = []
        self.horizon_us = horizon_us

    def take(
        self,
        until_us: int,
        encode: Callable[[pl.DataFrame], list[Entry]],
        newest: Callable[[pl.DataFrame], pl.DataFrame],
    ) -> list[Entry]:
        """Entries of the rows that are available at `until_us` and were not taken before, in order.

        Args:
            encode: n rows to n entries.
            newest: leaves out rows that lose against another of these; used where there are many.
        """
        end = int(np.searchsorted(self.available_us, until_us, side="right"))
        if self.rows is None or end <= self.next:
            return []
        if end - self.next > AHEAD_ROWS:
            rows = self.rows.slice(self.next, end - self.next)
            self.next = end
            return encode(newest(rows))
        out: list[Entry] = []
        while self.next < end:
            if not self.ahead_from <= self.next < self.ahead_from + len(self.ahead):
                self.ahead_from = self.next
                self.ahead = encode(self.rows.slice(self.next, AHEAD_ROWS))
            stop = min(end, self.ahead_from + len(self.ahead))
            out += self.ahead[self.next - self.ahead_from : stop - self.ahead_from]
            self.next = stop
        return out
