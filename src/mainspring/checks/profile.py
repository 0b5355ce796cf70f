"""Profiles: mergeable summaries of a frame's columns, from which every drift measure can be computed.

A profile keeps exact counts on bins that a reference froze, so that two profiles of the same bins add up: days
make months, and no measure ever needs the reference's rows again. Nulls, NaN, both infinities and unseen
categories are counted in bins of their own, because a jump in the missing share is drift too.

Central moments merge by Chan, Golub and LeVeque (1983) and Pébay (2008, Sandia report SAND2008-6212).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final, Self

import polars as pl

from mainspring.checks.spec import Frozen
from mainspring.errors import InputError, UnknownNameError

SCHEME_VERSION: Final = 1
"""Changes when the same data would be counted into other bins."""
N_BINS: Final = 10
N_LEVELS: Final = 20


class ColumnKind(StrEnum):
    """How a column is summarised."""

    NUMERIC = "numeric"
    CATEGORY = "category"
    TIME = "time"
    OTHER = "other"


class Moments(Frozen):
    """Count, mean and sums of central powers of the finite values.

    Attributes:
        mean: 0.0 where there is no value.
        m2: sum of (x - mean)**2; m3 and m4 the third and fourth powers. None where they overflow a float.
    """

    count: int
    mean: float | None
    m2: float | None
    m3: float | None
    m4: float | None

    @property
    def variance(self) -> float | None:
        """The unbiased variance; None below two values."""
        return self.m2 / (self.count - 1) if self.m2 is not None and self.count > 1 else None

    def merge(self, other: Self) -> Moments:
        """The moments of both sets of values together (Pébay 2008, equations 2.1 to 2.9)."""
        if not self.count or not other.count:
            return other if not self.count else self
        if None in (
            self.mean,
            self.m2,
            self.m3,
            self.m4,
            other.mean,
            other.m2,
            other.m3,
            other.m4,
        ):
            return Moments(count=self.count + other.count, mean=None, m2=None, m3=None, m4=None)
        return _merged(self, other)


def _merged(a: Any, b: Any) -> Moments:
    n = a.count + b.count
    share_a, share_b = a.count / n, b.count / n
    delta = b.mean - a.mean
    pairs = a.count * share_b
    m2 = a.m2 + b.m2 + delta**2 * pairs
    m3 = a.m3 + b.m3 + delta**3 * pairs * (share_a - share_b) + 3 * delta * (share_a * b.m2 - share_b * a.m2)
    m4 = (
        a.m4
        + b.m4
        + delta**4 * pairs * (share_a**2 - share_a * share_b + share_b**2)
        + 6 * delta**2 * (share_a**2 * b.m2 + share_b**2 * a.m2)
        + 4 * delta * (share_a * b.m3 - share_b * a.m3)
    )
    mean = a.mean + delta * share_b
    return Moments(count=n, mean=_finite(mean), m2=_finite(m2), m3=_finite(m3), m4=_finite(m4))


class ColumnProfile(Frozen):
    """One column of one frame.

    Attributes:
        dtype: the polars type, for people.
        n_null, n_nan, n_low_infinite, n_high_infinite: rows of each, beside the bins.
        minimum, maximum: of the finite values; ISO 8601 text for times, None without values.
        edges: for numerics the inner edges e1 < e2 < …; bins are (-inf, e1], (e1, e2], …, (ek, inf).
        levels: for categories the frozen levels; text, booleans are "true" and "false".
        counts: rows per bin or level, in that order.
        n_unlisted: rows of a category outside `levels`.
    """

    name: str
    kind: ColumnKind
    dtype: str
    n_rows: int
    n_null: int
    n_nan: int = 0
    n_low_infinite: int = 0
    n_high_infinite: int = 0
    minimum: float | str | None = None
    maximum: float | str | None = None
    moments: Moments | None = None
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    n_unlisted: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the bins that `vector` counts, in its order."""
        if self.kind is ColumnKind.NUMERIC:
            ends = ("-inf", *(f"{edge:g}" for edge in self.edges), "inf")
            own = tuple(f"({low}, {high}]" for low, high in itertools.pairwise(ends))
            return (*own, "-infinite", "+infinite", "NaN", "null")
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
                hint="Profile both frames with edges_from= the same reference profile.",
            )
        summed = (
            "n_rows",
            "n_null",
            "n_nan",
            "n_low_infinite",
            "n_high_infinite",
            "n_unlisted",
        )
        changes: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in summed}
        changes["minimum"] = _extreme(min, self.minimum, other.minimum)
        changes["maximum"] = _extreme(max, self.maximum, other.maximum)
        changes["counts"] = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        if self.moments is not None and other.moments is not None:
            changes["moments"] = self.moments.merge(other.moments)
        return self.model_copy(update=changes)

    def same_bins(self, other: Self) -> bool:
        """Whether both were counted on the same bins of a column of that name."""
        return self._bins == other._bins

    @property
    def _bins(self) -> tuple[object, ...]:
        return self.name, self.kind, self.edges, self.levels


