"""`mainspring adopt`: what is configured becomes one home."""

from __future__ import annotations

from typing import Annotated

import typer

from mainspring.cli._options import In, Json, say_as_configured
from mainspring.cli._output import print_json, print_rows


def adopt(
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else only show what does not belong.")] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Make what mainspring.toml names one home, which belongs to nothing else.

    For a copy of a home that is to live by itself, a home that was brought here by hand from another machine, or a
    store that was meant to be replaced. All stores get a new id; another home that used one of them is refused from
    then on.
    """
    from mainspring.workflows import adopt as workflow

    say_as_configured(project)
    done = workflow.adopt(project, wanted=yes)
    if json:
        print_json(done)
        return
    print_rows(done.found, ["kind", "got", "where"], as_json=False, none="Everything belongs together.")
    if done.adopted:
        typer.echo(f"All stores are of the home {done.stores_id} now. Look it over: mainspring doctor")
    elif done.found:
        typer.echo("Nothing was changed. To make it one home: mainspring adopt --yes")
