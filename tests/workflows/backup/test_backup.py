"""Backup and restore: what comes back is what was there, and what is cut or damaged is refused."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import (
    DeletedError,
    InputError,
    IntegrityError,
    MainspringError,
    StateError,
    UnknownNameError,
)
from mainspring.ports.clock import ReplayClock
from mainspring.project import Project, open_project
from mainspring.serving.api import Deployments
from mainspring.serving.spec import LogPart
from mainspring.workflows.backup.folder import BackupFolder
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.restore import restore_backup
from mainspring.workflows.backup.spec import Backup
from mainspring.workflows.doctor.examine import examine
from tests.conftest import RECORDS
from tests.databases import PostgresSchemas
from tests.serving.airport import KEYS, START, weather
from tests.workflows.filled import Filled, all_rows, flip


def back_up(filled: Filled, folder: Path, **options: bool) -> Backup:
    """One backup of the project."""
    with filled.open() as project:
        return make_backup(project, folder, **options)


def reads(project: Project) -> dict[str, pl.DataFrame]:
    """What users read: groups now, in full history and as of each commit; the log; a dataset; points of a run."""
    found: dict[str, pl.DataFrame] = {}
    for group in project.features.groups():
        found[f"{group.name} history"] = group.read(history=True).to_polars(system=True)
        for commit in group.commits():
            found[f"{group.name} {commit.number}"] = group.read(commit).to_polars()
    (data,) = project.features.training_datasets()
    found["dataset"] = data.frame
    for run in project.tracking.runs():
        points = project.tracking.points(run.id)
        found[f"points {run.id}"] = pl.DataFrame([point.model_dump(exclude={"seq"}) for point in points])
    deployment = project.deployments.get("flights")
    found["log"] = deployment.log()
    found["weights"] = pl.DataFrame({"epoch": [item.epoch for item in deployment.contexts()]})
    return found


def blobs(project: Project) -> list[tuple[str, int]]:
    return [(blob.sha256, blob.size_bytes) for blob in project.blobs.walk()]


def same(left: dict[str, pl.DataFrame], right: dict[str, pl.DataFrame]) -> bool:
    """Whether both read the same, NaN being NaN."""
    return left.keys() == right.keys() and all(frame.equals(right[name]) for name, frame in left.items())


def forget_original(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAINSPRING_RECORDS_URL")
    monkeypatch.delenv("MAINSPRING_CLOCK_KIND")


def test_what_is_restored_is_what_was_there(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of every table, blobs, reads and online vectors are the same; the doctor has nothing to say."""
    with filled.open() as project:
        before, kept = reads(project), blobs(project)
        vector = project.features.get_view("lateness").online().read(KEYS, {"distance": 1.0}, START)
    rows = filled.rows()
    made = back_up(filled, tmp_path / "backups")
    home = tmp_path / "restored"
    done = restore_backup(tmp_path / "backups", home)
    assert (done.n_files, done.n_blobs) == (made.n_files, made.n_blobs)
    assert done.n_online > 0
    forget_original(monkeypatch)
    with open_project(home) as project:
        assert project.config.clock.kind == "replay"
        assert same(reads(project), before)
        assert blobs(project) == kept
        again = project.features.get_view("lateness").online().read(KEYS, {"distance": 1.0}, START)
        assert again == vector
    found = all_rows(f"sqlite:///{home}/records.db")
    rows.pop("metric_points"), found.pop("metric_points")
    # It is a home of its own: nothing that it writes belongs to the old one.
    assert found.pop("stores") != rows.pop("stores")
    assert found == rows
    assert examine(home).problems == []


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[str]:
    """The URL of a second, empty database of the kind under test."""
    if RECORDS == "sqlite":
        yield f"sqlite:///{tmp_path}/elsewhere.db"
        return
    schemas = PostgresSchemas()
    yield schemas.fresh()
    schemas.close()


