"""Records: the contract on the database under test, and what only a file can do wrong."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from tests.conftest import RECORDS
from tests.databases import SERVER

from mainspring.errors import AccessError, InputError, IntegrityError, UnavailableError
from mainspring.ports.records import open_records
from mainspring.testing import RecordsContract
from mainspring.types import new_id


class TestRecords(RecordsContract):
    """The contract on SQLite or PostgreSQL, as the environment chooses."""

    open_store = staticmethod(open_records)

    @pytest.fixture
    def address(self, tmp_path: Path, both_databases: str) -> Iterator[str]:
        if both_databases == "sqlite":
            yield f"sqlite:///{tmp_path / 'records.db'}"
            return
        # The contract begins with a database without tables; `records_url` is migrated.
        schema = f"contract_{new_id()}"
        engine = create_engine(SERVER, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        yield f"{SERVER}{'&' if '?' in SERVER else '?'}options=-csearch_path%3D{schema}"
        with engine.connect() as connection:
            connection.execute(text(f'DROP SCHEMA "{schema}" CASCADE'))


def test_read_only_folder(unwritable: Path) -> None:
    """A database that cannot be made is a clear error."""
    with pytest.raises(AccessError, match=unwritable.name):
        open_records(f"sqlite:///{unwritable}/records.db").migrate()


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(AccessError, match="nowhere"):
        open_records(f"sqlite:///{tmp_path}/nowhere/records.db").migrate()


@pytest.mark.once
def test_a_new_file_that_another_process_switches(tmp_path: Path) -> None:
    """It gets its mode as soon as it can be had; SQLite does not wait for that by itself."""
    other = sqlite3.connect(tmp_path / "records.db", check_same_thread=False, isolation_level=None)
    with closing(other), closing(open_records(f"sqlite:///{tmp_path}/records.db")) as records:
        other.execute("BEGIN IMMEDIATE")
        leaving = threading.Timer(0.1, lambda: other.execute("COMMIT"))
        leaving.start()
        assert records.migrate()
        leaving.join()
    assert (tmp_path / "records.db").read_bytes()[18:20] == b"\2\2", "the header of a file in WAL mode"


def test_not_a_database(tmp_path: Path) -> None:
    """A file that is no database is refused, not replaced."""
    file = tmp_path / "records.db"
    file.write_bytes(b"something else entirely" * 1000)
    with pytest.raises(IntegrityError, match="SQLite database"):
        open_records(f"sqlite:///{file}").migrate()
    assert file.read_bytes().startswith(b"something else")


def test_server_that_does_not_answer() -> None:
    """A server that is not there is named, without the password."""
    pytest.importorskip("psycopg")
    with pytest.raises(UnavailableError, match="127.0.0.1:1/") as caught:
        open_records("postgresql://me:secret@127.0.0.1:1/x").migrate()
    assert "secret" not in str(caught.value)


def test_unknown_scheme() -> None:
    """An address that no backend answers to names those that do."""
    with pytest.raises(InputError, match="sqlite:, postgresql:"):
        open_records("mysql://host/x")


@pytest.mark.skipif(RECORDS == "sqlite", reason="SQLite has one writer at a time")
def test_two_that_wait_for_each_other(records_url: str) -> None:
    """The server ends one of them, which is told that it may do it again; the other goes on."""
    names = ("a", "b")
    both_hold, said = threading.Barrier(2), list[str]()
    with closing(open_records(records_url)) as records:

        def hold(first: str, second: str) -> None:
            try:
                with records.write() as connection:
                    records.lock(connection, first)
                    both_hold.wait()
                    records.lock(connection, second)
                said.append("")
            except UnavailableError as error:
                said.append(error.hint)

        threads = [threading.Thread(target=hold, args=each) for each in (names, names[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(said) == ["", "Nothing of it was written. Do it again."]
