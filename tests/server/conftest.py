"""A running prediction server on the small airport."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from tests.serving.airport import Airport, make_airport

from mainspring.project import Project
from mainspring.server.supervisor import Server


@dataclass
class Running:
    """A server, its airport and a client with a kept connection."""

    airport: Airport
    server: Server
    client: httpx.Client
    said: list[str]


@pytest.fixture
def airport(project: Project) -> Iterator[Airport]:
    """A filled project with one deployment, `flights`."""
    made = make_airport(project)
    made.at(6)
    made.deployments.create("flights", made.versions[0], made.view)
    yield made
    made.deployments.close()


@pytest.fixture
def running(airport: Airport) -> Iterator[Running]:
    """One worker that answers."""
    said: list[str] = []
    with (
        Server(airport.project, port=0, workers=1, say=said.append) as server,
        httpx.Client(base_url=server.url, timeout=10) as client,
    ):
        yield Running(airport, server, client, said)
