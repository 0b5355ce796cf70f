"""`mainspring upgrade`: a project of an older version, migrated on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mainspring.cli._options import In, Json
from mainspring.cli._output import print_json
from mainspring.log.bars import drawn


def upgrade(
    backup: Annotated[
        Path | None,
        typer.Option("--backup", metavar="DIR", help="Back the project up into DIR first, as it is."),
    ] = None,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Migrate without a backup.")] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Bring a project that an older mainspring made to this version's schema.

    One of --backup and --no-backup must be said where there is something to migrate. Stop servers and pipelines
    first: what they write after the backup is not in it.
    """
    from mainspring.workflows import upgrade as workflow

    done = workflow.upgrade(project, backup=backup, without_backup=no_backup, progress=drawn)
    if json:
        print_json(done)
    elif not done.upgraded:
        typer.echo(f"Nothing to upgrade: revision {done.to_revision} is this version's.")
    else:
        if done.backup is not None:
            typer.echo(f"Backed up: number {done.backup.number} in {done.backup.folder}")
        maker = f" (mainspring {done.from_version})" if done.from_version else ""
        typer.echo(
            f"Upgraded from revision {done.from_revision}{maker} "
            f"to revision {done.to_revision} (mainspring {done.to_version})."
        )