class Profile(Frozen):
    """One frame's columns; JSON by `model_dump(mode="json")`, back by `model_validate`."""

    scheme: int = SCHEME_VERSION
    n_rows: int
    columns: tuple[ColumnProfile, ...]

    def __getitem__(self, name: str) -> ColumnProfile:
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownNameError.of("column", name, [column.name for column in self.columns], where="profile")

    def merge(self, other: Self) -> Profile:
        """The profile of both frames' rows together. Counts add up exactly, in any order.

        Raises:
            InputError: the profiles have other columns, other bins or another scheme.
        """
        names = [column.name for column in self.columns]
        if self.scheme != other.scheme or names != [column.name for column in other.columns]:
            raise InputError(
                expected=f"a profile of the columns {names}, scheme {self.scheme}",
                got=f"{[column.name for column in other.columns]}, scheme {other.scheme}",
                where="merge of profiles",
                hint="Profile both frames with edges_from= the same reference profile.",
            )
        pairs = zip(self.columns, other.columns, strict=True)
        return Profile(
            n_rows=self.n_rows + other.n_rows,
            columns=tuple(a.merge(b) for a, b in pairs),
        )


def profile(
    frame: pl.DataFrame | pl.LazyFrame,
    edges_from: Profile | None = None,
    *,
    columns: Iterable[str] | None = None,
    n_bins: int = N_BINS,
    n_levels: int = N_LEVELS,
) -> Profile:
    """Summarises the columns of `frame`.

    Args:
        frame: polars frame (n rows).
        edges_from: a reference whose columns, bins and levels are used as they are: one scan. Without it bins
            are laid on this frame's own quantiles, and levels are its most frequent values (ties by name).
        columns: which columns; all of the frame or of `edges_from` by default.
        n_bins: bins of a numeric column; fewer where quantiles coincide.
        n_levels: levels of a category that are counted apart.

    Raises:
        UnknownNameError: the frame lacks a column.
        InputError: a column's kind is not that of the reference.
    """
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    default = schema.names() if edges_from is None else [column.name for column in edges_from.columns]
    names = list(default if columns is None else columns)
    for name in names:
        if name not in schema:
            raise UnknownNameError.of("column", name, schema.names(), where="profile")
    if edges_from is None:
        blanks = _blanks(lazy, {name: schema[name] for name in names}, n_bins, n_levels)
    else:
        blanks = [_blank_like(edges_from[name], schema[name]) for name in names]
    return _counted(lazy, blanks)


def kind_of(dtype: pl.DataType) -> ColumnKind:
    """How a column of that polars type is summarised."""
    if dtype.is_numeric():
        return ColumnKind.NUMERIC
    if dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
        return ColumnKind.CATEGORY
    return ColumnKind.TIME if dtype in (pl.Datetime, pl.Date) else ColumnKind.OTHER


def _blanks(
    lazy: pl.LazyFrame, dtypes: dict[str, pl.DataType], n_bins: int, n_levels: int
) -> list[ColumnProfile]:
    """Columns with bins and without counts."""
    numerics = [name for name, dtype in dtypes.items() if kind_of(dtype) is ColumnKind.NUMERIC]
    at = [index / n_bins for index in range(1, n_bins)]
    quantiles = [_finite_values(name).quantile(at, interpolation="lower").alias(name) for name in numerics]
    found: dict[str, Any] = lazy.select(quantiles).collect().row(0, named=True) if quantiles else {}
    blanks = []
    for name, dtype in dtypes.items():
        kind = kind_of(dtype)
        edges = tuple(sorted({value for value in found.get(name, ()) if value is not None}))
        levels = _levels(lazy, name, n_levels) if kind is ColumnKind.CATEGORY else ()
        blanks.append(
            ColumnProfile(
                name=name,
                kind=kind,
                dtype=str(dtype),
                n_rows=0,
                n_null=0,
                edges=edges,
                levels=levels,
            )
        )
    return blanks


def _levels(lazy: pl.LazyFrame, name: str, n_levels: int) -> tuple[str, ...]:
    text = lazy.select(pl.col(name).cast(pl.String).alias("level")).drop_nulls()
    ranked = text.group_by("level").agg(pl.len().alias("n")).sort("n", "level", descending=[True, False])
    return tuple(ranked.head(n_levels).collect()["level"].to_list())


