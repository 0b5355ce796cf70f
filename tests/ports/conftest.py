"""Fixtures of the port tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Loaded before a test gives up its rights: the interpreter's own files may be root's alone.
import mainspring.ports.blobs._disk
import mainspring.ports.keys._lmdb
import mainspring.ports.records._sqlite
import mainspring.ports.tables._delta  # noqa: F401

NOBODY = 65534


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A folder that this process may read but not write, also when the tests run as root."""
    if os.name != "posix":
        pytest.skip("needs POSIX permissions")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)
