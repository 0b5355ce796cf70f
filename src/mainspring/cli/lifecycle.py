"""`mainspring archive`, `rename`, `delete` …: the same for every noun, with what depends on a thing shown first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainspring.cli._options import In, Json, opened
from mainspring.cli._output import print_json, print_rows
from mainspring.errors import UnknownNameError

if TYPE_CHECKING:
    from mainspring.workflows.lifecycle import Decision, Thing

Noun = Annotated[
    str,
    typer.Argument(
        metavar="NOUN",
        help="feature_group, feature_view, training_dataset, experiment, run, model, model_version, monitor or "
        "deployment.",
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

    _mark(
        "Archived {title}. Take it back: mainspring unarchive {noun} {name}",
        archive,
        noun,
        name,
        reason,
        project,
        json,
    )


def unarchive(noun: Noun, name: Name, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Take an archiving back."""
    from mainspring.workflows.lifecycle import unarchive

    _mark("{title} is in use again.", unarchive, noun, name, reason, project, json)


def pin(noun: Noun, name: Name, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Keep something, and all that it was made of, from being deleted, by people and by retention rules."""
    from mainspring.workflows.lifecycle import pin

    _mark(
        "Pinned {title}. Take it back: mainspring unpin {noun} {name}", pin, noun, name, reason, project, json
    )


def unpin(noun: Noun, name: Name, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Take a pin back."""
    from mainspring.workflows.lifecycle import unpin

    _mark("Took the pin off {title}.", unpin, noun, name, reason, project, json)


def _mark(
    said: str,
    act: Callable[..., Decision | Thing],
    noun: str,
    name: str,
    reason: str,
    project: Path | None,
    json: bool,
) -> None:
    """Do one of the four, and say so: `said` takes title, noun and name of the thing."""
    from mainspring.workflows.lifecycle import Thing

    with opened(project) as found:
        done = act(found, noun, name, reason=reason)
    if json:
        print_json(done)
        return
    thing = done if isinstance(done, Thing) else done.thing
    text = said.format(title=thing.title, noun=thing.noun.value, name=thing.name)
    typer.echo(text[:1].upper() + text[1:])


def rename(
    noun: Annotated[
        str,
        typer.Argument(
            metavar="NOUN", help="feature_group, feature_view, experiment, run, model or monitor."
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is or was called; of a run its id.")],
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="What it shall be called.")],
    reason: Reason = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Rename it; else what refers to it is only shown.")
    ] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Show what refers to something by its name or depends on it, and with --yes call it otherwise.

    Former names lead to it for ever, so that code, stored rows and addresses stay valid, and are given to nothing
    else. All versions of a group or view are renamed together.
    """
    from mainspring.workflows.lifecycle import preview_rename, rename

    with opened(project) as found:
        if yes:
            done = rename(found, noun, name, new_name, reason=reason)
        else:
            done = preview_rename(found, noun, name, new_name)
    if json:
        print_json(done)
        return
    if yes:
        typer.echo(f"{done.title[:1].upper()}{done.title[1:]} is called {done.new_name} now.")
        return
    columns = ["what", "name", "count"]
    print_rows(done.dependents, columns, as_json=False, none="Nothing refers to it.")
    typer.echo(
        "All of these go on working. Nothing was renamed: "
        f'mainspring rename {done.noun.value} {name} {new_name} --yes --reason "…"'
    )


def marks(
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only these: archived, pinned or deleted.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """What is archived, pinned or deleted, by whom, when and why; parts of what was meant are left out."""
    from mainspring.lineage.spec import MarkKind

    if kind is not None and kind not in list(MarkKind):
        raise UnknownNameError.of("kind", kind, [known.value for known in MarkKind], "--kind")
    with opened(project) as found:
        marks = found.graph.marks(None if kind is None else MarkKind(kind))
    rows = [mark for mark in marks if mark.part_of is None]
    columns = ["kind", "noun", "name", "actor", "marked_at", "reason"]
    print_rows(rows, columns, as_json=json, none="Nothing is archived, pinned or deleted.")


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
