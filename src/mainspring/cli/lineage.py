"""`mainspring lineage`: backward from a prediction or an asset, forward from an asset, out to other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from mainspring.cli._options import In, Json, Reason, Skipped, find_skip, noun, opened
from mainspring.cli._output import print_fields, print_json, print_rows, print_tree

if TYPE_CHECKING:
    from mainspring.cli._lineage_tree import LineageTree
    from mainspring.lineage import Subgraph
    from mainspring.project import Project

app = noun("Where things came from, what they touched.")
Id = Annotated[str, typer.Argument(metavar="ID", help="An asset's id: 32 hex digits.")]
LeafId = Annotated[
    str, typer.Argument(metavar="ID", help="An asset's id, or a prediction's as the reply or the log has it.")
]
Depth = Annotated[
    int | None, typer.Option("--depth", min=1, help="At most so many hops from there; else to the end.")
]
FORMATS: Final = ("openlineage", "prov")


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
        tree = _tree(found, origin.graph).backward(asset_id, origin)
    if json:
        print_json({"leaf": origin.leaf, **origin.graph.to_dict()})
        return
    print_tree(tree)


def _tree(project: Project, graph: Subgraph) -> LineageTree:
    from mainspring.cli._lineage_tree import LineageTree

    return LineageTree(graph, project.features.commit_numbers(graph.assets))


@app.command("downstream")
def downstream(asset_id: Id, depth: Depth = None, project: In = None, json: Json = False) -> None:
    """Everything that was made of an asset, and every prediction it touched, as a tree."""
    with opened(project) as found:
        impact = found.lineage.downstream(asset_id, depth)
        tree = _tree(found, impact.graph).forward(asset_id, impact)
    if json:
        print_json({"leaves": impact.leaves, "direct": impact.direct, **impact.graph.to_dict()})
        return
    print_tree(tree)


@app.command("export")
def export(
    asset_id: LeafId,
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
    skip: Skipped = None,
    reason: Reason = "",
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
        passed_over = find_skip(skip, reason)
        n_delivered = delivery.run(skip=passed_over)
        if passed_over is not None:
            passed_over.check_used()
    if json:
        print_json({"url": delivery.url, "n_delivered": n_delivered})
        return
    typer.echo(f"{n_delivered} event(s) delivered to {delivery.url}")
