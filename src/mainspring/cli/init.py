"""`mainspring init`: a new project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; it must be new or empty.")],
    template: Annotated[
        str, typer.Option("--template", "-t", help="blank, or flights: what the demo runs.")
    ] = "blank",
    name: Annotated[
        str | None, typer.Option("--name", help="The project's id; else the folder's name.")
    ] = None,
) -> None:
    """Write a new project from a template."""
    from mainspring.workflows.init import init_project

    written = init_project(folder, template=template, name=name)
    typer.echo(f"Wrote {len(written)} files in {folder}:")
    for path in written:
        typer.echo(f"  {path}")
    typer.echo(f"Next: read {folder / 'README.md'}.")
