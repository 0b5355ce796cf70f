"""Prepared statements give the driver what SQLAlchemy would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, delete, event, exists, insert, select
from sqlalchemy.exc import IntegrityError

from mainspring.errors import UnavailableError
from mainspring.lineage.store import events
from mainspring.ports.records import open_records
from mainspring.ports.records.among import among
from mainspring.ports.records.prepared import Prepared


@pytest.fixture
def connection(records_url: str) -> Iterator[Connection]:
    records = open_records(records_url)
    with records.write() as opened:
        yield opened
    records.close()


def made(number: int, **other: Any) -> dict[str, Any]:
    return {
        "project_id": "test",
        "id": f"{number:032x}",
        "kind": "thing.done",
        "schema_version": 1,
        "subject": "it",
        "execution": "e",
        "actor": "user:test",
        "on_behalf_of": None,
        "occurred_us": number,
        "recorded_us": -(2**62),
        "payload": {"größe": [1, 2.5, None, True, {"'": '"'}]},
        "sha256": "",
        **other,
    }


def read(connection: Connection) -> list[dict[str, Any]]:
    found = connection.execute(select(events).order_by(events.c.seq)).mappings()
    return [{name: value for name, value in each.items() if name != "seq"} for each in found]


def test_a_row_is_written_as_sqlalchemy_writes_it(connection: Connection) -> None:
    """JSON, null, numbers at the edge and characters beyond ASCII; one row, and several at once."""
    rows = [made(1), made(2, payload={}, on_behalf_of="user:other"), made(3, payload=[1e300, "\x7f\u2028"])]
    connection.execute(insert(events), rows)
    expected = read(connection)
    connection.execute(delete(events))
    into_events = Prepared.insert_into(events)
    into_events.run(connection, rows[0])
    into_events.run(connection, *rows[1:])
    assert read(connection) == expected == rows


def test_a_number_that_json_does_not_have_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Prepared.insert_into(events).run(connection, made(1, payload={"a": float("nan")}))


def test_all_rows_that_it_answers_are_given_in_its_order(connection: Connection) -> None:
    """None at all as an empty list."""
    connection.execute(insert(events), [made(1), made(2), made(3)])
    later = Prepared(
        select(events.c.id, events.c.occurred_us)
        .where(events.c.occurred_us > bindparam("after_us"))
        .order_by(events.c.occurred_us.desc())
    )
    assert later.ask_all(connection, {"after_us": 1}) == [(f"{n:032x}", n) for n in (3, 2)]
    assert later.ask_all(connection, {"after_us": 3}) == []


def test_lists_and_fixed_parameters_are_bound(connection: Connection) -> None:
    """A list of ids is one parameter, and what the statement itself holds need not be given."""
    connection.execute(insert(events), [made(1), made(2), made(3)])
    newest = Prepared(
        select(events.c.occurred_us)
        .where(events.c.kind == "thing.done", among(events.c.id, bindparam("wanted")))
        .order_by(events.c.seq.desc())
        .limit(1)
    )
    assert newest.ask(connection, {"wanted": [f"{1:032x}", f"{2:032x}"]}) == (2,)
    is_there = Prepared(select(exists().where(events.c.id == bindparam("id"))))
    assert [is_there.ask(connection, {"id": f"{n:032x}"}) for n in (3, 4)] == [(True,), (False,)]


def test_a_change_says_how_many_rows_it_met(connection: Connection) -> None:
    connection.execute(insert(events), [made(1), made(2)])
    remove = Prepared(delete(events).where(events.c.occurred_us >= bindparam("from_us")))
    assert remove.run(connection, {"from_us": 2}) == 1
    assert remove.run(connection, {"from_us": 2}) == 0


def test_a_parameter_that_is_not_given_is_refused(connection: Connection) -> None:
    row = made(1)
    del row["actor"]
    with pytest.raises(KeyError, match="actor"):
        Prepared.insert_into(events).run(connection, row)


def test_a_driver_error_is_sqlalchemys(connection: Connection) -> None:
    """So that it is translated as that of any other statement."""
    into_events = Prepared.insert_into(events)
    into_events.run(connection, made(1))
    with pytest.raises(IntegrityError, match="id"), connection.begin_nested():
        into_events.run(connection, made(1))
    with pytest.raises(IntegrityError), connection.begin_nested():
        into_events.run(connection, made(2), made(1))
    assert read(connection) == [made(1)]


def test_listeners_hear_of_it(connection: Connection) -> None:
    """As of any other statement: before and after, and whether there were several rows."""
    heard: list[tuple[str, bool]] = []
    for when in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(connection, when, lambda *given, when=when: heard.append((when, given[5])))
    Prepared.insert_into(events).run(connection, made(1))
    Prepared.insert_into(events).run(connection, made(2), made(3))
    assert heard == [
        (when, many) for many in (False, True) for when in ("before_cursor_execute", "after_cursor_execute")
    ]


def test_a_server_that_went_away_is_said_and_found_again(records_url: str) -> None:
    """The connection is given to nobody again."""
    records = open_records(records_url)
    if records.dialect != "postgresql":
        pytest.skip("a file has no connection to lose")
    into_events = Prepared.insert_into(events)
    with pytest.raises(UnavailableError), records.write() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with records.read() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({own})")
        into_events.run(connection, made(1))
    with records.write() as connection:
        into_events.run(connection, made(2))
        assert read(connection) == [made(2)]
    records.close()
