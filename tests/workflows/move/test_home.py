"""A home moved to another folder: the same is read, nothing acknowledged is lost, whatever is killed when."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import AccessError, InputError, IntegrityError, StateError
from mainspring.ports.blobs import open_blobs
from mainspring.ports.records import open_records
from mainspring.ports.records.schema import metadata
from mainspring.project import Project, open_project
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.spec import Severity
from mainspring.workflows.move.home import move_home, survey_home
from mainspring.workflows.move.records import Rows
from mainspring.workflows.move.run import abort, survey
from mainspring.workflows.move.spec import INTENT
from tests.conftest import RECORDS
from tests.forks import ended, forked
from tests.serving.airport import KEYS, REQUEST
from tests.workflows.backup.test_backup import reads, same
from tests.workflows.filled import Filled
from tests.workflows.move.conftest import BEFORE
from tests.workflows.move.test_records import killing, told

ABOUT = '\n[actor]\nname = "user:test"\n'


@pytest.fixture
def movable(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    """As `filled`, with every key in mainspring.toml, and a SQLite file named by its home."""
    for name in ("RECORDS_URL", "CLOCK_KIND", "ACTOR_NAME"):
        monkeypatch.delenv(f"MAINSPRING_{name}")
    address = f'\n[records]\nurl = "{filled.records_url}"\n' if RECORDS == "postgres" else ""
    (filled.folder / "mainspring.toml").write_text(BEFORE + address + ABOUT)
    with filled.open() as project:
        project.features.materialize()
    yield filled
    if RECORDS == "postgres":
        with closing(open_records(filled.records_url)) as records:
            Rows(records, "test").unfence()


def insert(project: Project) -> None:
    """Something acknowledged."""
    project.features.get_group("fleet").insert(pl.DataFrame({"carrier": ["UA"], "age": [3.0]}))


def test_there_and_back(movable: Filled, tmp_path: Path) -> None:
    """The same is read in the new home, the next numbers follow, and the old one refuses whoever has it open."""
    target, written = tmp_path / "disk" / "home", (movable.folder / "mainspring.toml").read_text()
    with movable.open() as project:
        before, known = reads(project), told(project)
        logged = project.deployments.get("flights").log().height
        project.deployments.close()
        done = move_home(movable.folder, target)
        assert done.n_before == 0
        with pytest.raises((StateError, AccessError, IntegrityError)):
            insert(project)
        with pytest.raises(AccessError):
            project.deployments.get("flights").predict(KEYS, REQUEST)
        with pytest.raises(AccessError):
            project.blobs.put(b"into the old one")
    assert (movable.folder / "mainspring.toml").read_text() == f'{written}\n[home]\npath = "{target}"\n'
    with pytest.raises(StateError, match=f"moved, to {target}"):
        open_project(movable.folder, overrides={"home.path": ".mainspring"})
    assert examine(movable.folder).problems == []
    with movable.open() as project:
        assert project.home == target
        assert same(reads(project), before)
        assert told(project) == known
        project.deployments.get("flights").predict(KEYS, REQUEST)
        project.deployments.close()
        project.deployments.get("flights").publish_log()
        assert project.deployments.get("flights").log().height == logged + 1
        insert(project)
    shutil.rmtree(movable.home)
    move_home(movable.folder, movable.home)
    assert examine(movable.folder, quick=True).problems == []


def test_killed_at_every_step(movable: Filled, tmp_path: Path) -> None:
    """After each kill the old home is in use or the new one, whole; the same command goes on to the end."""
    target, n_kills = tmp_path / "new", 0
    with movable.open() as project:
        before = reads(project)
    # The signs: begun 0, 1; fenced 2, 3; then files, rows, what is compared, switched; ended 0, 1 anew.
    n_files = sum(
        survey_home(movable.folder, target).parts[name] for name in ("blobs", "tables", "keys", "serving")
    )
    n_files += 2
    n_rows = 2 * (len(metadata.tables) + 1) if RECORDS == "sqlite" else 0
    switched = 4 + 2 * (n_files + 1) + n_rows
    for at in (0, 1, 2, 3, 5, 4 + n_files, switched - 1, switched, switched + 1, 0, 9_999):
        code = ended(forked(lambda at=at: move_home(movable.folder, target, progress=killing(at))))  # type: ignore[misc]
        n_kills += code == -signal.SIGKILL
        with open_project(movable.folder, as_is=True, importable=False) as in_use:
            assert in_use.home in {movable.home, target}
            if in_use.home == movable.home and at > 3:
                with pytest.raises(StateError, match="mainspring move --abort"):
                    movable.open()
        if code == 0:
            break
    assert n_kills >= 9
    with movable.open() as project:
        assert project.home == target
        assert same(reads(project), before)
    assert examine(movable.folder).problems == []
    assert not (target / INTENT).exists() and not (movable.home / INTENT).exists()


def test_aborted(movable: Filled, tmp_path: Path) -> None:
    """Given up, the old home is in use as before, and the new folder is gone."""
    target = tmp_path / "new"
    with movable.open() as project:
        before = reads(project)
    assert ended(forked(lambda: move_home(movable.folder, target, progress=killing(8)))) == -signal.SIGKILL
    with pytest.raises(StateError, match="to go on"):
        move_home(movable.folder, tmp_path / "another")
    with pytest.raises(StateError, match="to go on"):
        survey(movable.folder, f"sqlite:///{tmp_path}/elsewhere.db")
    assert any("move" in item.what for item in examine(movable.folder, quick=True).problems)
    assert abort(movable.folder).target_left == ""
    assert not target.exists()
    with movable.open() as project:
        assert same(reads(project), before)
        insert(project)
        project.deployments.get("flights").predict(KEYS, REQUEST)
    assert [item.check for item in examine(movable.folder).problems if item.severity is Severity.ERROR] == []
    with pytest.raises(StateError, match="a move that was begun"):
        abort(movable.folder)


@pytest.mark.once
def test_the_configuration_is_changed_meanwhile(movable: Filled, tmp_path: Path) -> None:
    """What was fenced comes back when the move is given up, whatever is configured by then; to go on is refused."""
    target, file = tmp_path / "new", movable.folder / "mainspring.toml"
    written = file.read_text()
    blobs = {place.name for place in (movable.home / "blobs").rglob("objects/*/*")}
    assert ended(forked(lambda: move_home(movable.folder, target, progress=killing(8)))) == -signal.SIGKILL
    file.write_text(f'{written}\n[blobs]\nurl = "file:{tmp_path}/others"\n')
    with pytest.raises(StateError, match=r"it has fenced blobs, tables, keys, serving"):
        move_home(movable.folder, target)
    file.write_text(f'{BEFORE}\n[records]\nurl = "sqlite:///{tmp_path}/other.db"\n')
    with pytest.raises(StateError, match="the records that the move has fenced"):
        abort(movable.folder)
    assert (target / INTENT).exists()
    file.write_text(f'{written}\n[blobs]\nurl = "file:{tmp_path}/others"\n')
    assert abort(movable.folder).target_left == ""
    assert {place.name for place in (movable.home / "blobs").rglob("objects/*/*")} == blobs
    file.write_text(written)
    assert examine(movable.folder).problems == []


@pytest.mark.once
def test_giving_up_is_killed(movable: Filled, tmp_path: Path) -> None:
    """Amid the removal of the new home, and at its end: whoever gives up next removes the rest."""
    target = tmp_path / "new"

    def killed_at(n_before: int) -> None:
        left, remove = iter(range(n_before)), os.rmdir

        def rmdir(*given: object, **named: object) -> None:
            if str(given[0]) == str(target) or next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            remove(*given, **named)  # type: ignore[arg-type]

        os.rmdir = rmdir
        abort(movable.folder)

    assert ended(forked(lambda: move_home(movable.folder, target, progress=killing(40)))) == -signal.SIGKILL
    # The first ones are of the old home, whose folders are put back.
    for n_before in (9, 9_999):
        assert ended(forked(lambda at=n_before: killed_at(at))) == -signal.SIGKILL  # type: ignore[misc]
        assert target.exists() and (movable.home / INTENT).exists()
    assert abort(movable.folder).target_left == ""
    assert not target.exists()
    assert examine(movable.folder).problems == []


@pytest.mark.once
def test_killed_while_it_notes_that_it_began(movable: Filled, tmp_path: Path) -> None:
    """In the old home and in the new one: the same command goes on, and what it drafted is no obstacle."""
    target = tmp_path / "new"

    def killed_at(n_before: int) -> None:
        left, replace = iter(range(n_before)), os.replace

        def replaced(*given: object) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*given)  # type: ignore[arg-type]

        os.replace = replaced  # type: ignore[assignment]
        move_home(movable.folder, target)

    for n_before in (0, 1):
        assert ended(forked(lambda at=n_before: killed_at(at))) == -signal.SIGKILL  # type: ignore[misc]
    assert list(target.iterdir()) != []
    assert abort(movable.folder).target_left == "" and not target.exists()
    assert ended(forked(lambda: killed_at(1))) == -signal.SIGKILL
    assert move_home(movable.folder, target).n_before == 0
    assert [place.name for home in (movable.home, target) for place in home.glob(f".{INTENT}*")] == []


@pytest.mark.once
def test_what_stands_in_the_way(movable: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is at work or logs, a target with something in it, folders in one another, addresses: all said."""
    target = tmp_path / "new"

    def said(place: Path = target) -> str:
        return "; ".join(each.what for each in survey_home(movable.folder, place).obstacles)

    assert said() == ""
    with movable.open() as project, project.graph.leases.role("server/127.0.0.1:8651"):
        project.deployments.get("flights").predict(KEYS, REQUEST)
        assert "server/127.0.0.1:8651 is at work" in said() and "a process logs predictions" in said()
        with pytest.raises(StateError, match="stands in the way"):
            move_home(movable.folder, target)
    assert "there already" in said(movable.home)
    assert "in the other" in said(movable.home / "inside")
    target.mkdir()
    (target / "something").touch()
    assert "not empty" in said()
    monkeypatch.setenv("MAINSPRING_HOME", str(movable.home))
    assert "MAINSPRING_HOME is set" in said(tmp_path / "free")
    monkeypatch.delenv("MAINSPRING_HOME")
    file = movable.folder / "mainspring.toml"
    file.write_text(file.read_text() + f'[blobs]\nurl = "file:{movable.home}/blobs"\n')
    assert "by its path" in said(tmp_path / "free")
    assert not (movable.home / INTENT).exists()


