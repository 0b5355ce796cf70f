"""Evaluation on the flights and models of `tests/models`; gates take it from here."""

from __future__ import annotations

import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from tests.models.conftest import boosted, flights, linear, models
from tests.models.flights import fitted, make_flights

from mainspring.evaluation.api import Evaluation
from mainspring.lineage import Graph
from mainspring.models.api import Models
from mainspring.models.model import Model

__all__ = ["boosted", "flights", "linear", "models"]


@pytest.fixture(scope="session")
def held_out() -> pl.DataFrame:
    """Rows that no model of these tests was trained on."""
    return make_flights(3000, seed=9)


@pytest.fixture(scope="session")
def spoiled(flights: pl.DataFrame) -> Model:
    """A model that learnt from shuffled labels."""
    shuffled = flights.with_columns(pl.col("late").shuffle(seed=3))
    return fitted(HistGradientBoostingClassifier(max_iter=20, random_state=0), shuffled)


@pytest.fixture
def evaluation(graph: Graph, models: Models) -> Evaluation:
    return Evaluation(graph, models)
