"""Two projects with deployments of one name, on one database and one folder of tables."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.serving.airport import KEYS, REQUEST, START, Airport, make_airport

from mainspring.errors import ConflictError
from mainspring.project import open_project


@pytest.fixture
def airports(records_url: str, tmp_path: Path) -> Iterator[list[Airport]]:
    """Two filled projects, `north` and `south`; each deploys `flights` and answers, `south` twice."""
    made = [_opened(tmp_path, name, records_url) for name in ("north", "south")]
    for n_requests, airport in enumerate(made, start=1):
        deployment = airport.deployments.create("flights", airport.versions[0], airport.view)
        for number in range(n_requests):
            deployment.predict(KEYS, REQUEST, f"request-{number}")
        airport.deployments.close()
        deployment.publish_log()
    yield made
    for airport in made:
        airport.project.close()


def _opened(folder: Path, name: str, records_url: str) -> Airport:
    (folder / name).mkdir()
    overrides = {
        "project.id": name,
        "records.url": records_url,
        "tables.url": f"file:{folder / 'tables'}",
        "clock.kind": "replay",
    }
    project = open_project(folder / name, overrides=overrides)
    project.clock.set(START)  # type: ignore[attr-defined]
    airport = make_airport(project)
    airport.at(6)
    return airport


def test_each_reads_its_own_predictions(airports: list[Airport]) -> None:
    """The same deployment, the same prediction ids: two tables, and nothing of the other in either."""
    logs = [airport.deployments.get("flights").log() for airport in airports]
    assert [log.height for log in logs] == [1, 2]
    names = {airport.deployments.get("flights").log_table for airport in airports}
    assert len(names) == 2


def test_each_has_its_own_outcomes_revisions_and_lineage(airports: list[Airport]) -> None:
    """What is posted to one is unknown to the other."""
    north, south = (airport.deployments.get("flights") for airport in airports)
    known_at = START + timedelta(hours=6)
    assert south.post_outcomes([("request-1", 1.0, known_at)]).n_stored == 1
    assert north.post_outcomes([("request-1", 0.0, known_at)]).n_orphans == 1
    assert south.log()["outcome"].to_list() == [None, 1.0]
    assert north.log()["outcome"].to_list() == [None]
    assert len(north.revisions()) == len(south.revisions()) == 1
    traces = [airport.deployments.lineage.get("request-0") for airport in airports]
    assert traces[0].assets["revision"] != traces[1].assets["revision"]


@pytest.mark.parametrize("left", ["", "\n", "test\n"])
def test_a_mark_without_a_name_is_claimed(tmp_path: Path, records_url: str, left: str) -> None:
    """Empty is what a loss of power leaves; an editor's line end is no part of a name."""
    (tmp_path / ".mainspring").mkdir()
    mark = tmp_path / ".mainspring" / "project"
    mark.write_text(left)
    overrides = {"project.id": "test", "records.url": records_url}
    open_project(tmp_path, overrides=overrides).close()
    assert mark.read_text().strip() == "test"
    with pytest.raises(ConflictError, match="home of project 'test'"):
        open_project(tmp_path, overrides={**overrides, "project.id": "west"})
    assert sorted(path.name for path in mark.parent.glob("*project*")) == ["project"]


def test_the_mark_is_on_disk_before_anything_else_is(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is synced before it has its name, and its name before the home is used."""
    synced: list[tuple[bool, list[str]]] = []
    sync = os.fsync

    def seen(descriptor: int) -> None:
        sync(descriptor)
        there = [path.read_text() for path in (tmp_path / ".mainspring").glob("project")]
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), there))

    monkeypatch.setattr(os, "fsync", seen)
    open_project(tmp_path, overrides={"project.id": "test", "records.url": records_url}).close()
    assert synced[:2] == [(False, []), (True, ["test"])]


def test_a_home_is_one_projects(airports: list[Airport], records_url: str) -> None:
    """Opening it as another project is refused, and it stays whose it was."""
    config = airports[0].project.config
    overrides = {"project.id": "west", "records.url": records_url}
    with pytest.raises(ConflictError, match="home of project 'north'"):
        open_project(config.folder, overrides=overrides)
    assert (airports[0].project.home / "project").read_text() == "north"
