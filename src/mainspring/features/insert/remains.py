"""What an erasure left of a batch before its commit was published."""

from __future__ import annotations

import polars as pl

from mainspring.checks.spec import Expectation
from mainspring.features import store
from mainspring.features.insert import rejects
from mainspring.features.insert.rejects import Screened
from mainspring.features.join.point_in_time import COMMIT, ORDINAL
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect


def stored_rows(stores: Stores, group: FeatureGroupSpec, ticket: int) -> pl.DataFrame:
    """What the table has of a commit now, in any order."""
    return _of_ticket(stores, store.table_name(group), ticket)


def remains(
    stores: Stores,
    group: FeatureGroupSpec,
    spec: CommitSpec,
    batch: Screened,
    expectations: list[Expectation],
) -> Screened:
    """The batch as its tables have it, judged anew if it was judged: examples show no row that is gone.

    The caller holds the table for itself, so that no erasure is at work.
    """
    names = batch.rows.columns
    rows = stored_rows(stores, group, spec.ticket).sort(ORDINAL).select(names)
    rejected = None
    if batch.rejected is not None:
        stored = _of_ticket(stores, store.rejects_table_name(group), spec.ticket)
        rejected = stored.sort("_row").select(batch.rejected.columns) if stored.height else None
    whole = rows if rejected is None else pl.concat([rows, rejected.select(names)])
    asked = rejects.ask(group, whole, [] if batch.validation is None else expectations)[0]
    return Screened(rows, whole.height, asked.validation, asked.n_failed, rejected)


def _of_ticket(stores: Stores, name: str, ticket: int) -> pl.DataFrame:
    return collect(stores.tables.scan(name).filter(pl.col(COMMIT) == ticket), name)
