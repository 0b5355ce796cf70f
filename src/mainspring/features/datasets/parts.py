"""The parts of a training dataset, as they are stored and summarised."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import polars as pl

from mainspring.checks.profile import Profile, profile
from mainspring.features.spec import FeatureGroupSpec, FeatureViewSpec
from mainspring.features.store import Stores, groups_of

#: Column of the stored frame that names the part a row belongs to.
PART: Final = "_split"


def profile_of(rows: pl.DataFrame, private: Collection[str]) -> Profile:
    """The profile of a part's rows; of private columns no value is kept."""
    return profile(rows, private=[name for name in rows.columns if name in private])


def groups_read(stores: Stores, view: FeatureViewSpec) -> dict[tuple[str, int], FeatureGroupSpec]:
    """The groups that a view reads, as they are now."""
    with stores.records.read() as connection:
        return groups_of(connection, stores.project_id, view.everything)
