"""Projects that released versions made: opened, refused, backed up, migrated and read, on both databases."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.pool import NullPool
from typer.testing import CliRunner

import mainspring
from mainspring.cli._app import app
from mainspring.errors import InputError, IntegrityError, SchemaOlderError, SchemaVersionError, StateError
from mainspring.lineage.spec import AssetKind
from mainspring.ports.records import open_records
from mainspring.ports.records.migrations import HEAD, RELEASED, VERSION_TABLE
from mainspring.ports.records.migrations import upgrade as run_migrations
from mainspring.ports.records.schema import metadata
from mainspring.project import Project
from mainspring.tracking import points_schema
from mainspring.tracking.points import FilePoints
from mainspring.workflows.backup.folder import BackupFolder
from mainspring.workflows.backup.restore import restore_backup
from mainspring.workflows.backup.spec import RECORDS as RECORDS_FILE
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.upgrade import UPGRADED, upgrade
from tests.conftest import RECORDS
from tests.forks import ended, forked
from tests.schema_samples import FOLDER, Sample, columns_of, make_sample, rows_of

WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")


@pytest.fixture(params=list(RELEASED))
def sample(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    """A project as a released version left it, on the database under test."""
    folder = tmp_path / "old"
    if RECORDS == "postgres":
        url = request.getfixturevalue("_postgres_schemas").empty()
    else:
        url = f"sqlite:///{folder}/.mainspring/records.db"
    for key, value in {"RECORDS_URL": url, "CLOCK_KIND": "replay", "ACTOR_NAME": "user:test"}.items():
        monkeypatch.setenv(f"MAINSPRING_{key}", value)
    return make_sample(request.param, folder, url)


def _ask(sample: Sample, *words: str) -> Any:
    return CliRunner().invoke(app, [*words, "-p", str(sample.folder)])


def _revision(sample: Sample) -> str | None:
    records = open_records(sample.url)
    revision = records.schema_revision()
    records.close()
    return revision


def _differences(url: str) -> list[Any]:
    """Between the database and the tables of all rooms."""
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return list(compare_metadata(context, metadata))


@pytest.mark.parametrize("revision", list(RELEASED))
def test_a_released_schema_is_what_its_migrations_make(revision: str, tmp_path: Path) -> None:
    """What a release made, as its sample has it, and what the chain makes up to there are the same statements."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/made.db", poolclass=NullPool)
    with engine.begin() as connection:
        run_migrations(connection, revision)
    statements = []
    for file in (str(tmp_path / "made.db"), ":memory:"):
        with closing(sqlite3.connect(file)) as connection:
            if file == ":memory:":
                connection.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))
            query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
            statements.append([sql for (sql,) in connection.execute(query)])
    assert statements[0] == statements[1]


def test_opening_migrates_nothing(sample: Sample) -> None:
    """An older project is refused as it lies, by the library, by commands and by the server, with the way out."""
    before = sample.rows()
    for options in ({}, {"read_only": True}):
        with pytest.raises(SchemaOlderError, match="mainspring upgrade --backup") as refused:
            sample.open(**options)
        assert refused.value.code == "schema.older"
        assert refused.value.got == f"revision {sample.revision}, of mainspring {RELEASED[sample.revision]}"
    for words in (["runs", "list"], ["server"], ["backup", str(sample.folder / "elsewhere")]):
        assert isinstance(_ask(sample, *words).exception, SchemaOlderError), words
    assert (_revision(sample), sample.rows()) == (sample.revision, before)


def test_the_doctor_says_that_it_is_to_be_upgraded(sample: Sample) -> None:
    """It names both revisions and the command, and looks no further."""
    found = examine(sample.folder).problems
    assert [(finding.check, finding.severity.value) for finding in found] == [("schema", "error")]
    assert sample.revision in found[0].what and HEAD in found[0].what
    assert "mainspring upgrade" in found[0].do


def test_an_upgrade_says_whether_to_back_up(sample: Sample) -> None:
    """With neither option or both, it shows from where to where it would go, and changes nothing."""
    for words, got in ((["upgrade"], "neither"), (["upgrade", "--backup", "x", "--no-backup"], "both")):
        refused = _ask(sample, *words).exception
        assert isinstance(refused, InputError)
        assert refused.got == got
        assert f"from revision {sample.revision}, of mainspring {RELEASED[sample.revision]}" in refused.where
        assert f"to revision {HEAD}" in refused.where
    assert _revision(sample) == sample.revision
    assert not Path("x").exists()


