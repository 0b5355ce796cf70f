"""`mainspring archive`, `unarchive` and `delete`: the same for every noun, with what depends on a thing shown first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainspring.cli._options import In, Json, opened
from mainspring.cli._output import print_json, print_rows

if TYPE_CHECKING:
    from mainspring.workflows.lifecycle import Decision

Noun = Annotated[
    str,
    typer.Argument(
        metavar="NOUN",
        help="feature_group, feature_view, training_dataset, experiment, run, model, model_version or monitor.",
    ),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="NAME@VERSION, NAME/NUMBER, the id of a run or training dataset, or its name.",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in your words; kept with it.")]


def archive(noun: Noun, name: Name, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Hide something from lists and refuse it for new use; it can still be read, and taken back.

    Refused for what is in force: what a deployment serves, reads or could be rolled back to, and what carries an
    alias.
    """
    from mainspring.workflows.lifecycle import archive

    with opened(project) as found:
        done = archive(found, noun, name, reason=reason)
    if json:
        print_json(done)
        return
    typer.echo(f"Archived {done.thing.title}. Take it back: mainspring unarchive {noun} {done.thing.name}")


def unarchive(noun: Noun, name: Name, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Take an archiving back."""
    from mainspring.workflows.lifecycle import unarchive

    with opened(project) as found:
        thing = unarchive(found, noun, name, reason=reason)
    if json:
        print_json(thing)
        return
    typer.echo(f"{thing.title[:1].upper()}{thing.title[1:]} is in use again.")


def delete(
    noun: Noun,
    name: Name,
    reason: Reason = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete it; else what depends on it is only shown.")
    ] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Show what depends on something, and with --yes give up its content for good.

    What it was and its lineage stay. Reading its content answers content.deleted, and `mainspring gc` takes the
    bytes that nothing else needs. Refused while something that is kept depends on it.
    """
    from mainspring.lineage.spec import MarkKind
    from mainspring.workflows.lifecycle import delete, preview

    with opened(project) as found:
        if yes:
            done = delete(found, noun, name, reason=reason)
        else:
            done = preview(found, noun, name, MarkKind.DELETED)
    if json:
        print_json(done)
        return
    if yes:
        typer.echo(f"Deleted {done.thing.title}. `mainspring gc` takes {done.size_bytes:,} bytes.")
        return
    _show(done)


def _show(planned: Decision) -> None:
    columns = ["what", "name", "count", "holds", "do"]
    print_rows(planned.dependents, columns, as_json=False, none="Nothing depends on it.")
    if planned.holding:
        typer.echo(f"It cannot be deleted: {len(planned.holding)} of these hold it.")
        return
    thing = planned.thing
    typer.echo(
        f"{planned.n_blobs} blobs ({planned.size_bytes:,} bytes) would be given up. Nothing was deleted: "
        f'mainspring delete {thing.noun.value} {thing.name} --yes --reason "…"'
    )
