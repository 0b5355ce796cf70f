"""The example's backends pass the contract suites that mainspring ships for those who write one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mainspring.ports.blobs import Blobs, open_blobs
from mainspring.ports.engine import Engine, open_engine
from mainspring.ports.keys import open_keys
from mainspring.ports.streams import Message, open_stream
from mainspring.testing import BlobsContract, EngineContract, KeysContract


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


@pytest.mark.usefixtures("harbour")
class TestBoard(KeysContract):
    """The contract on keys that the example opens, in a folder of the namespace."""

    open_store = staticmethod(open_keys)
    # LMDB's own, which is tried where it is at home: here it is the way there that counts.
    test_processes = test_many_spaces = None  # type: ignore[assignment]

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"board:{tmp_path / 'keys'}"


@pytest.mark.usefixtures("harbour")
class TestAlone(EngineContract):
    """The contract on the example's engine, which does one task at a time."""

    @pytest.fixture
    def engine(self) -> Engine:
        return open_engine("alone:", 4)


@pytest.mark.usefixtures("harbour")
def test_a_stream_of_the_examples(tmp_path: Path) -> None:
    """An address of a plug-in's scheme is read by it."""
    (tmp_path / "log").write_bytes(b"one\ntwo\n")
    stream = open_stream(f"lines:{tmp_path / 'log'}")
    assert stream.poll(9, 0.0) == [Message("0", b"one"), Message("1", b"two")]
