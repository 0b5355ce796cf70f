"""A project for writers, made once and copied for each test, on the database under test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.soak.world import World, copy_world, make_template


@pytest.fixture(scope="session")
def world_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project for writers on SQLite, closed: made once, because that takes a second."""
    return make_template(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture
def world(tmp_path: Path, records_url: str, world_template: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project for writers, closed, on the database under test."""
    made = copy_world(world_template, tmp_path, records_url)
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", made.records_url)
    monkeypatch.setenv("MAINSPRING_ACTOR_NAME", "user:test")
    return made