def test_records_go_into_another_database(
    filled: Filled, tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows go to PostgreSQL, and the project goes on there: the next numbers follow. SQLite is made in the home."""
    rows = filled.rows()
    with filled.open() as project:
        before = reads(project)
    back_up(filled, tmp_path / "backups")
    home = tmp_path / "restored"
    if RECORDS == "sqlite":
        with pytest.raises(InputError, match="postgresql"):
            restore_backup(tmp_path / "backups", home, records_url=empty_database)
        return
    restore_backup(tmp_path / "backups", home, records_url=empty_database)
    found = all_rows(empty_database)
    rows.pop("metric_points"), found.pop("metric_points")
    # It is a home of its own: nothing that it writes belongs to the old one.
    assert found.pop("stores") != rows.pop("stores")
    assert found == rows
    assert not list(home.glob("records*"))
    forget_original(monkeypatch)
    with open_project(home) as project:
        assert same(reads(project), before)
        last = project.graph.events()[-1].seq or 0
        project.features.get_group("fleet").insert(pl.DataFrame({"carrier": ["UA"], "age": [3.0]}))
        assert (project.graph.events()[-1].seq or 0) > last
    with pytest.raises(StateError, match="without rows"):
        restore_backup(tmp_path / "backups", tmp_path / "again", records_url=empty_database)
    assert not (tmp_path / "again").exists()


def test_only_what_is_new_is_copied(filled: Filled, tmp_path: Path) -> None:
    """A second backup copies the records at most; after an insert also the new file and its log entry."""
    first = back_up(filled, tmp_path / "backups")
    assert first.n_copied > 30
    second = back_up(filled, tmp_path / "backups")
    assert second.n_copied <= 1
    assert (second.number, second.n_files, second.n_blobs) == (2, first.n_files, first.n_blobs)
    with filled.open() as project:
        project.features.get_group("fleet").insert(pl.DataFrame({"carrier": ["UA"], "age": [3.0]}))
    third = back_up(filled, tmp_path / "backups")
    assert third.n_files == first.n_files + 2
    # Records, Parquet file, log entry, the mark of what is durable.
    # The files of the new append, the list of digests, the records and what says how far each is.
    assert third.n_copied <= 5


def test_an_earlier_backup_can_be_restored(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number is the project as it was then."""
    back_up(filled, tmp_path / "backups")
    with filled.open() as project:
        project.features.get_group("fleet").insert(pl.DataFrame({"carrier": ["UA"], "age": [3.0]}))
    back_up(filled, tmp_path / "backups")
    counts = []
    for number in (1, 2):
        restore_backup(tmp_path / "backups", tmp_path / str(number), number=number)
    forget_original(monkeypatch)
    for number in (1, 2):
        with open_project(tmp_path / str(number)) as project:
            counts.append(len(project.features.get_group("fleet").commits()))
        assert examine(tmp_path / str(number)).problems == []
    assert counts == [1, 2]


def test_waiting_segments_come_along(filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions that were never published are read and published from the copy; given ids stay bound."""
    with filled.open() as project:
        predict_in(project.deployments, 3)
        project.deployments.get("flights").predict(KEYS, {"distance": 2.0}, "mine")
        before = project.deployments.get("flights").log()
        # The segment is still being written to while the backup is made.
        make_backup(project, tmp_path / "backups")
    restore_backup(tmp_path / "backups", tmp_path / "restored")
    forget_original(monkeypatch)
    with open_project(tmp_path / "restored") as project:
        deployment = project.deployments.get("flights")
        assert deployment.log().equals(before)
        assert deployment.publish_log().n_rows == 4
        assert deployment.log().equals(before)
        with pytest.raises(MainspringError, match="mine"):
            deployment.predict(KEYS, {"distance": 3.0}, "mine")


def predict_in(deployments: Deployments, n: int) -> None:
    for _ in range(n):
        deployments.get("flights").predict(KEYS, {"distance": 1.0})


@pytest.mark.parametrize("collected", [pytest.param(False, marks=pytest.mark.once), True])
def test_what_was_deleted_by_a_rule_stays_deleted(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collected: bool
) -> None:
    """Whether or not its files went before the backup: a copy reads, logs, gives up and is whole as the original."""
    backups, home = tmp_path / "backups", tmp_path / "restored"
    with filled.open() as project:
        assert isinstance(project.clock, ReplayClock)
        deployment = project.deployments.get("flights")
        old = deployment.log()["prediction_id"].to_list()
        project.clock.set(START + timedelta(days=9))
        predict_in(project.deployments, 2)
        young = deployment.log()["prediction_id"].to_list()[len(old) :]
        make_backup(project, backups)
        rule = "retention.predictions_days = 8"
        cut = deployment.give_up(LogPart.PREDICTIONS, START + timedelta(days=1), reason=rule)
        assert cut is not None and cut.n_rows == len(old)
        if collected:
            table = deployment.log_table
            left = [item.file for item in project.tables.left_behind(table)]
            assert project.tables.discard(table, left) == left
        project.deployments.close()
        make_backup(project, backups)
    restore_backup(backups, home)
    forget_original(monkeypatch)
    with open_project(home) as project:
        deployment = project.deployments.get("flights")
        assert deployment.log()["prediction_id"].to_list() == young
        with pytest.raises(DeletedError, match=rule):
            project.deployments.lineage.get(old[0])
        files = [item.file for item in project.tables.left_behind(deployment.log_table)]
        assert len(files) == (0 if collected else 1), "gc takes them there too"
        assert project.tables.discard(deployment.log_table, files) == files
        assert isinstance(project.clock, ReplayClock)
        project.clock.set(START + timedelta(days=20))
        predict_in(project.deployments, 1)
        assert deployment.give_up(LogPart.PREDICTIONS, START + timedelta(days=10), reason=rule) is not None
        assert deployment.log().height == 1
    assert examine(home).problems == []
    if collected:
        # The files that went are in the backup from before, which is one of what was there then.
        restore_backup(backups, tmp_path / "earlier", number=1)
        with open_project(tmp_path / "earlier") as project:
            assert project.deployments.get("flights").log().height == len(old) + len(young)


def test_a_rollback_that_the_records_lack_comes_along(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is served is what was put in force last, recorded or not."""
    from mainspring.serving import weights
    from mainspring.serving.replay import weights_folder

    weights.roll_back(weights_folder(filled.home, "flights"), actor="user:night", reason="", changed_us=1)
    with filled.open() as project:
        make_backup(project, tmp_path / "backups")
    restore_backup(tmp_path / "backups", tmp_path / "restored")
    forget_original(monkeypatch)
    with open_project(tmp_path / "restored") as project:
        assert project.deployments.get("flights").table.actor == "user:night"
        assert project.deployments.get("flights").revisions()[-1].actor == "user:night"


def test_an_interrupted_backup_is_refused_and_made_good(filled: Filled, tmp_path: Path) -> None:
    """Without its manifest a backup is none: the newest is refused by name; the next run completes it."""
    folder = BackupFolder(tmp_path / "backups")
    with pytest.raises(MainspringError):
        restore_backup(folder.path, tmp_path / "restored")
    back_up(filled, folder.path)
    with folder.held():
        assert folder.begin() == 2
    with pytest.raises(StateError, match="backup 2, which was interrupted"):
        restore_backup(folder.path, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    restore_backup(folder.path, tmp_path / "first", number=1)
    assert back_up(filled, folder.path).number == 3
    assert restore_backup(folder.path, tmp_path / "restored").number == 3


def test_a_damaged_content_is_refused_and_leaves_nothing(filled: Filled, tmp_path: Path) -> None:
    """Any flipped bit or missing file in the backup stops the restore before there is a target; `verify` mends it."""
    back_up(filled, tmp_path / "backups")
    sha256 = filled.value("SELECT sha256 FROM run_artifacts")
    place = tmp_path / "backups" / "objects" / sha256[:2] / sha256
    flip(place)
    with pytest.raises(IntegrityError, match=sha256):
        restore_backup(tmp_path / "backups", tmp_path / "restored")
    assert sorted(item.name for item in tmp_path.iterdir() if "restor" in item.name) == []
    assert back_up(filled, tmp_path / "backups", verify=True).n_copied >= 1
    place.unlink()
    with pytest.raises(IntegrityError, match=sha256):
        restore_backup(tmp_path / "backups", tmp_path / "restored")
    back_up(filled, tmp_path / "backups")
    restore_backup(tmp_path / "backups", tmp_path / "restored")


def test_a_damaged_manifest_is_refused(filled: Filled, tmp_path: Path) -> None:
    """A flipped bit in the list of files is seen before anything is read by it."""
    back_up(filled, tmp_path / "backups")
    flip(tmp_path / "backups" / "manifests" / "00000001.json")
    with pytest.raises(IntegrityError, match="manifest"):
        restore_backup(tmp_path / "backups", tmp_path / "restored")
    assert back_up(filled, tmp_path / "backups").n_copied <= 1
    assert restore_backup(tmp_path / "backups", tmp_path / "restored").number == 2


@pytest.mark.once
def test_a_folder_without_a_backup_is_said_to_be_one(tmp_path: Path) -> None:
    for folder, got in ((tmp_path / "nowhere", "no such folder"), (tmp_path, "one without")):
        with pytest.raises(UnknownNameError) as caught:
            restore_backup(folder, tmp_path / "restored")
        assert (caught.value.expected, caught.value.got) == ("a folder with a backup in it", got)


def test_a_target_with_something_in_it_is_refused(filled: Filled, tmp_path: Path) -> None:
    """Nothing is overwritten; an empty folder is taken."""
    back_up(filled, tmp_path / "backups")
    target = tmp_path / "restored"
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(StateError, match="something in it"):
        restore_backup(tmp_path / "backups", target)
    (target / "mine").unlink()
    assert restore_backup(tmp_path / "backups", target).number == 1


def test_a_project_that_is_damaged_is_not_backed_up(filled: Filled, tmp_path: Path) -> None:
    """A referenced blob that is damaged or gone, or a table without a file, stops the backup; earlier ones stay."""
    back_up(filled, tmp_path / "backups")
    with filled.open() as project:
        project.features.get_group("fleet").insert(pl.DataFrame({"carrier": ["UA"], "age": [3.0]}))
        with project.tracking.run("second", experiment="trials") as run:
            artifact = run.artifact("more.txt", b"more of it")
    flip(filled.blob(artifact.sha256))
    with pytest.raises(IntegrityError, match="more.txt"):
        back_up(filled, tmp_path / "backups")
    filled.blob(artifact.sha256).unlink()
    with pytest.raises(IntegrityError, match="missing"):
        back_up(filled, tmp_path / "backups")
    filled.blob(artifact.sha256).write_bytes(b"more of it")
    max(filled.table("features_fleet").glob("*.parquet"), key=lambda place: place.stat().st_mtime).unlink()
    with pytest.raises(IntegrityError, match="parquet"):
        back_up(filled, tmp_path / "backups")
    assert restore_backup(tmp_path / "backups", tmp_path / "restored", number=1).number == 1


def test_where_a_backup_may_not_go(filled: Filled, tmp_path: Path) -> None:
    """Not into the home, not into another project's folder, and one at a time."""
    with pytest.raises(InputError, match="outside the project's home"):
        back_up(filled, filled.home / "backups")
    back_up(filled, tmp_path / "backups")
    with BackupFolder(tmp_path / "backups").held(), pytest.raises(StateError, match="one backup at a time"):
        back_up(filled, tmp_path / "backups")
    (filled.folder / "mainspring.toml").write_text('[project]\nid = "other"\n')
    for mark in ("project", "place"):
        (filled.home / mark).unlink()
    with pytest.raises(InputError, match="of project 'test'"):
        back_up(filled, tmp_path / "backups")


def test_the_commands(filled: Filled, tmp_path: Path) -> None:
    """`backup` and `restore` from the command line, with JSON for programs."""
    words = ["backup", str(tmp_path / "backups"), "-p", str(filled.folder), "--json"]
    made = json.loads(CliRunner().invoke(app, words).stdout)
    assert (made["number"], made["project_id"]) == (1, "test")
    words = ["restore", str(tmp_path / "backups"), str(tmp_path / "restored"), "--json"]
    done = json.loads(CliRunner().invoke(app, words).stdout)
    assert done["home"] == str(tmp_path / "restored")
    assert (done["n_files"], done["n_blobs"]) == (made["n_files"], made["n_blobs"])


def test_an_insert_after_the_snapshot_is_not_in_it_and_can_be_repeated(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that come after the snapshot of the records stay out; their insert, repeated on the copy, brings them in."""
    rows = weather(60).tail(4)
    with filled.open() as project, filled.open() as other:
        export = project.records.export

        def late(path: Path, leave_out: set[str]) -> None:
            export(path, leave_out)
            other.features.get_group("weather").insert(rows, idempotency_key="late")

        project.records.export = late  # type: ignore[method-assign, assignment]
        make_backup(project, tmp_path / "backups")
        after = project.features.get_group("weather").read().to_polars()
    restore_backup(tmp_path / "backups", tmp_path / "restored")
    forget_original(monkeypatch)
    assert examine(tmp_path / "restored").problems == []
    with open_project(tmp_path / "restored") as project:
        group = project.features.get_group("weather")
        assert len(group.read().to_polars()) == len(after) - 4
        group.insert(rows, idempotency_key="late")
        assert group.read().to_polars().equals(after)


def test_what_a_killed_restore_left_is_removed(filled: Filled, tmp_path: Path) -> None:
    """A staged folder without a process goes with the next restore of the same target; one in use stays."""
    back_up(filled, tmp_path / "backups")
    left, used = tmp_path / ".restored.restoring-1", tmp_path / ".restored.restoring-2"
    left.mkdir(), used.mkdir()
    descriptor = os.open(used, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    restore_backup(tmp_path / "backups", tmp_path / "restored")
    os.close(descriptor)
    assert (left.exists(), used.exists()) == (False, True)
