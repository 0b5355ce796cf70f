"""A new project."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring import templates
from mainspring.config import Config
from mainspring.errors import AccessError, ConflictError, InputError, UnknownNameError
from mainspring.project import open_project
from mainspring.workflows.init import init_project


def test_a_blank_project_opens(tmp_path: Path) -> None:
    """The blank template is a project: it has what its README names, and opens."""
    written = init_project(tmp_path / "Our Shop")
    assert {path.parts[0] for path in written} >= {
        "mainspring.toml",
        "features",
        "pipelines",
        "tests",
        "README.md",
    }
    with open_project(tmp_path / "Our Shop") as project:
        assert project.config.project.id == "our-shop"


def test_its_own_tests_pass(tmp_path: Path) -> None:
    """A new project's tests are green from the first minute."""
    init_project(tmp_path / "shop")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path / "shop",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_name_becomes_the_id(tmp_path: Path) -> None:
    """The id in every table can be chosen, once."""
    init_project(tmp_path / "x", name="churn-eu")
    assert Config.load(tmp_path / "x").project.id == "churn-eu"


def test_every_template_is_whole(tmp_path: Path) -> None:
    """Each template is written byte for byte, and only its own files."""
    for name in templates.names():
        written = init_project(tmp_path / name, template=name)
        there = sorted(
            path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*") if path.is_file()
        )
        assert there == sorted(written)
    assert sorted(path.name for path in tmp_path.iterdir()) == templates.names()


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Nobody's files are mixed with ours."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConflictError, match="notes.txt"):
        init_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_stays_the_same_folder(tmp_path: Path) -> None:
    """`mainspring init .` fills the working directory, it does not replace it."""
    before = tmp_path.stat().st_ino
    init_project(tmp_path)
    assert tmp_path.stat().st_ino == before
    assert (tmp_path / "mainspring.toml").exists()
    assert [path.name for path in tmp_path.parent.glob("*.partial")] == []


def test_a_read_only_folder_is_refused(read_only: Path) -> None:
    """No permission is a clear error, and nothing is left behind."""
    with pytest.raises(AccessError, match=str(read_only)):
        init_project(read_only / "x")
    assert list(read_only.iterdir()) == []


def test_a_place_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    """A file in the way is a clear error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError):
        init_project(tmp_path / "file" / "x")
    with pytest.raises(ConflictError):
        init_project(tmp_path / "file")


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    """An unknown template or a name that cannot be an id writes nothing."""
    with pytest.raises(UnknownNameError, match="blank"):
        init_project(tmp_path / "x", template="blnk")
    with pytest.raises(InputError):
        init_project(tmp_path / "x", name="No Spaces!")
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from mainspring import templates
from mainspring.workflows.init import init_project
calls = 0
def killing(frame, event, argument):
    global calls
    if event == "c_call" and argument in (os.rename, os.replace):
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(killing)
init_project(Path(sys.argv[1]))
"""


def test_a_killed_init_leaves_no_half_project(tmp_path: Path) -> None:
    """Killed before any of its moves, there is no project; and running it again works."""
    for at in (1, 3, len(templates.files("blank")) + 1):
        folder = tmp_path / f"killed-{at}"
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(at)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert not folder.exists()
        init_project(folder)
        assert (folder / "mainspring.toml").exists()
