"""Profiles: mergeable summaries of a frame's columns, from which every drift measure can be computed.

A profile keeps exact counts on bins that a reference froze, so that two profiles of the same bins add up: days
make months, and no measure ever needs the reference's rows again. Nulls, NaN, both infinities and unseen
categories are counted in bins of their own, because a jump in the missing share is drift too.

Profiles that have bins of their own are put together by `pooled`: what lies beneath the bins (moments, the histogram of
`quantiles`, the most frequent values, the registers of distinct values) merges whatever the bins, and gives new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

import polars as pl

from mainspring import notebook
from mainspring.checks.arguments import column_names
from mainspring.checks.column import N_BINS, N_LEVELS, ColumnKind, ColumnProfile
from mainspring.checks.counting import counted, kind_of
from mainspring.checks.spec import Frozen
from mainspring.errors import InputError, UnknownNameError
from mainspring.frames import frame_in_memory

SCHEME_VERSION: Final = 2
"""Changes when the same data would be counted into other bins, or summarised otherwise."""
_WORTH_THREADS: Final = 50_000


class Profile(Frozen):
    """One frame's columns; JSON by `model_dump(mode="json")`, back by `model_validate`."""

    scheme: int = SCHEME_VERSION
    n_rows: int
    columns: tuple[ColumnProfile, ...]

    def __getitem__(self, name: str) -> ColumnProfile:
        """The profile of one column.

        Raises:
            UnknownNameError: there is no such column.
        """
        found = self.find(name)
        if found is None:
            raise UnknownNameError.of("column", name, self.names, where="profile")
        return found

    def find(self, name: str) -> ColumnProfile | None:
        """The column of that name; None if there is none."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def names(self) -> list[str]:
        """The columns' names in order."""
        return [column.name for column in self.columns]

    def merge(self, other: Self) -> Profile:
        """The profile of both frames' rows together. Counts add up exactly, in any order.

        Raises:
            InputError: the profiles have other columns, other bins or another scheme.
        """
        if self.scheme != other.scheme or self.names != other.names:
            raise InputError(
                expected=f"a profile of the columns {self.names}, scheme {self.scheme}",
                got=f"{other.names}, scheme {other.scheme}",
                where="merge of profiles",
                hint="Profile both frames with edges_from= the same reference profile.",
            )
        pairs = zip(self.columns, other.columns, strict=True)
        return Profile(
            n_rows=self.n_rows + other.n_rows,
            columns=tuple(a.merge(b) for a, b in pairs),
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.n_rows:,} rows: {len(self.columns)} columns>"

    def __str__(self) -> str:
        rows = [_told(column) for column in self.columns]
        return notebook.printed(f"profile of {self.n_rows:,} rows", _HEAD, rows)

    def _repr_html_(self) -> str:
        return notebook.panel("profile", notebook.table(_HEAD, [_told(column) for column in self.columns]))


_HEAD: Final = (
    "column",
    "type",
    "rows",
    "missing",
    "distinct",
    "minimum",
    "median",
    "mean",
    "maximum",
    "most frequent",
)


def _told(column: ColumnProfile) -> tuple[object, ...]:
    median = None if column.quantiles is None or column.kind is ColumnKind.TIME else column.quantiles.at(0.5)
    mean = None if column.moments is None or not column.moments.count else column.moments.mean
    frequent = [f"{value} ({n:,})" for value, n in column.frequent[:3]]
    share = column.n_missing / column.n_rows if column.n_rows else 0.0
    return (
        column.name,
        column.dtype,
        column.n_rows,
        f"{share:.1%}" if column.n_missing else "0",
        column.n_distinct,
        column.minimum,
        median,
        mean,
        column.maximum,
        frequent,
    )


def pooled(profiles: Iterable[Profile]) -> Profile:
    """The profile of all the frames' rows together, on bins laid anew.

    Counts, moments, `quantiles` and registers are exactly those of the rows in one frame (moments to rounding), in any
    order; the most frequent values say how exact their rows are. A column that a frame lacks counts as null there.

    Raises:
        InputError: no profile, a column of different kinds, or one that is kept private in only some of them.
    """
    listed = list(profiles)
    if not listed or any(part.scheme != SCHEME_VERSION for part in listed):
        raise InputError(
            expected=f"one or more profiles of scheme {SCHEME_VERSION}",
            got=f"schemes {[part.scheme for part in listed]}" if listed else "none",
            where="pooled",
            hint="Profile the frames again.",
        )
    names = dict.fromkeys(name for part in listed for name in part.names)
    return Profile(
        n_rows=sum(part.n_rows for part in listed),
        columns=tuple(_pooled([(part.find(name), part.n_rows) for part in listed]) for name in names),
    )


