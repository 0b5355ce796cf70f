"""Which rows of a view's groups answer: the groups are read and searched, at once as far as memory reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from mainspring.errors import IntegrityError
from mainspring.features.join.buckets import estimated_bytes, find_in_buckets
from mainspring.features.join.joined import Source
from mainspring.features.join.point_in_time import EVENT, KNOWN, NUMBER, OP, ORDINAL, Side, Spine, find
from mainspring.features.join.threads import each
from mainspring.features.rows import scan
from mainspring.features.spec import CommitSpec, FeatureGroupSpec, SelectionSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect

GroupKey = tuple[str, int]

MAX_BUCKETS: Final = 1_000
"""Each has a few files of its own; with less memory than that takes, buckets are larger than asked for."""
HELD_BYTES: Final = 64_000_000
"""A group that is estimated to need less is read at once, keys, times and values; of a larger one values come last."""


@dataclass(frozen=True)
class Search:
    """What is searched for one join of a view.

    Attributes:
        title: the view's.
        parts: its selections, in the order of the sides.
        groups: what they are of.
        commits: of each group, those that are read.
        until: rows that became true later answer nobody.
        memory_bytes: groups that are estimated to need more are searched in parts.
        side: the rules of a selection, over rows of its group that are of these commits.
    """

    stores: Stores
    title: str
    parts: Sequence[SelectionSpec]
    groups: Mapping[GroupKey, FeatureGroupSpec]
    commits: Mapping[GroupKey, list[CommitSpec]]
    until: datetime
    memory_bytes: int
    side: Callable[[SelectionSpec, FeatureGroupSpec, pl.DataFrame, list[CommitSpec]], Side]

    def sources(self, lookup: Spine) -> dict[str, Source]:
        """Which rows of every side answer; groups that fit into memory together are searched at once."""
        tables = {key: self._table(key) for key in self.groups}
        together = sum(
            _size_bytes(tables[key].select(_searched(group)), self._n_rows(key))
            for key, group in self.groups.items()
        )
        with self.stores.progress(f"view {self.title}: groups searched", len(self.groups)) as advance:

            def counted(key: GroupKey) -> dict[str, Source]:
                sources = self._of_group(lookup, key, tables[key])
                advance()
                return sources

            found = {
                side: source
                for sources in each(counted, list(self.groups), at_once=together <= self.memory_bytes)
                for side, source in sources.items()
            }
        return {item.side: found[item.side] for item in self.parts}

    def _table(self, key: GroupKey) -> pl.LazyFrame:
        """The group's keys and the columns that are taken."""
        group = self.groups[key]
        taken = [column for item in self.parts if item.table == key for column in item.columns]
        return scan(self.stores, group, self.commits[key], [*group.keys, *taken], until=self.until)

    def _n_rows(self, key: GroupKey) -> int:
        return sum(commit.n_rows + commit.n_deletes for commit in self.commits[key])

    def _of_group(self, lookup: Spine, key: GroupKey, table: pl.LazyFrame) -> dict[str, Source]:
        try:
            return self._searched(lookup, key, table)
        except IntegrityError:
            # An erasure may have taken files since the table was looked at; a lost one is missing again.
            return self._searched(lookup, key, self._table(key))

    def _searched(self, lookup: Spine, key: GroupKey, table: pl.LazyFrame) -> dict[str, Source]:
        group, n_rows = self.groups[key], self._n_rows(key)
        where = f"feature group {group.label}"
        rows = collect(table, where) if _size_bytes(table, n_rows) <= HELD_BYTES else table
        asked = rows.lazy().select(_searched(group))
        n_buckets = self._n_buckets(group, _size_bytes(asked, n_rows))
        times = asked.clear().collect() if n_buckets > 1 else collect(asked, where)
        out = {}
        for item in (part for part in self.parts if part.table == key):
            side = self.side(item, group, times, self.commits[key])
            found = (
                find(lookup, side)
                if n_buckets == 1
                else find_in_buckets(
                    lookup,
                    side,
                    asked,
                    n_buckets,
                    self.stores.engine(),
                    self.stores.spill_root,
                    where,
                    self.stores.progress,
                )
            )
            out[item.side] = Source(rows, found, side.columns, side.cutoff, where)
        return out

    def _n_buckets(self, group: FeatureGroupSpec, size_bytes: int) -> int:
        """In how many parts the group's rows have to be searched; one series without keys has only one."""
        if not group.keys or size_bytes <= self.memory_bytes:
            return 1
        return min(-(-size_bytes * self.stores.engine().n_workers // self.memory_bytes), MAX_BUCKETS)


def _size_bytes(rows: pl.LazyFrame, n_rows: int) -> int:
    return estimated_bytes(rows.collect_schema().dtypes(), n_rows)


def _searched(group: FeatureGroupSpec) -> list[str]:
    """What a search looks at."""
    known = [KNOWN] if group.known_time is not None else []
    return [*group.keys, EVENT, *known, NUMBER, ORDINAL, OP]
