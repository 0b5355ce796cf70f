"""Editions of training datasets: rows of the entities leave what was made of the group's commits.

A dataset keeps its asset, its lineage and the digest that it was made with. What is left of its rows takes the place of
what its asset said of them, together with what says that rows were erased, in one transaction; the bytes of before go
after that, named until they are gone.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection

from mainspring.errors import InputError
from mainspring.features import dataset, schema, store
from mainspring.features.spec import ErasedRows, FeatureGroupSpec, FeatureViewSpec, TrainingDatasetSpec
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Asset, AssetKind


@dataclass(frozen=True)
class Held:
    """A training dataset that has rows of the entities, or bytes that an erasure which was killed did not delete yet.

    Attributes:
        digest: of the dataset as it is.
        gone: which rows are theirs, (n,) booleans.
        n_rows: how many, with those of erasures that have not ended.
    """

    asset_id: str
    digest: str
    spec: TrainingDatasetSpec
    view: FeatureViewSpec
    gone: pl.Series

    @property
    def n_rows(self) -> int:
        waiting = sum(item.n_rows for item in self.spec.erasures if item.receipt_id is None)
        return int(self.gone.sum()) + waiting


def find_held(
    stores: Stores, group: FeatureGroupSpec, made: Collection[Asset], keys: pl.DataFrame
) -> list[Held]:
    """Those of the assets that are such datasets; deleted ones too, as long as their bytes are there."""
    datasets = [asset for asset in made if asset.kind is AssetKind.TRAINING_DATASET]
    found = (_held(stores, group, asset, keys) for asset in datasets)
    return [item for item in found if item is not None and item.n_rows]


def rewrite(
    stores: Stores, group: FeatureGroupSpec, held: Held, keys: pl.DataFrame, execution_id: str
) -> Held:
    """Give a dataset its edition without the rows, as far as it has any; returns it as it is then."""
    while held.gone.any():
        edition = dataset.edition(stores, held.spec, held.view, held.gone)
        before = (held.spec.blob, held.spec.provenance, held.spec.profiles)
        after = (edition.blob, edition.provenance, edition.profiles)
        taken = ErasedRows(
            execution_id=execution_id,
            receipt_id=None,
            digest=held.digest,
            n_rows=int(held.gone.sum()),
            erased_at=stores.graph.clock.now(),
        )
        superseded = {*held.spec.superseded, *(sha256 for sha256 in before if sha256 is not None)}
        edition = edition.model_copy(
            update={
                "erasures": (*held.spec.erasures, taken),
                "superseded": tuple(sorted(superseded.difference(after))),
            }
        )
        with stores.records.write() as connection:
            stores.records.lock(connection, store.dataset_lock_name(held.asset_id))
            if store.dataset_spec(connection, held.asset_id) == held.spec:
                store.replace_dataset(connection, held.asset_id, edition)
        # Of another group somebody may have taken rows meanwhile: then of what that left.
        again = _held(stores, group, stores.graph.get_asset(held.asset_id), keys)
        if again is None:
            break
        held = again
    return held


def give_up_bytes(stores: Stores, held: Sequence[Held]) -> None:
    """Delete what earlier editions had, as far as no other dataset has the same."""
    superseded = {sha256 for item in held for sha256 in item.spec.superseded}
    with stores.records.read() as connection:
        alone = superseded - store.dataset_blobs_in_use(connection, superseded)
    for sha256 in alone:
        stores.graph.blobs.delete(sha256)


def settle(stores: Stores, held: Sequence[Held], receipt_id: str, work: Publication) -> None:
    """Say with the receipt that the bytes are gone, also those that a killed erasure left."""

    def write(connection: Connection) -> None:
        for item in held:
            stores.records.lock(connection, store.dataset_lock_name(item.asset_id))
            spec = store.dataset_spec(connection, item.asset_id)
            erasures = tuple(
                each if each.receipt_id else each.model_copy(update={"receipt_id": receipt_id})
                for each in spec.erasures
            )
            left = tuple(sha256 for sha256 in spec.superseded if sha256 not in item.spec.superseded)
            done = spec.model_copy(update={"erasures": erasures, "superseded": left})
            store.replace_dataset(connection, item.asset_id, done)

    work.write(write)


def _held(stores: Stores, group: FeatureGroupSpec, asset: Asset, keys: pl.DataFrame) -> Held | None:
    """None where its bytes are gone."""
    spec = TrainingDatasetSpec.model_validate(asset.attributes)
    if stores.graph.blobs.find(spec.blob) is None:
        return None
    with stores.records.read() as connection:
        view = store.find_view(connection, stores.project_id, spec.view, spec.view_version)
    assert view is not None
    return Held(asset.id, spec.edition or asset.digest, spec, view, _theirs(stores, group, spec, view, keys))


def _theirs(
    stores: Stores,
    group: FeatureGroupSpec,
    spec: TrainingDatasetSpec,
    view: FeatureViewSpec,
    keys: pl.DataFrame,
) -> pl.Series:
    """Which rows are about the entities: by each name that the view gives their keys.

    Where the view does not read the group, its rows were the spine, under the group's own names.
    """
    parts = [part for part in view.everything if (part.group, part.version) == (group.name, group.version)]
    names = [{key: part.on.get(key, key) for key in keys.columns} for part in parts]
    blob = stores.graph.blobs.get(spec.blob)
    there = pl.read_parquet_schema(io.BytesIO(blob))
    gone = pl.repeat(False, sum(spec.counts.values()), eager=True)
    for named in names or [{key: key for key in keys.columns}]:
        if set(named.values()) <= set(there):
            frame = pl.read_parquet(io.BytesIO(blob), columns=list(dict.fromkeys(named.values())))
            typed = _typed(frame, group, named)
            if typed is not None:
                numbered = typed.with_row_index("_row").join(keys, on=keys.columns, how="semi")
                gone |= pl.int_range(typed.height, eager=True).is_in(numbered["_row"].implode())
    return gone


def _typed(frame: pl.DataFrame, group: FeatureGroupSpec, names: dict[str, str]) -> pl.DataFrame | None:
    """Columns of a frame under the group's keys and in their types; None where they are of others."""
    try:
        return pl.DataFrame(
            [
                schema.cast(frame[column], group.type_of(key), f"key {key!r}").alias(key)
                for key, column in names.items()
            ]
        )
    except InputError:
        return None
