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

from mainspring.errors import InputError, UnknownNameError
from mainspring.features import schema, store
from mainspring.features.datasets import contents, make
from mainspring.features.datasets.make import SPINE
from mainspring.features.erasure.editions import is_ended
from mainspring.features.erasure.spec import Plan
from mainspring.features.spec import (
    ErasedRows,
    FeatureGroupSpec,
    FeatureViewSpec,
    SelectionSpec,
    TrainingDatasetSpec,
)
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Asset, AssetKind


@dataclass(frozen=True)
class Held:
    """A training dataset that has rows of the entities, or bytes that an erasure which was killed did not delete yet.

    Attributes:
        name: what people call it.
        digest: of the dataset as it is.
        gone: which rows are theirs, (n,) booleans.
        ended: the erasures without a receipt that were of no other entities of the group: this one ends them.
    """

    asset_id: str
    name: str
    digest: str
    spec: TrainingDatasetSpec
    view: FeatureViewSpec
    gone: pl.Series
    ended: frozenset[str]

    @property
    def n_rows(self) -> int:
        """How many rows are theirs, with those that erasures took which this one ends."""
        waiting = sum(item.n_rows for item in self.spec.erasures if item.execution_id in self.ended)
        return int(self.gone.sum()) + waiting


def find_held(stores: Stores, group: FeatureGroupSpec, made: Collection[Asset], plan: Plan) -> list[Held]:
    """Such datasets among what was made of the commits, and among all of the views that read the group: a spine may
    have named the entities when the group had no row of theirs. Deleted ones too, as long as their bytes are there.
    """
    with stores.records.read() as connection:
        reading = {
            view.view_id for view in store.all_views(connection, stores.project_id) if _parts(view, group)
        }
    asset_ids = dict.fromkeys(asset.id for asset in made if asset.kind is AssetKind.TRAINING_DATASET)
    known = stores.graph.find_assets(kind=AssetKind.TRAINING_DATASET)
    asset_ids |= dict.fromkeys(asset.id for asset in known if asset.attributes.get("view_id") in reading)
    found = (_find(stores, group, asset_id, plan) for asset_id in asset_ids)
    return [item for item in found if item is not None and item.n_rows]


def rewrite(stores: Stores, group: FeatureGroupSpec, held: Held, plan: Plan, execution_id: str) -> Held:
    """Give a dataset its edition without the rows, as far as it has any; returns it as it is then."""
    while held.gone.any():
        try:
            _replace(stores, held, execution_id)
        except UnknownNameError:
            # Its bytes are gone: another erasure gave it an edition meanwhile, else they are missing.
            if stores.graph.get_asset(held.asset_id).attributes["content"] == held.spec.content:
                raise
        # Of another group somebody may have taken rows meanwhile: then of what that left.
        again = _find(stores, group, held.asset_id, plan)
        if again is None:
            break
        held = again
    return held


def _replace(stores: Stores, held: Held, execution_id: str) -> None:
    """Write the edition down, if nobody else did since."""
    edition = make.edition(stores, held.spec, held.view, held.gone)
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


def give_up_bytes(stores: Stores, held: Sequence[Held]) -> dict[str, tuple[str, ...]]:
    """Delete what earlier editions had, as far as nothing else has the same; returns what stays, and what has it."""
    return contents.give_up(stores, {sha256 for item in held for sha256 in item.spec.superseded})


def settle(stores: Stores, held: Sequence[Held], receipt_id: str, work: Publication) -> None:
    """Say with the receipt that the bytes are gone, also those that a killed erasure of these entities left."""

    def write(connection: Connection) -> None:
        for item in held:
            stores.records.lock(connection, store.dataset_lock_name(item.asset_id))
            spec = store.dataset_spec(connection, item.asset_id)
            erasures = tuple(
                each.model_copy(update={"receipt_id": receipt_id})
                if each.execution_id in item.ended
                else each
                for each in spec.erasures
            )
            left = tuple(sha256 for sha256 in spec.superseded if sha256 not in item.spec.superseded)
            done = spec.model_copy(update={"erasures": erasures, "superseded": left})
            store.replace_dataset(connection, item.asset_id, done)

    work.write(write)


def _find(stores: Stores, group: FeatureGroupSpec, asset_id: str, plan: Plan) -> Held | None:
    """None where its bytes are gone."""
    found = _find_bytes(stores, asset_id)
    if found is None:
        return None
    asset, blob = found
    spec = TrainingDatasetSpec.model_validate(asset.attributes)
    with stores.records.read() as connection:
        view = store.find_view(connection, stores.project_id, spec.view, spec.view_version)
    assert view is not None
    keys = plan.found.keys
    commits = {item.asset_id for item in plan.found.commits}
    is_spine = any(role == SPINE and made_of in commits for role, made_of in make.inputs(stores, asset))
    ended = (
        item.execution_id
        for item in spec.erasures
        if item.receipt_id is None and is_ended(stores, group, item.execution_id, keys)
    )
    return Held(
        asset_id=asset.id,
        name=asset.name,
        digest=spec.edition or asset.digest,
        spec=spec,
        view=view,
        gone=_theirs(group, blob, sum(spec.counts.values()), _names(view, group, keys, is_spine), keys),
        ended=frozenset(ended),
    )


def _find_bytes(stores: Stores, asset_id: str) -> tuple[Asset, bytes] | None:
    """A dataset with its rows as they are: an erasure in another group may give it others while it is looked at."""
    seen: Asset | None = None
    while True:
        asset = stores.graph.get_asset(asset_id)
        if asset == seen:
            return None
        try:
            return asset, stores.graph.blobs.get(asset.attributes["blob"])
        except UnknownNameError:
            seen = asset


def _parts(view: FeatureViewSpec, group: FeatureGroupSpec) -> list[SelectionSpec]:
    """What a view looks up in a group."""
    return [part for part in view.everything if part.table == (group.name, group.version)]


def _names(
    view: FeatureViewSpec, group: FeatureGroupSpec, keys: pl.DataFrame, is_spine: bool
) -> list[dict[str, str]]:
    """Key → column, once for each way in which the dataset has keys of the group: as the view looks them up, and under
    the group's own names where its rows are the group's.
    """
    parts = _parts(view, group)
    names = [{key: part.on.get(key, key) for key in keys.columns} for part in parts]
    return names if parts and not is_spine else [*names, {key: key for key in keys.columns}]


def _theirs(
    group: FeatureGroupSpec,
    blob: bytes,
    n_rows: int,
    names: Sequence[dict[str, str]],
    keys: pl.DataFrame,
) -> pl.Series:
    """Which rows are about the entities: by each of the names of their keys."""
    there = pl.read_parquet_schema(io.BytesIO(blob))
    gone = pl.repeat(False, n_rows, eager=True)
    for named in names:
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
