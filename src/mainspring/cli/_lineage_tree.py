"""What lineage found, as a tree for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mainspring.cli._output import plain

if TYPE_CHECKING:
    from rich.tree import Tree

    from mainspring.lineage import Asset, Impact, Leaf, Origin, Subgraph

SHOWN: Final = 12
"""Branches of one parent that a tree shows before it counts the rest."""


class LineageTree:
    """Draws one subgraph; an asset is drawn in full once.

    Args:
        numbers: the numbers of the commits in it, by asset id.
    """

    def __init__(self, graph: Subgraph, numbers: Mapping[str, int]) -> None:
        self._graph = graph
        self._numbers = numbers
        self._seen: set[str] = set()

    def backward(self, asset_id: str, origin: Origin) -> Tree:
        """From an asset, or from the leaf of that id, to all that it was made from."""
        from rich.tree import Tree

        if origin.leaf is not None:
            return self._of_leaf(origin.leaf)
        tree = Tree(self._label(asset_id))
        self._add_inputs(tree, self._graph.assets[asset_id])
        return tree

    def forward(self, asset_id: str, impact: Impact) -> Tree:
        """From an asset to all that was made of it, and to the leaves that hang on that."""
        from rich.tree import Tree

        tree = Tree(self._label(asset_id))
        self._seen.add(asset_id)
        self._add_outputs(tree, asset_id)
        for kind, ids in impact.leaves.items():
            direct = len(impact.direct.get(kind, ()))
            _add_some(
                tree.add(f"{len(ids)} {kind}(s) touched, {direct} of them by its own values"), list(ids)
            )
        return tree

    def _of_leaf(self, leaf: Leaf) -> Tree:
        from rich.tree import Tree

        tree = Tree(f"{leaf.kind} {leaf.id}")
        _add_values(tree.add("says"), leaf.values)
        rows = tree.add(f"made from {len(leaf.rows)} stored row(s)")
        for row in leaf.rows:
            key = ", ".join(f"{name}={_brief(value)}" for name, value in plain(row.key).items())
            branch = rows.add(f"{row.table}  {key}")
            _add_values(branch, row.values)
            self._add(branch, row.commit_id)
        for role, parent_id in leaf.parents.items():
            if parent_id in self._graph.assets:
                self._add(tree.add(role), parent_id)
        return tree

    def _add(self, branch: Tree, asset_id: str) -> None:
        asset = self._graph.assets.get(asset_id)
        if asset is None:
            return
        if asset_id in self._seen:
            branch.add(f"{self._label(asset_id)}  (shown above)")
        else:
            self._add_inputs(branch.add(self._label(asset_id)), asset)

    def _add_inputs(self, branch: Tree, asset: Asset) -> None:
        self._seen.add(asset.id)
        execution = self._graph.executions.get(asset.execution_id)
        if execution is None:
            return
        code = f"code {execution.code_digest[:12]}" + (
            f", commit {execution.code_commit[:10]}" if execution.code_commit else ""
        )
        dirty = " with local changes" if execution.code_dirty else ""
        work = branch.add(f"by {execution.kind} {execution.name}, {execution.actor}, {code}{dirty}")
        inputs = self._linked((execution.id,), made=False)
        for asset_id in inputs[:SHOWN]:
            self._add(work, asset_id)
        _say_rest(work, inputs)

    def _add_outputs(self, branch: Tree, asset_id: str) -> None:
        users = {
            link.execution_id
            for link in self._graph.links
            if link.asset_id == asset_id and link.direction == "input"
        }
        fresh = [made for made in dict.fromkeys(self._linked(users, made=True)) if made not in self._seen]
        self._seen.update(fresh)
        for made in fresh[:SHOWN]:
            self._add_outputs(branch.add(self._label(made)), made)
        _say_rest(branch, fresh)

    def _linked(self, execution_ids: Iterable[str], *, made: bool) -> list[str]:
        """The assets that executions made, or used."""
        wanted = set(execution_ids)
        return [
            link.asset_id
            for link in self._graph.links
            if link.execution_id in wanted
            and (link.direction != "input") is made
            and link.asset_id in self._graph.assets
        ]

    def _label(self, asset_id: str) -> str:
        asset = self._graph.assets[asset_id]
        return f"{_named(asset, self._numbers.get(asset_id))}  {asset_id}"


def _named(asset: Asset, commit_number: int | None) -> str:
    """An asset as people write it elsewhere: `weather@1`, `flight_delay/3`."""
    kind, attributes = asset.kind.value, asset.attributes
    if "version" in attributes and kind in ("commit", "feature_view"):
        name = f"{asset.name}@{attributes['version']}"
        return f"{kind} {name}" if commit_number is None else f"{kind} {commit_number} of {name}"
    if kind == "model_version":
        return f"{kind} {asset.name}/{attributes['number']}"
    number = attributes.get("number")
    return f"{kind} {asset.name} {number}" if isinstance(number, int) else f"{kind} {asset.name}"


def _add_values(branch: Tree, values: Mapping[str, Any]) -> None:
    for name, value in plain(values).items():
        branch.add(f"{name} = {_brief(value)}")


def _add_some(branch: Tree, ids: list[str]) -> None:
    for each in ids[:SHOWN]:
        branch.add(each)
    _say_rest(branch, ids)


def _say_rest(branch: Tree, listed: list[str]) -> None:
    if len(listed) > SHOWN:
        branch.add(f"… and {len(listed) - SHOWN} more; see --json")


def _brief(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
