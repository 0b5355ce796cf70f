"""Which entities are meant, and what of them a group's tables and its journal have."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from mainspring.errors import InputError
from mainspring.features import schema, store
from mainspring.features.erasure.spec import REJECTED_PLACE, Found
from mainspring.features.insert import api as ingest
from mainspring.features.insert.frames import frame_of
from mainspring.features.join.point_in_time import COMMIT, ORDINAL
from mainspring.features.personal import unshown
from mainspring.features.push import journal
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect


def keys_of(stores: Stores, group: FeatureGroupSpec, keys: object, where: str) -> pl.DataFrame:
    """The keys in the group's types, each once.

    Raises:
        InputError: none, of other columns, of other types, or null.
    """
    rows = [keys] if isinstance(keys, dict) else keys
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        rows = pl.DataFrame(rows)
    with unshown(group.treated):
        given = frame_of(rows, where, group.given_types)
    frame = ingest.anonymised(stores, group, given, where)
    unknown = [column for column in frame.columns if column not in group.keys]
    if unknown or not frame.width or not frame.height or group.columns is None:
        raise InputError(
            expected=f"values of keys among {', '.join(group.keys) or 'none: the group has no entities'}",
            got=", ".join(frame.columns) if frame.height else "none",
            where=where,
            hint="For example erase({'customer_id': 'C1'}, reason='…'); of a composite key a part is enough.",
        )
    out = frame.select(schema.cast(frame[column], group.type_of(column), where) for column in frame.columns)
    if out.null_count().sum_horizontal().item():
        raise InputError(expected="keys", got="null", where=where, hint="A null names no entity.")
    return out.unique(maintain_order=True)


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
