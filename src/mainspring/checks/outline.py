"""The shape of a column at a glance: a few equally wide bars, or the most frequent values."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mainspring.checks.column import ColumnKind, ColumnProfile
from mainspring.checks.quantiles import Quantiles

TAIL: Final = 0.005
"""Share of the rows at each end that is counted into the outermost bar, so that one outlier does not make all others
one bar."""
_BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Outline:
    """Bars from left to right.

    Attributes:
        counts: about how many rows each has.
        labels: values of categories; () for bars on a scale.
        low, high: both ends of the scale: numbers, or microseconds since 1970 UTC; None for categories.
        n_rest: rows of a category that have no bar.
        is_open: whether the first and the last bar also count what lies beyond the scale's ends.
    """

    counts: tuple[float, ...]
    labels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    n_rest: int = 0
    is_open: tuple[bool, bool] = (False, False)


def outline(column: ColumnProfile, n_bars: int = 12) -> Outline:
    """At most `n_bars` bars; none for a private column, a list, or a column without values."""
    found = column.quantiles
    if found is not None and found.counts:
        return _scale(found, n_bars)
    if column.kind is ColumnKind.CATEGORY and column.top is not None:
        shown = column.top.values[:n_bars]
        counts = tuple(float(entry.low) for entry in shown)
        n_rest = column.n_rows - column.n_null - sum(entry.low for entry in shown)
        return Outline(counts, tuple(str(entry.value) for entry in shown), n_rest=n_rest)
    return Outline(())


def _scale(found: Quantiles, n_bars: int) -> Outline:
    least, low, high, greatest = (found.at(share) for share in (0.0, TAIL, 1 - TAIL, 1.0))
    assert least is not None and low is not None and high is not None and greatest is not None
    if low == high:
        return Outline((float(found.count),), low=low, high=high)
    inner = [low + (high - low) * index / n_bars for index in range(1, n_bars)]
    sums = [0.0, *(found.below(edge) for edge in inner), float(found.count)]
    counts = tuple(max(0.0, after - before) for before, after in itertools.pairwise(sums))
    return Outline(counts, low=low, high=high, is_open=(least < low, high < greatest))


def spark(counts: Sequence[float]) -> str:
    """The bars as one character each; an empty one is a space."""
    top = max(counts, default=0.0)
    if top <= 0:
        return ""
    return "".join(" " if n <= 0 else _BARS[min(7, int(8 * n / top))] for n in counts)
