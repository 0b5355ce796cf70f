"""`mainspring lineage`: backward from a prediction or an asset, forward from an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mainspring.cli._options import In, Json, noun, opened
from mainspring.cli._output import plain, print_fields, print_json, print_rows, print_tree

if TYPE_CHECKING:
    from rich.tree import Tree

    from mainspring.lineage import Asset, Subgraph

app = noun("Where things came from, what they touched.")
Id = Annotated[str, typer.Argument(metavar="ID", help="An asset's id: 32 hex digits.")]
LeafId = Annotated[
    str, typer.Argument(metavar="ID", help="An asset's id, or a prediction's as the reply or the log has it.")
]
Depth = Annotated[int | None, typer.Option("--depth", min=1, help="At most so many hops; else to the end.")]
SHOWN: Final = 12
"""Branches of one parent that a tree shows before it counts the rest."""


@app.command("list")
def list_assets(
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind of asset.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only assets of this name.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many of the newest.")] = 30,
    project: In = None,
    json: Json = False,
) -> None:
    """The newest assets, newest last."""
    from mainspring.errors import UnknownNameError
    from mainspring.lineage import AssetKind

    kinds = [each.value for each in AssetKind]
    if kind is not None and kind not in kinds:
        raise UnknownNameError.of("kind of asset", kind, kinds, "--kind")
    with opened(project) as found:
        rows = found.graph.find_assets(kind=None if kind is None else AssetKind(kind), name=name)[-limit:]
    print_rows(rows, ["kind", "name", "created_at", "id"], as_json=json, none="No assets yet.")


@app.command("show")
def show_asset(asset_id: Id, project: In = None, json: Json = False) -> None:
    """One asset, the execution that made it, and the evidence about it."""
    with opened(project) as found:
        asset = found.graph.get_asset(asset_id)
        execution = found.graph.find_execution(asset.execution_id)
        evidence = found.graph.evidence_for(asset_id)
    if json:
        print_json({"asset": asset, "execution": execution, "evidence": evidence})
        return
    print_fields(asset, as_json=False)
    typer.echo("\nmade by")
    print_fields(execution, as_json=False)
    typer.echo("\nevidence")
    columns = ["kind", "name", "verdict", "trigger", "actor", "created_at"]
    print_rows(evidence, columns, as_json=False, none="None.")


@app.command("upstream")
def upstream(asset_id: LeafId, depth: Depth = None, project: In = None, json: Json = False) -> None:
    """Everything that a prediction or an asset was made from, as a tree."""
    with opened(project) as found:
        origin = found.lineage.upstream(asset_id, depth)
    if json:
        print_json({"leaf": origin.leaf, **origin.graph.to_dict()})
        return
    print_tree(_backward(asset_id, origin))


@app.command("downstream")
def downstream(asset_id: Id, depth: Depth = None, project: In = None, json: Json = False) -> None:
    """Everything that was made of an asset, and every prediction it touched, as a tree."""
    with opened(project) as found:
        impact = found.lineage.downstream(asset_id, depth)
    if json:
        print_json({"leaves": impact.leaves, "direct": impact.direct, **impact.graph.to_dict()})
        return
    tree = _forward(asset_id, impact.graph)
    for kind, ids in impact.leaves.items():
        direct = len(impact.direct.get(kind, ()))
        branch = tree.add(f"{len(ids)} {kind}(s) touched, {direct} of them by its own values")
        _capped(branch, list(ids), str)
    print_tree(tree)


@app.command("events")
def events(
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind of event.")] = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Only entries after this number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    project: In = None,
    json: Json = False,
) -> None:
    """The append-only log, in the order in which entries became visible."""
    with opened(project) as found:
        rows = found.graph.events(after_seq=after, kinds=None if kind is None else [kind], limit=limit)
    print_rows(rows, ["seq", "kind", "subject", "actor", "occurred_at"], as_json=json, none="No events.")


def _backward(asset_id: str, origin: Any) -> Tree:
    from rich.tree import Tree

    graph: Subgraph = origin.graph
    seen: set[str] = set()
    if origin.leaf is None:
        tree = Tree(_label(graph.assets[asset_id]))
        _add_inputs(tree, graph.assets[asset_id], graph, seen)
        return tree
    leaf = origin.leaf
    tree = Tree(f"{leaf.kind} {leaf.id}")
    values = tree.add("says")
    for name, value in plain(leaf.values).items():
        values.add(f"{name} = {_brief(value)}")
    rows = tree.add(f"made from {len(leaf.rows)} stored row(s)")
    for row in leaf.rows:
        key = ", ".join(f"{name}={_brief(value)}" for name, value in plain(row.key).items())
        branch = rows.add(f"{row.table}  {key}")
        for name, value in plain(row.values).items():
            branch.add(f"{name} = {_brief(value)}")
        if row.commit_id in graph.assets:
            _add(branch, graph.assets[row.commit_id], graph, seen)
    for role, parent in leaf.parents.items():
        if parent in graph.assets:
            _add(tree.add(role), graph.assets[parent], graph, seen)
    return tree


def _add(branch: Tree, asset: Asset, graph: Subgraph, seen: set[str]) -> None:
    if asset.id in seen:
        branch.add(f"{_label(asset)}  (shown above)")
        return
    _add_inputs(branch.add(_label(asset)), asset, graph, seen)


def _add_inputs(branch: Tree, asset: Asset, graph: Subgraph, seen: set[str]) -> None:
    seen.add(asset.id)
    execution = graph.executions.get(asset.execution_id)
    if execution is None:
        return
    code = f"code {execution.code_digest[:12]}" + (
        f", commit {execution.code_commit[:10]}" if execution.code_commit else ""
    )
    dirty = " with local changes" if execution.code_dirty else ""
    work = branch.add(f"by {execution.kind} {execution.name}, {execution.actor}, {code}{dirty}")
    inputs = [
        graph.assets[link.asset_id]
        for link in graph.links
        if link.execution_id == execution.id and link.direction == "input" and link.asset_id in graph.assets
    ]
    for each in inputs[:SHOWN]:
        _add(work, each, graph, seen)
    if len(inputs) > SHOWN:
        work.add(f"… and {len(inputs) - SHOWN} more; see --json")


def _forward(asset_id: str, graph: Subgraph) -> Tree:
    from rich.tree import Tree

    tree = Tree(_label(graph.assets[asset_id]))
    _add_outputs(tree, asset_id, graph, {asset_id})
    return tree


def _add_outputs(branch: Tree, asset_id: str, graph: Subgraph, seen: set[str]) -> None:
    users = [
        link.execution_id for link in graph.links if link.asset_id == asset_id and link.direction == "input"
    ]
    made = [
        graph.assets[link.asset_id]
        for link in graph.links
        if link.execution_id in users and link.direction != "input" and link.asset_id in graph.assets
    ]
    fresh = [asset for asset in {asset.id: asset for asset in made}.values() if asset.id not in seen]
    seen |= {asset.id for asset in fresh}
    for asset in fresh[:SHOWN]:
        _add_outputs(branch.add(_label(asset)), asset.id, graph, seen)
    if len(fresh) > SHOWN:
        branch.add(f"… and {len(fresh) - SHOWN} more; see --json")


def _capped(branch: Tree, items: list[Any], label: Any) -> None:
    for item in items[:SHOWN]:
        branch.add(label(item))
    if len(items) > SHOWN:
        branch.add(f"… and {len(items) - SHOWN} more; see --json")


def _label(asset: Asset) -> str:
    number = asset.attributes.get("number") or asset.attributes.get("version")
    name = f"{asset.name} {number}" if isinstance(number, int) else asset.name
    return f"{asset.kind.value} {name}  {asset.id}"


def _brief(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
