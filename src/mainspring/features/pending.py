"""Rows that are written and known of, but not available yet at the moment materialised last."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import polars as pl

#: Before every availability.
NEVER_US = -(2**62)


@dataclass
class Pending:
    """The part of a group that comes next, in the order of availability.

    Attributes:
        number: commits up to this one are accounted for.
        done_us: what was available then is in the keys store.
        rows: rows of those commits with done_us < availability <= horizon_us, sorted by it.
        available_us: their availability, (n,) int64.
        next: rows before this position have been written.
        horizon_us: later rows were left in the table; None = there are none.
    """

    number: int = 0
    done_us: int = NEVER_US
    rows: pl.DataFrame | None = None
    available_us: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    next: int = 0
    horizon_us: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def remaining(self) -> pl.DataFrame | None:
        """What has not been written; None when nothing was ever loaded."""
        return None if self.rows is None else self.rows.slice(self.next)

    def load(self, rows: pl.DataFrame, column: str, horizon_us: int | None) -> None:
        """Hold these rows, sorted by `column`, instead of the ones before."""
        self.rows = rows
        self.available_us = rows.get_column(column).to_numpy()
        self.next = 0
        self.horizon_us = horizon_us

    def take(self, until_us: int) -> pl.DataFrame | None:
        """The rows that are available at `until_us` and were not taken before; None for none."""
        end = int(np.searchsorted(self.available_us, until_us, side="right"))
        if self.rows is None or end <= self.next:
            return None
        taken = self.rows.slice(self.next, end - self.next)
        self.next = end
        return taken
