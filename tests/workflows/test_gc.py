"""What the collector takes and what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mainspring import expect
from mainspring.cli._app import app
from mainspring.errors import InputError, UnknownNameError
from mainspring.features.store import rejects_table_name
from mainspring.lineage import AssetKind
from mainspring.project import Project
from mainspring.types import to_us
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.gc import RubbishKind, collect
from mainspring.workflows.lifecycle import delete
from tests.workflows.filled import Filled

DAY_S = 86_400


def age(place: Path, days: float) -> None:
    """Let a file be put that long ago."""
    os.utime(place, (time.time() - days * DAY_S,) * 2)


def age_everything(filled: Filled, days: float = 30) -> None:
    for place in (filled.home / "blobs" / "objects").glob("*/*"):
        age(place, days)


def orphan(filled: Filled, project: Project, data: bytes, days: float) -> str:
    """A blob of that age that nothing refers to."""
    sha256 = project.blobs.put(data).sha256
    age(filled.blob(sha256), days)
    return sha256


def test_what_is_referred_to_stays_however_old(filled: Filled) -> None:
    """A project where everything is a month old loses nothing, and reads as before."""
    age_everything(filled)
    with filled.open() as project:
        done = collect(project, delete=True)
        assert (done.rubbish, done.deleted, done.execution_id) == ((), (), None)
    assert examine(filled.folder).problems == []


def test_a_dry_run_shows_and_deletes_nothing(filled: Filled) -> None:
    """Old orphans and old staged files are shown, young ones are not; all of them stay, and no row is written."""
    rows = filled.rows()
    with filled.open() as project:
        old, young = orphan(filled, project, b"old", 8), orphan(filled, project, b"young", 6)
        staging = filled.home / "blobs" / "staging"
        (staging / "left").write_bytes(b"half")
        age(staging / "left", 8)
        done = collect(project)
        assert [(item.kind, item.name) for item in done.rubbish] == [
            (RubbishKind.BLOB, old),
            (RubbishKind.DRAFT, "left"),
        ]
        assert done.size_bytes == 7
        assert project.blobs.find(old) is not None
        assert project.blobs.find(young) is not None
        assert (staging / "left").exists()
    assert filled.rows() == rows


def test_deleting_leaves_a_receipt_in_the_graph(filled: Filled) -> None:
    """What went is gone, what is younger stays; an execution names the bound and its report lists what went."""
    with filled.open() as project:
        old, young = orphan(filled, project, b"old", 8), orphan(filled, project, b"young", 6)
        done = collect(project, delete=True)
        assert done.deleted == (old,)
        assert project.blobs.find(old) is None
        assert project.blobs.find(young) is not None
        (receipt,) = project.graph.find_assets(kind=AssetKind.REPORT, name="gc")
        assert receipt.id == done.receipt_id
        assert json.loads(project.blobs.get(receipt.digest))["deleted"][0]["name"] == old
        execution = project.graph.find_execution(receipt.execution_id)
        assert execution is not None
        assert (execution.kind, execution.parameters["older_than_s"]) == ("gc", 7 * DAY_S)
        assert collect(project, older_than=timedelta(days=1)).rubbish[0].name == young
    assert examine(filled.folder).healthy


def test_a_blob_that_is_put_again_is_young_again(filled: Filled) -> None:
    """An old orphan that somebody is about to refer to stays."""
    with filled.open() as project:
        sha256 = orphan(filled, project, b"wanted after all", 30)
        assert [item.name for item in collect(project).rubbish] == [sha256]
        project.blobs.put(b"wanted after all")
        assert collect(project, delete=True).rubbish == ()
        assert project.blobs.get(sha256) == b"wanted after all"


def test_a_mention_anywhere_keeps_a_blob(filled: Filled) -> None:
    """A digest in any text of any row is enough, also of another project in the same database."""
    with filled.open() as project:
        sha256 = orphan(filled, project, b"told of", 30)
        filled.sql("UPDATE experiments SET name = :name, project_id = 'other'", name=f"about {sha256}!")
        assert collect(project).rubbish == ()


def test_nothing_goes_that_is_younger_than_running_work(filled: Filled) -> None:
    """Work that began ten days ago may still refer to what was put nine days ago."""
    with filled.open() as project:
        sha256 = orphan(filled, project, b"of long work", 9)
        with project.tracking.run("long", experiment="trials") as run:
            began_us = int((time.time() - 10 * DAY_S) * 1_000_000)
            filled.sql("UPDATE executions SET started_us = :us WHERE id = :id", us=began_us, id=run.id)
            assert collect(project).rubbish == ()
        assert [item.name for item in collect(project).rubbish] == [sha256]


def test_appends_that_nobody_published_are_only_reported(filled: Filled) -> None:
    """Rows of an insert that never finished are shown as what cannot be deleted."""
    filled.sql("UPDATE feature_commits SET number = NULL WHERE number = 3")
    with filled.open() as project:
        done = collect(project, delete=True)
    (item,) = done.rubbish
    assert (item.kind, item.deletable) == (RubbishKind.APPEND, False)
    assert item.name.startswith("features_weather_v1")
    assert done.execution_id is None


def test_an_age_that_would_take_work_in_progress_is_refused(filled: Filled) -> None:
    """Less than an hour is refused; so is an age that is none."""
    with filled.open() as project, pytest.raises(InputError, match="one hour"):
        collect(project, older_than=timedelta(minutes=59))
    done = CliRunner().invoke(app, ["gc", "-p", str(filled.folder), "--older-than", "soon"])
    assert isinstance(done.exception, InputError)


def test_the_command(filled: Filled) -> None:
    """`gc` shows, `gc --delete` deletes; JSON for programs."""
    with filled.open() as project:
        sha256 = orphan(filled, project, b"old", 8)
    words = ["gc", "-p", str(filled.folder)]
    shown = CliRunner().invoke(app, words).stdout
    assert sha256 in shown
    assert "add --delete" in shown
    done = json.loads(CliRunner().invoke(app, [*words, "--delete", "--json"]).stdout)
    assert done["deleted"] == [sha256]
    assert "Nothing" in CliRunner().invoke(app, words).stdout


@pytest.mark.once
def test_files_of_rejects_are_collected(project: Project) -> None:
    """What a killed writer left beside the rows that a group did not take."""
    group = project.features.group(
        "g", keys=["k"], on_failure="quarantine", expectations=[expect.between("x", 0, 9)]
    )
    group.insert(pl.DataFrame({"k": [1, 2], "x": [1.0, 99.0]}))
    name = rejects_table_name(group.spec)
    files = project.tables.files(name, project.tables.version(name)).fixed
    (named,) = (place for file, place in files.items() if file.endswith(".parquet") and "/" not in file)
    left = named.with_name("part-left.parquet")
    shutil.copy(named, left)
    age(left, 30)
    found = collect(project)
    assert [item.name for item in found.rubbish if item.kind is RubbishKind.FILE] == [
        f"{name}/part-left.parquet"
    ]


def test_an_upload_that_nobody_completes_goes_with_its_parts(filled: Filled) -> None:
    """Its sender died: after a week it is given up and its parts are collected; one that goes on stays whole."""
    with filled.open() as project:
        with project.tracking.run("uploads") as run:
            pass
        uploads = project.tracking.uploads
        left, going = uploads.begin(run.id, "left", 2), uploads.begin(run.id, "going", 2)
        parts = [uploads.put(each.id, 1, project.blobs.put(each.name.encode())) for each in (left, going)]
        for part in parts:
            age(filled.blob(part.sha256), 8)
        long_ago = to_us(datetime.now(UTC) - timedelta(days=8))
        filled.sql(f"UPDATE artifact_uploads SET touched_us = {long_ago} WHERE id = '{left.id}'")
        shown = collect(project)
        assert [(item.kind, item.name) for item in shown.rubbish] == [
            (RubbishKind.BLOB, parts[0].sha256),
            (RubbishKind.UPLOAD, f"{run.id}/left"),
        ]
        assert uploads.parts(left.id) == [parts[0]]
        done = collect(project, delete=True)
        assert set(done.deleted) == {parts[0].sha256, f"{run.id}/left"}
        with pytest.raises(UnknownNameError):
            uploads.get(left.id)
        uploads.put(going.id, 2, project.blobs.put(b" on"))
        uploads.complete(going.id)
        assert project.tracking.artifacts(run.id).read("going") == b"going on"


@pytest.mark.parametrize("late", [False, True])
def test_the_bytes_of_a_deleted_artifact_go(filled: Filled, late: bool) -> None:
    """Though the run's own record says what it had; of equal bytes that something else has, nothing goes."""
    with filled.open() as project:
        with project.tracking.run("one") as run:
            if not late:
                run.artifact("gone", b"once")
            run.artifact("shared", b"twice")
        files = project.tracking.artifacts(run.id)
        gone = files.put("gone", b"once")
        shared = files.put("also", b"twice")
        files.delete("gone")
        files.delete("also")
        age_everything(filled)
        assert collect(project, delete=True).deleted == (gone.sha256,)
        assert project.blobs.find(shared.sha256) is not None
        assert project.graph.get_asset(gone.asset_id).digest == gone.sha256
    assert examine(filled.folder).problems == []


def test_a_deleted_run_gives_up_what_came_late(filled: Filled) -> None:
    """Also what was kept when it was over, and what another file has replaced."""
    with filled.open() as project:
        with project.tracking.run("one") as run:
            pass
        files = project.tracking.artifacts(run.id)
        kept = [files.put("late", data, replace=True) for data in (b"first", b"second")]
        delete(project, "run", run.id, reason="a mistake")
        age_everything(filled)
        deleted = collect(project, delete=True).deleted
        assert {artifact.sha256 for artifact in kept} <= set(deleted)
