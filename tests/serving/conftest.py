"""Fixtures of serving: a filled project, and a deployment in it."""

from __future__ import annotations

import pytest
from tests.serving.airport import Airport
from tests.serving.airport import airport_template as airport_template  # noqa: PLC0414 - fixtures
from tests.serving.airport import filled_airport as filled_airport  # noqa: PLC0414

from mainspring.serving.api import Deployment


@pytest.fixture
def airport(filled_airport: Airport) -> Airport:
    """A filled project at six hours after the start, with nothing deployed."""
    return filled_airport


@pytest.fixture
def deployment(airport: Airport) -> Deployment:
    """The first version, deployed as `flights`."""
    return airport.deployments.create("flights", airport.versions[0], airport.view)
