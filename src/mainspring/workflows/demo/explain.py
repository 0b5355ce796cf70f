"""One prediction walked back to its rows, and the corrected weather walked forward: for the screen and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from mainspring.lineage import AssetKind
from mainspring.lineage.trace import Origin
from mainspring.workflows.demo.honesty import (
    logged_features,
    recomputed_features,
    same,
    touched_by_lineage,
    touched_by_search,
)
from mainspring.workflows.demo.world import DEPLOYMENT, World


@dataclass(frozen=True)
class Explained:
    """One prediction and where it came from.

    Attributes:
        origin: the walk back.
        log: the prediction's row of the log.
        recomputed: how many features were computed again from the rows that lineage names, all equal if `honest`.
    """

    prediction_id: str
    origin: Origin
    log: dict[str, Any]
    recomputed: int
    honest: bool

    @property
    def values(self) -> dict[str, Any]:
        """What the prediction says about itself."""
        assert self.origin.leaf is not None
        return dict(self.origin.leaf.values)


@dataclass(frozen=True)
class Touched:
    """What the corrected weather touched.

    Attributes:
        commit_id: the asset of the commit.
        number: its number in the group.
        direct: predictions that used its values.
        all: with the predictions of models that learnt from it.
        versions: model versions that learnt from it.
        honest: whether a search of the whole log finds the same predictions.
    """

    commit_id: str
    number: int
    direct: int
    all: int
    versions: tuple[int, ...]
    honest: bool


def find_correction(world: World) -> Any | None:
    """The commit of the corrected hour; None if it has not arrived."""
    known_at = world.features.weather.CORRECTION_KNOWN_AT
    hour = world.features.weather.CORRECTED_HOUR
    for commit in world.groups["weather"].commits():
        if commit.min_event == commit.max_event == hour and commit.published_at >= known_at:
            return commit
    return None


def choose(world: World) -> str | None:
    """A prediction worth explaining: one that used the corrected weather, or else the last; None without any."""
    log = world.project.deployments.get(DEPLOYMENT).log().filter(pl.col("arm") == "champion")
    if not log.height:
        return None
    commit = find_correction(world)
    if commit is not None:
        used = log.filter(pl.col("commit_id_weather") == commit.asset_id)
        if used.height:
            return str(used["prediction_id"][0])
    return str(log["prediction_id"][-1])


def explain(world: World, prediction_id: str) -> Explained:
    """Walk back, and compute the features again from the rows that were named."""
    origin = world.project.lineage.upstream(prediction_id)
    log = world.project.deployments.get(DEPLOYMENT).log()
    row = log.filter((pl.col("prediction_id") == prediction_id) & (pl.col("arm") == "champion")).row(
        0, named=True
    )
    logged, again = logged_features(world, prediction_id), recomputed_features(world, prediction_id)
    honest = logged.keys() == again.keys() and all(same(logged[name], again[name]) for name in logged)
    return Explained(prediction_id, origin, row, len(again), honest)


def trace_correction(world: World) -> Touched | None:
    """Walk forward from the corrected hour, and search the log for the same; None if it has not arrived."""
    commit = find_correction(world)
    if commit is None:
        return None
    walked, searched = touched_by_lineage(world, commit.asset_id), touched_by_search(world, commit.asset_id)
    downstream = world.project.lineage.downstream(commit.asset_id).graph
    versions = sorted(
        int(asset.attributes["number"]) for asset in downstream.of_kind(AssetKind.MODEL_VERSION)
    )
    return Touched(
        commit_id=commit.asset_id,
        number=commit.number,
        direct=len(walked["direct"]),
        all=len(walked["all"]),
        versions=tuple(versions),
        honest=walked["direct"] == searched["direct"]
        and walked["all"] == searched["direct"] | searched["by model"],
    )
