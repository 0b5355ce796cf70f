"""The bytes of training datasets, as far as nothing else has the same."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from mainspring.features import store
from mainspring.features.store import Stores
from mainspring.lineage.mentions import mentions
from mainspring.lineage.spec import AssetKind


def give_up(stores: Stores, digests: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Delete bytes that no dataset has any more.

    Returns:
        Digest → the rows of the database, as `table key`, that are of other things with equal bytes, which stay.
    """
    left, others = set(digests), dict[str, tuple[str, ...]]()
    while left:
        # Before the looking: bytes that somebody puts again from here on are his.
        looked_at = datetime.now(UTC)
        holders = _holders(stores, left)
        others |= holders
        left = {
            sha256
            for sha256 in left - holders.keys()
            if not stores.graph.blobs.collect(sha256, looked_at)
            and stores.graph.blobs.find(sha256) is not None
        }
    return others


def _holders(stores: Stores, digests: Collection[str]) -> dict[str, tuple[str, ...]]:
    with stores.records.read() as connection:
        # What a dataset says of bytes that it had once keeps none.
        found = mentions(connection, digests, besides=[AssetKind.TRAINING_DATASET.value])
        for sha256, asset_id in store.datasets_with(connection, digests):
            found.setdefault(sha256, []).append(f"training_dataset {asset_id}")
    return {sha256: tuple(rows) for sha256, rows in found.items()}
