"""Lineage as people ask for it: of an asset, or of a row that hangs on assets, such as a prediction.

Predictions are rows and not assets, so the graph does not know them. The room that keeps such rows offers
them as `Leaves`, and a walk begins or ends with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.api import Graph
from mainspring.lineage.spec import Subgraph


@dataclass(frozen=True)
class SourceRow:
    """A row of a table that a leaf's value came from.

    Attributes:
        table: what the table is called: a feature group.
        commit_id: the asset of the commit that wrote the row.
        key: the row's key columns and event time, plain JSON.
        values: what was taken from it, plain JSON.
    """

    table: str
    commit_id: str
    key: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Leaf:
    """A row that hangs on assets.

    Attributes:
        id: the row's own id.
        kind: what it is: `prediction`.
        parents: ids of the assets that it was made from, by role.
        rows: the stored rows that its values came from.
        values: what it says, plain JSON.
    """

    id: str
    kind: str
    parents: Mapping[str, str]
    rows: tuple[SourceRow, ...]
    values: Mapping[str, Any]


class Leaves(Protocol):
    """A room's rows that hang on assets."""

    kind: str

    def find(self, leaf_id: str) -> Leaf | None:
        """The row of that id; None if it is not one of these."""

    def touched_by(self, asset_ids: Sequence[str]) -> Sequence[str]:
        """The ids of all rows that hang on any of these assets, in the order they were made."""


@dataclass(frozen=True)
class Origin:
    """Where something came from: the graph behind it, and the leaf itself where it is a leaf."""

    leaf: Leaf | None
    graph: Subgraph


@dataclass(frozen=True)
class Impact:
    """What something touched: assets, and leaves by kind.

    Attributes:
        graph: the assets made of it.
        leaves: ids of rows, by kind, in the order they were made.
        direct: the part of `leaves` that hangs on the root itself, and not only on what was made of it.
    """

    graph: Subgraph
    leaves: Mapping[str, Sequence[str]]
    direct: Mapping[str, Sequence[str]]


class Lineage:
    """Backward from any asset or leaf, forward from any asset."""

    def __init__(self, graph: Graph, leaves: Sequence[Leaves] = ()) -> None:
        self._graph = graph
        self._leaves = tuple(leaves)

    def upstream(self, asset_or_leaf_id: str, depth: int | None = None) -> Origin:
        """Everything that an asset or a leaf was made from.

        Args:
            depth: at most so many hops, from 1; from a leaf to the assets that it hangs on is one. None = to the end.

        Raises:
            InputError: a depth below 1, or an object in place of its id.
            UnknownNameError: it is neither an asset nor a leaf of this project.
        """
        _check_asked(asset_or_leaf_id, depth)
        if self._graph.find_asset(asset_or_leaf_id) is not None:
            return Origin(None, self._graph.upstream(asset_or_leaf_id, depth=depth))
        leaf = self.find_leaf(asset_or_leaf_id)
        if leaf is None:
            kinds = " or ".join(leaves.kind for leaves in self._leaves)
            raise UnknownNameError(
                expected=f"the id of an asset{f' or of a {kinds}' if kinds else ''} of this project",
                got=repr(asset_or_leaf_id),
                where="lineage",
                hint="`mainspring lineage list` shows ids of assets; a prediction's is in its reply and in "
                "`mainspring deployments log NAME`.",
            )
        parents = dict.fromkeys([*leaf.parents.values(), *(row.commit_id for row in leaf.rows)])
        return Origin(leaf, self._graph.upstream(*parents, depth=None if depth is None else depth - 1))

    def downstream(self, asset_id: str, depth: int | None = None) -> Impact:
        """Everything that was made of an asset, and every leaf on it.

        Args:
            depth: at most so many hops, from 1; from an asset to a leaf that hangs on it is one. None = to the end.

        Raises:
            InputError: a depth below 1, or an object in place of its id.
            UnknownNameError: it is not an asset of this project.
        """
        _check_asked(asset_id, depth)
        reached = self._graph.downstream(asset_id, depth=depth)
        everything = [each for each in reached.assets if depth is None or reached.depth[each] < depth]
        return Impact(
            reached,
            {leaves.kind: leaves.touched_by(everything) for leaves in self._leaves},
            {leaves.kind: leaves.touched_by([asset_id]) for leaves in self._leaves},
        )

    def find_leaf(self, leaf_id: str) -> Leaf | None:
        """The leaf of that id; None if no room has it."""
        for leaves in self._leaves:
            if (leaf := leaves.find(leaf_id)) is not None:
                return leaf
        return None


def _check_asked(given: object, depth: int | None) -> None:
    if not isinstance(given, str):
        raise InputError.of_kind(
            "an id", given, "lineage", "Pass its asset_id, or a prediction's id, as text."
        )
    if depth is not None and depth < 1:
        raise InputError(
            expected="a depth of 1 hop or more, or None",
            got=repr(depth),
            where="lineage, depth",
            hint="None walks to the end.",
        )
