"""Objects in JSON columns, changed and asked by statements: the same on both databases."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, update

from mainspring.lineage import Graph
from mainspring.ports.records.merged import as_text, member, merged
from mainspring.tracking.store import params, runs

ROW = {
    "project_id": "test",
    "id": "run",
    "number": 1,
    "experiment": "e",
    "name": "n",
    "parent_id": None,
    "asset_id": "a",
    "tags": {"kept": "1"},
    "environment": None,
    "created_us": 0,
    "execution_id": "run",
}


@pytest.fixture(autouse=True)
def _row(graph: Graph) -> None:
    with graph.records.write() as connection:
        connection.execute(runs.insert().values(**ROW))


def change(graph: Graph, changes: dict[str, str | None]) -> None:
    with graph.records.write() as connection:
        connection.execute(update(runs).values(tags=merged(runs.c.tags, changes)))


def tags(graph: Graph) -> dict[str, str]:
    with graph.records.read() as connection:
        found: dict[str, str] = connection.execute(select(runs.c.tags)).scalar_one()
    return found


def test_members_are_set_and_taken_away(graph: Graph) -> None:
    change(graph, {"a.b c/d": 'it\'s "é"', "gone": "x"})
    change(graph, {"gone": None, "never": None, "kept": "2"})
    assert tags(graph) == {"kept": "2", "a.b c/d": 'it\'s "é"'}
    change(graph, {})
    assert len(tags(graph)) == 2


def test_no_writers_change_is_lost(graph: Graph) -> None:
    threads = [threading.Thread(target=change, args=(graph, {f"t{n}": "x"})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(tags(graph)) == {"kept", *(f"t{n}" for n in range(8))}


@pytest.mark.parametrize("name", ["kept", "a.b", 'say "so"', "$", "5", "é", "[0]", "a'b", "x\\y"])
def test_members_are_found_by_any_name(graph: Graph, name: str) -> None:
    change(graph, {name: "there"})
    with graph.records.read() as connection:
        assert connection.execute(select(member(runs.c.tags, name))).scalar_one() == "there"
        assert connection.execute(select(member(runs.c.tags, f"{name} not"))).scalar_one() is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("6", "6"),
        (6, "6"),
        (0.5, "0.5"),
        (1e-05, "1e-05"),
        (True, "true"),
        ('a"b', 'a"b'),
        ([1, "x"], '[1,"x"]'),
    ],
)
def test_texts_of_values(graph: Graph, value: object, text: str) -> None:
    """A text is itself, anything else its JSON."""
    with graph.records.write() as connection:
        row = {"project_id": "test", "run_id": "run", "key": "p", "value": value, "digest": ""}
        connection.execute(params.insert().values(**row))
    with graph.records.read() as connection:
        assert connection.execute(select(as_text(params.c.value))).scalar_one() == text
