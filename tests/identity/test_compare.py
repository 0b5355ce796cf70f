"""Stores that belong together, and those that do not: refused when a project is opened, before anything is read."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from mainspring.errors import (
    AccessError,
    ConflictError,
    IntegrityError,
    MainspringError,
    SchemaOlderError,
    SchemaVersionError,
)
from mainspring.identity import compare, place
from mainspring.identity.marks import find_mark, mark_file
from mainspring.identity.place import find_place
from mainspring.ports.keys import Entry
from mainspring.ports.records import open_records
from mainspring.project import Project, open_project
from mainspring.types import new_id
from mainspring.workflows.adopt import adopt
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.spec import Severity
from mainspring.workflows.upgrade import upgrade
from tests.conftest import RECORDS
from tests.forks import ended, forked
from tests.redis_servers import shared_redis

FOLDERS = ("blobs", "tables", "keys", "serving")


def make(folder: Path, records_url: str = "", **more: str) -> Path:
    """The folder of a project whose home was opened once, and has something in every store."""
    with reopened(new(folder, records_url, **more)) as project:
        project.blobs.put(b"something")
        project.keys.put("space", [Entry(b"k", 1, 2, 3, b"v")])
    return folder


def new(folder: Path, records_url: str = "", **more: str) -> Path:
    """The folder of a project that was never opened."""
    folder.mkdir(parents=True)
    address = f'[records]\nurl = "{records_url}"\n' if records_url else ""
    rest = "".join(f'[{key}]\nurl = "{value}"\n' for key, value in more.items())
    (folder / "mainspring.toml").write_text(
        f'[project]\nid = "shop"\n[actor]\nname = "user:test"\n{address}{rest}'
    )
    return folder


def reopened(folder: Path, *, read_only: bool = False) -> Project:
    """The project, as its users open it."""
    return open_project(folder, importable=False, read_only=read_only)


def home(folder: Path) -> Path:
    """Where a project's state lies."""
    return folder / ".mainspring"


def test_every_store_carries_one_id(tmp_path: Path, records_url: str) -> None:
    """A mark in each folder, a row in the records, the home's place: written once, and the same at the next opening."""
    folder = make(tmp_path / "one", records_url)
    said = {mark_file(home(folder) / kind, "shop").read_text() for kind in FOLDERS}
    found = {find_mark(home(folder) / kind, "shop") for kind in FOLDERS}
    ids = {mark.stores_id for mark in found if mark is not None}
    here = find_place(home(folder))
    assert here is not None
    assert (len(said), ids, here.path) == (4, {here.stores_id}, home(folder))
    reopened(folder).close()
    assert {mark_file(home(folder) / kind, "shop").read_text() for kind in FOLDERS} == said
    assert [item for item in examine(folder).problems if item.check == "stores"] == []


@pytest.mark.once
@pytest.mark.parametrize("kind", FOLDERS)
def test_a_store_of_another_home_is_refused(tmp_path: Path, records_url: str, kind: str) -> None:
    """Swapped for that of another home of the project, or for an empty folder, as of a disk that is not mounted."""
    folder, other = make(tmp_path / "one", records_url), make(tmp_path / "two")
    theirs, away = home(other) / kind, tmp_path / "away"
    os.rename(home(folder) / kind, away)
    shutil.copytree(theirs, home(folder) / kind)
    for read_only in (False, True):
        with pytest.raises(
            ConflictError, match=f"expected the {kind} of home .*, got those of home"
        ) as refused:
            reopened(folder, read_only=read_only)
    assert "mainspring adopt" in refused.value.hint
    (finding,) = [item for item in examine(folder, quick=True).problems if item.check == "stores"]
    assert str(home(folder) / kind) in finding.where
    shutil.rmtree(home(folder) / kind)
    (home(folder) / kind).mkdir()
    if kind == "keys":
        # They are a copy of the tables: gone altogether, they are made again.
        reopened(folder).close()
    else:
        with pytest.raises(ConflictError, match="no mark"):
            reopened(folder)
    shutil.rmtree(home(folder) / kind)
    os.rename(away, home(folder) / kind)
    reopened(folder).close()


