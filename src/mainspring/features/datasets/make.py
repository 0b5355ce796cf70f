"""Making training datasets: of what a view joined for rows that asked, and of what an erasure leaves."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, SupportsIndex

import polars as pl

from mainspring.checks import kept
from mainspring.errors import InputError, MainspringError, StateError
from mainspring.features import transform
from mainspring.features.datasets import contents
from mainspring.features.datasets.api import TrainingDataset
from mainspring.features.datasets.parts import PART, groups_read, profile_of
from mainspring.features.datasets.split import GAP, TRAIN, assign, check_parts, empty_parts
from mainspring.features.digest import frame_digest
from mainspring.features.erasure import meanwhile as erased_meanwhile
from mainspring.features.profiles import KEPT_FROM_ROWS, private_columns_of_view
from mainspring.features.spec import (
    FeatureViewSpec,
    ReadSpec,
    SplitSpec,
    TrainingDatasetSpec,
    Transformations,
)
from mainspring.features.store import Stores
from mainspring.lineage.spec import Asset, AssetKind, Direction
from mainspring.log import get_logger
from mainspring.types import digest, utc

_log = get_logger(__name__)

SPINE: Final = "spine"
"""Role of what the rows came from that ask, among what a dataset was made of."""


@dataclass(frozen=True)
class Asked:
    """What the caller of a dataset named. What is left open is the present, and no part of the recipe.

    Attributes:
        as_of: None = left open.
        pins: as for `FeatureView.join`; a group that is not named is left open.
    """

    as_of: datetime | None
    pins: Mapping[str, int]

    def fits(self, spec: TrainingDatasetSpec) -> bool:
        """Whether an existing dataset was read at the named moment and commits."""
        same_labels = self.as_of is None or spec.as_of == utc(self.as_of)
        return same_labels and all(spec.pins.get(group) == number for group, number in self.pins.items())


def check_recipe(seed: object, name: object, where: str) -> int:
    """The seed as a plain whole number; refuses what is no seed or no name before anything is read.

    Raises:
        InputError: the seed is no whole number, or the name is neither text nor None.
    """
    if isinstance(seed, bool) or not isinstance(seed, SupportsIndex):
        raise InputError.of_kind(
            "a seed that is a whole number", seed, where, "Write seed=7; 0 is the default."
        )
    if name is not None and not (isinstance(name, str) and name.strip()):
        raise InputError.of_kind(
            "a name as text, or None", name, where, "None calls it as the view is called."
        )
    return int(seed)


def check_free(columns: Collection[str], where: str) -> None:
    """Refuse a spine that has the column which says the part of each row.

    Raises:
        InputError: it has.
    """
    if PART in columns:
        raise InputError(
            expected=f"a spine without {PART!r}, which says the part of each row of the dataset",
            got="one with it",
            where=where,
            hint="Drop the column; to divide by what it says, rename it and write split=ms.split.by_column(…).",
        )


def make(
    stores: Stores,
    view: FeatureViewSpec,
    *,
    spine: pl.DataFrame,
    joined: pl.DataFrame,
    provenance: Mapping[str, pl.DataFrame],
    assets: Mapping[str, Mapping[int, str]],
    spine_assets: Callable[[pl.Series], Sequence[str]],
    pins: Mapping[str, int],
    as_of: datetime | None,
    asked: Asked,
    row_key: Sequence[str],
    report: dict[str, Any],
    split: SplitSpec,
    seed: int,
    name: str,
    seen: Sequence[erased_meanwhile.Seen],
    n_filtered: int = 0,
    spine_read: ReadSpec | None = None,
) -> TrainingDataset:
    """Leave out what has no label, split, store and publish; or find the very dataset that exists.

    Args:
        spine: the rows that asked.
        joined: the same rows with everything joined.
        provenance: by side, as the join gives it.
        assets: side → commit number → asset.
        spine_assets: from a mask of the rows that are kept to the assets that they came from.
        asked: what the caller named.
        row_key: spine columns that say which row it is.
        seen: what erasures had taken of the groups before anything was read.
        n_filtered: rows of the spine that the view is not about.
        spine_read: the read of a group that the spine is; None where it came from elsewhere.
    """
    label, labels = view.label_name, view.label_names
    known = [pl.col(name).is_not_null() for name in labels] or [pl.repeat(True, pl.len())]
    kept = joined.select(pl.all_horizontal(known).alias("kept")).get_column("kept")
    if not kept.any():
        raise InputError(
            expected="at least one spine row" + (" with a label" if label else ""),
            got=f"{joined.height} rows" + (", none of them labelled" if label else ""),
            where=f"training dataset of view {view.name}@{view.version}",
            hint="Check the label's keys, and whether the labels were known by as_of."
            if label
            else "Give rows.",
        )
    identity = [column for column in spine.columns if column != view.spine_time] + [view.spine_time]
    parts = assign(joined, split, seed, time=view.spine_time, identity=identity)
    in_gap = kept & (parts == GAP)
    taken = kept & ~in_gap
    check_parts(joined.get_column(view.spine_time).filter(taken), parts.filter(taken), split)
    if empty := empty_parts(set(parts.filter(taken)), split):
        _log.warning(
            "training_dataset.empty_part",
            f"training dataset {name!r}: of {int(taken.sum())} rows none is drawn for {', '.join(empty)}",
            view=f"{view.name}@{view.version}",
        )
    columns = list(dict.fromkeys([*spine.columns, *view.features, *view.training_only, *labels]))
    frame = joined.select(columns).with_columns(parts.alias(PART)).filter(taken)
    content = frame_digest(frame)
    key = _digest(view, split, seed, content)
    rows = _provenance(provenance, taken)
    used = [("view", view.view_id), *((SPINE, asset_id) for asset_id in spine_assets(taken))]
    for side, numbers in assets.items():
        used += [(side, asset_id) for asset_id in _used(rows, side, numbers)]
    away = stores.graph.hidden()
    for found in stores.graph.find_assets(kind=AssetKind.TRAINING_DATASET, name=name, digest=key):
        if found.id in away:
            continue
        existing = TrainingDataset(stores, found)
        # Of one that rows were erased from, what was asked for is not there any more.
        if existing.digest == key and asked.fits(existing.spec) and inputs(stores, found) == set(used):
            return existing
    counts = _counts(frame)
    spec = TrainingDatasetSpec(
        view=view.name,
        view_version=view.version,
        view_id=view.view_id,
        features=view.features,
        label=label,
        spine_time=view.spine_time,
        row_key=tuple(row_key),
        blob=_store(stores, frame),
        provenance=_store(stores, rows),
        content=content,
        pins=dict(pins),
        as_of=as_of,
        split=split,
        seed=seed,
        counts=counts,
        n_unlabelled=int((~kept).sum()),
        n_gap=int(in_gap.sum()),
        profiles=_profiles(stores, frame, counts, row_key, view),
        report=report,
        labels=labels if len(labels) > 1 else (),
        training_only=view.training_only,
        n_filtered=n_filtered,
        transformations=_fitted(view, frame),
        spine=spine_read,
    )
    return TrainingDataset(stores, _publish(stores, spec, name, key, used, seen))


def _digest(view: FeatureViewSpec, split: SplitSpec, seed: int, content: str) -> str:
    return digest(["training_dataset", view.digest, split, seed, content])


def edition(
    stores: Stores, spec: TrainingDatasetSpec, view: FeatureViewSpec, gone: pl.Series
) -> TrainingDatasetSpec:
    """What a dataset is without some of its rows, as if made so: its bytes are put, and nothing is published.

    Args:
        gone: which rows it is to be without, (n,) booleans.
    """
    blobs = stores.graph.blobs
    frame = pl.read_parquet(io.BytesIO(blobs.get(spec.blob))).filter(~gone)
    rows = pl.read_parquet(io.BytesIO(blobs.get(spec.provenance)))
    counts = _counts(frame)
    content = frame_digest(frame)
    transformations, unfitted = _fitted_again(view, frame)
    return spec.model_copy(
        update={
            "edition": _digest(view, spec.split, spec.seed, content),
            "blob": _store(stores, frame),
            "provenance": _store(stores, rows.filter(~gone) if rows.width else rows),
            "content": content,
            "counts": counts,
            "profiles": _profiles(stores, frame, counts, spec.row_key, view),
            "transformations": transformations,
            "unfitted": unfitted,
        }
    )


def _fitted_again(view: FeatureViewSpec, frame: pl.DataFrame) -> tuple[Transformations | None, str]:
    """What can be learnt from what an erasure leaves, or why nothing can: rows go also where that is so."""
    try:
        return _fitted(view, frame), ""
    except MainspringError as error:
        # Not what it got: that may be a value of somebody.
        return None, f"{error.where} needs {error.expected}"
    except Exception as error:  # noqa: BLE001  functions of the user's may raise anything, and hinder no erasure
        return None, f"{type(error).__name__} in a function of the view"


def _fitted(view: FeatureViewSpec, frame: pl.DataFrame) -> Transformations | None:
    """What the view's transformations learn from the rows that a model learns from."""
    if view.transforms is None:
        return None
    train = frame.filter(pl.col(PART) == TRAIN)
    if not train.height:
        raise InputError(
            expected="rows in the part 'train' to fit transformations on",
            got="none",
            where=f"training dataset of view {view.title}",
            hint="Choose a split that leaves something to train on.",
        )
    return transform.fit(view.transforms, train, view.features)