def test_every_row_is_there_and_read(sample: Sample, tmp_path: Path) -> None:
    """Upgraded: this version's tables, every row of the old one, read by the rooms; the doctor finds nothing."""
    before = sample.rows()
    asked = _ask(sample, "upgrade", "--backup", str(tmp_path / "backups"), "--json")
    assert asked.exception is None, asked.exception
    done = json.loads(asked.stdout)
    assert (done["from_revision"], done["from_version"]) == (sample.revision, RELEASED[sample.revision])
    assert (done["to_revision"], done["to_version"]) == (HEAD, mainspring.__version__)
    assert done["upgraded"] and done["backup"]["number"] == 1
    assert _differences(sample.url) == []
    # The upgrade itself is told in the log.
    after = sample.rows()
    told = {"executions": 1, "events": len(after["events"]) - len(before["events"])}
    for name, rows in before.items():
        assert set(rows) <= set(after[name]), name
        assert len(after[name]) - len(rows) == told.get(name, 0), name
    with sample.open() as project:
        _read(project)
        project.features.materialize()
        project.deployments.get("flights").publish_log()
    assert examine(sample.folder).problems == []
    assert "Nothing to upgrade" in _ask(sample, "upgrade").stdout


def _read(project: Project) -> None:
    """Read what `scripts/write_schema_sample.py` lived."""
    champion = project.models.get("lateness", "champion")
    assert project.models.package(champion).format == "skops"
    counts = project.deployments.get("flights").log_counts()
    assert (counts.n_logged, counts.n_gaps, counts.n_waiting) == (17, 0, 1)
    assert project.deployments.get("flights").log().height == 17
    origin = project.lineage.upstream("3-1")
    assert {AssetKind.DEPLOYMENT_REVISION, AssetKind.MODEL_VERSION, AssetKind.COMMIT} <= {
        asset.kind for asset in origin.graph.assets.values()
    }
    (run,) = project.tracking.runs("trials")
    assert (run.name, run.params, len(project.tracking.points(run.id, "auc"))) == ("first", {"depth": 3}, 2)
    assert project.features.get_group("weather").read().to_polars().height == 7
    assert len(project.monitors.alerts("rate")) == 1
    (event,) = project.graph.events(kinds=[UPGRADED])
    assert event.payload["to_revision"] == HEAD


def test_the_backup_is_of_what_the_old_version_made(sample: Sample, tmp_path: Path) -> None:
    """The backup keeps revision and rows as they are; restored by this version, the copy is migrated on the way."""
    before = sample.rows()
    done = upgrade(sample.folder, backup=tmp_path / "backups")
    assert done.backup is not None
    folder = BackupFolder(tmp_path / "backups")
    manifest = folder.get(1)
    assert manifest.schema_revision == sample.revision
    (piece,) = [piece for piece in manifest.files if piece.path == RECORDS_FILE]
    kept = f"sqlite:///{folder.contents.path(piece.sha256)}"
    with sqlite3.connect(folder.contents.path(piece.sha256)) as connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    assert tables == {*columns_of(sample.revision), VERSION_TABLE}
    as_it_was = rows_of(kept, columns_of(sample.revision))
    old = make_sample(sample.revision, tmp_path / "again", "sqlite://")
    as_made = rows_of(f"sqlite:///{old.home}/records.db", columns_of(sample.revision))
    # PostgreSQL keeps the points in a table; the backup has them in the second file.
    assert as_it_was == as_made
    assert {name: len(rows) for name, rows in before.items() if name != "metric_points"} == {
        name: len(rows) for name, rows in as_made.items() if name != "metric_points"
    }
    restored = restore_backup(tmp_path / "backups", tmp_path / "restored")
    url = f"sqlite:///{restored.home}/records.db"
    assert _differences(url) == []
    assert rows_of(url, columns_of(sample.revision)) == as_it_was
    metrics = FilePoints(Path(restored.home) / "records-metrics.db", "sample")
    assert len([row for part in metrics.all_rows() for row in part]) == 2
    metrics.close()


def test_a_backup_that_cannot_be_made_stops_the_upgrade(sample: Sample, tmp_path: Path) -> None:
    """What the backup needs is missing: nothing is migrated."""
    for blob in (sample.home / "blobs" / "objects").glob("*/*"):
        blob.unlink()
    with pytest.raises(IntegrityError, match="missing"):
        upgrade(sample.folder, backup=tmp_path / "backups")
    assert _revision(sample) == sample.revision