def _blank_like(reference: ColumnProfile, dtype: pl.DataType) -> ColumnProfile:
    kind = kind_of(dtype)
    # A column of nulls has no type of its own to disagree with.
    if kind is not reference.kind and dtype != pl.Null and reference.dtype != str(pl.Null):
        raise InputError(
            expected=f"a {reference.kind} column, as in the reference ({reference.dtype})",
            got=f"type {dtype}",
            where=f"profile of column {reference.name!r}",
            hint="Cast it to the reference's type first.",
        )
    return ColumnProfile(
        name=reference.name,
        kind=reference.kind,
        dtype=str(dtype),
        n_rows=0,
        n_null=0,
        edges=reference.edges,
        levels=reference.levels,
    )


def _finite_values(name: str) -> pl.Expr:
    value = pl.col(name).cast(pl.Float64)
    return value.filter(value.is_finite())


def _counted(lazy: pl.LazyFrame, blanks: Sequence[ColumnProfile]) -> Profile:
    aggregates = [pl.len().alias("n_rows")]
    for index, blank in enumerate(blanks):
        found = {"n_null": pl.col(blank.name).null_count()}
        if blank.kind is ColumnKind.NUMERIC:
            found |= _numeric(blank)
        elif blank.kind is ColumnKind.CATEGORY:
            found |= _category(blank)
        elif blank.kind is ColumnKind.TIME:
            found |= {
                "minimum": pl.col(blank.name).min(),
                "maximum": pl.col(blank.name).max(),
            }
        aggregates += [expression.alias(f"{index}.{key}") for key, expression in found.items()]
    row = lazy.select(aggregates).collect().row(0, named=True)
    return Profile(
        n_rows=row["n_rows"],
        columns=tuple(
            _filled(
                blank,
                row["n_rows"],
                {
                    key.partition(".")[2]: value
                    for key, value in row.items()
                    if key.partition(".")[0] == str(index)
                },
            )
            for index, blank in enumerate(blanks)
        ),
    )


def _numeric(blank: ColumnProfile) -> dict[str, pl.Expr]:
    value = pl.col(blank.name).cast(pl.Float64)
    finite = _finite_values(blank.name)
    from_mean = finite - finite.mean()
    up_to = [(finite <= edge).sum() for edge in blank.edges]
    return {
        "n_nan": value.is_nan().sum(),
        "n_low_infinite": (value == -math.inf).sum(),
        "n_high_infinite": (value == math.inf).sum(),
        "minimum": finite.min(),
        "maximum": finite.max(),
        "count": finite.len(),
        "mean": finite.mean(),
        "m2": (from_mean**2).sum(),
        "m3": (from_mean**3).sum(),
        "m4": (from_mean**4).sum(),
        "up_to": pl.concat_list([*up_to, finite.len()]),
    }


def _category(blank: ColumnProfile) -> dict[str, pl.Expr]:
    text = pl.col(blank.name).cast(pl.String)
    counts = [(text == level).sum() for level in blank.levels]
    return {"counts": pl.concat_list(counts)} if counts else {}


def _filled(blank: ColumnProfile, n_rows: int, found: dict[str, Any]) -> ColumnProfile:
    changes: dict[str, Any] = {"n_rows": n_rows, "n_null": found["n_null"]}
    if blank.kind is ColumnKind.NUMERIC:
        changes |= {key: found[key] for key in ("n_nan", "n_low_infinite", "n_high_infinite")}
        changes |= {"minimum": found["minimum"], "maximum": found["maximum"]}
        changes["moments"] = Moments(
            count=found["count"],
            mean=_finite(found["mean"]) if found["count"] else 0.0,
            **{key: _finite(found[key]) for key in ("m2", "m3", "m4")},
        )
        up_to = [0, *found["up_to"]]
        changes["counts"] = tuple(b - a for a, b in itertools.pairwise(up_to))
    elif blank.kind is ColumnKind.CATEGORY:
        changes["counts"] = counts = tuple(found.get("counts", ()))
        changes["n_unlisted"] = n_rows - found["n_null"] - sum(counts)
    elif blank.kind is ColumnKind.TIME:
        changes |= {
            "minimum": _text(found["minimum"]),
            "maximum": _text(found["maximum"]),
        }
    return blank.model_copy(update=changes)


def _text(value: date | datetime | time | None) -> str | None:
    return None if value is None else value.isoformat()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _extreme(choose: Any, a: Any, b: Any) -> Any:
    present = [value for value in (a, b) if value is not None]
    return choose(present) if present else None
