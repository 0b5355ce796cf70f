"""Fitted models on small synthetic flights; evaluation and gates take them from here."""

from __future__ import annotations

import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from tests.models.flights import fitted, make_flights

from mainspring.lineage import Graph
from mainspring.models.api import Models
from mainspring.models.model import Model


@pytest.fixture(scope="session")
def flights() -> pl.DataFrame:
    """The rows that the models of these tests learnt from."""
    return make_flights()


@pytest.fixture(scope="session")
def linear(flights: pl.DataFrame) -> Model:
    return fitted(LogisticRegression(max_iter=300), flights)


@pytest.fixture(scope="session")
def boosted(flights: pl.DataFrame) -> Model:
    return fitted(HistGradientBoostingClassifier(max_iter=20, random_state=0), flights)


@pytest.fixture
def models(graph: Graph) -> Models:
    return Models(graph)
