"""Temporary files of large joins: they go, however the process that made them ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import polars as pl
import pytest
from tests.forks import ended, forked

from mainspring.errors import AccessError
from mainspring.features.join.spill import find_abandoned, remove_abandoned, spill_folder
from mainspring.log.progress import silent
from mainspring.project import Project, spill_root
from mainspring.workflows.doctor.home import check_home
from mainspring.workflows.doctor.spec import Patient
from mainspring.workflows.gc import RubbishKind, collect


def test_files_go_with_the_block(tmp_path: Path) -> None:
    """Also when it fails."""
    root = tmp_path / "spill"
    with pytest.raises(KeyError), spill_folder(root) as folder:
        (folder / "rows").write_bytes(b"1")
        raise KeyError
    assert [path.name for path in root.iterdir() if path.is_dir()] == []


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    """Its lock is free; the folder of one that is at work is held, and stays."""
    left = tmp_path / "left"
    left.mkdir()
    (left / "in_use").touch()
    (left / "rows").write_bytes(b"1")
    with spill_folder(tmp_path) as first, spill_folder(tmp_path) as second:
        assert not left.exists()
        assert first.is_dir()
        assert second.is_dir()


def killed_join(root: Path) -> Path:
    """What a process leaves that is killed while it has a folder, with a row of Zebedee."""

    def spill() -> None:
        with spill_folder(root) as folder:
            (folder / "rows").write_bytes(b"Zebedee")
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(spill)) == -signal.SIGKILL
    (left,) = (place for place in root.iterdir() if place.is_dir())
    return left


def test_what_a_killed_process_left_is_found_and_removed(tmp_path: Path) -> None:
    """Nothing that is at work is; nothing is found where there was never a large join."""
    assert find_abandoned(tmp_path / "none") == []
    assert remove_abandoned(tmp_path / "none") == set()
    left = killed_join(tmp_path)
    with spill_folder(tmp_path / "other"), spill_folder(tmp_path / "other") as held:
        assert find_abandoned(tmp_path / "other") == []
        assert remove_abandoned(tmp_path / "other") == set()
        assert held.is_dir()
    (found,) = find_abandoned(tmp_path)
    assert (found.name, found.size_bytes) == (left.name, 7)
    assert remove_abandoned(tmp_path) == {left.name}
    assert not left.exists()


def test_a_folder_that_was_never_held_is_abandoned(tmp_path: Path) -> None:
    """Whoever made it was killed at once; one that is being made is young."""
    for name, age_s in (("old", 3_600), ("young", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    assert [found.name for found in find_abandoned(tmp_path)] == ["old"]
    with spill_folder(tmp_path):
        assert not (tmp_path / "old").exists()
        assert (tmp_path / "young").exists()


def test_the_doctor_the_collector_and_an_erasure_know_of_them(project: Project) -> None:
    """They may have rows of anybody, and are told, collected and erased."""
    root = spill_root(project.config.home_path)
    left = killed_join(root)
    told = [found.what for found in check_home(Patient(project, quick=True, progress=silent))]
    assert ["temporary files (7 bytes) of 1 joins" in what for what in told].count(True) == 1
    (item,) = (item for item in collect(project).rubbish if item.kind is RubbishKind.SPILL)
    assert (item.name, item.size_bytes, left.exists()) == (left.name, 7, True)
    assert left.name in collect(project, delete=True).deleted
    assert not left.exists()
    group = project.features.group("people", keys=["name"])
    group.insert(pl.DataFrame({"name": ["Zebedee"], "x": [1.0]}))
    left = killed_join(root)
    group.erase({"name": "Zebedee"}, reason="asked")
    assert not left.exists()


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """In our words."""
    (tmp_path / "file").touch()
    with pytest.raises(AccessError), spill_folder(tmp_path / "file" / "spill"):
        pass
