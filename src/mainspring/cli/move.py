"""`mainspring move`: the records to another database."""

from __future__ import annotations

from typing import Annotated

import typer

from mainspring.cli._options import In, Json
from mainspring.cli._output import print_fields, print_rows, progress
from mainspring.errors import InputError


def move(
    to_records: Annotated[
        str | None,
        typer.Option(
            "--to-records", metavar="URL", help="An empty database for the records: postgresql: or sqlite:."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be moved and what stands in the way.")
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="Give an interrupted move up: the old place is in use again.")
    ] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Move the project's records to another database.

    Stop servers and let runs end first. Nothing can be written meanwhile; the configuration names the new place only
    when all is there and was compared. An interrupted move goes on with the same command. The old place stays, fenced.
    """
    from mainspring.workflows.move import run

    if abort == (to_records is not None) or (abort and dry_run):
        raise InputError(
            expected="one of --to-records and --abort",
            got="neither" if not abort else "more",
            where="mainspring move",
            hint="For example: mainspring move --to-records postgresql://user@host/database",
        )
    if to_records is None:
        print_fields(run.abort(project), as_json=json)
        return
    if not dry_run:
        print_fields(run.move_records(project, to_records, progress=progress), as_json=json)
        return
    found = run.survey(project, to_records)
    if json:
        print_fields(found, as_json=True)
    else:
        print_fields(found.model_dump(exclude={"parts", "obstacles"}), as_json=False)
        rows = [{"part": name, "rows": n} for name, n in found.parts.items() if n]
        print_rows(rows, ["part", "rows"], as_json=False, none="Nothing to move.")
        for each in found.obstacles:
            typer.echo(f"\nIN THE WAY {each.what}\n  where: {each.where}\n  do:    {each.do}")
    if found.obstacles:
        raise typer.Exit(1)
