"""Opening a project."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import redis
from sqlalchemy import text

from mainspring.errors import AccessError, InputError, SchemaVersionError, UnavailableError, WorkerError
from mainspring.lineage import AssetKind
from mainspring.ports.engine import Task
from mainspring.ports.keys import Entry
from mainspring.project import open_project
from mainspring.types import new_id
from tests.ports.engine_tasks import hang, pid
from tests.redis_servers import shared_redis


def test_a_project_opens_where_there_was_nothing(tmp_path: Path, records_url: str) -> None:
    """Opening makes the home and the schema; opening again finds what was published."""
    with open_project(tmp_path, overrides={"records.url": records_url}) as project:
        with project.graph.execution("load", "planes") as work:
            asset = work.add(AssetKind.SOURCE, "planes")
    with open_project(tmp_path, overrides={"records.url": records_url}) as project:
        assert project.graph.get_asset(asset.id) == asset


def test_a_file_is_no_project(tmp_path: Path) -> None:
    """A file in place of the folder is called one, and nothing is to be made of it."""
    (tmp_path / "some.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match="got a file. Give the folder that holds mainspring.toml"):
        open_project(tmp_path / "some.csv")


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


def test_keys_in_redis(tmp_path: Path, records_url: str) -> None:
    """A project with a redis: address keeps its keys there, under its own id."""
    url, name = shared_redis(), f"test-{new_id()}"
    overrides = {"records.url": records_url, "project.id": name, "keys.url": url}
    with open_project(tmp_path, overrides=overrides) as project, redis.Redis.from_url(url) as client:
        project.keys.put("s", [Entry(b"a", 1, 2, 3, b"")])
        assert client.hexists(f"mainspring:{{{name}}}:s", "a")
        project.keys.clear("s")


def test_redis_that_does_not_answer(tmp_path: Path, records_url: str) -> None:
    """The configured waits bound a call to a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        overrides = {
            "records.url": records_url,
            "keys.url": f"redis://127.0.0.1:{silent.getsockname()[1]}/0",
            "keys.connect_timeout_s": 11,
            "keys.read_timeout_s": 0.1,
        }
        with open_project(tmp_path, overrides=overrides) as project:
            with pytest.raises(UnavailableError, match=r"a connection within 11 s and a reply within 0\.1 s"):
                project.keys.get("s", [b"a"])


def test_steps_in_processes(tmp_path: Path, records_url: str) -> None:
    """`engine.kind` chooses where steps run, with so many workers and that timeout; closing the project ends them."""
    engine = {"engine.kind": "processes", "engine.workers": 3, "engine.task_timeout_s": 0.5}
    with open_project(tmp_path, overrides={"records.url": records_url, **engine}) as project:
        assert project.engine.leaves_process
        assert project.engine.n_workers == 3
        (late,) = project.engine.run([Task("late", hang)])
        assert isinstance(late.error, WorkerError)
        assert "within 0.5 s" in str(late.error)
        (kept,) = project.engine.run([Task("kept", pid, timeout_s=60)])
    with pytest.raises(ProcessLookupError):
        os.kill(kept.value, 0)
