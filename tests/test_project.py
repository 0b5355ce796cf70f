"""Opening a project."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import text

from mainspring.errors import AccessError, InputError, SchemaVersionError
from mainspring.lineage import AssetKind
from mainspring.project import open_project


def test_a_project_opens_where_there_was_nothing(tmp_path: Path, records_url: str) -> None:
    """Opening makes the home and the schema; opening again finds what was published."""
    with open_project(tmp_path, overrides={"records.url": records_url}) as project:
        with project.graph.execution("load", "planes") as work:
            asset = work.add(AssetKind.SOURCE, "planes")
    with open_project(tmp_path, overrides={"records.url": records_url}) as project:
        assert project.graph.get_asset(asset.id) == asset


def test_a_newer_schema_is_refused(tmp_path: Path, records_url: str) -> None:
    """A database of a newer mainspring is never touched."""
    with open_project(tmp_path, overrides={"records.url": records_url}) as project:
        with project.records.write() as connection:
            connection.execute(text("UPDATE mainspring_schema SET version_num = '9999'"))
    with pytest.raises(SchemaVersionError, match="9999"):
        open_project(tmp_path, overrides={"records.url": records_url})


def test_no_project_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening nothing names what was looked for and what to do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAINSPRING_HOME", raising=False)
    with pytest.raises(InputError, match="mainspring init"):
        open_project()
    assert list(tmp_path.iterdir()) == []


def test_the_home_variable_names_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a project file MAINSPRING_HOME says where state lives."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("MAINSPRING_HOME", str(tmp_path / "home"))
    with open_project() as project:
        assert project.home == tmp_path / "home"
    assert (tmp_path / "home" / "records.db").exists()


def test_a_read_only_folder_is_refused(read_only: Path) -> None:
    """No permission is a clear error, and nothing is left behind."""
    with pytest.raises(AccessError, match=str(read_only)):
        open_project(read_only)
    assert list(read_only.iterdir()) == []


def test_a_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file where the home should be is a clear error."""
    (tmp_path / ".mainspring").write_text("in the way")
    with pytest.raises(AccessError, match="home"):
        open_project(tmp_path)


def test_a_shared_folder_of_tables_mixes_nothing(tmp_path: Path, records_url: str) -> None:
    """Another project, or a new database beside old tables, reads its own rows only."""
    first = datetime(2024, 1, 1, tzinfo=UTC)
    read = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        overrides = {
            "project.id": name,
            "records.url": records_url,
            "tables.url": f"file:{tmp_path / 'tables'}",
        }
        with open_project(folder, overrides=overrides) as project:
            group = project.features.group("sales", keys=["shop"], event_time="day")
            group.insert(pl.DataFrame({"shop": [name], "day": [first], "sold": [1.0]}))
            read.append(group.read().to_polars()["shop"].to_list())
    assert read == [["one"], ["two"]]
