"""`mainspring models`: versions, packages, aliases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mainspring.cli._options import Archived, In, Json, model_reference, noun, opened
from mainspring.cli._output import print_fields, print_rows

app = noun("Model versions, their packages and aliases.")
Model = Annotated[str, typer.Argument(metavar="MODEL", help="NAME/NUMBER or NAME/ALIAS.")]


@app.command("list")
def list_models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    archived: Archived = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Every model version, with the aliases it carries."""
    with opened(project) as found:
        aliases: dict[tuple[str, int], list[str]] = {}
        for alias in found.models.aliases(name):
            aliases.setdefault((alias.name, alias.number), []).append(alias.alias)
        rows = [
            {**version.model_dump(), "aliases": aliases.get((version.name, version.number), [])}
            for version in found.models.versions(name, archived=archived)
        ]
    columns = ["name", "number", "aliases", "package_digest", "created_at", "asset_id"]
    print_rows(rows, columns, as_json=json, none="No models registered yet.")


@app.command("show")
def show_model(model: Model, project: In = None, json: Json = False) -> None:
    """One version and the package behind it."""
    with opened(project) as found:
        version = found.models.get(*model_reference(model))
        package = found.models.package(version)
    fields = version.model_dump(mode="json")
    signature = package.signature.model_dump(mode="json")
    if json:
        fields["package"] = package.model_dump(mode="json")
    else:
        fields |= {
            "format": package.format,
            "size_bytes": package.size_bytes,
            "files": sorted(package.files),
            "features": [column["name"] for column in signature["columns"]],
            "label": signature["label"],
        }
    print_fields(fields, as_json=json)


@app.command("aliases")
def aliases(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Every move instead of where they stand.")
    ] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Which version carries which alias, or how they moved."""
    with opened(project) as found:
        if history:
            names = [name] if name else found.models.names()
            moves = [move for each in names for move in found.models.alias_history(each)]
            columns = ["name", "alias", "previous_number", "number", "moved_at", "decision_id"]
            print_rows(moves, columns, as_json=json, none="No alias has moved yet.")
        else:
            columns = ["name", "alias", "number", "moved_at", "decision_id"]
            print_rows(found.models.aliases(name), columns, as_json=json, none="No aliases yet.")


@app.command("export")
def export(
    model: Model,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the package's files.")],
    project: In = None,
) -> None:
    """Write a version's package as plain files."""
    with opened(project) as found:
        written = found.models.export(found.models.get(*model_reference(model)), folder)
    typer.echo(str(written))
