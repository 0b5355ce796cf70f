"""The most frequent values, with counts that say between what they lie: lists that merge.

A list of one frame has exact counts. Where it was cut, a value that is not on it has at most `unlisted` rows; whoever
adds two lists adds those limits (Agarwal and others 2012, "Mergeable summaries", section 3, with a limit for each value
in place of one for all).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from mainspring.checks.spec import Frozen

N_LISTED: Final = 64


class Frequent(Frozen):
    """One value and its rows: at least `low`, at most `high`."""

    value: str | float
    low: int
    high: int

    @property
    def is_exact(self) -> bool:
        """Whether the rows are known."""
        return self.low == self.high


class TopValues(Frozen):
    """The most frequent values.

    Attributes:
        values: at most `N_LISTED`, by rows (`low`) downwards, then by value.
        unlisted: a value that is not among them has at most so many rows; 0 = every value is listed.
    """

    values: tuple[Frequent, ...] = ()
    unlisted: int = 0

    def __repr__(self) -> str:
        shown = ", ".join(f"{entry.value!r} {entry.low:,}" for entry in self.values[:3])
        rest = f" and {len(self.values) - 3} more" if len(self.values) > 3 else ""
        return f"<TopValues {shown}{rest}>"

    __str__ = __repr__

    @property
    def is_complete(self) -> bool:
        """Whether every value is listed, and then with its exact count."""
        return self.unlisted == 0

    def find(self, value: str | float) -> Frequent:
        """What is known of a value's rows."""
        for entry in self.values:
            if entry.value == value:
                return entry
        return Frequent(value=value, low=0, high=self.unlisted)

    def merge(self, *others: Self) -> TopValues:
        """All frames' rows. Exact as long as every value is listed; else the limits hold, in any order."""
        parts = (self, *others)
        unlisted = sum(part.unlisted for part in parts)
        low: dict[Any, int] = {}
        high: dict[Any, int] = {}
        for part in parts:
            for entry in part.values:
                low[entry.value] = low.get(entry.value, 0) + entry.low
                # Where a list lacks the value, it has at most the rows of one that is not on it.
                high[entry.value] = high.get(entry.value, unlisted) + entry.high - part.unlisted
        order = sorted(low, key=lambda value: (-low[value], value))
        left_out = max((high[value] for value in order[N_LISTED:]), default=0)
        entries = [Frequent(value=value, low=low[value], high=high[value]) for value in order[:N_LISTED]]
        return TopValues(values=tuple(entries), unlisted=max(unlisted, left_out))


def cut_of(counts: NDArray[np.int64]) -> int:
    """Values with more rows than this are listed: never more than `N_LISTED`, and none of a tie without the others."""
    if len(counts) <= N_LISTED:
        return 0
    return int(np.partition(counts, len(counts) - N_LISTED - 1)[len(counts) - N_LISTED - 1])


def listed(values: Sequence[str | float], counts: Sequence[int], cut: int) -> TopValues:
    """The list of different values (k,), all those with more rows than `cut`, and of their rows (k,)."""
    entries = [Frequent(value=value, low=n, high=n) for value, n in zip(values, counts, strict=True)]
    return TopValues(values=tuple(sorted(entries, key=lambda e: (-e.low, e.value))), unlisted=cut)