def test_records_of_another_home_are_refused(tmp_path: Path, records_url: str) -> None:
    """Another home's database of the same project, one that knows no home, and none; nothing is written or made."""
    folder, other = make(tmp_path / "one", records_url), make(tmp_path / "two")
    empty = f"sqlite:///{tmp_path}/empty.db"
    with closing(open_records(empty)) as records:
        records.migrate()
    for url, said in (
        (f"sqlite:///{home(other)}/records.db", "the records of home"),
        (empty, "knows no home"),
        (f"sqlite:///{tmp_path}/none.db", "got no database, or an empty one"),
    ):
        with pytest.raises(ConflictError, match=said):
            open_project(folder, overrides={"records.url": url}, importable=False)
    reopened(other).close()
    reopened(folder).close()
    engine = create_engine(empty, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM stores")).scalar_one() == 0
    assert not (tmp_path / "none.db").exists()


@pytest.mark.once
def test_a_home_whose_records_are_missing(tmp_path: Path) -> None:
    """Neither opened nor adopted, and nothing is made in their place: a restored backup is what helps."""
    folder = make(tmp_path / "one")
    records = home(folder) / "records.db"
    for path in home(folder).glob("records*"):
        path.unlink()
    for look in (
        lambda: reopened(folder),
        lambda: reopened(folder, read_only=True),
        lambda: adopt(folder, wanted=False),
        lambda: adopt(folder, wanted=True),
    ):
        with pytest.raises(ConflictError, match="expected the records of the home") as refused:
            look()
        assert "mainspring restore" in refused.value.hint
        assert not records.exists()
    (finding,) = [item for item in examine(folder, quick=True).problems if item.check == "schema"]
    assert "its records are missing" in finding.do and not records.exists()
    with closing(open_records(f"sqlite:///{records}")) as made:
        made.migrate()
    with pytest.raises(ConflictError, match="a database that knows no home"):
        adopt(folder, wanted=True)
    (finding,) = [item for item in examine(folder, quick=True).problems if item.check == "stores"]
    assert "knows no home" in finding.what
    for kind in ("blobs", "tables", "keys"):
        shutil.rmtree(home(folder) / kind, ignore_errors=True)
    assert adopt(folder, wanted=True).adopted
    reopened(folder).close()


def test_a_second_home_on_the_same_stores_joins(tmp_path: Path, records_url: str) -> None:
    """Its folders have to be those that the records know; a folder of its own would lack what the records name."""
    shared = {kind: f"file:{tmp_path}/{kind}" for kind in ("blobs", "tables")}
    url = records_url if RECORDS == "postgres" else f"sqlite:///{tmp_path}/records.db"
    make(tmp_path / "one", url, **shared)
    second = make(tmp_path / "two", url, **shared)
    reopened(second).close()
    with pytest.raises(ConflictError, match="the blobs of home .*, got no mark"):
        make(tmp_path / "three", url, tables=shared["tables"])


@pytest.mark.parametrize("look", ["find_place", "has_history"])
def test_another_process_opens_it_first(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """Between the looks at the records, the home and the log of one that finds nothing: it joins the other."""
    folder = new(tmp_path / "one", records_url)
    real, first = getattr(compare, look), iter([True])

    def looked(*given: object) -> object:
        if next(first, False):
            with reopened(folder) as project:
                with project.tracking.run("one", experiment="e"):
                    pass
        return real(*given)

    monkeypatch.setattr(compare, look, looked)
    with reopened(folder) as project:
        assert project.identity.is_marked() and project.identity.flaws() == []
        assert len(project.tracking.runs()) == 1


def test_several_processes_open_it_first(tmp_path: Path, records_url: str) -> None:
    """All at once: each of them opens it, and its stores are one home's."""
    folder, (heard, told) = new(tmp_path / "one", records_url), os.pipe()

    def wait_and_open() -> None:
        os.close(told)
        os.read(heard, 1)
        reopened(folder).close()

    children = [forked(wait_and_open) for _ in range(8)]
    os.close(told)
    assert [ended(child) for child in children] == [0] * 8
    os.close(heard)
    with reopened(folder) as project:
        assert project.identity.is_marked() and project.identity.flaws() == []


@pytest.mark.once
def test_killed_while_it_is_opened_first(tmp_path: Path) -> None:
    """SIGKILL before each file or row that says whose a store is: the next opening completes it."""
    template, n_kills = tmp_path / "records.db", 0
    with closing(open_records(f"sqlite:///{template}")) as records:
        records.migrate()
    for at in range(12):
        folder = tmp_path / str(at)
        home(folder).mkdir(parents=True)
        (folder / "mainspring.toml").write_text('[project]\nid = "shop"\n')
        shutil.copy(template, home(folder) / "records.db")
        code = ended(forked(lambda at=at, folder=folder: _open_and_die(folder, at)))  # type: ignore[misc]
        n_kills += code == -signal.SIGKILL
        with reopened(folder) as project:
            assert project.identity.is_marked() and project.identity.flaws() == []
        if code == 0:
            break
    assert n_kills >= 6


def _open_and_die(folder: Path, n_before: int) -> None:
    left = iter(range(n_before))

    def count(*_: object) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(work: Callable[..., None]) -> Callable[..., None]:
        def first(*given: object, **named: object) -> None:
            count()
            work(*given, **named)

        return first

    os.replace = counted(os.replace)
    event.listen(Engine, "commit", count)
    reopened(folder).close()


def test_a_copy_is_refused(tmp_path: Path, records_url: str) -> None:
    """While its original is there; it may be looked at. Adopted it lives by itself."""
    folder = make(tmp_path / "one", records_url if RECORDS == "postgres" else "")
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    with pytest.raises(ConflictError, match=f"a copy of {home(folder)}"):
        reopened(copied)
    reopened(copied, read_only=True).close()
    reopened(folder).close()
    assert [found.kind for found in adopt(copied, wanted=False).found] == ["home"]
    with pytest.raises(ConflictError):
        reopened(copied)
    assert adopt(copied, wanted=True).adopted
    with reopened(copied) as project:
        (told,) = project.graph.events(kinds=["home.adopted"])
        assert told.payload["found"][0]["kind"] == "home"
    if RECORDS == "sqlite":
        reopened(folder).close()
    else:
        # One database, and it is the copy's now.
        with pytest.raises(ConflictError, match="the records of home"):
            reopened(folder)


def test_a_home_that_was_moved_opens(tmp_path: Path, records_url: str) -> None:
    """Renamed, or copied and the original removed, on one machine: it says its new place."""
    folder = make(tmp_path / "one", records_url)
    os.rename(folder, tmp_path / "two")
    reopened(tmp_path / "two").close()
    shutil.copytree(tmp_path / "two", tmp_path / "three")
    shutil.rmtree(tmp_path / "two")
    reopened(tmp_path / "three").close()
    here = find_place(home(tmp_path / "three"))
    assert here is not None
    assert here.path == home(tmp_path / "three")


def test_a_copy_on_another_machine_is_refused(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same path even: nobody can tell from there whether the original lives. A disk that was carried is none."""
    folder, machine = make(tmp_path / "one", records_url), tmp_path / "machine-id"
    machine.write_text("another\n")
    monkeypatch.setattr(place, "MACHINE_ID", machine)
    reopened(folder).close()
    os.rename(folder, tmp_path / "two")
    reopened(tmp_path / "two").close()
    shutil.copytree(tmp_path / "two", folder)
    shutil.rmtree(tmp_path / "two")
    machine.write_text("a third\n")
    with pytest.raises(ConflictError, match="a copy of .* on the machine"):
        reopened(folder)
    adopt(folder, wanted=True)
    reopened(folder).close()


def test_keys_of_another_home_in_one_redis(tmp_path: Path, records_url: str) -> None:
    """Two homes of one project's id do not write into each other's online values, and adopting takes them over."""
    url, name = shared_redis(), f"test-{new_id()}"
    stores = {}
    for number, records in ((1, records_url), (2, f"sqlite:///{tmp_path}/two.db")):
        overrides = {"project.id": name, "keys.url": url, "records.url": records, "actor.name": "user:test"}
        (tmp_path / str(number)).mkdir()
        stores[number] = (tmp_path / str(number), overrides)
    try:
        with open_project(stores[1][0], overrides=stores[1][1], importable=False) as project:
            project.keys.put("s", [Entry(b"a", 1, 2, 3, b"")])
        with open_project(stores[2][0], overrides=stores[2][1], importable=False) as project:
            with pytest.raises(ConflictError, match="got those of home"):
                project.keys.get("s", [b"a"])
            project.keys.claim(project.identity.claim())
        with open_project(stores[2][0], overrides=stores[2][1], importable=False) as project:
            assert project.keys.get("s", [b"a"]) != [None]
        with open_project(stores[1][0], overrides=stores[1][1], importable=False) as project:
            with pytest.raises(ConflictError):
                project.keys.put("s", [Entry(b"a", 2, 2, 3, b"")])
    finally:
        with redis.Redis.from_url(url) as client:
            client.delete(f"mainspring:{{{name}}}:", f"mainspring:{{{name}}}:s")


@pytest.mark.once
@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        ('{"format": 2}', SchemaVersionError, "expected a file of format 1, got format 2"),
        ("{", ConflictError, "got something that cannot be read"),
    ],
)
def test_a_mark_that_cannot_be_read(
    tmp_path: Path, content: str, kind: type[MainspringError], said: str
) -> None:
    """Cut off, or of a newer version: refused with the file's name."""
    folder = make(tmp_path / "one")
    file = mark_file(home(folder) / "blobs", "shop")
    file.write_text(content)
    with pytest.raises(MainspringError, match=f"{file}: .*{said}") as refused:
        reopened(folder)
    assert type(refused.value) is kind


@pytest.mark.once
def test_a_place_that_cannot_be_read(tmp_path: Path) -> None:
    """Cut off, changed, of a newer version or another user's: refused with its name; the doctor finds it too."""
    folder = make(tmp_path / "one")
    file = home(folder) / "place"
    said = json.loads(file.read_text())
    without, wrong = {**said}, {**said, "inode": [1]}
    del without["path"]
    for content in (b"{", b"\xff", b"one line", json.dumps(without).encode(), json.dumps(wrong).encode()):
        file.write_bytes(content)
        with pytest.raises(IntegrityError, match=f"{file}: expected a file that says where the home lies"):
            reopened(folder)
        (finding,) = [item for item in examine(folder, quick=True).problems if item.check == "stores"]
        assert (finding.where, finding.severity) == (str(file), Severity.ERROR)
    reopened(folder, read_only=True).close()
    file.write_text('{"format": 2}')
    with pytest.raises(SchemaVersionError, match="got format 2"):
        reopened(folder)
    file.write_text("{")
    adopt(folder, wanted=True)
    reopened(folder).close()
    file.chmod(0)
    assert ended(forked(lambda: _refused_as_another_user(file))) == 0


def _refused_as_another_user(file: Path) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    with pytest.raises(AccessError, match=str(file)):
        find_place(file.parent)


def test_adopting_asks_for_nobody_at_work(tmp_path: Path, records_url: str) -> None:
    """A run that is under way stops it."""
    folder = make(tmp_path / "one", records_url)
    with reopened(folder) as project, project.tracking.run("long", experiment="e"):
        with pytest.raises(MainspringError, match="nobody at work"):
            adopt(folder, wanted=True)


@pytest.mark.once
def test_a_home_on_a_network_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's file or LMDB's folder on NFS: refused before anything is made; read-only and the key insist."""
    folder = make(tmp_path / "one")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nserver:/export {home(folder)} nfs4 rw 0 0\n")
    monkeypatch.setattr("mainspring.ports.file_systems.MOUNTS", mounts)
    with pytest.raises(AccessError, match=r"got a network file system \(nfs4\)") as refused:
        reopened(folder)
    assert "records.url" in refused.value.where
    reopened(folder, read_only=True).close()
    insisting = {"home.network_disk": True}
    open_project(folder, overrides=insisting, importable=False).close()
    local = {"records.url": f"sqlite:///{tmp_path}/other.db"}
    with pytest.raises(AccessError, match=r"keys\.url"):
        open_project(folder, overrides=local, importable=False)


def test_what_a_version_without_marks_left_is_upgraded(tmp_path: Path, records_url: str) -> None:
    """Cut between its tables and its marks an upgrade is asked for again; it takes what is configured as one home."""
    folder = make(tmp_path / "one", records_url)
    with reopened(folder) as project, project.records.write() as connection:
        connection.execute(text("DELETE FROM stores"))
    for kind in FOLDERS:
        mark_file(home(folder) / kind, "shop").unlink()
    (home(folder) / "place").write_text(f"{new_id()}\n{home(folder)}\n")
    with pytest.raises(SchemaOlderError, match="mainspring upgrade"):
        reopened(folder)
    assert upgrade(folder, backup=None, without_backup=False).upgraded
    reopened(folder).close()
    assert not upgrade(folder, backup=None, without_backup=False).upgraded
