"""The fence around a project's rows, put up and taken down while others write."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from tests.conftest import RECORDS

from mainspring.errors import StateError, UnavailableError
from mainspring.ports.records import Records, fence, open_records

TABLES = ["event_cursors", "leases", "pipeline_triggers"]
FIRST = "INSERT INTO event_cursors (project_id, reader, place) VALUES (:project, :reader, 0)"
LAST = "INSERT INTO pipeline_triggers (project_id, name, event_kind, pipeline) VALUES (:project, :reader, '', '')"


def write(records: Records, statements: tuple[str, str], reader: str, project: str = "test") -> None:
    with records.write() as connection:
        for statement in statements:
            connection.execute(text(statement), {"project": project, "reader": reader})


def count(records: Records, project: str = "test") -> tuple[int, int]:
    with records.read() as connection:
        return tuple(  # type: ignore[return-value]
            connection.execute(
                text(f"SELECT count(*) FROM {table} WHERE project_id = :p"), {"p": project}
            ).scalar_one()
            for table in ("event_cursors", "pipeline_triggers")
        )


def put_up(records: Records) -> None:
    with records.write() as connection:
        fence.put_up(connection, TABLES, "test", "elsewhere")


def take_down(records: Records) -> None:
    with records.write() as connection:
        fence.take_down(connection, TABLES, "test")


def test_writers_of_every_order_end_at_the_fence(records_url: str) -> None:
    """Each of their transactions is acknowledged and there, or refused: none is ended by the server, nor the fence."""
    with closing(open_records(records_url)) as records:
        begun = threading.Barrier(5)
        acknowledged: list[str] = []
        ends: list[BaseException] = []

        def work(number: int) -> None:
            statements = (FIRST, LAST) if number % 2 else (LAST, FIRST)
            begun.wait()
            try:
                for turn in range(100_000):
                    write(records, statements, f"{number}/{turn}")
                    acknowledged.append(f"{number}/{turn}")
            except Exception as error:
                ends.append(error)

        threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        begun.wait()
        put_up(records)
        put_up(records)
        for thread in threads:
            thread.join(60)
        assert [type(error) for error in ends] == [StateError] * 4
        assert all("moved, to elsewhere" in str(error) for error in ends)
        assert count(records) == (len(acknowledged),) * 2
        write(records, (FIRST, LAST), "beside", project="other")
        take_down(records)
        write(records, (FIRST, LAST), "again")


@pytest.mark.skipif(RECORDS == "sqlite", reason="SQLite has one writer at a time")
def test_a_writer_in_a_circle_with_the_fence(records_url: str) -> None:
    """It has the last table and wants the first: the fence lets it through, and stands after it."""
    with closing(open_records(records_url)) as records:
        fencing = threading.Thread(target=put_up, args=[records])
        with records.write() as connection:
            connection.execute(text(LAST), {"project": "test", "reader": "a"})
            fencing.start()
            waiting = text(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'"
            )
            with records.read() as other:
                while not other.execute(waiting).scalar_one():
                    pass
            connection.execute(text(FIRST), {"project": "test", "reader": "a"})
        fencing.join(60)
        assert count(records) == (1, 1)
        with pytest.raises(StateError):
            write(records, (FIRST, LAST), "b")
        take_down(records)


@pytest.mark.skipif(RECORDS == "sqlite", reason="SQLite has one writer at a time")
def test_a_try_is_for_all_tables_together(records_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers that end one after another, each within a try: both together are not, and it begins anew."""
    monkeypatch.setattr(fence, "LOCK_TRY_MS", 400)
    tries: list[str] = []
    trying = threading.Event()

    def hold(statement: str, seconds: float) -> None:
        with records.write() as connection:
            connection.execute(text(statement), {"project": "test", "reader": "a"})
            holding.wait()
            trying.wait()
            time.sleep(seconds)

    def note(*given: Any) -> None:
        if given[2].startswith("LOCK TABLE"):
            tries.append(given[2])
            trying.set()

    holding = threading.Barrier(3)
    with closing(open_records(records_url)) as records:
        writers = [threading.Thread(target=hold, args=each) for each in ((FIRST, 0.25), (LAST, 0.6))]
        for writer in writers:
            writer.start()
        holding.wait()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            put_up(records)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
            trying.set()
        for writer in writers:
            writer.join()
        take_down(records)
    assert len(tries) > 1


@pytest.mark.skipif(RECORDS == "sqlite", reason="SQLite has one writer at a time")
def test_a_transaction_that_does_not_end(records_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is bounded, and nothing is fenced."""
    monkeypatch.setattr(fence, "LOCK_WAIT_S", 0.1)
    with closing(open_records(records_url)) as records:
        with records.write() as connection:
            connection.execute(text(LAST), {"project": "test", "reader": "a"})
            with (
                closing(open_records(records_url)) as others,
                pytest.raises(UnavailableError, match="did not end"),
            ):
                put_up(others)
        write(records, (FIRST, LAST), "b")
