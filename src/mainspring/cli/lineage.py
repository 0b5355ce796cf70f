"""`mainspring lineage`: backward from a prediction or an asset, forward from an asset, out to other tools."""

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
FORMATS: Final = ("openlineage", "prov")
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


@app.command("export")
def export(
    asset_id: Id,
    form: Annotated[
        str, typer.Option("--format", help="prov: one PROV-JSON document; openlineage: a run event a line.")
    ],
    forward: Annotated[
        bool, typer.Option("--downstream", help="What was made of it, instead of what it was made from.")
    ] = False,
    depth: Depth = None,
    project: In = None,
) -> None:
    """Print the lineage of a prediction or an asset in a form that other tools read."""
    from mainspring.errors import UnknownNameError

    if form not in FORMATS:
        raise UnknownNameError.of("format", form, FORMATS, "--format")
    with opened(project) as found:
        leaf = None
        if forward:
            graph = found.lineage.downstream(asset_id, depth).graph
        else:
            origin = found.lineage.upstream(asset_id, depth)
            graph, leaf = origin.graph, origin.leaf
        if form == "prov":
            from mainspring.lineage.prov import document

            print_json(document(graph, found.config.project.id, leaf))
            return
        from mainspring.lineage.openlineage import line, run_events

        for work in found.graph.works(graph.executions):
            for event in run_events(work, found.openlineage_namespace):
                typer.echo(line(event))


@app.command("deliver")
def deliver(
    again: Annotated[bool, typer.Option("--again", help="Begin with the oldest event once more.")] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Deliver, as OpenLineage, what the event log has and the destination in openlineage.url has not."""
    from mainspring.errors import StateError

    with opened(project) as found:
        delivery = found.find_delivery()
        if delivery is None:
            raise StateError(
                expected="a destination",
                got="none is configured",
                where="openlineage.url",
                hint="Set it in mainspring.toml, for example: url = 'file:{home}/openlineage.ndjson'.",
            )
        if again:
            delivery.rewind()
        n_delivered = delivery.run()
    if json:
        print_json({"url": delivery.url, "n_delivered": n_delivered})
        return
    typer.echo(f"{n_delivered} event(s) delivered to {delivery.url}")


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
