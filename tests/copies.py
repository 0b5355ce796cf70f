"""Projects that are filled once and copied for each test: to fill one takes a tenth of a second, or several."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mainspring.workflows.references  # noqa: F401 - it declares the tables of every room
from mainspring.identity.place import PLACE_MARK
from mainspring.ports.records import open_records
from mainspring.project import Project, open_project
from mainspring.tracking.points import TablePoints, points_file


def make_template(folder: Path, fill: Callable[[Project], object]) -> Path:
    """A project on SQLite, filled and closed, in a new folder."""
    folder.mkdir()
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(folder, overrides={"clock.kind": "replay", "actor.name": "user:test"}) as project:
        fill(project)
    return folder


def copy_template(template: Path, folder: Path, records_url: str) -> str:
    """Copy it to a new folder, and its records to the database under test; where they are from then on."""
    shutil.copytree(template, folder)
    home = folder / ".mainspring"
    # A home of its own, not a copy.
    (home / PLACE_MARK).unlink()
    return take_records(home / "records.db", records_url)


def take_records(file: Path, records_url: str) -> str:
    """Put the records and metric points of a home's files into the database under test; where they are from then on.

    They stay what they are on SQLite, and go on PostgreSQL.
    """
    if records_url.startswith("sqlite"):
        return f"sqlite:///{file}"
    points = points_file(file)
    with closing(open_records(records_url)) as records:
        records.load(file)
        if points.exists():
            TablePoints(records, "of all projects").load(points)
    for place in (file, *file.parent.glob(f"{points.name}*")):
        place.unlink()
    return records_url
