"""A running prediction server on the small airport."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.serving.airport import START, Airport, make_airport
from tests.serving.airport import airport_template as airport_template  # noqa: PLC0414 - fixtures
from tests.serving.airport import filled_airport as filled_airport  # noqa: PLC0414

from mainspring.ports.clock import ReplayClock
from mainspring.project import Project, open_project
from mainspring.server.supervisor import Server


@dataclass
class Running:
    """A server, its airport and a client with a kept connection."""

    airport: Airport
    server: Server
    client: httpx.Client
    said: list[str]


def deployed(project: Project) -> Airport:
    """A filled project with one deployment, `flights`."""
    made = make_airport(project)
    made.at(6)
    made.deployments.create("flights", made.versions[0], made.view)
    return made


def serving(airport: Airport) -> Iterator[Running]:
    """One worker that answers."""
    said: list[str] = []
    with (
        Server(airport.project, port=0, workers=1, say=said.append) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        yield Running(airport, server, client, said)


@pytest.fixture
def airport(filled_airport: Airport) -> Airport:
    """A filled project with one deployment, `flights`."""
    filled_airport.deployments.create("flights", filled_airport.versions[0], filled_airport.view)
    return filled_airport


@pytest.fixture
def running(airport: Airport) -> Iterator[Running]:
    """A worker for one test alone."""
    yield from serving(airport)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A worker that tests share, on SQLite. None of them changes `flights`; each may deploy its own."""
    folder: Path = tmp_path_factory.mktemp("shared")
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(folder, overrides={"clock.kind": "replay", "actor.name": "user:test"}) as project:
        assert isinstance(project.clock, ReplayClock)
        project.clock.set(START)
        made = deployed(project)
        yield from serving(made)
        made.deployments.close()
