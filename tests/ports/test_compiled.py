"""A statement is compiled once in a process, and answers for each database what that one has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Executable, event, insert, literal, select
from sqlalchemy.engine.interfaces import CacheStats

from mainspring.lineage.store import events
from mainspring.ports.records import Records, open_records
from mainspring.ports.records._postgres import PostgresDialect
from mainspring.ports.records._sqlite import SqliteDialect

AN_EVENT = {
    "project_id": "test",
    "kind": "thing.done",
    "schema_version": 1,
    "subject": "it",
    "execution": "e",
    "actor": "user:test",
    "on_behalf_of": None,
    "occurred_us": 1,
    "recorded_us": 1,
    "sha256": "",
}


@contextmanager
def ways(connection: Connection) -> Iterator[list[CacheStats]]:
    """How SQLAlchemy comes to the text of each statement meanwhile."""
    found: list[CacheStats] = []

    def hear(*given: Any) -> None:
        found.append(given[4].cache_hit)

    event.listen(connection, "before_cursor_execute", hear)
    yield found
    event.remove(connection, "before_cursor_execute", hear)


def asked(records: Records, statement: Executable) -> tuple[list[Any], list[CacheStats]]:
    """What a statement answers, and how SQLAlchemy came to its text."""
    with records.read() as connection, ways(connection) as found:
        return list(connection.execute(statement)), found


def test_another_database_needs_no_compiling(records_url: str, tmp_path: Path) -> None:
    """Each answers from its own rows, with its own parameters; JSON is read as it was written."""
    here, there = records_url, f"sqlite:///{tmp_path}/there.db"
    if not here.startswith("sqlite"):
        there = here
    for place, number in ((here, 1), (there, 2)):
        with closing(open_records(place)) as records:
            records.migrate()
            row = {**AN_EVENT, "id": f"{number:032x}", "payload": {"number": [number, None]}}
            with records.write() as connection:
                connection.execute(insert(events).inline(), [row])
    answers = []
    for place, number in ((here, 1), (there, 2)):
        with closing(open_records(place)) as records:
            one = select(events.c.payload, literal(number).label("only_here"))
            rows, found = asked(records, one.where(events.c.id == f"{number:032x}"))
            answers += [(rows, found[-1])]
    assert [rows for rows, _ in answers] == [[({"number": [1, None]}, 1)], [({"number": [2, None]}, 2)]]
    assert answers[1][1] is CacheStats.CACHE_HIT
    assert answers[0][1] is not CacheStats.CACHING_DISABLED


def test_writing_and_reading_share_it(records_url: str) -> None:
    """A look before a write, and the same look in it."""
    number = select(events.c.seq, literal(7).label("of_this_test"))
    with closing(open_records(records_url)) as records:
        asked(records, number)
        with records.write() as connection, ways(connection) as found:
            connection.execute(number)
    assert found == [CacheStats.CACHE_HIT]


@pytest.mark.parametrize("kind", [SqliteDialect, PostgresDialect])
def test_what_another_kind_or_version_compiled_is_not_run(
    kind: type[SqliteDialect | PostgresDialect],
) -> None:
    """Two of a kind are alike, until they have found servers of different versions."""
    made, newer = kind(), kind()
    assert made == newer
    assert hash(made) == hash(newer)
    assert SqliteDialect() != PostgresDialect()
    newer.server_version_info = (99,)
    assert newer != made
