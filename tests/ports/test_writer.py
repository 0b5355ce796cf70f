"""The connection that a process keeps for writing: lent to one at a time, never met in a bad state, never shared."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from tests.forks import ended, forked

from mainspring.ports.records import open_records
from mainspring.ports.records._writer import Writer


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'records.db'}", connect_args={"check_same_thread": False})
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    yield made
    made.dispose()


def put(connection: Connection | None, n: int) -> object:
    """A row, and the driver's connection by which it went."""
    assert connection is not None
    connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": n})
    return connection.connection.driver_connection


def rows(engine: Engine) -> list[int]:
    with engine.begin() as connection:
        return list(connection.execute(text("SELECT n FROM t ORDER BY n")).scalars())


def test_transactions_share_a_connection(engine: Engine) -> None:
    """The second one has the first one's, and each is committed."""
    writer = Writer(engine)
    with writer.begin(1.0) as connection:
        first = put(connection, 1)
    with writer.begin(1.0) as connection:
        assert put(connection, 2) is first
    writer.close()
    assert rows(engine) == [1, 2]


def test_what_fails_is_taken_back(engine: Engine) -> None:
    """And nobody meets what it left: the next one writes."""
    writer = Writer(engine)
    with pytest.raises(ZeroDivisionError), writer.begin(1.0) as connection:
        put(connection, 1)
        raise ZeroDivisionError
    with writer.begin(1.0) as connection:
        put(connection, 2)
    writer.close()
    assert rows(engine) == [2]


def test_two_threads_take_turns(engine: Engine) -> None:
    """Whoever waits too long is told so, and has written nothing."""
    writer, began, over = Writer(engine), threading.Event(), threading.Event()

    def keep() -> None:
        with writer.begin(1.0) as connection:
            put(connection, 1)
            began.set()
            over.wait(30)

    keeper = threading.Thread(target=keep)
    keeper.start()
    began.wait(30)
    with writer.begin(0.01) as connection:
        assert connection is None
    over.set()
    keeper.join()
    with writer.begin(1.0) as connection:
        put(connection, 2)
    writer.close()
    assert rows(engine) == [1, 2]


def test_closing_waits_for_no_transaction_and_breaks_none(engine: Engine) -> None:
    """One that is under way is committed, and then the connection is given back."""
    writer = Writer(engine)
    with writer.begin(1.0) as connection:
        put(connection, 1)
        writer.close()
        put(connection, 2)
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert rows(engine) == [1, 2]


def test_a_fork_leaves_it_to_its_parent(tmp_path: Path) -> None:
    """The child writes by a connection of its own, and the parent goes on with its one."""
    records = open_records(f"sqlite:///{tmp_path / 'records.db'}")
    records.migrate()
    with records.write() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
        ours = put(connection, 1)

    def write() -> None:
        with records.write() as connection:
            assert put(connection, 2) is not ours

    assert ended(forked(write)) == 0
    with records.write() as connection:
        assert put(connection, 3) is ours
        assert list(connection.execute(text("SELECT n FROM t ORDER BY n")).scalars()) == [1, 2, 3]
    records.close()
