"""What holds an entity beside the group that it is erased from: made of its commits, and left as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import polars as pl

from mainspring.features import store
from mainspring.features.commits import EVIDENCE_KIND
from mainspring.features.erasure.spec import RECEIPT, Copies, Plan
from mainspring.features.join.point_in_time import COMMIT
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.spec import Asset, AssetKind
from mainspring.ports.tables.collect import collect

_MAY_SHOW: Final = frozenset({AssetKind.MODEL_PACKAGE, AssetKind.ARTIFACT, AssetKind.REPORT})


def find_copies(stores: Stores, group: FeatureGroupSpec, plan: Plan, made: Collection[Asset]) -> Copies:
    """Look through what was made of commits, and says of them."""
    found = plan.found
    with stores.records.read() as connection:
        backfills = store.backfills_of(connection, stores.project_id, group)
    return Copies(
        models=tuple(asset.id for asset in made if asset.kind is AssetKind.MODEL_VERSION),
        made=tuple(asset.id for asset in made if asset.kind in _MAY_SHOW and asset.name != RECEIPT),
        commits=dict(_commits(stores, group, made, found.keys)),
        backfills=tuple(spec.label for spec in backfills),
        examples=tuple(_shown(stores, plan.told, (found.rows, found.rejected))),
    )


def names_of(copies: Copies, made: Collection[Asset]) -> dict[str, str]:
    """Id → what people call it, with what it is where that does not go without saying."""
    listed = {*copies.models, *copies.made, *copies.commits}
    return {asset.id: _name(asset) for asset in made if asset.id in listed}


def _name(asset: Asset) -> str:
    if asset.kind is AssetKind.MODEL_VERSION and "number" in asset.attributes:
        return f"{asset.name}/{asset.attributes['number']}"
    if asset.kind is AssetKind.COMMIT:
        return f"{asset.name}@{asset.attributes['version']}"
    return f"{asset.kind.value.replace('_', ' ')} {asset.name}" if asset.kind in _MAY_SHOW else asset.name


def _commits(
    stores: Stores, group: FeatureGroupSpec, made: Collection[Asset], keys: pl.DataFrame
) -> Iterator[tuple[str, int | None]]:
    by_table: dict[str, dict[int, str]] = {}
    for asset in made:
        if asset.kind is AssetKind.COMMIT and asset.attributes["group_id"] != group.group_id:
            by_table.setdefault(asset.attributes["table"], {})[asset.attributes["ticket"]] = asset.id
    for name, tickets in sorted(by_table.items()):
        stored = stores.tables.scan(name).filter(pl.col(COMMIT).is_in(list(tickets)))
        types = stored.collect_schema()
        if any(types.get(column) != dtype for column, dtype in keys.schema.items()):
            yield from ((asset_id, None) for asset_id in tickets.values())
            continue
        held = stored.join(keys.lazy(), on=keys.columns, how="semi").group_by(COMMIT).len()
        for ticket, count in collect(held.sort(COMMIT), name).iter_rows():
            yield tickets[ticket], count


def _shown(stores: Stores, asset_ids: Sequence[str], rows: Sequence[pl.DataFrame]) -> Iterator[str]:
    """Evidence about commits that has values of the rows as examples of what broke an expectation."""
    for finding in stores.graph.evidence_for(*asset_ids, kind=EVIDENCE_KIND) if asset_ids else ():
        if any(_shows(entry, rows) for entry in finding.figures["expectations"]):
            yield finding.id


def _shows(entry: dict[str, Any], rows: Sequence[pl.DataFrame]) -> bool:
    columns: list[str] = entry["expectation"]["columns"]
    examples: list[object] = entry["examples"]
    values = {
        str(value)
        for frame in rows
        for name in columns
        if name in frame.columns
        for value in frame[name].to_list()
    }
    shown = (tuple(each.values()) if isinstance(each, dict) else (each,) for each in examples)
    return any(str(value) in values for example in shown for value in example)
