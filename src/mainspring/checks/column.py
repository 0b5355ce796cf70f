"""One column's summary: what it counts, and how two of them become one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
import polars as pl

from mainspring.checks.distinct import (
    Registers,
    estimate,
    of_numbers,
    of_texts,
    packed,
    unpacked,
)
from mainspring.checks.moments import Moments
from mainspring.checks.quantiles import Quantiles, keys
from mainspring.checks.spec import Frozen
from mainspring.checks.top import TopValues, cut_of, listed
from mainspring.errors import InputError

N_BINS: Final = 10
N_LEVELS: Final = 20


class ColumnKind(StrEnum):
    """How a column is summarised."""

    NUMERIC = "numeric"
    CATEGORY = "category"
    TIME = "time"
    LIST = "list"
    OTHER = "other"


class Extent(Frozen):
    """Sizes, such as the lengths of texts: their range and moments. None of both ends without a size."""

    minimum: float | None = None
    maximum: float | None = None
    moments: Moments

    def merge(self, *others: Self) -> Extent:
        """All frames' sizes."""
        return Extent(
            minimum=_extreme(min, self.minimum, *(part.minimum for part in others)),
            maximum=_extreme(max, self.maximum, *(part.maximum for part in others)),
            moments=self.moments.merge(*(part.moments for part in others)),
        )