def test_killed_anywhere_it_is_the_old_or_the_new(sample: Sample) -> None:
    """SIGKILL before each statement that writes: the old schema with its rows, or the new one; then it completes."""
    before = sample.rows()
    seen = set()
    for n_before in count():
        child = forked(lambda: _upgrade_and_die(sample.folder, n_before))  # noqa: B023 - it ends in this turn
        if ended(child) == 0:
            break
        revision = _revision(sample)
        seen.add(revision)
        if revision == sample.revision:
            assert sample.rows() == before
            assert not set(metadata.tables) - set(columns_of(sample.revision)) & _tables(sample.url)
        else:
            assert _differences(sample.url) == []
    assert n_before > 3 and sample.revision in seen
    assert _revision(sample) == HEAD
    assert _differences(sample.url) == []
    assert examine(sample.folder, quick=True).healthy


def _upgrade_and_die(folder: Path, n_before: int) -> None:
    left = iter(range(n_before))

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(WRITES) and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    upgrade(folder, backup=None, without_backup=True)


def _tables(url: str) -> set[str]:
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_two_at_once_upgrade_once(sample: Sample) -> None:
    """Both end well, and the log tells one upgrade."""
    children = [forked(lambda: upgrade(sample.folder, backup=None, without_backup=True)) for _ in range(2)]
    assert [ended(child) for child in children] == [0, 0]
    assert _differences(sample.url) == []
    with sample.open() as project:
        assert len(project.graph.events(kinds=[UPGRADED])) == 1


def test_cut_between_points_and_records_it_is_still_to_be_upgraded(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The points' file goes first: an upgrade that was cut after it is asked for again, and completes."""
    if RECORDS != "sqlite":
        pytest.skip("PostgreSQL has one database")
    later = ("ALTER TABLE metric_points ADD COLUMN unit TEXT",)
    monkeypatch.setattr(points_schema, "STEPS", [*points_schema.STEPS, later])
    file = sample.home / "records-metrics.db"
    with closing(FilePoints(file, "sample")) as points, pytest.raises(SchemaOlderError, match="upgrade"):
        points.latest([])
    child = forked(lambda: _upgrade_and_die(sample.folder, 0))
    assert ended(child) == -signal.SIGKILL
    version = len(points_schema.STEPS)
    assert (points_schema.find_version(file), _revision(sample)) == (version, sample.revision)
    with pytest.raises(SchemaOlderError):
        sample.open()
    assert upgrade(sample.folder, backup=None, without_backup=True).upgraded
    with sample.open() as project:
        (run,) = project.tracking.runs("trials")
        assert len(project.tracking.points(run.id)) == 2
    monkeypatch.undo()
    with closing(FilePoints(file, "sample")) as points, pytest.raises(SchemaVersionError, match="newer"):
        points.latest([])


def test_what_a_newer_version_made_is_refused(sample: Sample, tmp_path: Path) -> None:
    """Opening, upgrading, the doctor and a restore name the version that made it, and change nothing."""
    upgrade(sample.folder, backup=tmp_path / "backups")
    engine = sa.create_engine(sample.url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999', version = '99.1.0'"))
    calls: list[Callable[[], object]] = [sample.open, lambda: upgrade(sample.folder, backup=tmp_path / "b")]
    for call in calls:
        with pytest.raises(
            SchemaVersionError, match=r"newer mainspring wrote it: use 99\.1\.0 or later"
        ) as refused:
            call()
        assert refused.value.code == "schema.newer"
    (finding,) = examine(sample.folder).problems
    assert "99.1.0" in finding.what and "backup" in finding.do
    folder = BackupFolder(tmp_path / "backups")
    manifest = folder.get(1).model_copy(update={"schema_revision": "9999", "version": "99.1.0"})
    folder.complete(manifest)
    with pytest.raises(SchemaVersionError, match=r"99\.1\.0"):
        restore_backup(tmp_path / "backups", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_nothing_was_ever_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upgrading a folder where no project was opened says so, and makes nothing."""
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "sample"\n')
    with pytest.raises(StateError, match="no database"):
        upgrade(tmp_path, backup=None, without_backup=True)
    assert [place.name for place in tmp_path.iterdir()] == ["mainspring.toml"]
