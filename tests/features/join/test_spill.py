"""Temporary files of large joins: they go, however the process that made them ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainspring.errors import AccessError
from mainspring.features.join.spill import spill_folder


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


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """In our words."""
    (tmp_path / "file").touch()
    with pytest.raises(AccessError), spill_folder(tmp_path / "file" / "spill"):
        pass
