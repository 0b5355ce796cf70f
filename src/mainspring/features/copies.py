"""What holds an entity beside the group that it is erased from: made of its commits, and left as it is."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mainspring.errors import InputError
from mainspring.features import schema, store
from mainspring.features.ingest import EVIDENCE_KIND
from mainspring.features.join import COMMIT
from mainspring.features.spec import FeatureGroupSpec, TrainingDatasetSpec
from mainspring.features.store import Stores
from mainspring.lineage.spec import Asset, AssetKind
from mainspring.ports.tables.collect import collect


@dataclass(frozen=True)
class Copies:
    """What else holds the entity, and was not erased: each has a reason of its own to stay until somebody decides.

    Attributes:
        datasets: training dataset → how many of its rows; deleted ones too, as long as their bytes are there.
        models: model versions that were made of such datasets.
        commits: commit of another group, or of another version of this one, that rows were copied to → how many of its
            rows; None where that group has no such keys to look by.
        examples: evidence about commits that shows values of the rows among its examples.
        unsettled: files that an append, which was under way, may have been writing.
    """

    datasets: dict[str, int]
    models: tuple[str, ...]
    commits: dict[str, int | None]
    examples: tuple[str, ...]
    unsettled: tuple[str, ...] = ()


def find_copies(
    stores: Stores,
    group: FeatureGroupSpec,
    asset_ids: Sequence[str],
    keys: pl.DataFrame,
    rows: Sequence[pl.DataFrame],
) -> Copies:
    """Look through what was made of commits.

    Args:
        asset_ids: the commits.
        keys: of the entities, in the group's types.
        rows: theirs, as the group's tables have them.
    """
    made = tuple(stores.graph.downstream(*asset_ids).assets.values()) if asset_ids else ()
    datasets = [asset for asset in made if asset.kind is AssetKind.TRAINING_DATASET]
    counted = {asset.id: _rows_of(stores, group, asset, keys) for asset in datasets}
    return Copies(
        datasets={asset_id: count for asset_id, count in counted.items() if count},
        models=tuple(asset.id for asset in made if asset.kind is AssetKind.MODEL_VERSION),
        commits=dict(_commits(stores, group, made, keys)),
        examples=tuple(_shown(stores, asset_ids, rows)),
    )


def _rows_of(stores: Stores, group: FeatureGroupSpec, asset: Asset, keys: pl.DataFrame) -> int:
    """How many rows of a training dataset are about the entities: by each name that the view gives their keys."""
    spec = TrainingDatasetSpec.model_validate(asset.attributes)
    if stores.graph.blobs.find(spec.blob) is None:
        return 0
    with stores.records.read() as connection:
        view = store.find_view(connection, stores.project_id, spec.view, spec.view_version)
    parts = [] if view is None else [*view.selections, *([view.label] if view.label is not None else [])]
    names = [{}, *(part.on for part in parts if (part.group, part.version) == (group.name, group.version))]
    frame = pl.read_parquet(io.BytesIO(stores.graph.blobs.get(spec.blob)))
    found: set[int] = set()
    for on in names:
        typed = _typed(frame, group, {key: on.get(key, key) for key in keys.columns})
        if typed is not None:
            numbered = typed.with_row_index("_row")
            found |= set(numbered.join(keys, on=keys.columns, how="semi")["_row"].to_list())
    return len(found)


def _typed(frame: pl.DataFrame, group: FeatureGroupSpec, names: dict[str, str]) -> pl.DataFrame | None:
    """Columns of a frame under the group's keys and in their types; None where it has no such columns."""
    if not set(names.values()) <= set(frame.columns):
        return None
    try:
        return pl.DataFrame(
            [
                schema.cast(frame[column], group.type_of(key), f"key {key!r}").alias(key)
                for key, column in names.items()
            ]
        )
    except InputError:
        return None


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
