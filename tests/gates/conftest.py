"""Gates over the evaluation, flights and models of the rooms below."""

from __future__ import annotations

import pytest
from tests.evaluation.conftest import boosted, evaluation, flights, held_out, linear, models, spoiled

from mainspring.gates.api import Gates
from mainspring.lineage import Graph
from mainspring.models.api import Models

__all__ = ["boosted", "evaluation", "flights", "held_out", "linear", "models", "spoiled"]


@pytest.fixture
def gates(graph: Graph, models: Models) -> Gates:
    return Gates(graph, models)
