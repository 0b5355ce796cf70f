"""Which rows a model of a training dataset learnt from."""

from __future__ import annotations

import io
from dataclasses import dataclass

import polars as pl

from mainspring.features.datasets.parts import PART
from mainspring.features.datasets.split import TRAIN
from mainspring.features.spec import TrainingDatasetSpec
from mainspring.lineage.api import Graph


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