def inputs(stores: Stores, asset: Asset) -> set[tuple[str, str]]:
    """Role and id of what a dataset was made of."""
    links = stores.graph.upstream(asset.id, depth=1).links
    return {
        (link.role, link.asset_id)
        for link in links
        if link.direction is Direction.INPUT and link.execution_id == asset.execution_id
    }


def _provenance(provenance: Mapping[str, pl.DataFrame], taken: pl.Series) -> pl.DataFrame:
    columns = [
        rows.get_column(column).alias(f"{side}.{column}")
        for side, rows in provenance.items()
        for column in rows.columns
    ]
    return pl.DataFrame(columns).filter(taken) if columns else pl.DataFrame()


def _used(rows: pl.DataFrame, side: str, assets: Mapping[int, str]) -> list[str]:
    """Assets of the commits that decided at least one row that was kept."""
    numbers = set(rows.get_column(f"{side}.number").drop_nulls().unique().to_list())
    return [asset_id for number, asset_id in assets.items() if number in numbers]


def _store(stores: Stores, frame: pl.DataFrame) -> str:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return stores.graph.blobs.put(buffer.getvalue()).sha256


def _profiles(
    stores: Stores,
    frame: pl.DataFrame,
    counts: Mapping[str, int],
    row_key: Sequence[str],
    view: FeatureViewSpec,
) -> str | None:
    """Keep the splits' profiles where computing them again would take long."""
    if frame.height < KEPT_FROM_ROWS:
        return None
    private = private_columns_of_view(view, groups_read(stores, view), row_key)
    parts = {part: frame.filter(pl.col(PART) == part).drop(PART) for part in counts}
    return kept.keep(stores.graph.blobs, {part: profile_of(rows, private) for part, rows in parts.items()})


