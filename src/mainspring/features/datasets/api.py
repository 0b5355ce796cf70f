"""Training datasets: a view's join, stored once, split and pinned."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal

import polars as pl

from mainspring import notebook
from mainspring.checks import kept
from mainspring.checks.profile import SCHEME_VERSION, Profile, profile
from mainspring.errors import InputError, IntegrityError, MainspringError, StateError, UnknownNameError
from mainspring.features import transform
from mainspring.features.datasets import contents, leakage
from mainspring.features.datasets.leakage import LeakageReport
from mainspring.features.datasets.split import GAP, TRAIN, assign, check_parts
from mainspring.features.digest import frame_digest
from mainspring.features.erasure import meanwhile as erased_meanwhile
from mainspring.features.profiles import KEPT_FROM_ROWS, private_columns_of_view
from mainspring.features.spec import (
    ErasedRows,
    FeatureGroupSpec,
    FeatureViewSpec,
    ReadSpec,
    SplitSpec,
    TrainingDatasetSpec,
    Transformations,
    is_late,
)
from mainspring.features.store import Stores, find_view, groups_of
from mainspring.lineage.api import Graph
from mainspring.lineage.spec import Asset, AssetKind, Direction
from mainspring.log import get_logger
from mainspring.types import digest, utc

_log = get_logger(__name__)

#: Column of the stored frame that names the part a row belongs to.
PART = "_split"
SHORTEST_DIGEST: Final = 8
"""How many digits of a digest may name a dataset."""
SPINE = "spine"
"""Role of what the rows came from that ask, among what a dataset was made of."""
LEAKAGE = "leakage"
"""Of the evidence that `TrainingDataset.leakage` keeps."""


class TrainingDataset:
    """A materialised, split, pinned read of a view. `data["train"]` is a polars frame.

    Attributes:
        asset_id: in the graph.
        made_digest: the digest that it was made with; the same as `digest` unless rows were erased.
        spec: what is stored about it.
    """

    def __init__(self, stores: Stores, asset: Asset) -> None:
        self._stores = stores
        self.asset_id = asset.id
        self.made_digest = asset.digest
        self.name = asset.name
        self.spec = TrainingDatasetSpec.model_validate(asset.attributes)

    @property
    def digest(self) -> str:
        """Of its rows, its split and its view: the same inputs give the same one; after an erasure, of what is left."""
        self._look_again()
        return self._known_digest

    @property
    def _known_digest(self) -> str:
        """As it was when somebody looked last: what is shown asks no database."""
        return self.spec.edition or self.made_digest

    @property
    def erasures(self) -> tuple[ErasedRows, ...]:
        """What erasures took of its rows, with their receipts, oldest first; () = it is what was made."""
        self._look_again()
        return self.spec.erasures

    def compare(self, digest: str) -> Literal["same", "erased", "differs"]:
        """What a digest that somebody noted is to this dataset: "same" is that of its rows; "erased" that of rows of
        which an erasure took some since, as its receipts say; "differs" is of anything else.
        """
        if digest == self.digest:
            return "same"
        return "erased" if digest in {item.digest for item in self.spec.erasures} else "differs"

    @property
    def features(self) -> list[str]:
        """Names of the feature columns in order."""
        return list(self.spec.features)

    @property
    def label(self) -> str | None:
        """The first label's column; None for a view without label."""
        return self.spec.label

    @property
    def labels(self) -> list[str]:
        """The labels' columns in order; [] for a view without label."""
        return list(self.spec.labels or ([self.spec.label] if self.spec.label else []))

    @property
    def training_only(self) -> list[str]:
        """Columns that are neither features nor labels, and are not there in serving."""
        return list(self.spec.training_only)

    @property
    def n_unlabelled(self) -> int:
        """Spine rows left out because they had no label."""
        return self.spec.n_unlabelled

    @property
    def pins(self) -> dict[str, int]:
        """`name@version` → the highest commit number read, of the view's groups and of the one that the spine was a
        read of. With `as_of` they decide the rows: `FeatureView.again` makes them again.
        """
        return dict(self.spec.pins)

    @property
    def as_of(self) -> datetime | None:
        """Labels that became known later were not used, aware UTC; None for a view without label."""
        return self.spec.as_of

    @property
    def counts(self) -> dict[str, int]:
        """Split → rows."""
        return dict(self.spec.counts)

    @property
    def splits(self) -> list[str]:
        """The parts that have rows, in the order train, validation, test."""
        return list(self.spec.counts)

    def _look_again(self) -> None:
        """Rows may have been erased since this was opened: what it says is of those that are left."""
        now = TrainingDatasetSpec.model_validate(self._stores.graph.get_asset(self.asset_id).attributes)
        if now.content != self.spec.content:
            self.__dict__.pop("_stored", None)
            _log.info(
                "training_dataset.erased",
                f"rows of training dataset {self.name!r} were erased since it was opened",
                asset_id=self.asset_id,
                receipts=[item.receipt_id for item in now.erasures],
            )
        self.spec = now

    @cached_property
    def _stored(self) -> pl.DataFrame:
        self._stores.graph.check_there(self.asset_id)
        frame = pl.read_parquet(io.BytesIO(self._stores.graph.blobs.get(self.spec.blob)))
        if frame_digest(frame) != self.spec.content:
            raise IntegrityError(
                expected=f"rows of digest {self.spec.content[:12]}",
                got=frame_digest(frame)[:12],
                where=f"training dataset {self.asset_id}",
                hint="Make the dataset again: view.again(data).",
            )
        return frame

    @property
    def frame(self) -> pl.DataFrame:
        """All rows: the spine's columns, the features, what is for training only, the labels, and `_split`."""
        self._look_again()
        return self._stored

    @property
    def provenance(self) -> pl.DataFrame:
        """Row by row, `SIDE.commit`, `SIDE.number`, `SIDE.event_time` … of the rows that answered."""
        self._look_again()
        self._stores.graph.check_there(self.asset_id)
        return pl.read_parquet(io.BytesIO(self._stores.graph.blobs.get(self.spec.provenance)))

    @property
    def transformations(self) -> Transformations | None:
        """What was fitted on the part `train`; None where the view has no transformations.

        Raises:
            StateError: on the rows that an erasure left they cannot be fitted.
        """
        self._look_again()
        if self.spec.unfitted:
            raise StateError(
                expected="transformations fitted on the rows that an erasure left",
                got=f"none: {self.spec.unfitted}",
                where=f"training dataset {self.name!r}",
                hint="Make a dataset of rows that they can be fitted on.",
            )
        return self.spec.transformations

    @property
    def transformed_features(self) -> list[str]:
        """Names of the columns that the transformations make of the features, in order."""
        made = self.transformations
        return self.features if made is None else list(made.outputs)

    def transformed(self, part: str) -> pl.DataFrame:
        """The rows of one part with their features transformed by what was fitted on `train`; other columns in front.

        Raises:
            UnknownNameError: the dataset has no such part.
            StateError: as for `transformations`.
        """
        made = self.transformations
        return self[part] if made is None else transform.apply(made, self[part])

    def __getitem__(self, part: str) -> pl.DataFrame:
        """The rows of one part, in the spine's order, without `_split`.

        Raises:
            UnknownNameError: the dataset has no such part.
        """
        self._look_again()
        if part not in self.spec.counts:
            raise UnknownNameError.of("split", part, self.spec.counts, f"training dataset {self.name!r}")
        return self._stored.filter(pl.col(PART) == part).drop(PART)

    def profile(self, part: str = TRAIN) -> Profile:
        """The profile of one part, without values of columns that only say which row it is or whom it is about, or
        that their group marks as naming a person or as sensitive.

        Raises:
            UnknownNameError: the dataset has no such part.
        """
        self._look_again()
        private = private_columns_of_view(*self._definition(), self.spec.row_key)
        if part in self.spec.counts and self.spec.profiles is not None:
            self._stores.graph.check_there(self.asset_id)
            found = kept.load(self._stores.graph.blobs, self.spec.profiles)[part]
            hidden = {column.name for column in found.columns if column.private}
            # A column may have been marked since.
            if found.scheme == SCHEME_VERSION and hidden == private & set(found.names):
                return found
        return _profile(self[part], private)

    def _definition(self) -> tuple[FeatureViewSpec, dict[tuple[str, int], FeatureGroupSpec]]:
        """The view that it was made of, and the groups that this reads, as they are now."""
        with self._stores.records.read() as connection:
            view = find_view(connection, self._stores.project_id, self.spec.view, self.spec.view_version)
        assert view is not None
        return view, _groups(self._stores, view)

    def leakage(self) -> LeakageReport:
        """What looks like a leak: features like a label, keys and rows in two parts, times after the row's own.

        The rules are those of `features.leakage`: ok, warning or insufficient_data. The report is kept as evidence
        about the dataset, once; it is a reason to look, and no proof.

        Raises:
            IntegrityError: the stored rows are not what they were.
        """
        frame = self.frame
        spec, graph = self.spec, self._stores.graph
        keys = [name for name in spec.row_key if name != spec.spine_time and name in frame.columns]
        view, groups = self._definition()
        sides = [item.side for item in view.joined(inference=False) if not is_late(view, item)]
        labels = [item.side for item in view.labels]
        report = LeakageReport(
            self.name,
            (
                leakage.label_like(frame.filter(pl.col(PART) == TRAIN), self.features, self.labels),
                leakage.shared_keys(
                    frame,
                    PART,
                    keys if spec.label else [],
                    spec.split.kind,
                    _looked_up(view, groups, frame.columns),
                ),
                leakage.shared_rows(frame, PART),
                leakage.later_times(frame, spec.spine_time, self.provenance, spec.report, sides, labels),
            ),
        )
        figures = report.to_dict()
        for found in graph.evidence_for(self.asset_id, kind=LEAKAGE):
            if found.figures == figures:
                return replace(report, evidence_id=found.id)
        with graph.execution("leakage", self.name) as work:
            stored = work.evidence(
                self.asset_id, LEAKAGE, verdict=leakage.VERDICTS[report.look], figures=figures
            )
        return replace(report, evidence_id=stored.id)

    def __len__(self) -> int:
        return sum(self.spec.counts.values())

    def __repr__(self) -> str:
        counts = ", ".join(f"{part} {count:,}" for part, count in self.spec.counts.items())
        gone = f", {self._n_erased()} erased" if self.spec.erasures else ""
        return f"<TrainingDataset {self.name!r} {self._known_digest[:12]}: {counts}{gone}>"

    def _n_erased(self) -> int:
        return sum(item.n_rows for item in self.spec.erasures)

    def _repr_html_(self) -> str:
        spec = self.spec
        return notebook.panel(
            f"training dataset {self.name}",
            notebook.fields(
                {
                    "view": f"{spec.view}@{spec.view_version}",
                    "features": spec.features,
                    "label": spec.label,
                    "without a label, left out": spec.n_unlabelled,
                    "as of": spec.as_of,
                    "pins": spec.pins,
                    "digest": self._known_digest,
                    **({"rows that were erased": self._n_erased()} if spec.erasures else {}),
                }
            ),
            notebook.table(("split", "rows"), spec.counts.items()),
        )


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
    private = private_columns_of_view(view, _groups(stores, view), row_key)
    parts = {part: frame.filter(pl.col(PART) == part).drop(PART) for part in counts}
    return kept.keep(stores.graph.blobs, {part: _profile(rows, private) for part, rows in parts.items()})


