"""Backward and forward through the graph, by one recursive query on both databases."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import CTE, Connection, Integer, literal, select

from mainspring.lineage.spec import Direction, Link, Subgraph
from mainspring.lineage.store import assets, assets_by_id, executions_by_id, links, links_of
from mainspring.ports.records.among import among


def walk(connection: Connection, root_ids: Sequence[str], towards: Direction, depth: int | None) -> Subgraph:
    """Everything reachable from any of `root_ids`.

    Args:
        towards: INPUT walks backward to what made it; OUTPUT walks forward to what was made of it.
        depth: how many hops of asset → execution → asset; None = without end.

    A cycle ends the walk on that path: the recursion joins by UNION, which drops what it has seen.
    """
    reached = _reached(connection, root_ids, towards, depth)
    between = _between(connection, reached, towards)
    found = {asset.id: asset for asset in assets_by_id(connection, reached)}
    touched = {link.execution_id for link in between} | {asset.execution_id for asset in found.values()}
    executions = {item.id: item for item in executions_by_id(connection, touched)}
    return Subgraph(tuple(root_ids), found, executions, between, _depths(root_ids, between, towards))


def _between(connection: Connection, reached: set[str], towards: Direction) -> tuple[Link, ...]:
    """The links of every execution that the walk went through, and backward also of those it ended at.

    Found from what made the assets, never from what uses them: a table of holidays is used by everything.
    """
    made_by = select(links.c.execution_id).where(
        among(links.c.asset_id, reached), links.c.direction.in_(_makes(towards))
    )
    makers = set(connection.execute(made_by).scalars())
    walked = {Direction.INPUT, *_makes(towards)}
    found = [
        link for link in links_of(connection, makers) if link.asset_id in reached and link.direction in walked
    ]
    if towards is Direction.INPUT:
        return tuple(found)
    through = {link.execution_id for link in found if link.direction is Direction.INPUT}
    return tuple(link for link in found if link.execution_id in through)


def _reached(
    connection: Connection, root_ids: Sequence[str], towards: Direction, depth: int | None
) -> set[str]:
    recursion = _unbounded(root_ids, towards) if depth is None else _bounded(root_ids, towards, depth)
    query = select(recursion.c.asset_id).group_by(recursion.c.asset_id)
    return {asset_id for (asset_id,) in connection.execute(query)}


def _unbounded(root_ids: Sequence[str], towards: Direction) -> CTE:
    start = select(assets.c.id.label("asset_id")).where(among(assets.c.id, root_ids))
    seen = start.cte("reached", recursive=True)
    near, far = links.alias("near"), links.alias("far")
    step = (
        select(far.c.asset_id)
        .select_from(seen)
        .join(near, (near.c.asset_id == seen.c.asset_id) & near.c.direction.in_(_near(towards)))
        .join(far, (far.c.execution_id == near.c.execution_id) & far.c.direction.in_(_far(towards)))
    )
    return seen.union(step)


def _bounded(root_ids: Sequence[str], towards: Direction, depth: int) -> CTE:
    start = select(assets.c.id.label("asset_id"), literal(0, Integer).label("depth")).where(
        among(assets.c.id, root_ids)
    )
    seen = start.cte("reached", recursive=True)
    near, far = links.alias("near"), links.alias("far")
    step = (
        select(far.c.asset_id, seen.c.depth + 1)
        .select_from(seen)
        .join(near, (near.c.asset_id == seen.c.asset_id) & near.c.direction.in_(_near(towards)))
        .join(far, (far.c.execution_id == near.c.execution_id) & far.c.direction.in_(_far(towards)))
        .where(seen.c.depth < depth)
    )
    return seen.union(step)


def _near(towards: Direction) -> tuple[Direction, ...]:
    """How an asset hangs on the execution that the walk enters by it."""
    return _makes(towards) if towards is Direction.INPUT else (Direction.INPUT,)


def _far(towards: Direction) -> tuple[Direction, ...]:
    """How an asset hangs on the execution that the walk leaves by it."""
    return (Direction.INPUT,) if towards is Direction.INPUT else _makes(towards)


def _makes(towards: Direction) -> tuple[Direction, ...]:
    """How an asset hangs on the execution that it came of.

    Forward, a found output counts: an equal input led to it. Backward it does not: it was not made of that.
    """
    return (Direction.OUTPUT,) if towards is Direction.INPUT else (Direction.OUTPUT, Direction.FOUND)


def _depths(root_ids: Sequence[str], between: tuple[Link, ...], towards: Direction) -> dict[str, int]:
    """Hops from the nearest root, breadth first over the links that the walk found."""
    by_execution: dict[str, list[str]] = {}
    by_asset: dict[str, list[str]] = {}
    for link in between:
        if link.direction in _far(towards):
            by_execution.setdefault(link.execution_id, []).append(link.asset_id)
        else:
            by_asset.setdefault(link.asset_id, []).append(link.execution_id)
    hops = dict.fromkeys(root_ids, 0)
    frontier = list(root_ids)
    while frontier:
        following = []
        for asset_id in frontier:
            for execution_id in by_asset.get(asset_id, ()):
                for other in by_execution.get(execution_id, ()):
                    if other not in hops:
                        hops[other] = hops[asset_id] + 1
                        following.append(other)
        frontier = following
    return hops
