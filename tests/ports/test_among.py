"""Rows by a list of texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Text, column, literal, select, union_all

from mainspring.ports.records import open_records
from mainspring.ports.records.among import among

# PostgreSQL keeps no zero character in a text, and neither database a lone surrogate.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)


@pytest.fixture
def connection(records_url: str) -> Iterator[Connection]:
    """A snapshot of an empty database."""
    records = open_records(records_url)
    with records.read() as opened:
        yield opened
    records.close()


def found(connection: Connection, rows: list[str], wanted: list[str]) -> list[str]:
    rows_by = [select(literal(row, Text).label("name")) for row in rows]
    names = union_all(*rows_by).subquery()
    return list(connection.execute(select(names.c.name).where(among(names.c.name, wanted))).scalars())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(rows=st.lists(TEXTS, min_size=1, max_size=8), wanted=st.lists(TEXTS, max_size=8))
def test_it_finds_what_a_loop_would(connection: Connection, rows: list[str], wanted: list[str]) -> None:
    """Whatever the texts hold: quotes, braces, commas, backslashes, nothing."""
    wanted += rows[::2]
    assert sorted(found(connection, rows, wanted)) == sorted(row for row in rows if row in wanted)


def test_nothing_wanted_is_nothing_found(connection: Connection) -> None:
    """An empty list is a list."""
    assert found(connection, ["a"], []) == []


def test_more_than_a_statement_has_parameters(connection: Connection) -> None:
    """SQLite takes 32,766 of them and PostgreSQL 65,535."""
    assert found(connection, ["7", "x"], [str(number) for number in range(70_000)]) == ["7"]


def test_the_statement_is_the_same_for_any_number(connection: Connection) -> None:
    """It is compiled and planned once."""
    one, many = (among(column("name", Text), wanted) for wanted in (["a"], ["a", "b", "c"]))
    assert str(one.compile(connection.engine)) == str(many.compile(connection.engine))
    assert one._generate_cache_key() == many._generate_cache_key()
