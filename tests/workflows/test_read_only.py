"""A project that is opened for reading alone, in a folder that cannot be written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import AccessError, SchemaVersionError
from mainspring.ports.blobs import Blobs
from mainspring.ports.clock import Clock
from mainspring.ports.keys import Keys
from mainspring.ports.read_only import WRITES
from mainspring.ports.records.migrations import VERSION_TABLE
from mainspring.ports.tables import Tables
from mainspring.project import open_project
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.restore import restore_backup
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.gc import collect
from tests.permissions import bound_by_permissions
from tests.serving.airport import KEYS, REQUEST, weather
from tests.workflows.filled import Filled


@pytest.fixture
def sealed(filled: Filled) -> Iterator[Filled]:
    """A filled project whose folders nobody may write; it is this process's to read."""
    with filled.open() as project:
        project.features.materialize()
        with project.tracking.run("measured", experiment="sealed") as run:
            run.log(metrics={"auc": 0.7})
            run.artifact("notes.txt", b"what was tried")
    places = [filled.folder, *filled.folder.rglob("*")]
    modes = {place: place.stat().st_mode for place in places}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    with bound_by_permissions():
        yield filled
    for place, mode in modes.items():
        place.chmod(mode)


def test_everything_can_be_read(sealed: Filled) -> None:
    """Lists, rows, artifacts, metrics, models, online values, the log, lineage and events, and no file is made."""
    before = sorted(sealed.folder.rglob("*"))
    with open_project(sealed.folder, read_only=True) as project:
        (data,) = project.features.training_datasets()
        (run,) = project.tracking.runs("sealed")
        assert len(data.frame) == len(data)
        assert run.metrics == {"auc": 0.7}
        assert project.blobs.get(run.artifacts[0].sha256) == b"what was tried"
        assert len(project.tracking.points(run.id)) == 1
        assert project.features.get_group("weather").read().to_polars().height > 0
        view = project.features.get_view("lateness")
        assert view.online().read(KEYS, REQUEST, project.clock.now()).values["temp"] is not None
        assert project.models.load(project.models.get("lateness", 2)).signature.features
        log = project.deployments.get("flights").log()
        assert log.height == 5
        trace = project.lineage.upstream(log["prediction_id"][0])
        assert trace.leaf is not None
        assert len(project.graph.events()) > 10
    assert sorted(sealed.folder.rglob("*")) == before


