"""A filled project with a model that nothing serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from mainspring.features.datasets.api import TrainingDataset
from mainspring.models.model import Model
from mainspring.models.spec import ModelVersion
from mainspring.project import Project
from tests.workflows.filled import Filled


@dataclass(frozen=True)
class Shelf:
    """An open project, with `trial/1` that learnt from `data` and is not deployed; lateness/2 is, after /1."""

    filled: Filled
    project: Project
    data: TrainingDataset
    trial: ModelVersion


@pytest.fixture
def shelf(filled: Filled) -> Iterator[Shelf]:
    with filled.open() as project:
        (data,) = project.features.training_datasets()
        rows = pl.DataFrame({"wind": np.linspace(0, 1, 40), "late": [False, True] * 20})
        model = Model(LogisticRegression(), ["wind"], label="late").fit(rows)
        yield Shelf(filled, project, data, project.models.register("trial", model, data=data))
