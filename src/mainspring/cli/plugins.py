"""`mainspring plugins`: what other distributions add."""

from __future__ import annotations

import typer

from mainspring.cli._options import Json, noun
from mainspring.cli._output import print_rows

app = noun("Plug-ins: what installed distributions add to mainspring.")


@app.command("list")
def list_plugins(json: Json = False) -> None:
    """Every plug-in that is installed in this environment, and whether it can be used. Each is imported to tell."""
    from mainspring.workflows.plugins import list_plugins as listed

    rows = listed()
    columns = ["group", "name", "distribution", "version", "target", "state"]
    print_rows(rows, columns, as_json=json, none="No plug-ins are installed.")
    if not json:
        for row in rows:
            if row.problem:
                typer.echo(f"\n{row.name} of {row.distribution} {row.version}: {row.problem}")
