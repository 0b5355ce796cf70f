"""Folders of a home put aside and back: no file goes, whatever came between."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainspring.errors import StateError
from mainspring.workflows.move.folders import ASIDE, Folders

pytestmark = pytest.mark.once


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A home with two folders, one of which has a file."""
    (tmp_path / "home" / "blobs" / "ab").mkdir(parents=True)
    (tmp_path / "home" / "blobs" / "ab" / "one").write_text("one")
    (tmp_path / "home" / "keys").mkdir()
    return Folders(home=tmp_path / "home", target=tmp_path / "new", names=("blobs", "keys"), files=())


def made_again(folders: Folders, name: str, text: str) -> Path:
    """A file in a folder that somebody makes again while it is put aside."""
    place = folders.home / "blobs"
    place.unlink()
    (place / "ab").mkdir(parents=True)
    (place / "ab" / name).write_text(text)
    return place / "ab" / name


def test_there_and_back(folders: Folders) -> None:
    """A file lies in the place of each; what came meanwhile is kept, and what is alike is kept once."""
    folders.fence("elsewhere")
    made_again(folders, "one", "one")
    (folders.home / "blobs" / "two").write_text("two")
    folders.fence("elsewhere")
    assert (folders.home / "blobs").read_text() == (folders.home / "keys").read_text() == "elsewhere"
    folders.unfence()
    found = {
        place.relative_to(folders.home).as_posix() for place in folders.home.rglob("*") if place.is_file()
    }
    assert found == {"blobs/ab/one", "blobs/two"}
    assert (folders.home / "keys").is_dir() and not (folders.home / ASIDE).exists()


def test_two_files_of_one_name_that_differ(folders: Folders) -> None:
    """Neither is dropped, and nothing else is changed: refused in both directions, with both names."""
    folders.fence("elsewhere")
    place = made_again(folders, "one", "another")
    for refused in (lambda: folders.fence("elsewhere"), folders.unfence):
        with pytest.raises(StateError, match=f"{place}.*two that differ"):
            refused()
        assert place.read_text() == "another"
        assert (folders.home / ASIDE / "blobs" / "ab" / "one").read_text() == "one"
    place.unlink()
    folders.unfence()
    assert place.read_text() == "one"


def test_something_else_was_put_aside(folders: Folders) -> None:
    """It stays, and is named; the folders are back."""
    folders.fence("elsewhere")
    other = folders.home / ASIDE / "tables" / "log"
    other.parent.mkdir()
    other.write_text("theirs")
    with pytest.raises(StateError, match="only what the move put aside: blobs, keys, got tables"):
        folders.unfence()
    assert other.read_text() == "theirs"
    assert (folders.home / "blobs" / "ab" / "one").read_text() == "one"
