"""A small airport: hourly weather, carriers without a time, a request, and two models of being late."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from tests.copies import copy_template, make_template

from mainspring.features.api import Features, request
from mainspring.features.view import FeatureView
from mainspring.models.api import Models
from mainspring.models.model import Model
from mainspring.models.spec import ModelVersion
from mainspring.project import Project, open_project
from mainspring.serving.api import Deployments

START = datetime(2013, 1, 1, tzinfo=UTC)
N_HOURS = 48
KEYS = {"origin": "JFK", "carrier": "AA"}
REQUEST = {"distance": 1400.0}


@dataclass
class Airport:
    """Everything that a deployment needs, in one project."""

    project: Project
    features: Features
    models: Models
    deployments: Deployments
    view: FeatureView
    versions: list[ModelVersion]
    commits: list[object] = field(default_factory=list)

    def at(self, hours: float) -> None:
        """Move the clock to that many hours after the start, with all features materialised."""
        moment = START + timedelta(hours=hours)
        self.project.clock.set(moment)  # type: ignore[attr-defined]
        self.features.materialize(moment)

    def rooms(self) -> Deployments:
        """A second api on the same project, as another process would have."""
        project = self.project
        return Deployments(
            project.graph, self.models, self.features, project.gates, project.tables, project.home
        )


def weather(n_hours: int = N_HOURS, shift: float = 0.0) -> pl.DataFrame:
    """Hourly weather at two airports."""
    random = np.random.default_rng(3)
    rows = [(origin, START + timedelta(hours=hour)) for hour in range(n_hours) for origin in ("JFK", "LGA")]
    return pl.DataFrame(
        {
            "origin": [row[0] for row in rows],
            "observed_at": [row[1] for row in rows],
            "wind": random.normal(10, 4, len(rows)) + shift,
            "temp": random.normal(40, 9, len(rows)),
        }
    )


def make_airport(project: Project) -> Airport:
    """Fill a fresh project."""
    features = Features(project.graph, project.tables, lambda: project.keys)
    models = Models(project.graph)
    hourly = features.group("weather", keys=["origin"], event_time="observed_at", online=True)
    fleet = features.group("fleet", keys=["carrier"], online=True)
    commits: list[object] = [
        hourly.insert(weather()),
        fleet.insert(pl.DataFrame({"carrier": ["AA", "B6"], "age": [11.0, 7.5]})),
    ]
    view = features.view(
        "lateness",
        features=[hourly["wind", "temp"], fleet["age"].static(), request("distance")],
        spine_time="scheduled_at",
    )
    versions = [models.register("lateness", model) for model in _fitted(tuple(view.features))]
    deployments = Deployments(project.graph, models, features, project.gates, project.tables, project.home)
    return Airport(project, features, models, deployments, view, versions, commits)


def find_airport(project: Project) -> Airport:
    """What was made in a project before."""
    features = Features(project.graph, project.tables, lambda: project.keys)
    models = Models(project.graph)
    commits = [features.get_group(name).commits()[0] for name in ("weather", "fleet")]
    versions = [models.get("lateness", number) for number in (1, 2)]
    deployments = Deployments(project.graph, models, features, project.gates, project.tables, project.home)
    return Airport(
        project, features, models, deployments, features.get_view("lateness"), versions, [*commits]
    )


@pytest.fixture(scope="session")
def airport_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled project at six hours after the start, with nothing deployed, closed."""

    def fill(project: Project) -> None:
        project.clock.set(START)  # type: ignore[attr-defined]
        made = make_airport(project)
        made.at(6)
        made.deployments.close()

    return make_template(tmp_path_factory.mktemp("template") / "airport", fill)


@pytest.fixture
def filled_airport(records_url: str, tmp_path: Path, airport_template: Path) -> Iterator[Airport]:
    """The same for this test alone, opened."""
    folder = tmp_path / "project"
    url = copy_template(airport_template, folder, records_url)
    overrides = {"records.url": url, "clock.kind": "replay", "actor.name": "user:test"}
    with open_project(folder, overrides=overrides) as project:
        found = find_airport(project)
        yield found
        found.deployments.close()


@functools.cache
def _fitted(names: tuple[str, ...]) -> list[Model]:
    """Two models of opposite mind, fitted once for all tests."""
    random = np.random.default_rng(1)
    rows = pl.DataFrame({name: random.normal(10, 4, 300) for name in names})
    made = []
    for sign in (1, -1):
        late = sign * (rows["wind"] - 10) + random.normal(0, 1, 300) > 0
        made.append(
            Model(LogisticRegression(), names, label="late").fit(rows.with_columns(late.alias("late")))
        )
    return made