def _counts(frame: pl.DataFrame) -> dict[str, int]:
    counts = dict(frame.group_by(PART).len().iter_rows())
    return {part: counts[part] for part in ("train", "validation", "test") if part in counts}


def _publish(
    stores: Stores,
    spec: TrainingDatasetSpec,
    name: str,
    key: str,
    used: Sequence[tuple[str, str]],
    seen: Sequence[erased_meanwhile.Seen],
) -> Asset:
    parameters = {"view": f"{spec.view}@{spec.view_version}", "seed": spec.seed, "pins": spec.pins}
    where = f"training dataset {name!r}"
    try:
        with stores.graph.execution("training_dataset", name, parameters=parameters) as work:
            for role, asset_id in used:
                work.use(asset_id, role=role)
            asset = work.add(
                AssetKind.TRAINING_DATASET, name, digest=key, attributes=spec.model_dump(mode="json")
            )
            work.event(
                "training_dataset.created",
                asset.id,
                {"counts": spec.counts, "n_unlabelled": spec.n_unlabelled},
            )
            work.write(lambda connection: erased_meanwhile.check(stores, connection, seen, where))
    except StateError:
        # Rows that were erased meanwhile may be among them.
        contents.give_up(stores, {item for item in (spec.blob, spec.provenance, spec.profiles) if item})
        raise
    return asset
