"""Fixtures of what spans rooms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.copies import copy_template, make_template
from tests.workflows.filled import Filled, fill


@pytest.fixture(scope="session")
def filled_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled project on SQLite, closed: made once, because that takes seconds."""
    return make_template(tmp_path_factory.mktemp("template") / "project", fill)


@pytest.fixture
def filled(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch, filled_template: Path
) -> Filled:
    """A project with something of everything in it, closed, on the database under test."""
    folder = tmp_path / "project"
    records_url = copy_template(filled_template, folder, records_url)
    for key, value in {"RECORDS_URL": records_url, "CLOCK_KIND": "replay", "ACTOR_NAME": "user:test"}.items():
        monkeypatch.setenv(f"MAINSPRING_{key}", value)
    return Filled(folder, records_url)
