"""Backward and forward through the graph, by one recursive query on both databases."""

from __future__ import annotations

from sqlalchemy import CTE, Connection, Integer, String, func, literal, select

from mainspring.lineage.spec import Direction, Link, Subgraph
from mainspring.lineage.store import assets_by_id, executions_by_id, links, links_of


def walk(connection: Connection, root_id: str, towards: Direction, depth: int | None) -> Subgraph:
    """Everything reachable from `root_id`.

    Args:
        towards: INPUT walks backward to what made it; OUTPUT walks forward to what was made of it.
        depth: how many hops of asset → execution → asset; None = without end.

    A cycle ends the walk on that path: the recursion joins by UNION, which drops what it has seen.
    """
    reached = _reached(connection, root_id, towards, depth)
    found = {asset.id: asset for asset in assets_by_id(connection, reached)}
    if towards is Direction.INPUT:
        candidates = {asset.execution_id for asset in found.values()}
    else:
        candidates = {asset.execution_id for asset in found.values() if asset.id != root_id}
    between = tuple(link for link in links_of(connection, candidates) if link.asset_id in found)
    touched = {link.execution_id for link in between} | {found[root_id].execution_id}
    executions = {item.id: item for item in executions_by_id(connection, touched)}
    return Subgraph(
        root_id, found, executions, between, depth=_depths(root_id, between, towards, reached)
    )


def _reached(connection: Connection, root_id: str, towards: Direction, depth: int | None) -> set[str]:
    recursion = _unbounded(root_id, towards) if depth is None else _bounded(root_id, towards, depth)
    query = select(recursion.c.asset_id).group_by(recursion.c.asset_id)
    return {asset_id for (asset_id,) in connection.execute(query)}


def _unbounded(root_id: str, towards: Direction) -> CTE:
    start = select(literal(root_id, String).label("asset_id"))
    seen = start.cte("reached", recursive=True)
    near, far = links.alias("near"), links.alias("far")
    step = (
        select(far.c.asset_id)
        .select_from(seen)
        .join(near, (near.c.asset_id == seen.c.asset_id) & (near.c.direction == _opposite(towards)))
        .join(far, (far.c.execution_id == near.c.execution_id) & (far.c.direction == towards))
    )
    return seen.union(step)


def _bounded(root_id: str, towards: Direction, depth: int) -> CTE:
    start = select(literal(root_id, String).label("asset_id"), literal(0, Integer).label("depth"))
    seen = start.cte("reached", recursive=True)
    near, far = links.alias("near"), links.alias("far")
    step = (
        select(far.c.asset_id, seen.c.depth + 1)
        .select_from(seen)
        .join(near, (near.c.asset_id == seen.c.asset_id) & (near.c.direction == _opposite(towards)))
        .join(far, (far.c.execution_id == near.c.execution_id) & (far.c.direction == towards))
        .where(seen.c.depth < depth)
    )
    return seen.union(step)


def _opposite(towards: Direction) -> Direction:
    return Direction.OUTPUT if towards is Direction.INPUT else Direction.INPUT


def _depths(
    root_id: str, between: tuple[Link, ...], towards: Direction, reached: set[str]
) -> dict[str, int]:
    """Hops from the root, breadth first over the links that the walk found."""
    by_execution: dict[str, list[str]] = {}
    by_asset: dict[str, list[str]] = {}
    for link in between:
        if link.direction is towards:
            by_execution.setdefault(link.execution_id, []).append(link.asset_id)
        else:
            by_asset.setdefault(link.asset_id, []).append(link.execution_id)
    hops = {root_id: 0}
    frontier = [root_id]
    while frontier:
        following = []
        for asset_id in frontier:
            for execution_id in by_asset.get(asset_id, ()):
                for other in by_execution.get(execution_id, ()):
                    if other not in hops and other in reached:
                        hops[other] = hops[asset_id] + 1
                        following.append(other)
        frontier = following
    return hops


def count_reached(connection: Connection, root_id: str, towards: Direction) -> int:
    """How many assets a walk without end would reach, the root included."""
    recursion = _unbounded(root_id, towards)
    query = select(func.count()).select_from(select(recursion.c.asset_id).distinct().subquery())
    return int(connection.execute(query).scalar_one())
