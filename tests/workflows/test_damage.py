"""Damaged stores: for each kind of damage, what reads it says so and serves nothing, and the doctor names it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from mainspring.errors import IntegrityError
from mainspring.features.datasets.api import TrainingDataset
from mainspring.project import Project
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.restore import restore_backup
from mainspring.workflows.doctor.examine import examine
from tests.conftest import RECORDS
from tests.serving.airport import weather
from tests.workflows.filled import Filled, flip


def _artifact(project: Project) -> str:
    (run,) = project.tracking.runs("trials")
    return run.artifacts[0].sha256


def _cut(place: Path) -> None:
    place.chmod(0o644)
    os.truncate(place, place.stat().st_size // 2)


def _largest(folder: Path) -> Path:
    return max(folder.glob("*.parquet"), key=lambda place: place.stat().st_size)


def _model(project: Project) -> str:
    files = project.models.package(project.models.get("lateness", 1)).files.values()
    return max(files, key=lambda file: file.size_bytes).sha256


def _dataset(project: Project) -> TrainingDataset:
    (data,) = project.features.training_datasets()
    return data


def _spine() -> pl.DataFrame:
    times = weather(6).select("origin", pl.col("observed_at").alias("scheduled_at"))
    return times.with_columns(carrier=pl.lit("AA"), distance=pl.lit(900.0))


Find = Callable[[Filled, Project], Path]
Read = Callable[[Project], object]

READS: dict[str, tuple[Find, Read]] = {
    "artifact": (
        lambda filled, project: filled.blob(_artifact(project)),
        lambda project: project.blobs.get(_artifact(project)),
    ),
    "model": (
        lambda filled, project: filled.blob(_model(project)),
        lambda project: project.models.load(project.models.get("lateness", 1)),
    ),
    "dataset": (
        lambda filled, project: filled.blob(_dataset(project).spec.blob),
        lambda project: _dataset(project).frame,
    ),
    "features": (
        lambda filled, _: _largest(filled.table("features_weather")),
        lambda project: project.features.get_group("weather").read().to_polars(),
    ),
    "features of a commit": (
        lambda filled, _: _largest(filled.table("features_weather")),
        lambda project: project.features.get_group("weather").read(1).to_polars(),
    ),
    "features for a dataset": (
        lambda filled, _: _largest(filled.table("features_weather")),
        lambda project: project.features.get_view("lateness").training_dataset(_spine()),
    ),
    "features for serving": (
        lambda filled, _: _largest(filled.table("features_weather")),
        lambda project: project.features.materialize(),
    ),
    "predictions": (
        lambda filled, _: _largest(filled.table("predictions_flights")),
        lambda project: project.deployments.get("flights").log(),
    ),
}


@pytest.mark.once
@pytest.mark.parametrize("what", READS)
def test_damage_is_refused_by_whoever_reads_it(filled: Filled, what: str) -> None:
    """A flipped bit, or half of it gone: four parts and no row or byte; the doctor names the file."""
    find, read = READS[what]
    with filled.open() as project:
        place = find(filled, project)
    whole = place.read_bytes()
    for harm in (_cut, flip):
        harm(place)
        with filled.open() as project, pytest.raises(IntegrityError) as refused:
            read(project)
        assert all(refused.value.to_dict().values())
        if harm is _cut:
            place.write_bytes(whole)
    assert any(place.name in f"{item.what} {item.where}" for item in examine(filled.folder).problems)


@pytest.mark.once
@pytest.mark.parametrize(
    "what", ["features", "features for a dataset", "features for serving", "predictions"]
)
def test_a_table_without_its_last_entry_is_refused_by_whoever_reads_it(filled: Filled, what: str) -> None:
    """It is not read as a table that had fewer rows."""
    find, read = READS[what]
    with filled.open() as project:
        folder = find(filled, project).parent
    last = max((folder / "_delta_log").glob("*.json"))
    last.unlink()
    with filled.open() as project, pytest.raises(IntegrityError, match="was acknowledged") as refused:
        read(project)
    assert all(refused.value.to_dict().values())
    assert any(last.name in f"{item.what} {item.where}" for item in examine(filled.folder).problems)


@pytest.mark.once
def test_damage_is_not_backed_up(filled: Filled, tmp_path: Path) -> None:
    """A flipped bit of a table stops a first backup; one that has the file already keeps it as it was written."""
    harmed = _largest(filled.table("predictions_flights"))
    with filled.open() as project:
        make_backup(project, tmp_path / "before")
    flip(harmed)
    with filled.open() as project:
        with pytest.raises(IntegrityError, match=harmed.name):
            make_backup(project, tmp_path / "after")
        make_backup(project, tmp_path / "before")
    restored = Path(restore_backup(tmp_path / "before", tmp_path / "restored").home)
    (kept,) = restored.rglob(harmed.name)
    assert kept.read_bytes() != harmed.read_bytes()


@pytest.mark.skipif(RECORDS != "sqlite", reason="PostgreSQL's pages are not ours")
def test_a_flipped_bit_in_a_page_of_the_database(filled: Filled) -> None:
    """Where it breaks the form of a page, SQLite refuses the read; where it changes a value, the doctor finds it."""
    database = filled.home / "records.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()
        (said,) = connection.execute("SELECT payload FROM events ORDER BY length(payload) DESC").fetchone()
    whole = database.read_bytes()
    flip(database, at=(root - 1) * page_bytes)
    with filled.open() as project, pytest.raises(IntegrityError, match="SQLite"):
        project.tracking.runs("trials")
    assert any(item.check == "database" for item in examine(filled.folder).problems)
    database.write_bytes(whole)
    flip(database, at=whole.index(said[:40].encode()) + 20)
    assert any(item.check == "events" for item in examine(filled.folder).problems)


@pytest.mark.once
@pytest.mark.parametrize("how", ["contents missing", "contents cut", "manifest cut"])
def test_half_a_backup_is_not_restored(filled: Filled, tmp_path: Path, how: str) -> None:
    """Every second content gone or cut, or the manifest: refused, and nothing is made."""
    with filled.open() as project:
        make_backup(project, tmp_path / "backups")
    manifests = sorted((tmp_path / "backups" / "manifests").glob("*.json"))
    contents = sorted((tmp_path / "backups" / "objects").glob("*/*"))[::2]
    for place in manifests if how == "manifest cut" else contents:
        if how == "contents missing":
            place.unlink()
        else:
            _cut(place)
    with pytest.raises(IntegrityError) as refused:
        restore_backup(tmp_path / "backups", tmp_path / "restored")
    assert all(refused.value.to_dict().values())
    assert not (tmp_path / "restored").exists()
