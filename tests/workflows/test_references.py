"""Which blobs the records need: those of profiles too."""

from __future__ import annotations

import numpy as np
import polars as pl

from mainspring.features.profiles import KEPT_FROM_ROWS
from mainspring.project import Project
from mainspring.workflows.references import blob_references, unmentioned


def test_profiles_of_commits_and_splits_are_needed(project: Project) -> None:
    """A backup takes them, a collector leaves them, and the doctor misses them."""
    rows = pl.DataFrame({"id": np.arange(KEPT_FROM_ROWS), "x": np.arange(KEPT_FROM_ROWS) / 7})
    group = project.features.group("numbers", keys=["id"])
    commit = group.insert(rows)
    group.insert(rows.head(3))
    view = project.features.view("v", features=[group["x"].static()], spine_time="t")
    made = view.training_dataset(rows.select("id", t=pl.datetime(2013, 1, 1, time_zone="UTC")), name="d")
    with project.records.read() as connection:
        needed = {found.sha256: found.owner_id for found in blob_references(connection, "test")}
        kept = project.graph.get_asset(commit.asset_id).attributes["profile"]
        assert needed[kept] == commit.asset_id
        assert made.spec.profiles is not None
        assert needed[made.spec.profiles] == made.asset_id
        assert unmentioned(connection, needed) == set()
    assert {blob.sha256 for blob in project.blobs.walk()} == set(needed)
