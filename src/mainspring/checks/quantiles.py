"""A histogram that needs no edges: exact while there are few different values, then ever coarser, never wrong.

Its buckets are the dyadic intervals of the doubles in their own order: a double's bits, read as a whole number, grow
with it, and a bucket of level L holds the 2**L doubles whose numbers agree but for the last L bits. Level 0 is the
values themselves; from level 30 on or so a bucket is a few per cent of its value wide. The level is the lowest at which
at most `N_BUCKETS` buckets have rows. It follows from the set of values alone, so that histograms of parts merge to
exactly that of the whole, in any order. (Collapsing all buckets at once is of Epicoco and others 2020, "UDDSketch";
starting from exact values is ours.)

A quantile is known to lie within one bucket, which says how far off it may be; between its ends it is interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from mainspring.checks.spec import Frozen

N_BUCKETS: Final = 512
_SMALLEST: Final = math.ulp(0.0)
_MAGNITUDE: Final = np.int64(0x7FFF_FFFF_FFFF_FFFF)

CHUNK: Final = 1 << 16
"""What is worked on at a time, so that what is laid aside in between stays in the processor's cache."""

Keys = NDArray[np.int64]
Counts = NDArray[np.int64]


class Quantiles(Frozen):
    """Rows per dyadic bucket of the finite values.

    Attributes:
        level: how many bits a bucket leaves open; 0 = every value is a bucket of its own.
        starts: the smallest double of each bucket that has rows, ascending.
        counts: its rows.
    """

    level: int = 0
    starts: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<Quantiles of {self.count:,} rows in {len(self.counts):,} buckets>"

    __str__ = __repr__

    @property
    def count(self) -> int:
        """All rows."""
        return sum(self.counts)

    @property
    def is_exact(self) -> bool:
        """Whether every different value is known with its count."""
        return self.level == 0

    @property
    def ends(self) -> tuple[float, ...]:
        """The largest double of each bucket."""
        if self.is_exact:
            return self.starts
        last = doubles(keys(np.asarray(self.starts)) | ((1 << self.level) - 1))
        # Both zeros are in the bucket above: the one below ends before them.
        return tuple(np.where((last == 0) & np.signbit(last), -_SMALLEST, last).tolist())

    def bounds(self, share: float) -> tuple[float, float] | None:
        """Between which doubles the value of rank floor(share * (n - 1)) lies for certain; None without rows."""
        if not self.counts:
            return None
        (at,) = self._places([share])
        return self.starts[at], self.ends[at]

    def at(self, share: float) -> float | None:
        """The value of rank floor(share * (n - 1)), interpolated within its bucket; None without rows."""
        if not self.counts:
            return None
        (place,) = self._places([share])
        low, high = self.starts[place], self.ends[place]
        if low == 0.0:
            # Zeros share their bucket with doubles so small that nobody has any.
            return low
        before = sum(self.counts[:place])
        rank = math.floor(share * (self.count - 1))
        within = (rank - before + 0.5) / self.counts[place]
        return low if low == high else low + (high - low) * within

    def _places(self, shares: Sequence[float]) -> list[int]:
        """In which bucket the value of rank floor(share * (n - 1)) is, for each share."""
        ranks = [math.floor(share * (self.count - 1)) for share in shares]
        places: list[int] = np.searchsorted(np.cumsum(self.counts), ranks, side="right").tolist()
        return places

    def edges(self, n_bins: int) -> tuple[float, ...]:
        """Inner edges of bins (low, high], each of which is the last double of a bucket or the last one before it.

        At most `n_bins` bins of about equal counts between the smallest and the largest value, one below and one above
        them. A bucket with at least 1/n_bins of the rows is a bin of its own, so that what comes beside it is seen.
        """
        if not self.counts:
            return ()
        ends, count = self.ends, self.count
        heavy = [place for place, n in enumerate(self.counts) if n * n_bins >= count]
        found = {ends[place] for place in self._places([index / n_bins for index in range(1, n_bins)])}
        found |= {ends[place] for place in (*heavy, -1)}
        found |= {math.nextafter(self.starts[place], -math.inf) for place in (*heavy, 0)}
        # Beyond the greatest double there is nothing to tell apart.
        return tuple(sorted(filter(math.isfinite, found)))

    def up_to(self, edges: Sequence[float]) -> list[int]:
        """Rows at or below each edge, exactly where the edges are ends of buckets as `edges` gives them."""
        sums = [0, *np.cumsum(self.counts).tolist()]
        return [sums[place] for place in np.searchsorted(self.ends, edges, side="right").tolist()]

    def below(self, value: float) -> float:
        """About how many rows lie at or below a value: rows of its bucket are taken as spread evenly."""
        ends = np.asarray(self.ends)
        place = int(np.searchsorted(ends, value, side="left"))
        whole = float(sum(self.counts[:place]))
        if place == len(self.counts) or value < self.starts[place]:
            return whole
        width = ends[place] - self.starts[place]
        share = 1.0 if width == 0 else (value - self.starts[place]) / width
        return whole + share * self.counts[place]

    def coarser(self, level: int) -> Quantiles:
        """The same rows in the buckets of a level that is at least as high."""
        if level == self.level or not self.starts:
            return self.model_copy(update={"level": level})
        return _bucketed(keys(np.asarray(self.starts)), np.asarray(self.counts), level)

    def merge(self, *others: Self) -> Quantiles:
        """Exactly what the values of all together would give."""
        parts = (self, *others)
        level = max(part.level for part in parts)
        numbers = np.concatenate([keys(np.asarray(part.starts, dtype=np.float64)) for part in parts])
        counts = np.concatenate([np.asarray(part.counts, dtype=np.int64) for part in parts])
        order = np.argsort(numbers, kind="stable")
        return _fitted(numbers[order], counts[order], level)


