"""The receipt: what was erased and what was not, without the keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from mainspring.features.erasure.spec import RECEIPT, Erased, Named, Plan
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import AssetKind

NOT_ERASED: Final = (
    "what `copies` lists; backups that were made before; predictions that were logged with the entity's keys, which "
    "retention.predictions_days and `mainspring gc --delete` give up by whole days; ids of events that were pushed; "
    "idempotency keys; files that rows were inserted from; bytes of deleted entries that LMDB has not written over "
    "yet"
)


def publish(stores: Stores, work: Publication, done: Erased, plan: Plan, named: Named, reason: str) -> None:
    """Tell it in the graph, under the id that is drawn for it."""
    content: dict[str, Any] = {
        **asdict(done),
        "reason": reason,
        **asdict(named),
        "not_erased": NOT_ERASED,
    }
    content.pop("receipt_id")
    blob = stores.graph.blobs.put(json.dumps(content, indent=1).encode())
    figures = {
        "group": done.group,
        "n_rows": done.n_rows,
        "n_entities": plan.found.keys.height,
        "reason": reason,
    }
    for asset_id in (*plan.told, *done.datasets):
        work.use(asset_id, role="erased")
    receipt = work.add(
        AssetKind.REPORT, RECEIPT, digest=blob.sha256, attributes=figures, asset_id=done.receipt_id
    )
    work.event("feature_group.erased", receipt.id, figures)
    for asset_id, n_rows in done.datasets.items():
        work.event("training_dataset.erased", asset_id, {"n_rows": n_rows, "receipt": receipt.id})
