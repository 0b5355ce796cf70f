"""The entities' entries in the online store: only those that come from what is erased."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from mainspring.features import store
from mainspring.features.erasure import mark as erasure_mark
from mainspring.features.erasure.spec import Plan
from mainspring.features.online.keycode import encoder
from mainspring.features.online.packing import ASSET_BYTES, SPACE
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.keys import Entry


def count(stores: Stores, group: FeatureGroupSpec, plan: Plan) -> int:
    """How many there are, also of rows that wait: an erasure commits them first."""
    return len(_stale(stores, group, plan, plan.found.batches)) if group.online else 0


def remove(stores: Stores, group: FeatureGroupSpec, plan: Plan) -> int:
    """Take them out; returns how many there were. Rows that came since the erasure began stay."""
    return stores.keys.remove(SPACE, _stale(stores, group, plan)) if group.online else 0


def shut_out(stores: Stores, group: FeatureGroupSpec) -> None:
    """Refuse from here on what any process read before the rows were gone."""
    if group.online:
        erasure_mark.change(stores.keys, group.group_id)


def _stale(stores: Stores, group: FeatureGroupSpec, plan: Plan, batches: Collection[str] = ()) -> list[Entry]:
    """What is there of the entities and comes from a commit that was there when they were looked for, or that rows go
    from: of a push the entry has the asset id that its commit has now.
    """
    with stores.records.read() as connection:
        # Looked up now: some may have been published since.
        commits = store.all_commits(connection, group.group_id)
    known = [item.asset_id for item in commits if item.ticket in plan.tickets and item.asset_id is not None]
    assets = {bytes.fromhex(asset_id) for asset_id in (*known, *batches)}
    found = stores.keys.get(SPACE, _names(group, plan))
    return [
        entry
        for entry in found
        if entry is not None and (entry.commit <= plan.found.number or entry.value[:ASSET_BYTES] in assets)
    ]


def _names(group: FeatureGroupSpec, plan: Plan) -> list[bytes]:
    """The entities' keys in the online store, each once."""
    found = plan.found
    frames = [found.rows, found.waiting]
    # Of a whole key the entry is known also where an erasure before this one took the rows.
    frames += [found.keys] if set(found.keys.columns) == set(group.keys) else []
    named = [frame.select(group.keys) for frame in frames if frame.height]
    entities = pl.concat(named).unique(maintain_order=True).rows() if named else []
    encode = encoder([group.type_of(name) for name in group.keys], group.keys)
    start = bytes.fromhex(group.group_id)
    return [start + encode(entity) for entity in entities]
