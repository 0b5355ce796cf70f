"""The rows of a group as reads, joins and the online store see them: published, numbered, with their times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from mainspring.errors import IntegrityError, UnknownNameError
from mainspring.features import store
from mainspring.features.join.point_in_time import (
    ALWAYS_US,
    COMMIT,
    DELETE,
    EVENT,
    KNOWN,
    NUMBER,
    OP,
    ORDINAL,
)
from mainspring.features.schema import STORAGE
from mainspring.features.spec import COMMIT_TIME, CommitSpec, FeatureGroupSpec, FeatureSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect
from mainspring.types import to_us

AVAILABLE = "_available_us"
_PUBLISHED: Final = "_published_us"


def delay_us(spec: FeatureGroupSpec) -> int:
    """The group's source delay in microseconds."""
    return round(spec.source_delay_s * 1_000_000)


def ttl_us(spec: FeatureGroupSpec) -> int | None:
    """The group's time to live in microseconds; None = unbounded."""
    return None if spec.ttl_s is None else round(spec.ttl_s * 1_000_000)


def scan(
    stores: Stores,
    spec: FeatureGroupSpec,
    commits: list[CommitSpec],
    columns: Iterable[str] | None = None,
    until: datetime | None = None,
) -> pl.LazyFrame:
    """The rows of these commits, in no order, with `_commit`, `_number`, `_ordinal`, `_op`, `_event_us`, `_known_us`.

    Args:
        commits: published ones.
        columns: of the group; None = all.
        until: leaves out rows that are true only after this moment; files that have no others are not read.
    """
    wanted = [item.name for item in spec.columns or ()] if columns is None else list(dict.fromkeys(columns))
    numbers = store.numbered(commits)
    if not commits:
        schema = {item.name: STORAGE[item.type] for item in spec.columns or ()}
        base = pl.LazyFrame(schema={**schema, COMMIT: pl.Int64, ORDINAL: pl.Int64, OP: pl.Int64})
    else:
        low, high = min(item.ticket for item in commits), max(item.ticket for item in commits)
        # The range is pushed down to file statistics.
        base = _stored(stores, spec, len(commits)).filter(pl.col(COMMIT).is_between(low, high))
        stored = set(base.collect_schema())
        base = base.with_columns(
            pl.lit(None, STORAGE[item.type]).alias(item.name)
            for item in spec.columns or ()
            if item.name not in stored
        ).with_columns(with_default(item) for item in spec.columns or () if item.default is not None)
    if until is not None and spec.event_time is not None:
        base = base.filter(pl.col(spec.event_time) <= until)
    # Streamed whichever number of commits there is; rows of others, which nobody can read yet, go here.
    base = base.join(numbers.lazy(), on=COMMIT, how="inner", maintain_order="left")
    return base.with_columns(_event(spec)).select(
        *wanted, COMMIT, NUMBER, ORDINAL, OP, EVENT, _known(spec, pl.col(_PUBLISHED))
    )


def with_default(item: FeatureSpec) -> pl.Expr:
    """Rows from before the column have its default; a null that was written is a null."""
    before = pl.col(COMMIT) <= item.absent_until
    default = pl.lit(item.default, STORAGE[item.type])
    return pl.when(before).then(default).otherwise(pl.col(item.name)).alias(item.name)


def _stored(stores: Stores, spec: FeatureGroupSpec, n_commits: int) -> pl.LazyFrame:
    name = store.table_name(spec)
    try:
        return stores.tables.scan(name)
    except UnknownNameError as error:
        raise lost_table(spec, n_commits) from error


def lost_table(spec: FeatureGroupSpec, n_commits: int) -> IntegrityError:
    """The records know commits of a table that is not there."""
    return IntegrityError(
        expected=f"the table of the group's {n_commits} commits",
        got="no such table",
        where=f"feature group {spec.label}, table {store.table_name(spec)}",
        hint="Its folder was moved or deleted: put it back, or restore a backup. `mainspring doctor` says what "
        "else is missing.",
    )


def _event(spec: FeatureGroupSpec) -> pl.Expr:
    if spec.event_time is None:
        return pl.lit(ALWAYS_US, dtype=pl.Int64).alias(EVENT)
    return pl.col(spec.event_time).dt.timestamp("us").alias(EVENT)


def _known(spec: FeatureGroupSpec, published: pl.Expr) -> pl.Expr:
    if spec.known_time is None:
        return _event(spec).alias(KNOWN)
    if spec.known_time == COMMIT_TIME:
        return published.alias(KNOWN)
    return pl.col(spec.known_time).dt.timestamp("us").alias(KNOWN)


def with_times(rows: pl.DataFrame, spec: FeatureGroupSpec, published_at: datetime) -> pl.DataFrame:
    """Rows that come from no table, with `_event_us` and `_known_us` as if they were published at that moment."""
    published = pl.lit(to_us(published_at), dtype=pl.Int64)
    return rows.with_columns(_event(spec), _known(spec, published))


def available(spec: FeatureGroupSpec) -> pl.Expr:
    """When a row can be used first: max(event time + delay, known time), int64 microseconds; null = never."""
    ready = pl.col(EVENT) + delay_us(spec)
    if spec.known_time is None:
        return ready.alias(AVAILABLE)
    later = pl.when(pl.col(KNOWN) > ready).then(pl.col(KNOWN)).otherwise(ready)
    return pl.when(pl.col(KNOWN).is_not_null()).then(later).alias(AVAILABLE)


def all_current(stores: Stores, spec: FeatureGroupSpec, commits: Sequence[CommitSpec]) -> bool:
    """Whether no row of these commits was deleted or replaced: told from keys and event times alone."""
    if any(commit.n_deletes for commit in commits):
        return False
    rows = scan(stores, spec, list(commits), columns=spec.keys).select(
        pl.struct(*spec.keys, EVENT).n_unique().alias("current"), pl.len().alias("put")
    )
    counts = collect(rows, f"feature group {spec.label}")
    return bool(counts["current"].item() == counts["put"].item())


def n_replaced(stores: Stores, spec: FeatureGroupSpec, commit: CommitSpec) -> int:
    """Rows of a commit that another one of it, of the same key and event time, took the place of."""
    rows = scan(stores, spec, [commit], columns=spec.keys)
    put = rows.select(pl.len() - pl.struct(*spec.keys, EVENT).n_unique())
    return int(collect(put, f"feature group {spec.label}").item())


def current(rows: pl.LazyFrame, spec: FeatureGroupSpec) -> pl.LazyFrame:
    """Per (key, event time) the row that was written last: by (known time, commit, ordinal); deletes are left out.

    Rows without known time lose against those that have one. The result is in the order of writing.
    """
    order = [KNOWN, NUMBER, ORDINAL] if spec.known_time is not None else [NUMBER, ORDINAL]
    return (
        rows.sort(order, nulls_last=False)
        .unique([*spec.keys, EVENT], keep="last", maintain_order=True)
        .filter(pl.col(OP) != DELETE)
        .sort([NUMBER, ORDINAL])
    )
