"""What became of a group's rows between two commits, and what each commit brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from mainspring.checks.column import ColumnProfile
from mainspring.features.join.point_in_time import EVENT, NUMBER
from mainspring.features.profiles import of_commit
from mainspring.features.read import Read
from mainspring.features.rows import current, scan
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect

CHANGE: Final = "_change"
"""Column that says what became of a row: inserted, updated or deleted."""


@dataclass(frozen=True)
class Changes:
    """The rows, by key and event time, in which two reads of a group differ.

    Attributes:
        before, after: the reads; `after` is of the later commit.
    """

    before: Read
    after: Read

    @cached_property
    def frame(self) -> pl.DataFrame:
        """`_change` and the columns of the group; of a deleted row, what it was. In the order of writing."""
        return _compare(self.before, self.after)

    @property
    def inserted(self) -> pl.DataFrame:
        """Rows that are there and were not."""
        return self._of("inserted")

    @property
    def updated(self) -> pl.DataFrame:
        """Rows of a key and event time that were there with other values, as they are."""
        return self._of("updated")

    @property
    def deleted(self) -> pl.DataFrame:
        """Rows that were there and are not, as they were."""
        return self._of("deleted")

    def _of(self, change: str) -> pl.DataFrame:
        return self.frame.filter(pl.col(CHANGE) == change).drop(CHANGE)

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{n} {change}" for change, n in sorted(self.frame[CHANGE].value_counts().iter_rows())
        )
        return f"<Changes {self.after.group.label} {self.before.number}..{self.after.number}: {counts or 'none'}>"


def _compare(before: Read, after: Read) -> pl.DataFrame:
    group, where = after.group, f"changes of {after.group.label}"
    columns = [item.name for item in group.columns or ()]
    key = [*group.keys, EVENT]
    known = {item.ticket for item in before.commits}
    fresh = [item for item in after.commits if item.ticket not in known]
    if not fresh:
        return after.to_polars().clear().select(pl.lit("").alias(CHANGE), *columns).clear()
    # Only what was written in between can have changed anything.
    touched = scan(after.stores, group, fresh, group.keys).select(key).unique()

    def rows(read: Read) -> pl.LazyFrame:
        found = scan(read.stores, group, list(read.commits))
        return current(found.join(touched, on=key, how="semi", nulls_equal=True), group)

    old, new = rows(before), rows(after)
    gone = old.join(new, on=key, how="anti", nulls_equal=True).with_columns(pl.lit("deleted").alias(CHANGE))
    there = new.join(
        old.select(*key, pl.struct(columns).alias("_old")),
        on=key,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    change = (
        pl.when(pl.col("_old").is_null())
        .then(pl.lit("inserted"))
        .when(pl.col("_old").ne_missing(pl.struct(columns)))
        .then(pl.lit("updated"))
    )
    kept = there.with_columns(change.alias(CHANGE)).filter(pl.col(CHANGE).is_not_null())
    wanted = [CHANGE, *columns, NUMBER, "_ordinal"]
    found = collect(pl.concat([kept.select(wanted), gone.select(wanted)]), where)
    return found.sort([NUMBER, "_ordinal"]).select(CHANGE, *columns)


def history(stores: Stores, group: FeatureGroupSpec, commits: Sequence[CommitSpec]) -> pl.DataFrame:
    """A row for each commit and column; see `FeatureGroup.history`."""
    rows = []
    for commit in commits:
        about = (commit.number, commit.published_at, commit.n_rows, commit.n_deletes, commit.n_failed)
        rows += [(*about, *_figures(column)) for column in of_commit(stores, group, commit).columns]
    return pl.DataFrame(rows, schema=_HISTORY, orient="row")


def _figures(column: ColumnProfile) -> tuple[object, ...]:
    ends = (None if end is None else str(end) for end in (column.minimum, column.maximum))
    mean = None if column.moments is None else column.moments.mean
    return (column.name, column.n_null, mean, *ends)


_HISTORY: Final = {
    "number": pl.Int64(),
    "published_at": pl.Datetime("us", "UTC"),
    "n_rows": pl.Int64(),
    "n_deletes": pl.Int64(),
    "n_failed": pl.Int64(),
    "column": pl.String(),
    "n_null": pl.Int64(),
    "mean": pl.Float64(),
    "minimum": pl.String(),
    "maximum": pl.String(),
}
