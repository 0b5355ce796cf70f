"""`mainspring backup` and `mainspring restore`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from mainspring.cli._options import In, Json, opened, say_as_configured
from mainspring.cli._output import print_fields
from mainspring.errors import MainspringError
from mainspring.log.bars import drawn


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where backups are kept; made if missing.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read what DIR has already; copy again what is damaged there.")
    ] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Copy the project into DIR, consistent while it is in use.

    What DIR has already is not copied again. The online store is left out: a restore materialises it anew.
    """
    from mainspring.workflows.backup.make import make_backup

    with opened(project) as found:
        print_fields(make_backup(found, folder, verify=verify, progress=drawn), as_json=json)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where backups are kept.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="The new home; must not exist, or be empty.")
    ],
    number: Annotated[
        int | None, typer.Option("--number", help="Which backup in DIR; else the newest.")
    ] = None,
    records: Annotated[
        str | None,
        typer.Option("--records", help="An empty PostgreSQL database for the records; else SQLite."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a project of a backup: verified, and whole or not at all."""
    from mainspring.workflows.backup.restore import restore_backup

    with suppress(MainspringError):
        # What is restored has no configuration yet; that of the present folder counts, if there is any.
        say_as_configured(None)
    made = restore_backup(folder, target, number=number, records_url=records, progress=drawn)
    print_fields(made, as_json=json)
