"""Fixtures of the port tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Loaded before a test gives up its rights: the interpreter's own files may be root's alone.
import mainspring.ports.blobs._disk
import mainspring.ports.keys._lmdb
import mainspring.ports.records._sqlite
import mainspring.ports.tables._delta  # noqa: F401

NOBODY = 65534


@pytest.fixture
def folder_to_lock() -> Iterator[tuple[Path, Callable[[], None]]]:
    """A fresh folder, and a function after which this process may read but not write it, also as root."""
    if os.name != "posix":
        pytest.skip("needs POSIX permissions")
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0

    def lock() -> None:
        for place in [folder, *folder.rglob("*")]:
            place.chmod(0o555 if place.is_dir() else 0o444)
        if is_root:
            os.seteuid(NOBODY)

    try:
        yield folder, lock
    finally:
        if is_root:
            os.seteuid(0)
        for place in [folder, *folder.rglob("*")]:
            place.chmod(0o755)
        shutil.rmtree(folder)


@pytest.fixture
def unwritable(folder_to_lock: tuple[Path, Callable[[], None]]) -> Path:
    """An empty folder that this process may read but not write."""
    folder, lock = folder_to_lock
    lock()
    return folder
