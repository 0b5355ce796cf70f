"""What every records backend must do."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, func, select, update

import mainspring
from mainspring.errors import SchemaOlderError, SchemaVersionError, StateError
from mainspring.ports.records import Records, open_records
from mainspring.ports.records.migrations import CURRENT, HEAD, REVISIONS, VERSION_TABLE, upgrade
from mainspring.testing._processes import in_processes

# A room declares its tables when it is loaded, and an export is of all tables.
for _store in Path(mainspring.__file__).parent.glob("*/store.py"):
    importlib.import_module(f"mainspring.{_store.parent.name}.store")

THINGS = Table(
    "contract_things",
    MetaData(),
    Column("name", Text(), primary_key=True),
    Column("n", Integer(), nullable=False),
)
VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", Text()))


class RecordsContract:
    """Subclass it and define `open_store`; override `address` for a database that is no file."""

    @staticmethod
    def open_store(address: str, /) -> Records:
        """Open the database at an address; importable by name, because processes call it."""
        raise NotImplementedError

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        """Where a fresh, empty database is."""
        return f"sqlite:///{tmp_path / 'records.db'}"

    @pytest.fixture
    def empty(self, address: str) -> Iterator[Records]:
        """A database without any table."""
        records = type(self).open_store(address)
        yield records
        records.close()

    @pytest.fixture
    def records(self, empty: Records) -> Records:
        """A database with a table of things, and the thing `counter` at 0."""
        with empty.write() as connection:
            THINGS.create(connection)
            connection.execute(THINGS.insert(), {"name": "counter", "n": 0})
        return empty

    def test_write_and_read(self, records: Records) -> None:
        """What a block wrote is there when it has ended."""
        with records.write() as connection:
            connection.execute(THINGS.insert(), [{"name": "Grüße, 世界", "n": 1}, {"name": "b", "n": 2}])
        assert _names(records) == {"counter", "Grüße, 世界", "b"}

    def test_failed_block(self, records: Records) -> None:
        """A block that raises leaves nothing, and raises what it raised."""
        with pytest.raises(KeyError, match="mine"), records.write() as connection:
            connection.execute(THINGS.insert(), {"name": "a", "n": 1})
            raise KeyError("mine")
        assert _names(records) == {"counter"}

    def test_not_visible_before_the_end(self, records: Records) -> None:
        """Readers see nothing of a block that is under way."""
        with records.write() as connection:
            connection.execute(THINGS.insert(), {"name": "a", "n": 1})
            assert _names(records) == {"counter"}
        assert _names(records) == {"counter", "a"}

    def test_nested_write(self, records: Records) -> None:
        """A write block inside a write block is refused; the thread can write again afterwards."""
        with pytest.raises(StateError, match="one write transaction"), records.write(), records.write():
            raise AssertionError("not reached")
        with records.write() as connection:
            _add_one(connection)
        assert _counter(records) == 1

    def test_snapshot(self, records: Records) -> None:
        """A read block sees one state, whatever is written meanwhile."""
        with records.read() as connection:
            before = connection.execute(select(func.count()).select_from(THINGS)).scalar_one()
            with records.write() as writer:
                writer.execute(THINGS.insert(), {"name": "meanwhile", "n": 1})
            assert connection.execute(select(func.count()).select_from(THINGS)).scalar_one() == before
        assert "meanwhile" in _names(records)

    def test_on_conflict(self, records: Records) -> None:
        """The dialect's INSERT can leave a row that is there alone, or replace it."""
        with records.write() as connection:
            ignoring = records.insert(THINGS).on_conflict_do_nothing()
            connection.execute(ignoring, [{"name": "counter", "n": 7}, {"name": "a", "n": 7}])
            replacing = records.insert(THINGS).values(name="a", n=8)
            connection.execute(replacing.on_conflict_do_update(index_elements=["name"], set_={"n": 8}))
        with records.read() as connection:
            rows = connection.execute(select(THINGS.c.name, THINGS.c.n)).all()
        assert {row.name: row.n for row in rows} == {"counter": 0, "a": 8}

    def test_threads(self, records: Records) -> None:
        """Threads that read and then write under a lock lose no update."""
        threads = [threading.Thread(target=_count, args=(records, 20)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert _counter(records) == 80

    def test_processes(self, records: Records, address: str) -> None:
        """Processes that read and then write under a lock lose no update."""
        in_processes(_open_and_count, [(type(self).open_store, address, 25)] * 2)
        assert _counter(records) == 50

    def test_locks_are_named(self, records: Records) -> None:
        """Locks of two names may be held in one block, and are let go at its end."""
        for _ in range(2):
            with records.write() as connection:
                records.lock(connection, "one")
                records.lock(connection, "two")

    def test_killed_writer(self, records: Records, address: str) -> None:
        """A process killed inside a block leaves nothing, and blocks nobody."""
        context = multiprocessing.get_context("spawn")
        child = context.Process(target=_write_and_die, args=(type(self).open_store, address))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        with records.write() as connection:
            records.lock(connection, "counter")
            _add_one(connection)
        assert _names(records) == {"counter", "acknowledged"}

    @pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_fork(self, records: Records) -> None:
        """A forked child has connections of its own, and its end does not harm the parent."""
        child = multiprocessing.get_context("fork").Process(target=_count, args=(records, 3))
        child.start()
        child.join()
        assert child.exitcode == 0
        _count(records, 1)
        assert _counter(records) == 4

    def test_close_and_again(self, records: Records) -> None:
        """A closed instance connects again by itself."""
        records.close()
        records.close()
        assert _names(records) == {"counter"}

    def test_migrate(self, empty: Records) -> None:
        """An empty database has no revision; migrating gives it ours, and again changes nothing."""
        assert empty.schema_revision() is None
        empty.migrate()
        empty.migrate()
        assert empty.schema_revision() == HEAD

    def test_migrate_at_once(self, empty: Records, address: str) -> None:
        """Processes may migrate one database at the same time."""
        assert in_processes(_migrate, [(type(self).open_store, address)] * 2) == [HEAD, HEAD]
        assert empty.schema_revision() == HEAD

    def test_newer_schema(self, empty: Records) -> None:
        """A database of a newer version is refused and left as it is."""
        empty.migrate()
        with empty.write() as connection:
            connection.execute(update(VERSIONS).values(version_num="9999"))
        for refused in (empty.migrate, empty.set_up, empty.check_current):
            with pytest.raises(SchemaVersionError, match="9999"):
                refused()
        assert empty.schema_revision() == "9999"

    def test_set_up(self, empty: Records) -> None:
        """An empty database gets this version's tables, which say who made them; a current one is left alone."""
        with pytest.raises(SchemaOlderError, match="empty"):
            empty.check_current()
        empty.set_up()
        empty.set_up()
        empty.check_current()
        assert empty.schema() == CURRENT
        assert empty.migrate() is False

    def test_an_older_schema_is_migrated_on_demand(self, empty: Records) -> None:
        """Setting up refuses it and leaves it as it is; migrating brings it here."""
        with empty.write() as connection:
            upgrade(connection, REVISIONS[0])
        with pytest.raises(SchemaOlderError, match="mainspring upgrade"):
            empty.set_up()
        assert empty.schema_revision() == REVISIONS[0]
        assert empty.migrate() is True
        assert empty.schema() == CURRENT

    def test_export(self, empty: Records, tmp_path: Path) -> None:
        """What is exported is a SQLite file of this version's schema, and an empty database takes it over."""
        empty.migrate()
        assert empty.damages() == []
        path = tmp_path / "export.db"
        empty.export(path)
        exported = open_records(f"sqlite:///{path}")
        assert exported.schema_revision() == HEAD
        exported.close()
        empty.load(path)

    def test_load_needs_the_schema(self, empty: Records, tmp_path: Path) -> None:
        """Rows go into a migrated database only."""
        other = open_records(f"sqlite:///{tmp_path}/other.db")
        other.migrate()
        other.export(tmp_path / "export.db")
        other.close()
        with pytest.raises(SchemaVersionError):
            empty.load(tmp_path / "export.db")


def _names(records: Records) -> set[str]:
    with records.read() as connection:
        return set(connection.execute(select(THINGS.c.name)).scalars())


def _counter(records: Records) -> int:
    with records.read() as connection:
        return int(connection.execute(select(THINGS.c.n).where(THINGS.c.name == "counter")).scalar_one())


def _add_one(connection: Connection) -> None:
    n = connection.execute(select(THINGS.c.n).where(THINGS.c.name == "counter")).scalar_one()
    connection.execute(update(THINGS).where(THINGS.c.name == "counter").values(n=n + 1))


def _count(records: Records, n_times: int) -> None:
    for _ in range(n_times):
        with records.write() as connection:
            records.lock(connection, "counter")
            _add_one(connection)


def _open_and_count(open_store: Callable[[str], Records], address: str, n_times: int) -> None:
    records = open_store(address)
    _count(records, n_times)
    records.close()


def _migrate(open_store: Callable[[str], Records], address: str) -> str | None:
    records = open_store(address)
    records.migrate()
    revision = records.schema_revision()
    records.close()
    return revision


def _write_and_die(open_store: Callable[[str], Records], address: str) -> None:
    records = open_store(address)
    with records.write() as connection:
        connection.execute(THINGS.insert(), {"name": "acknowledged", "n": 1})
    with records.write() as connection:
        records.lock(connection, "counter")
        connection.execute(THINGS.insert(), {"name": "lost", "n": 1})
        os.kill(os.getpid(), signal.SIGKILL)
