"""Two ways to check what lineage says, by other means: compute it again, and search the whole log."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from mainspring.types import utc
from mainspring.workflows.demo.world import DEPLOYMENT, World


def logged_features(world: World, prediction_id: str) -> dict[str, Any]:
    """The features of a prediction as they were logged."""
    leaf = world.project.lineage.upstream(prediction_id).leaf
    return dict(leaf.values["features"]) if leaf is not None else {}


def recomputed_features(world: World, prediction_id: str) -> dict[str, Any]:
    """The features of a prediction, from nothing but the rows that its lineage names and its request.

    Each row is read from the commit that lineage names, by the key and the event time that it names; the
    on-demand functions are called on what was found.
    """
    leaf = world.project.lineage.upstream(prediction_id).leaf
    assert leaf is not None
    given = {**leaf.values["request"], **leaf.values["keys"]}
    values: dict[str, Any] = {}
    for selection in world.view.spec.selections:
        row = next((row for row in leaf.rows if row.table == selection.side), None)
        taken = {} if row is None else _stored_row(world, selection.group, row)
        values.update(
            {
                output: taken.get(column)
                for column, output in zip(selection.columns, selection.outputs, strict=True)
            }
        )
    values.update(
        {name: given.get(name) for name in (*world.view.spec.requests, *world.view.spec.on_demand_requests)}
    )
    for function in (world.features.view.distance_km, world.features.view.aircraft_age_years):
        numbers = [
            np.array([math.nan if values[name] is None else float(values[name])]) for name in function.inputs
        ]
        result = float(function(*numbers)[0])
        values[function.name] = None if math.isnan(result) else result
    return {name: values[name] for name in world.view.features}


def _stored_row(world: World, group_name: str, row: Any) -> dict[str, Any]:
    group = world.groups[group_name]
    number = next(commit.number for commit in group.commits() if commit.asset_id == row.commit_id)
    frame = group.read(number, history=True).to_polars(system=True).filter(pl.col("_number") == number)
    for name, value in row.key.items():
        if name != "event_time":
            frame = frame.filter(pl.col(name) == value)
        elif value is not None:
            moment = utc(datetime.fromisoformat(value))
            frame = frame.filter(
                pl.col(group.spec.event_time) == pl.lit(moment).cast(pl.Datetime("us", "UTC"))
            )
    (found,) = frame.tail(1).to_dicts()
    return dict(found)


def same(one: Any, other: Any) -> bool:
    """Whether two feature values are the same; whole numbers may be stored as floats."""
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    return math.isclose(float(one), float(other), rel_tol=1e-12, abs_tol=1e-12)


def touched_by_search(world: World, commit_id: str) -> dict[str, set[str]]:
    """Predictions that a commit touched, by a search of the whole log and of every training dataset's rows.

    Returns:
        `direct`: it gave a value to the prediction; `by model`: a row of it was among those that the predicting
        version's training dataset was joined from.
    """
    log = world.project.deployments.get(DEPLOYMENT).log()
    columns = [name for name in log.columns if name.startswith("commit_id_")]
    direct = log.filter(pl.any_horizontal(pl.col(name) == commit_id for name in columns))
    models = world.project.models
    taught = [version.number for version in models.versions() if _learnt_from(world, version, commit_id)]
    by_model = log.filter(pl.col("model_version").is_in(taught))
    return {"direct": set(direct["prediction_id"]), "by model": set(by_model["prediction_id"])}


def _learnt_from(world: World, version: Any, commit_id: str) -> bool:
    asset = world.project.graph.get_asset(commit_id)
    numbers = {commit.asset_id: commit.number for commit in world.groups[asset.name].commits()}
    data = world.project.features.get_training_dataset(str(version.dataset_id))
    provenance = data.provenance
    sides = [item.side for item in world.view.spec.selections if item.group == asset.name]
    return any(bool((provenance[f"{side}.number"] == numbers[commit_id]).any()) for side in sides)


def touched_by_lineage(world: World, commit_id: str) -> dict[str, set[str]]:
    """The same by walking the graph forward."""
    impact = world.project.lineage.downstream(commit_id)
    direct = set(impact.direct["prediction"])
    return {"direct": direct, "all": set(impact.leaves["prediction"])}
