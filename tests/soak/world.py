"""The project that writers work on: an airport with a gate, a deployment behind it, and a group for their rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import polars as pl
from tests.copies import copy_template
from tests.serving.airport import N_HOURS, START, make_airport

import mainspring as ms
from mainspring.gates.spec import Policy, Requirement
from mainspring.lineage import Verdict
from mainspring.project import Project, open_project

MODEL: Final = "lateness"
DEPLOYMENT: Final = "flights"
ENVIRONMENT: Final = "production"
REHEARSAL: Final = "rehearsal"
LEDGER: Final = "ledger"
CLICKS: Final = "clicks"
PROJECT: Final = "soak"


@dataclass(frozen=True)
class World:
    """Where the writers' project is.

    Attributes:
        folder: the project's; the environment names its records.
        records_url: the database.
        ledgers: a folder for what is acknowledged.
        keys_url: the Redis of its online store; empty = LMDB in the home. The environment names it too.
    """

    folder: Path
    records_url: str
    ledgers: Path
    keys_url: str = ""

    @property
    def home(self) -> Path:
        """Where its state lies."""
        return self.folder / ".mainspring"


def make_world(project: Project) -> None:
    """Fill a fresh project with what every writer needs."""
    made = make_airport(project)
    made.features.materialize(START + timedelta(hours=N_HOURS))
    project.features.group(LEDGER, keys=["writer", "n"])
    project.features.group(CLICKS, keys=["name"], online=True, schema={"name": str, "x": float})
    requirement = Requirement(kind=REHEARSAL)
    project.gates.define(Policy(environment=ENVIRONMENT, alias="champion", require=(requirement,)))
    for version in made.versions:
        with project.graph.execution("rehearse", str(version)) as work:
            work.evidence(version.asset_id, REHEARSAL, verdict=Verdict.PASS, figures={})
    project.deployments.create(DEPLOYMENT, made.versions[0], made.view, environment=ENVIRONMENT)


def make_template(folder: Path) -> Path:
    """A project for writers on SQLite, closed, in a new folder: made once, because that takes a second."""
    folder.mkdir()
    (folder / "mainspring.toml").write_text(f'[project]\nid = "{PROJECT}"\n')
    with open_project(folder, overrides={"actor.name": "user:test"}) as project:
        make_world(project)
    return folder


def copy_world(template: Path, target: Path, records_url: str, keys_url: str = "") -> World:
    """A home of its own, with its records in a database that is migrated and empty, or in the home.

    What the template has online does not go to `keys_url`: materialise it.
    """
    folder = target / "project"
    records_url = copy_template(template, folder, records_url)
    ledgers = target / "ledgers"
    ledgers.mkdir()
    return World(folder, records_url, ledgers, keys_url)


@ms.step
def squares(*, n: int) -> pl.DataFrame:
    """A step whose result is kept."""
    return pl.DataFrame({"n": [each**2 for each in range(n)]})


@ms.step
def total(frame: pl.DataFrame) -> int:
    """The sum of a column."""
    return int(frame["n"].sum())


@ms.pipeline
def summing(n: int) -> int:
    """A pipeline of two steps."""
    return total(squares(n=n))
