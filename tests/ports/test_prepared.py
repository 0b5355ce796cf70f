"""Prepared statements give the driver what SQLAlchemy would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, delete, exists, insert, select

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


def test_lists_and_fixed_parameters_are_bound(connection: Connection) -> None:
    """A list of ids is one parameter, and what the statement itself holds need not be given."""
    connection.execute(insert(events), [made(1), made(2), made(3)])
    newest = Prepared(
        select(events.c.occurred_us)
        .where(events.c.kind == "thing.done", among(events.c.id, bindparam("wanted")))
        .order_by(events.c.seq.desc())
        .limit(1)
    )
    assert newest.run(connection, {"wanted": [f"{1:032x}", f"{2:032x}"]}).scalar_one() == 2
    assert newest.run(connection, {"wanted": []}).scalar_one_or_none() is None
    is_there = Prepared(select(exists().where(events.c.id == bindparam("id"))))
    assert [bool(is_there.run(connection, {"id": f"{n:032x}"}).scalar_one()) for n in (3, 4)] == [True, False]


def test_a_change_says_how_many_rows_it_met(connection: Connection) -> None:
    connection.execute(insert(events), [made(1), made(2)])
    remove = Prepared(delete(events).where(events.c.occurred_us >= bindparam("from_us")))
    assert remove.run(connection, {"from_us": 2}).rowcount == 1
    assert remove.run(connection, {"from_us": 2}).rowcount == 0


def test_a_parameter_that_is_not_given_is_refused(connection: Connection) -> None:
    row = made(1)
    del row["actor"]
    with pytest.raises(KeyError, match="actor"):
        Prepared.insert_into(events).run(connection, row)
