"""`mainspring doctor`: what is wrong with a project, and what to do about it."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from mainspring.cli._options import In, Json, say_as_configured
from mainspring.cli._output import print_json, print_rows
from mainspring.errors import MainspringError
from mainspring.log.bars import drawn


def doctor(
    project: In = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Presence and sizes, and the newest events; no other digest is computed, no row of a table read.",
        ),
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what is safe to repair, then look again.")
    ] = False,
    json: Json = False,
) -> None:
    """Look the project over: what is damaged, missing or left over, and what to do.

    Exit code 1 where there is an error, 0 otherwise; warnings and information are no errors.
    """
    from mainspring.workflows.doctor.examine import examine

    with suppress(MainspringError):
        # What is wrong with the configuration is among the findings.
        say_as_configured(project)
    found = examine(project, quick=quick, mend=repair, progress=drawn)
    if json:
        print_json({**found.model_dump(mode="json"), "healthy": found.healthy})
    else:
        for done in found.repaired:
            typer.echo(f"Repaired: {done.done} (execution {done.execution_id})")
        print_rows(found.findings, ["check", "severity", "what"], as_json=False, none="")
        for finding in found.problems:
            typer.echo(f"\n{finding.severity.upper()} {finding.what}")
            typer.echo(f"  where: {finding.where}\n  do:    {finding.do}")
    if not found.healthy:
        raise typer.Exit(1)
