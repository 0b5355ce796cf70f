"""`mainspring move`: the records to another database, or the home to another folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainspring.cli._options import In, Json
from mainspring.cli._output import print_fields, print_rows
from mainspring.errors import InputError
from mainspring.log.bars import drawn

if TYPE_CHECKING:
    from mainspring.workflows.move.spec import Survey


def move(
    to_records: Annotated[
        str | None,
        typer.Option(
            "--to-records", metavar="URL", help="An empty database for the records: postgresql: or sqlite:."
        ),
    ] = None,
    to_home: Annotated[
        Path | None,
        typer.Option("--to-home", metavar="DIR", help="The new home; must not exist, or be empty."),
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
    """Move the project's records to another database, or its home to another folder.

    Stop servers and let runs end first. Nothing can be written meanwhile; the configuration names the new place only
    when all is there and was compared. An interrupted move goes on with the same command. The old place stays, fenced.
    """
    from mainspring.workflows.move import home, run

    _check_aim([to_records is not None, to_home is not None, abort], dry_run and abort)
    if to_records is not None:
        found = run.survey(project, to_records) if dry_run else None
        done = None if dry_run else run.move_records(project, to_records, progress=drawn)
    elif to_home is not None:
        found = home.survey_home(project, to_home) if dry_run else None
        done = None if dry_run else home.move_home(project, to_home, progress=drawn)
    else:
        print_fields(run.abort(project), as_json=json)
        return
    if done is not None:
        print_fields(done, as_json=json)
    if found is not None:
        _show(found, as_json=json)


def _check_aim(aims: list[bool], aborts_dry: bool) -> None:
    if sum(aims) == 1 and not aborts_dry:
        return
    raise InputError(
        expected="one of --to-records, --to-home and --abort",
        got="none" if not any(aims) else "more",
        where="mainspring move",
        hint="For example: mainspring move --to-home /disk/shop. To move both, move the records first: what lies in "
        "the home then goes along with it.",
    )


def _show(found: Survey, *, as_json: bool) -> None:
    if as_json:
        print_fields(found, as_json=True)
    else:
        print_fields(found.model_dump(exclude={"parts", "obstacles"}), as_json=False)
        rows = [{"part": name, "n": n} for name, n in found.parts.items() if n]
        print_rows(rows, ["part", "n"], as_json=False, none="Nothing to move.")
        for each in found.obstacles:
            typer.echo(f"\nIN THE WAY {each.what}\n  where: {each.where}\n  do:    {each.do}")
    if found.obstacles:
        raise typer.Exit(1)