@pytest.mark.once
def test_what_the_target_does_not_keep_is_found(movable: Filled, tmp_path: Path) -> None:
    """A file that differs is named before anything is switched."""
    target = tmp_path / "new"
    code = ended(forked(lambda: move_home(movable.folder, target, progress=killing(40))))
    assert code == -signal.SIGKILL
    harmed = next(place for place in target.rglob("objects/*/*") if place.is_file())
    harmed.chmod(0o644)
    harmed.write_bytes(bytes(reversed(harmed.read_bytes())))
    with pytest.raises(IntegrityError, match=harmed.name):
        move_home(movable.folder, target)
    harmed.unlink()
    move_home(movable.folder, target)
    assert open_blobs(target / "blobs").get(harmed.name)


@pytest.mark.once
def test_the_command(movable: Filled, tmp_path: Path) -> None:
    """A dry run shows and changes nothing; two aims are refused with what to do."""
    words = ["move", "-p", str(movable.folder), "--to-home", str(tmp_path / "new")]
    shown = CliRunner().invoke(app, [*words, "--dry-run"])
    assert (shown.exit_code, "serving" in shown.stdout) == (0, True)
    both = CliRunner().invoke(app, [*words, "--to-records", "sqlite:///x.db"])
    assert isinstance(both.exception, InputError)
    assert "records first" in both.exception.hint
    assert '"subject": "home"' in CliRunner().invoke(app, [*words, "--json"]).stdout
