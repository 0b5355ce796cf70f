"""Walks over the graph, compared with a search in plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine import Engine

from mainspring.errors import UnknownNameError
from mainspring.lineage import AssetKind, Direction, Graph, Link, store
from mainspring.lineage.store import links
from mainspring.ports.records import schema
from mainspring.ports.records.schema import row


def chain(graph: Graph, length: int) -> list[str]:
    """`length` assets, each made of the one before."""
    ids: list[str] = []
    for number in range(length):
        with graph.execution("step", str(number)) as work:
            if ids:
                work.use(ids[-1])
            ids.append(work.add(AssetKind.ARTIFACT, str(number)).id)
    return ids


def test_backward_and_forward_are_complete(graph: Graph) -> None:
    """On a random graph both walks reach exactly what a breadth-first search reaches."""
    random_numbers = random.Random(7)
    parents: dict[str, set[str]] = {}
    for number in range(60):
        with graph.execution("step", str(number)) as work:
            chosen = random_numbers.sample(sorted(parents), k=min(len(parents), random_numbers.randint(0, 3)))
            for used in chosen:
                work.use(used)
            for _ in range(random_numbers.randint(1, 2)):
                parents[work.add(AssetKind.ARTIFACT, str(number)).id] = set(chosen)
    children: dict[str, set[str]] = {asset: set() for asset in parents}
    for child, used in parents.items():
        for parent in used:
            children[parent].add(child)

    def search(start: str, edges: dict[str, set[str]]) -> dict[str, int]:
        hops, frontier = {start: 0}, [start]
        while frontier:
            asset = frontier.pop(0)
            for other in edges[asset]:
                if other not in hops:
                    hops[other] = hops[asset] + 1
                    frontier.append(other)
        return hops

    for asset in list(parents)[::7]:
        assert graph.upstream(asset).depth == search(asset, parents)
        assert graph.downstream(asset).depth == search(asset, children)
        near = {other for other, hops in search(asset, children).items() if hops <= 2}
        assert set(graph.downstream(asset, depth=2).assets) == near


def test_depth_limits_the_walk(graph: Graph) -> None:
    """Depth counts hops from asset to asset."""
    ids = chain(graph, 6)
    assert set(graph.upstream(ids[5], depth=2).assets) == set(ids[3:])
    assert set(graph.downstream(ids[0], depth=1).assets) == set(ids[:2])
    assert set(graph.upstream(ids[5], depth=0).assets) == {ids[5]}


def test_a_walk_carries_executions_and_links(graph: Graph) -> None:
    """The subgraph can be drawn: every reached asset's execution, and both ends of every link."""
    ids = chain(graph, 4)
    reached = graph.upstream(ids[3])
    assert {execution.name for execution in reached.executions.values()} == {"0", "1", "2", "3"}
    assert len([link for link in reached.links if link.direction is Direction.INPUT]) == 3
    assert {link.asset_id for link in reached.links} <= set(reached.assets)


def test_what_else_a_hub_is_used_for_is_not_read(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backward a walk reads the links of what made the assets; a table of holidays is used by everything."""
    with graph.execution("import", "holidays") as work:
        hub = work.add(AssetKind.SOURCE, "holidays").id
    made = []
    for number in range(30):
        with graph.execution("step", str(number)) as work:
            work.use(hub)
            made.append(work.add(AssetKind.ARTIFACT, str(number)).id)
    read: list[object] = []

    def value(spec: type[Any], mapping: Mapping[Any, Any]) -> Any:
        read.append(spec)
        return schema.value(spec, mapping)

    monkeypatch.setattr(store, "value", value)
    reached = graph.upstream(made[7])
    assert set(reached.assets) == {hub, made[7]}
    assert read.count(Link) == len(reached.links) == 3


def test_depth_costs_no_statements(graph: Graph) -> None:
    """A walk is as many statements for eleven executions as for two."""
    ids = chain(graph, 12)
    counts = []
    for first, last in ((ids[0], ids[2]), (ids[0], ids[11])):
        for walk, root in ((graph.upstream, last), (graph.downstream, first)):
            with statements() as seen:
                walk(root)
            counts.append(len(seen))
    # The root, what is reached, what made it, and the links, assets and executions of that.
    assert counts == [6] * 4


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is handed to the driver, save what begins a transaction."""
    seen: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    yield seen
    event.remove(Engine, "before_cursor_execute", hear)


@pytest.mark.parametrize("depth", [None, 50])
def test_a_cycle_ends_the_walk(graph: Graph, depth: int | None) -> None:
    """Even a graph that was damaged into a cycle is walked to an end."""
    ids = chain(graph, 3)
    first = graph.get_asset(ids[0])
    back = Link(
        execution_id=first.execution_id,
        direction=Direction.INPUT,
        role="damage",
        asset_id=ids[2],
        attributes={},
    )
    with graph.records.write() as connection:
        connection.execute(insert(links), [row(back, graph.project_id)])
    assert set(graph.upstream(ids[1], depth=depth).assets) == set(ids)
    assert set(graph.downstream(ids[1], depth=depth).assets) == set(ids)


def test_an_unknown_root_is_said(graph: Graph) -> None:
    """A walk from nowhere is an error, not an empty graph."""
    with pytest.raises(UnknownNameError):
        graph.upstream("nothing")
