"""What the world does to a home: full and read-only disks, folders that go, clocks that jump, a database that restarts.

Each time: whatever is refused is refused in four parts, nothing is there by halves, nothing acknowledged is lost, and
once the fault is over everything goes on.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from tests.conftest import RECORDS
from tests.soak.acknowledged import Ledger, lines_of
from tests.soak.disks import filled, read_only, small_disk
from tests.soak.judge import found_wrong
from tests.soak.postgres_server import OwnPostgres
from tests.soak.world import ENVIRONMENT, LEDGER, MODEL, REHEARSAL, World, copy_world
from tests.soak.writer import Writer

from mainspring import types
from mainspring.errors import AccessError, IntegrityError, MainspringError, UnavailableError
from mainspring.lineage import Verdict
from mainspring.ports.clock import SystemClock
from mainspring.ports.records import open_records
from mainspring.project import Project, open_project

SMALL_MIB = 64
NAME = "writer"


@contextmanager
def opened(world: World) -> Iterator[tuple[Project, Writer]]:
    """The project, and a writer that goes on where the last one ended."""
    with open_project(world.folder) as project:
        before = lines_of(world.ledgers, NAME)
        yield project, Writer(project, Ledger(world.ledgers, NAME), before, random.Random(len(before)))


def attempts(writer: Writer) -> dict[str, MainspringError]:
    """Each kind of publication once; what was refused, by kind. Anything but an error of four parts is a failure."""
    refused: dict[str, MainspringError] = {}
    for kind, publish in writer.publish.items():
        try:
            publish()
        except MainspringError as error:
            refused[kind] = error
    assert all(all(error.to_dict().values()) for error in refused.values()), refused
    return refused


def test_a_full_disk(
    tmp_path: Path, records_url: str, world_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that were at work, and one that begins, are refused; with room again both go on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, SMALL_MIB):
        world = copy_world(world_template, disk, records_url)
        world = World(world.folder, world.records_url, tmp_path)
        monkeypatch.setenv("MAINSPRING_RECORDS_URL", world.records_url)
        monkeypatch.setenv("MAINSPRING_ACTOR_NAME", "user:test")
        with opened(world) as (_, writer):
            writer.commit()
            with filled(disk):
                refused = attempts(writer)
                assert {"report", "commit", "prediction", "package"} <= set(refused)
                assert all(isinstance(refused[kind], UnavailableError) for kind in ("report", "commit"))
                with opened(world) as (_, another):
                    assert "report" in attempts(another)
            assert attempts(writer) == {}
        assert found_wrong(world) == []


def test_a_read_only_home(world: World) -> None:
    """Who holds files open and who comes anew is refused what cannot be written, and what could be was whole."""
    with opened(world) as (_, writer):
        writer.commit()
        with read_only(world.home):
            refused = attempts(writer)
            assert isinstance(refused["report"], AccessError)
            with opened(world) as (_, another):
                assert isinstance(attempts(another)["report"], AccessError)
        assert attempts(writer) == {}
    assert found_wrong(world) == []


@pytest.mark.skipif(RECORDS != "sqlite", reason="PostgreSQL keeps its rows when the home goes")
def test_a_home_that_goes(world: World, tmp_path: Path) -> None:
    """Nothing is acknowledged into files that nobody can find any more; put back, the home goes on."""
    away = tmp_path / "away"
    with opened(world) as (_, writer):
        writer.commit()
        shutil.move(world.home, away)
        for publish in (writer.evidence, writer.report, writer.run, writer.move_alias):
            with pytest.raises(UnavailableError, match="the database file where it was opened"):
                publish()
        shutil.rmtree(world.home, ignore_errors=True)
        shutil.move(away, world.home)
        assert attempts(writer) == {}
    assert found_wrong(world) == []


def test_a_folder_of_blobs_that_goes_is_made_again(world: World) -> None:
    """What is put next is there; `doctor` says what went."""
    with opened(world) as (project, writer):
        writer.report()
        shutil.rmtree(world.home / "blobs")
        kept = project.blobs.put(b"after")
        assert project.blobs.get(kept.sha256) == b"after"


def test_a_table_that_goes_is_not_begun_anew(world: World) -> None:
    """Its commits would be published beside those that were lost, and reads would leave them out."""
    with opened(world) as (_, writer):
        writer.commit()
    (folder,) = (world.home / "tables").glob(f"features_{LEDGER}_*")
    shutil.rmtree(folder)
    with (
        open_project(world.folder) as project,
        pytest.raises(IntegrityError, match="of the group's 1 commits"),
    ):
        project.features.get_group(LEDGER).insert(pl.DataFrame({"writer": ["w"], "n": [1], "x": [1.0]}))
    assert not folder.exists()


def test_a_clock_that_jumps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten years ahead, and back to before everything: numbers, chains and aliases go on by order, not by time."""
    jump = timedelta(0)
    monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + jump)
    shifted = SimpleNamespace(time_ns=lambda: time.time_ns() + round(jump.total_seconds() * 1e9))
    monkeypatch.setattr(types, "time", shifted)
    with opened(world) as (project, writer):
        for days in (0, 3650, -3650):
            jump = timedelta(days=days)
            # What was found later than now is no evidence yet: the gate holds until it is found again.
            for version in project.models.versions(MODEL):
                with project.graph.execution("rehearse", str(version)) as work:
                    work.evidence(version.asset_id, REHEARSAL, verdict=Verdict.PASS, figures={})
                project.gates.promote(ENVIRONMENT, version)
            for publish in (writer.commit, writer.run, writer.deploy, writer.predict):
                publish()
        history = project.models.alias_history(MODEL)
        assert [move.previous_number for move in history] == [None, *[move.number for move in history][:-1]]
    assert found_wrong(world) == []


@pytest.mark.skipif(RECORDS != "postgres", reason="the database is a file")
def test_a_database_that_restarts(
    tmp_path: Path,
    world_template: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut off in a transaction, away for a while, and back: refused, then as before, with all that was acknowledged."""
    server = OwnPostgres()
    try:
        records = open_records(server.url)
        records.migrate()
        world = copy_world(world_template, tmp_path, server.url)
        monkeypatch.setenv("MAINSPRING_RECORDS_URL", server.url)
        monkeypatch.setenv("MAINSPRING_ACTOR_NAME", "user:test")
        with opened(world) as (_, writer):
            assert attempts(writer) == {}
            with (
                pytest.raises(UnavailableError, match="a PostgreSQL server that answers"),
                records.write() as cut,
            ):
                cut.exec_driver_sql("DELETE FROM evidence")
                server.restart()
                cut.exec_driver_sql("DELETE FROM assets")
            assert attempts(writer) == {}
            server.stop()
            refused = attempts(writer)
            assert {"commit", "report", "evidence", "alias", "outcome"} <= set(refused)
            assert all(isinstance(error, UnavailableError) for error in refused.values())
            server.start()
            assert attempts(writer) == {}
        assert found_wrong(world) == []
        records.close()
    finally:
        server.close()
