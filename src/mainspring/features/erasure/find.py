"""What of entities a group's tables and its journal have."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mainspring.features import store
from mainspring.features.erasure.spec import REJECTED_PLACE, Found
from mainspring.features.join.point_in_time import COMMIT, ORDINAL
from mainspring.features.push import journal
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect


def find(stores: Stores, group: FeatureGroupSpec, keys: pl.DataFrame) -> Found:
    """All that the group has of the entities. What comes meanwhile is not of its last commit's number or before."""
    with stores.records.read() as connection:
        number = store.last_numbers(connection, [group.group_id]).get(group.group_id, 0)
    rows = _theirs(stores, store.table_name(group), keys, {COMMIT: pl.Int64(), ORDINAL: pl.Int64()})
    rejected = _theirs(stores, store.rejects_table_name(group), keys, REJECTED_PLACE)
    with stores.records.read() as connection:
        commits = store.all_commits(connection, group.group_id)
        editions = store.editions_of(connection, group.group_id)
        batches = journal.batches(connection, group.group_id)
        pushed = journal.pushes(connection, batches)
    waiting = [journal.unpacked(item).join(keys, on=keys.columns, how="semi") for item in pushed]
    return Found(
        keys=keys,
        rows=rows,
        rejected=rejected,
        waiting=pl.concat(waiting, how="diagonal") if waiting else keys.clear(),
        batches=tuple(batches),
        commits=tuple(commits),
        erased=frozenset(item.ticket for item in editions),
        pending=frozenset(item.ticket for item in editions if not item.is_done),
        number=number,
    )


def _theirs(stores: Stores, name: str, keys: pl.DataFrame, place: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Everything that a table has of the entities, published or not: what no reader sees is there too."""
    if not stores.tables.exists(name):
        return keys.clear().hstack(pl.DataFrame(schema=dict(place)))
    return collect(stores.tables.scan(name).join(keys.lazy(), on=keys.columns, how="semi"), name)