def _profile(rows: pl.DataFrame, private: Collection[str]) -> Profile:
    return profile(rows, private=[name for name in rows.columns if name in private])


def _groups(stores: Stores, view: FeatureViewSpec) -> dict[tuple[str, int], FeatureGroupSpec]:
    with stores.records.read() as connection:
        return groups_of(connection, stores.project_id, view.everything)


def _looked_up(
    view: FeatureViewSpec, groups: Mapping[tuple[str, int], FeatureGroupSpec], columns: Collection[str]
) -> list[tuple[str, ...]]:
    """Keys of the entities that features change with. What is static describes kinds of things, such as carriers, that
    every part has.
    """
    parts = (item for item in view.joined(inference=False) if not item.static and item not in view.labels)
    ways = (item.spine_keys(groups[item.table].keys) for item in parts)
    return [way for way in dict.fromkeys(ways) if way and set(way) <= set(columns)]


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


def get(stores: Stores, reference: str) -> TrainingDataset:
    """The dataset of that asset id, of that digest or a beginning of it that no other has, or the newest of that name.

    Names and digests find what is neither archived nor deleted; of equal digests the newest is meant.

    Raises:
        UnknownNameError: there is none, or the asset is something else.
        InputError: the beginning of a digest is that of several.
    """
    asset = stores.graph.find_asset(reference)
    if asset is not None and asset.kind is not AssetKind.TRAINING_DATASET:
        raise UnknownNameError(
            expected="the asset of a training dataset",
            got=f"a {asset.kind.value}",
            where=f"asset {reference}",
            hint="Give TrainingDataset.asset_id.",
        )
    return TrainingDataset(stores, asset or _named(stores, reference))


