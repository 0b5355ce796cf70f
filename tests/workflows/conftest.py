"""Fixtures of what spans rooms."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import mainspring.workflows.references  # noqa: F401 - it declares the tables of every room
from mainspring.project import open_project
from tests.databases import take_records
from tests.workflows.filled import Filled, fill


@pytest.fixture(scope="session")
def filled_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled project on SQLite, closed: made once, because that takes seconds."""
    folder = tmp_path_factory.mktemp("template") / "project"
    folder.mkdir()
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(folder, overrides={"clock.kind": "replay", "actor.name": "user:test"}) as project:
        fill(project)
    return folder


@pytest.fixture
def filled(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch, filled_template: Path
) -> Filled:
    """A project with something of everything in it, closed, on the database under test."""
    folder = tmp_path / "project"
    shutil.copytree(filled_template, folder)
    # A home of its own, not a copy.
    (folder / ".mainspring" / "place").unlink()
    records_url = take_records(folder / ".mainspring" / "records.db", records_url)
    for key, value in {"RECORDS_URL": records_url, "CLOCK_KIND": "replay", "ACTOR_NAME": "user:test"}.items():
        monkeypatch.setenv(f"MAINSPRING_{key}", value)
    return Filled(folder, records_url)
