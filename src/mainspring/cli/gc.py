"""`mainspring gc`: what nothing refers to, shown first and deleted when told to."""

from __future__ import annotations

from typing import Annotated

import typer

from mainspring.cli._options import In, Json, age, opened
from mainspring.cli._output import print_json, print_rows
from mainspring.log.bars import drawn


def gc(
    older_than: Annotated[
        str, typer.Option("--older-than", help="Leave what is younger: 36h, 7d or 2w; at least 1h.")
    ] = "7d",
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; else it is only shown.")] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Show what nothing refers to: blobs, staged files, rows that were never published.

    First what the retention rules of the configuration give up, as if each had been deleted by hand. With --delete,
    blobs, staged files and files that compactions and deletions left behind go, in an execution that keeps a receipt.
    What any record mentions stays, save records of what was deleted.
    """
    from mainspring.workflows.gc import collect

    with opened(project) as found:
        done = collect(found, older_than=age(older_than), delete=delete, progress=drawn)
    if json:
        print_json(done)
        return
    for rule in done.retention:
        gives = "Gave up" if delete else "Would give up"
        typer.echo(
            f"{gives} by {rule.name} = {rule.days}: {len(rule.due)} ({rule.size_bytes:,} bytes); "
            f"{rule.n_kept} as old are kept: pinned, in force or needed."
        )
    for log in done.logs:
        typer.echo(
            f"Kept {log.n_rows:,} {log.part.value} of {log.deployment}: it is pinned."
            if log.is_pinned
            else f"{'Gave up' if delete else 'Would give up'} by {log.name} = {log.days}: {log.n_rows:,} "
            f"{log.part.value} of {log.deployment}, on {log.n_days:,} days before {log.before:%Y-%m-%d}."
        )
    if done.event_ids is not None:
        for group, n_ids in done.event_ids.n_ids.items():
            typer.echo(
                f"{'Forgot' if delete else 'Would forget'} by {done.event_ids.name} = {done.event_ids.days}: "
                f"{n_ids:,} ids of events of {group}."
            )
    columns = ["kind", "name", "size_bytes", "since", "deletable"]
    print_rows(done.rubbish, columns, as_json=False, none="Nothing that is not referred to.")
    if done.execution_id is not None:
        typer.echo(f"Deleted {len(done.deleted)} ({done.deleted_bytes:,} bytes); receipt {done.receipt_id}.")
    elif done.size_bytes:
        typer.echo(f"{done.size_bytes:,} bytes could go. Nothing was deleted: add --delete.")