def keys(values: NDArray[np.float64]) -> Keys:
    """A whole number for each finite double (k,), in the doubles' order; both zeros have one."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    out = np.empty(len(values), np.int64)
    for start in range(0, len(values), CHUNK):
        bits = (values[start : start + CHUNK] + 0.0).view(np.int64)
        np.bitwise_xor(bits, (bits >> 63) & _MAGNITUDE, out=out[start : start + CHUNK])
    return out


def doubles(numbers: Keys) -> NDArray[np.float64]:
    """What `keys` was made of."""
    return (numbers ^ ((numbers >> 63) & _MAGNITUDE)).view(np.float64)


def of_sorted(numbers: Keys, counts: Counts | None) -> Quantiles:
    """The histogram of different keys (k,), ascending, and of how often each occurs (k,); None = once."""
    return _fitted(numbers, counts, 0)


def _fitted(numbers: Keys, counts: Counts | None, level: int) -> Quantiles:
    """The lowest level from `level` on at which at most `N_BUCKETS` buckets have rows."""
    if not len(numbers):
        return Quantiles(level=level)
    first = np.zeros(0, np.int64)
    lengths = np.zeros(0, np.int64)
    for start in range(0, len(numbers) - 1, CHUNK):
        found, longer = _beginnings(numbers[start : start + CHUNK + 1], level)
        first, lengths = np.append(first, found + start), np.append(lengths, longer)
        # More rows have no fewer buckets: what begins none by now will not at the end.
        level = max(level, _lowest(lengths))
        first, lengths = first[lengths > level], lengths[lengths > level]
    return _cut(numbers, counts, first, level)


def _lowest(lengths: NDArray[np.int64]) -> int:
    """The lowest level of at most `N_BUCKETS` buckets, of which one begins wherever a length is above the level."""
    n_longer = len(lengths) - np.cumsum(np.bincount(lengths, minlength=1))
    return int(np.argmax(n_longer < N_BUCKETS))


def _bucketed(numbers: Keys, counts: Counts, level: int) -> Quantiles:
    return _cut(numbers, counts, _beginnings(numbers, level)[0], level)


def _cut(numbers: Keys, counts: Counts | None, first: NDArray[np.int64], level: int) -> Quantiles:
    """One bucket from each of these places on, and one from the beginning on."""
    first = np.concatenate([[0], first])
    rows = np.diff(np.append(first, len(numbers))) if counts is None else np.add.reduceat(counts, first)
    return Quantiles(
        level=level,
        starts=tuple(doubles(numbers[first] >> level << level).tolist()),
        counts=tuple(rows.tolist()),
    )


def _beginnings(numbers: Keys, level: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the keys that fall into another bucket of a level than the key before, from 1 on; and how many bits the
    part has in which the two differ, which is more than `level`.
    """
    bits = (numbers[1:] ^ numbers[:-1]).view(np.uint64)
    found = np.flatnonzero(bits > np.uint64((1 << level) - 1))
    return found + 1, _bit_lengths(bits[found])


def _bit_lengths(bits: NDArray[np.uint64]) -> NDArray[np.int64]:
    # Without a one behind the first one, rounding to a double cannot reach the next power of two.
    first = (bits & ~(bits >> np.uint64(1))).astype(np.float64)
    lengths: NDArray[np.int64] = (first.view(np.int64) >> 52) - 1022
    np.maximum(lengths, 0, out=lengths)
    return lengths
