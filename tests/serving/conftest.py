"""Fixtures of serving: a filled project, and a deployment in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.serving.airport import Airport, make_airport

from mainspring.project import Project
from mainspring.serving.api import Deployment


@pytest.fixture
def airport(project: Project) -> Iterator[Airport]:
    """A filled project at six hours after the start, with nothing deployed."""
    made = make_airport(project)
    made.at(6)
    yield made
    made.deployments.close()


@pytest.fixture
def deployment(airport: Airport) -> Deployment:
    """The first version, deployed as `flights`."""
    return airport.deployments.create("flights", airport.versions[0], airport.view)
