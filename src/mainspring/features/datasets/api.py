"""Training datasets: a view's join, stored once, split and pinned."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

import polars as pl

from mainspring import notebook
from mainspring.checks import kept
from mainspring.checks.profile import SCHEME_VERSION, Profile
from mainspring.errors import InputError, IntegrityError, StateError, UnknownNameError
from mainspring.features import transform
from mainspring.features.datasets import leakage
from mainspring.features.datasets.leakage import LeakageReport
from mainspring.features.datasets.parts import PART, groups_read, profile_of
from mainspring.features.datasets.split import TRAIN
from mainspring.features.digest import frame_digest
from mainspring.features.profiles import private_columns_of_view
from mainspring.features.spec import (
    ErasedRows,
    FeatureGroupSpec,
    FeatureViewSpec,
    TrainingDatasetSpec,
    Transformations,
    is_late,
)
from mainspring.features.store import Stores, find_view
from mainspring.lineage.spec import Asset, AssetKind
from mainspring.log import get_logger

_log = get_logger(__name__)

SHORTEST_DIGEST: Final = 8
"""How many digits of a digest may name a dataset."""
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
        return profile_of(self[part], private)

    def _definition(self) -> tuple[FeatureViewSpec, dict[tuple[str, int], FeatureGroupSpec]]:
        """The view that it was made of, and the groups that this reads, as they are now."""
        with self._stores.records.read() as connection:
            view = find_view(connection, self._stores.project_id, self.spec.view, self.spec.view_version)
        assert view is not None
        return view, groups_read(self._stores, view)

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


def _looked_up(
    view: FeatureViewSpec, groups: Mapping[tuple[str, int], FeatureGroupSpec], columns: Collection[str]
) -> list[tuple[str, ...]]:
    """Keys of the entities that features change with. What is static describes kinds of things, such as carriers, that
    every part has.
    """
    parts = (item for item in view.joined(inference=False) if not item.static and item not in view.labels)
    ways = (item.spine_keys(groups[item.table].keys) for item in parts)
    return [way for way in dict.fromkeys(ways) if way and set(way) <= set(columns)]


def get(stores: Stores, reference: object) -> TrainingDataset:
    """The dataset of that asset id, of that digest or a beginning of it that no other has, or the newest of that name.

    Names and digests find what is neither archived nor deleted; of equal digests the newest is meant.

    Raises:
        UnknownNameError: there is none, or the asset is something else.
        InputError: the beginning of a digest is that of several, or it is no text.
    """
    if not isinstance(reference, str):
        hint = "Give the id, the digest or its beginning, or the name."
        raise InputError.of_kind("what names a training dataset, as text", reference, "features", hint)
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
    if not found and digests:
        raise UnknownNameError(
            expected=f"at least {SHORTEST_DIGEST} digits of a digest",
            got=f"{reference!r}, with which the digest of training dataset {digests[-1][1].name!r} begins",
            where="features",
            hint=f"Give more of it: {digests[-1][0][: SHORTEST_DIGEST + 4]!r}.",
        )
    if not found:
        raise UnknownNameError.of(
            "training dataset",
            reference,
            {item.name for item in known},
            "features",
            otherwise="Give its name, its asset id, or its digest from the beginning; `mainspring features datasets` "
            "shows them.",
        )
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
