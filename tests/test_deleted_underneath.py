"""Files and folders that are moved or deleted under a process: said in four parts, and never read or written on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mainspring.errors import IntegrityError, MainspringError, UnavailableError
from mainspring.ports.keys import Entry
from mainspring.ports.keys._lmdb import LmdbKeys
from mainspring.project import Project, open_project
from tests.conftest import RECORDS

SPINE = pl.DataFrame({"city": ["Rome"], "t": [datetime(2013, 1, 2, tzinfo=UTC)]})
ROWS = pl.DataFrame({"city": ["Rome"], "at": [datetime(2013, 1, 1, tzinfo=UTC)], "temp": [14.0]})


def refused(kind: type[MainspringError], *calls: Callable[[], object]) -> None:
    """Each call raises that error, and says what to do."""
    for call in calls:
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.hint
        assert "moved or deleted" in caught.value.hint or "Put the file back" in caught.value.hint


@pytest.mark.skipif(RECORDS != "sqlite", reason="a server keeps its files itself")
def test_a_database_file(project: Project, tmp_path: Path) -> None:
    """Reads and metrics are refused as writes are, also with another file in its place; put back, all goes on."""
    with project.tracking.run("r") as run:
        run.log(metrics={"auc": 0.5})
    home = project.records.url.removeprefix("sqlite:///")
    points = home.replace(".db", "-metrics.db")
    for file, calls in (
        (home, (project.graph.events, project.tracking.runs, lambda: project.tracking.run("s").__enter__())),
        (points, (lambda: project.tracking.points(run.id), lambda: project.tracking.get_run(run.id).metrics)),
    ):
        away = shutil.move(file, tmp_path / "away.db")
        refused(UnavailableError, *calls)
        Path(file).touch()
        refused(UnavailableError, *calls)
        shutil.move(away, file)
        for call in calls[:2]:
            call()


@pytest.mark.skipif(RECORDS != "sqlite", reason="points are in a table")
def test_metrics_that_nobody_could_find_again(project: Project) -> None:
    """Points are not acknowledged into a file that is gone."""
    points = Path(project.records.url.removeprefix("sqlite:///").replace(".db", "-metrics.db"))
    with project.tracking.run("r") as run:
        run.log(metrics={"auc": 0.5})
        points.unlink()
        refused(UnavailableError, lambda: run.log(metrics={"auc": 0.6}))


@pytest.mark.once
def test_an_online_store(tmp_path: Path) -> None:
    """Neither read nor written on; a store that is opened anew begins anew."""
    folder = tmp_path / "keys"
    keys = LmdbKeys(folder)
    keys.put("s", [Entry(b"a", 1, 1, 1, b"1")])
    shutil.rmtree(folder)
    assert keys._store is not None
    keys._store._looks_s = 0.0
    refused(
        UnavailableError,
        lambda: keys.get("s", [b"a"]),
        lambda: list(keys.entries("s")),
        lambda: keys.put("s", [Entry(b"b", 1, 1, 1, b"1")]),
    )
    keys.close()
    assert keys.get("s", [b"a"]) == [None]
    assert keys.put("s", [Entry(b"b", 1, 1, 1, b"1")]) == 1
    keys.close()


def test_the_table_of_a_group(project: Project) -> None:
    """Reads, joins and datasets say it, in the process that had read it and in one that had not."""
    group = project.features.group("weather", keys=["city"], event_time="at")
    group.insert(ROWS)
    view = project.features.view("v", features=[group["temp"]], spine_time="t")
    view.training_dataset(SPINE, name="before")
    (file,) = (project.home / "tables").glob("features_weather_*/*.parquet")
    file.unlink()
    calls: tuple[Callable[[], object], ...] = (
        lambda: view.join(SPINE),
        lambda: view.training_dataset(SPINE, name="after"),
        lambda: group.read().to_polars(),
    )
    refused(IntegrityError, *calls)
    shutil.rmtree(file.parent)
    refused(IntegrityError, *calls)
    overrides = {"records.url": project.config.records.url, "clock.kind": "replay", "actor.name": "user:test"}
    with open_project(project.config.folder, overrides=overrides) as another:
        there, its_view = another.features.get_group("weather"), another.features.get_view("v")
        refused(IntegrityError, there.read().to_polars, lambda: its_view.join(SPINE))