def test_it_can_be_backed_up(sealed: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup needs no write in the home; what is restored is whole, and the home is as it was."""
    before = sorted(sealed.folder.rglob("*"))
    with open_project(sealed.folder, read_only=True) as project:
        made = make_backup(project, tmp_path / "backups")
    assert sorted(sealed.folder.rglob("*")) == before
    done = restore_backup(tmp_path / "backups", tmp_path / "restored")
    assert (done.n_files, done.n_blobs) == (made.n_files, made.n_blobs)
    monkeypatch.delenv("MAINSPRING_RECORDS_URL")
    assert examine(tmp_path / "restored").problems == []


def test_every_write_is_refused_at_the_door(filled: Filled) -> None:
    """In a folder that could be written: each room says that it is open read-only, and no row and no file changes."""
    with filled.open() as project:
        project.features.materialize()
    rows, files = filled.rows(), _files(filled.home)
    with open_project(filled.folder, read_only=True) as project:
        version = project.models.get("lateness", 1)
        flights = project.deployments.get("flights")
        writes: list[Callable[[], object]] = [
            lambda: project.features.get_group("weather").insert(weather(1)),
            lambda: project.features.group("more", keys=["k"]),
            lambda: project.tracking.run("again", experiment="trials"),
            lambda: project.deployments.create("new", version),
            lambda: flights.promote(version),
            flights.rollback,
            lambda: flights.predict(KEYS, REQUEST),
            flights.publish_log,
            lambda: flights.outcomes(_outcome(flights.log())),
            lambda: project.blobs.put(b"x"),
            lambda: project.keys.clear("x"),
            lambda: collect(project, delete=True),
        ]
        for write in writes:
            with pytest.raises(AccessError, match="open read-only"):
                write()
    assert (filled.rows(), _files(filled.home)) == (rows, files)


def _outcome(log: pl.DataFrame) -> pl.DataFrame:
    return log.select("prediction_id", pl.lit(1.0).alias("value"), pl.col("now").alias("known_at")).tail(1)


def _files(folder: Path) -> dict[str, int]:
    """Every file with its size, without those that SQLite and LMDB keep for readers."""
    kept = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {str(path): path.stat().st_size for path in kept if path.name != "lock.mdb"}


def test_a_log_that_cannot_be_read_along_is_refused(filled: Filled, records_url: str) -> None:
    """SQLite: rows that are only in the log would be missing, so the copy is refused and not read without them."""
    if not records_url.startswith("sqlite"):
        pytest.skip("PostgreSQL's files are not ours")
    records = filled.home / "records.db"
    with filled.open() as project, project.tracking.run("last", experiment="trials"):
        kept = {path: path.read_bytes() for path in (records, records.with_name("records.db-wal"))}
    for path, content in kept.items():
        path.write_bytes(content)
    shm = records.with_name("records.db-shm")
    shm.unlink(missing_ok=True)
    filled.home.chmod(0o555)
    try:
        with bound_by_permissions(), pytest.raises(AccessError, match=r"records\.db-wal"):
            open_project(filled.folder, read_only=True)
    finally:
        filled.home.chmod(0o755)


def test_nothing_is_made_or_migrated(tmp_path: Path, filled: Filled) -> None:
    """A folder without a home is refused and stays empty; a schema of another version is refused and stays."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(AccessError, match="no home"):
        open_project(empty, read_only=True)
    assert list(empty.iterdir()) == []
    filled.sql(f"UPDATE {VERSION_TABLE} SET version_num = '0000'")
    with pytest.raises(SchemaVersionError, match="0000"):
        open_project(filled.folder, read_only=True)
    assert filled.value(f"SELECT version_num FROM {VERSION_TABLE}") == "0000"


def test_the_command_line(filled: Filled) -> None:
    """`--read-only` holds for one command: reads answer, writes are refused, the next command writes again."""
    words = ["-p", str(filled.folder)]
    shown = CliRunner().invoke(app, ["--read-only", "models", "list", *words])
    assert "lateness" in shown.stdout
    refused = CliRunner().invoke(app, ["--read-only", "archive", "experiment", "trials", *words])
    assert isinstance(refused.exception, AccessError)
    undone = CliRunner().invoke(app, ["--read-only", "deployments", "rollback", "flights", *words])
    assert isinstance(undone.exception, AccessError)
    assert "MAINSPRING_HOME_READ_ONLY" not in os.environ
    assert CliRunner().invoke(app, ["archive", "experiment", "trials", *words]).exit_code == 0
    mended = CliRunner().invoke(app, ["--read-only", "doctor", "--repair", "-p", str(filled.folder)])
    assert isinstance(mended.exception, AccessError)


def test_each_method_of_a_port_is_a_read_or_a_write() -> None:
    """A method that a port gains must be decided on."""
    reads = {
        "blobs": {"get", "stream", "find", "path", "walk", "drafts"},
        "tables": {"last_append", "scan", "version", "exists", "names", "files", "damages", "left_behind"},
        "keys": {"get", "entries", "close"},
        "clock": {"now"},
    }
    optional = {"blobs": {"stage", "stream"}, "clock": {"set"}}
    ports: dict[str, type] = {"blobs": Blobs, "tables": Tables, "keys": Keys, "clock": Clock}
    for kind, port in ports.items():
        declared = set(port.__abstractmethods__) | optional.get(kind, set())
        assert declared == reads[kind] | WRITES[kind], kind