def _named(stores: Stores, reference: str) -> Asset:
    """The newest dataset of that name, else of that digest."""
    away = stores.graph.hidden()
    known = [
        item for item in stores.graph.find_assets(kind=AssetKind.TRAINING_DATASET) if item.id not in away
    ]
    found = [item for item in known if item.name == reference]
    digests = [(digest, item) for item in known for digest in _digests(item) if digest.startswith(reference)]
    if not found and len(reference) >= SHORTEST_DIGEST:
        found = [item for _, item in digests]
    if not found:
        raise UnknownNameError.of("training dataset", reference, {item.name for item in known}, "features")
    if found[-1].name != reference and len({digest for digest, _ in digests}) > 1:
        raise InputError(
            expected="more digits of the digest",
            got=f"{reference!r}, with which {len(found)} training datasets begin",
            where="features",
            hint="`mainspring features datasets` shows them.",
        )
    return found[-1]


def _digests(asset: Asset) -> list[str]:
    """What a dataset was made with, and has become by erasures: any of them may be what somebody noted."""
    erased = [item["digest"] for item in asset.attributes.get("erasures", ())]
    now = asset.attributes.get("edition")
    return [*dict.fromkeys([asset.digest, *erased, *([] if now is None else [now])])]


@dataclass(frozen=True)
class Learnt:
    """The rows that a model of a training dataset learnt from: its part `train`.

    Attributes:
        name: the dataset's.
        row_key: columns that say which row it is.
        spine_time: one of them, or a column beside them: the moment of each row.
        rows: these columns, one row a training row.
    """

    name: str
    row_key: tuple[str, ...]
    spine_time: str
    rows: pl.DataFrame


def find_learnt(graph: Graph, asset_id: str) -> Learnt | None:
    """What a model of that dataset learnt from; None where the asset does not say which rows it has.

    Raises:
        UnknownNameError: there is no such asset.
    """
    asset = graph.get_asset(asset_id)
    if "row_key" not in asset.attributes:
        return None
    spec = TrainingDatasetSpec.model_validate(asset.attributes)
    columns = list(dict.fromkeys([*spec.row_key, spec.spine_time]))
    stored = pl.read_parquet(io.BytesIO(graph.blobs.get(spec.blob)), columns=[*columns, PART])
    rows = stored.filter(pl.col(PART) == TRAIN).select(columns)
    return Learnt(asset.name, spec.row_key, spec.spine_time, rows)
