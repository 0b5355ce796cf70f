"""A read of a group at one commit: lazy, and the same for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mainspring.errors import MissingExtraError
from mainspring.features.join import NUMBER
from mainspring.features.rows import current, scan
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect


@dataclass(frozen=True)
class Read:
    """Rows of a group as of a commit. Nothing is read before `to_polars`, `to_pandas` or `to_arrow`.

    Attributes:
        group: the group's spec.
        commits: the published commits that it reads, in order.
        predicates: what `filter` added.
        history: every version of every row, deletes included, instead of the current ones.
    """

    stores: Stores
    group: FeatureGroupSpec
    commits: tuple[CommitSpec, ...]
    predicates: tuple[pl.Expr, ...] = ()
    history: bool = False

    @property
    def number(self) -> int:
        """The commit number that is read; 0 before the first commit."""
        return (self.commits[-1].number or 0) if self.commits else 0

    def filter(self, *predicates: pl.Expr) -> Read:
        """Only the rows that satisfy all of these polars expressions (predicates) over the group's columns."""
        return replace(self, predicates=(*self.predicates, *predicates))

    def lazy(self, *, system: bool = False) -> pl.LazyFrame:
        """The rows as a lazy polars frame, in the order of writing.

        Args:
            system: with `_commit` (ticket), `_number`, `_ordinal`, `_op`, `_event_us` and `_known_us`.
        """
        rows = scan(self.stores, self.group, list(self.commits))
        rows = rows.sort([NUMBER, "_ordinal"]) if self.history else current(rows, self.group)
        for predicate in self.predicates:
            rows = rows.filter(predicate)
        return rows if system else rows.select([item.name for item in self.group.columns or ()])

    def to_polars(self, *, system: bool = False) -> pl.DataFrame:
        """The rows as a polars frame (n, columns of the group); times are aware UTC.

        Args:
            system: with the columns that say where each row came from: commit, number, place in the batch, operation.
        """
        return collect(self.lazy(system=system), f"feature group {self.group.label}")

    def to_arrow(self) -> Any:
        """The rows as a pyarrow table."""
        try:
            return self.to_polars().to_arrow()
        except ImportError as error:
            raise MissingExtraError.of("pyarrow", "pandas", "to_arrow") from error

    def to_pandas(self) -> Any:
        """The rows as a pandas frame."""
        try:
            return self.to_polars().to_pandas()
        except ImportError as error:
            raise MissingExtraError.of("pandas", "pandas", "to_pandas") from error

    def commits_of(self, numbers: Sequence[int]) -> list[CommitSpec]:
        """The commits of these numbers, in order."""
        wanted = set(numbers)
        return [item for item in self.commits if item.number in wanted]