class ColumnProfile(Frozen):
    """One column of one frame.

    Attributes:
        dtype: the polars type, for people.
        n_null, n_nan, n_low_infinite, n_high_infinite: rows of each, beside the bins.
        minimum, maximum: of the finite values; ISO 8601 text for times, None without values.
        inexact: whether there are whole numbers beyond 2**53, of which doubles hold only the nearest even ones. Then
            minimum and maximum are whole numbers, and nothing is known of different or frequent values.
        edges: for numerics the inner edges e1 < e2 < …; bins are (-inf, e1], (e1, e2], …, (ek, inf).
        levels: for categories the frozen levels; text, booleans are "true" and "false".
        counts: rows per bin or level, in that order.
        n_unlisted: rows of a category outside `levels`.
        quantiles: of finite numbers, and of times as microseconds since 1970 UTC; None for other kinds.
        top: the most frequent values of categories, and of numbers of which not every one is in `quantiles`.
        registers: see `distinct`; None where every different value is known.
        lengths: characters of texts, items of lists.
        norms: Euclidean, of numeric lists without missing items: embeddings.
        n_missing_items: null or NaN items of all lists.
        private: whether it was asked that no value of the column be kept: of the above only counts and lengths are.
    """

    name: str
    kind: ColumnKind
    dtype: str
    n_rows: int
    n_null: int
    n_nan: int = 0
    n_low_infinite: int = 0
    n_high_infinite: int = 0
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    inexact: bool = False
    moments: Moments | None = None
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    n_unlisted: int = 0
    quantiles: Quantiles | None = None
    top: TopValues | None = None
    registers: str | None = None
    lengths: Extent | None = None
    norms: Extent | None = None
    n_missing_items: int = 0
    private: bool = False

    def __repr__(self) -> str:
        missing = f", {self.n_missing:,} missing" if self.n_missing else ""
        return f"<ColumnProfile {self.name!r} {self.dtype}: {self.n_rows:,} rows{missing}>"

    __str__ = __repr__

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the bins that `vector` counts, in its order."""
        if self.kind is ColumnKind.NUMERIC:
            return (*_intervals(self.edges), "-infinite", "+infinite", "NaN", "null")
        return (*self.levels, "unlisted", "null")

    @property
    def vector(self) -> tuple[int, ...]:
        """Rows per bin; every row is in exactly one.

        Numerics: bins, -inf, +inf, NaN, null. Categories: levels, unlisted, null.
        """
        if self.kind is ColumnKind.NUMERIC:
            return (
                *self.counts,
                self.n_low_infinite,
                self.n_high_infinite,
                self.n_nan,
                self.n_null,
            )
        return (*self.counts, self.n_unlisted, self.n_null)

    @property
    def n_missing(self) -> int:
        """Rows without a value: null or NaN."""
        return self.n_null + self.n_nan

    @property
    def most_frequent(self) -> TopValues | None:
        """The most frequent values with their rows; None for times, lists, private and inexact columns."""
        if self.inexact:
            return None
        if self.kind is ColumnKind.NUMERIC and self.quantiles is not None and self.quantiles.is_exact:
            found = self.quantiles
            counts = np.asarray(found.counts, dtype=np.int64)
            cut = cut_of(counts)
            pairs = [pair for pair in zip(found.starts, found.counts, strict=True) if pair[1] > cut]
            return listed([value for value, _ in pairs], [count for _, count in pairs], cut)
        return self.top

    @property
    def n_distinct_exact(self) -> int | None:
        """How many different values there are; None where it is only estimated, as `n_distinct` does."""
        if self.inexact:
            return None
        if self.quantiles is not None:
            return len(self.quantiles.starts) if self.quantiles.is_exact else None
        return len(self.top.values) if self.top is not None and self.top.is_complete else None

    @property
    def n_distinct(self) -> int | None:
        """How many different values there are: finite numbers, texts, times; None for lists and inexact columns.

        Where they are too many to be listed, estimated with a standard error of 2.3 % (`distinct.ERROR`).
        """
        if self.n_distinct_exact is not None:
            return self.n_distinct_exact
        if self.registers is None:
            return None
        n_values = self.n_rows - self.n_missing - self.n_low_infinite - self.n_high_infinite
        return min(round(estimate(unpacked(self.registers))), n_values)

    @property
    def frequent(self) -> list[tuple[str | int | float, int]]:
        """The most frequent values with their rows, as many as are known; whole numbers of a column of such."""
        is_whole = self.dtype.startswith(("Int", "UInt"))
        listed = self.most_frequent.values if self.most_frequent is not None else ()
        return [(int(each.value) if is_whole else each.value, each.low) for each in listed]

    def merge(self, other: Self) -> Self:
        """Both frames' rows in one profile.

        Raises:
            InputError: the columns were counted on different bins.
        """
        if not self.same_bins(other):
            raise InputError(
                expected=f"column {self.name!r} on the same bins",
                got=f"{self.kind} {self._bins[2:]} and {other.kind} {other._bins[2:]}"[:200],
                where="merge of profiles",
                hint="Profile both frames with edges_from= the same reference profile, or use pooled().",
            )
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return self._joined([other], {"counts": counts, "n_unlisted": self.n_unlisted + other.n_unlisted})

    def pooled(self, *others: Self) -> Self:
        """All frames' rows, on whatever bins each was counted; the result has none until `relaid`."""
        return self._joined(others, {"edges": (), "levels": (), "counts": (), "n_unlisted": 0})

    def relaid(self, n_bins: int = N_BINS, n_levels: int = N_LEVELS) -> Self:
        """On bins of about equal counts, or the most frequent levels whose rows are known."""
        if self.kind is ColumnKind.NUMERIC:
            edges = () if self.quantiles is None else self.quantiles.edges(n_bins)
            return self.model_copy(update={"edges": edges, "counts": self.count_on(edges)})
        if self.kind is not ColumnKind.CATEGORY:
            return self
        known = () if self.top is None else [entry for entry in self.top.values if entry.is_exact][:n_levels]
        counts = tuple(entry.low for entry in known)
        return self.model_copy(
            update={
                "levels": tuple(str(entry.value) for entry in known),
                "counts": counts,
                "n_unlisted": self.n_rows - self.n_null - sum(counts),
            }
        )

    def count_on(self, edges: Sequence[float]) -> tuple[int, ...]:
        """Finite numbers per bin, exactly where the edges are ends of buckets of `quantiles`."""
        n_finite = self.n_rows - self.n_missing - self.n_low_infinite - self.n_high_infinite
        sums = [] if self.quantiles is None else self.quantiles.up_to(edges)
        return tuple(b - a for a, b in itertools.pairwise([0, *sums, n_finite]))

    def _joined(self, others: Sequence[Self], bins: dict[str, Any]) -> Self:
        parts = (self, *others)
        summed = ("n_rows", "n_null", "n_nan", "n_low_infinite", "n_high_infinite", "n_missing_items")
        changes: dict[str, Any] = {name: sum(getattr(part, name) for part in parts) for name in summed}
        changes["minimum"] = _extreme(min, *(part.minimum for part in parts))
        changes["maximum"] = _extreme(max, *(part.maximum for part in parts))
        changes["inexact"] = any(part.inexact for part in parts)
        for name in ("moments", "lengths", "norms", "quantiles"):
            changes[name] = _merged([getattr(part, name) for part in parts])
        changes["top"] = _merged([part.most_frequent for part in parts])
        merged: Self = self.model_copy(update=changes | bins | {"registers": None})
        if merged.quantiles is not None and merged.quantiles.is_exact:
            return merged.model_copy(update={"top": None})
        if merged.n_distinct_exact is not None:
            return merged
        registers = [found for part in parts if (found := part.find_registers()) is not None]
        if len(registers) < len(parts):
            return merged
        return merged.model_copy(update={"registers": packed(np.maximum.reduce(registers))})

    def find_registers(self) -> Registers | None:
        """The registers that the different values give; None for kinds that count none."""
        if self.registers is not None:
            return unpacked(self.registers)
        if self.n_distinct_exact is None:
            return None
        if self.quantiles is not None:
            return of_numbers(keys(np.asarray(self.quantiles.starts, dtype=np.float64)))
        values = [] if self.top is None else [str(entry.value) for entry in self.top.values]
        return of_texts(pl.Series(values, dtype=pl.String))

    def same_bins(self, other: Self) -> bool:
        """Whether both were counted on the same bins of a column of that name."""
        return self._bins == other._bins

    @property
    def _bins(self) -> tuple[object, ...]:
        return self.name, self.kind, self.edges, self.levels


def _intervals(edges: Sequence[float]) -> tuple[str, ...]:
    """Bins as people write them: one that holds a single double is that value, and the bin before it ends there."""
    ends = (-math.inf, *edges, math.inf)
    single = [math.nextafter(low, math.inf) == high for low, high in itertools.pairwise(ends)]
    return tuple(
        f"{high:g}" if alone else f"({low:g}, {after:g})" if before else f"({low:g}, {high:g}]"
        for low, high, after, alone, before in zip(
            ends, ends[1:], (*ends[2:], math.inf), single, (*single[1:], False), strict=False
        )
    )


def _merged(parts: Sequence[Any]) -> Any:
    """What all parts have together; None where one does not have it."""
    return None if any(part is None for part in parts) else parts[0].merge(*parts[1:])


def _extreme(choose: Any, *values: Any) -> Any:
    """The smallest or greatest of what there is."""
    return choose((value for value in values if value is not None), default=None)