def _pooled(parts: Sequence[tuple[ColumnProfile | None, int]]) -> ColumnProfile:
    there = [column for column, _ in parts if column is not None]
    # Of nulls alone: neither the type nor the kind is known.
    typed = [column for column in there if column.dtype != str(pl.Null)] or there[:1]
    first, *others = typed
    for column in typed:
        if (column.kind, column.private) != (first.kind, first.private):
            raise InputError(
                expected=f"a {'private ' if first.private else ''}{first.kind} column ({first.dtype})",
                got=f"a {'private ' if column.private else ''}{column.kind} column ({column.dtype})",
                where=f"pooled, column {first.name!r}",
                hint="Cast the frames to one schema before they are profiled.",
            )
    n_null = sum(n_rows for _, n_rows in parts) - sum(column.n_rows for column in typed)
    joined = first.pooled(*others) if others else first
    nulls = {"n_rows": joined.n_rows + n_null, "n_null": joined.n_null + n_null}
    return joined.model_copy(update=nulls).relaid()


def profile(
    frame: object,
    edges_from: Profile | None = None,
    *,
    columns: Iterable[str] | None = None,
    private: Iterable[str] = (),
    n_bins: int = N_BINS,
    n_levels: int = N_LEVELS,
) -> Profile:
    """Summarises the columns of `frame` in one scan.

    Args:
        frame: polars or pandas frame, or Arrow data (n rows); of a lazy polars one the columns are collected.
        edges_from: a reference whose columns, bins and levels are used as they are. None = bins are laid on this
            frame's own quantiles, and levels are its most frequent values (ties by name).
        columns: which columns; None = all of the frame or of `edges_from`.
        private: columns of which no value is kept: no range, quantiles, levels or frequent values, only how many
            rows, nulls and different values there are, and how long texts are.
        n_bins: bins of about equal counts of a numeric column, fewer where quantiles coincide; besides them one below
            and one above all values, and on either side of values that have a share of 1/n_bins.
        n_levels: levels of a category that are counted apart.

    Raises:
        UnknownNameError: the frame lacks a column.
        InputError: a column's kind is not that of the reference, or a parameter is no list or count.
    """
    lazy = frame if isinstance(frame, pl.LazyFrame) else frame_in_memory(frame, "profile").lazy()
    schema = lazy.collect_schema()
    names = schema.names() if edges_from is None else edges_from.names
    if columns is not None:
        names = list(column_names(columns, "profile, columns", at_least=0))
    hidden = set(column_names(private, "profile, private", at_least=0))
    for parameter, count in {"n_bins": n_bins, "n_levels": n_levels}.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise InputError.of_kind(
                "a whole number from 1 on", count, f"profile, {parameter}", "Leave it out."
            )
    for name in [*names, *hidden]:
        if name not in schema:
            raise UnknownNameError.of("column", name, schema.names(), where="profile")
    rows = frame.select(names) if isinstance(frame, pl.DataFrame) else lazy.select(names).collect()

    def one(name: str) -> ColumnProfile:
        blank = _blank(name, schema[name], None if edges_from is None else edges_from[name], name in hidden)
        found = counted(blank, rows[name], on_bins=edges_from is not None)
        return found if edges_from is not None else found.relaid(n_bins, n_levels)

    if rows.height < _WORTH_THREADS:
        done = [one(name) for name in names]
    else:
        with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
            done = list(threads.map(one, names))
    return Profile(n_rows=rows.height, columns=tuple(done))


def _blank(name: str, dtype: pl.DataType, reference: ColumnProfile | None, private: bool) -> ColumnProfile:
    """A column without counts."""
    kind = kind_of(dtype)
    if reference is None:
        return ColumnProfile(name=name, kind=kind, dtype=str(dtype), n_rows=0, n_null=0, private=private)
    # A column of nulls has no type of its own to disagree with, and scheme 1 knew no lists.
    agrees = kind is reference.kind or dtype == pl.Null or reference.dtype == str(pl.Null)
    if not agrees and (kind, reference.kind) != (ColumnKind.LIST, ColumnKind.OTHER):
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
        private=private or reference.private,
    )
