"""The example's backend passes the contract suite that mainspring ships for those who write one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mainspring.ports.blobs import Blobs, open_blobs
from mainspring.testing import BlobsContract


@pytest.mark.usefixtures("harbour")
class TestHold(BlobsContract):
    """The contract on blobs in a SQLite file of the example's."""

    open_store = staticmethod(open_blobs)

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"hold:{tmp_path / 'blobs.db'}"

    def damage(self, blobs: Blobs, sha256: str) -> None:
        """A file that it hands out is a copy: damage is done to the database."""
        with sqlite3.connect(blobs._path) as database:  # type: ignore[attr-defined]
            database.execute("UPDATE blobs SET bytes = ? WHERE sha256 = ?", (b"the wrong bytes", sha256))
        database.close()
