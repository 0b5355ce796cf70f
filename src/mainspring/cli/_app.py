"""All commands, put together. Importing this loads Typer and nothing heavier."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mainspring import __version__
from mainspring.cli import (
    adopt,
    backup,
    demo,
    deployments,
    doctor,
    evaluate,
    events,
    features,
    gates,
    gc,
    init,
    lifecycle,
    lineage,
    models,
    monitors,
    move,
    pipelines,
    plugins,
    runs,
    server,
    upgrade,
)

app = typer.Typer(
    name="mainspring",
    help="A machine-learning system through its whole life: data, training, gates, serving, outcomes, lineage.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mainspring {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - it ends by its callback
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave."),
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Make, migrate and write nothing; refuse what would.")
    ] = False,
) -> None:
    """Options of every command."""
    if read_only:
        from mainspring.config import READ_ONLY_VARIABLE

        # In the environment, so that it also holds for what a command opens in other ways.
        before = os.environ.get(READ_ONLY_VARIABLE)
        os.environ[READ_ONLY_VARIABLE] = "true"
        context.call_on_close(lambda: _put_back(READ_ONLY_VARIABLE, before))


def _put_back(variable: str, before: str | None) -> None:
    if before is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = before


app.command("init")(init.init)
app.command("demo")(demo.demo)
app.command("server")(server.server)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("move")(move.move)
app.command("adopt")(adopt.adopt)
app.command("upgrade")(upgrade.upgrade)
app.command("archive")(lifecycle.archive)
app.command("unarchive")(lifecycle.unarchive)
app.command("pin")(lifecycle.pin)
app.command("unpin")(lifecycle.unpin)
app.command("marks")(lifecycle.marks)
app.command("rename")(lifecycle.rename)
app.command("delete")(lifecycle.delete)
app.command("gc")(gc.gc)
app.add_typer(features.app, name="features")
app.add_typer(runs.app, name="runs")
app.add_typer(pipelines.app, name="pipelines")
app.add_typer(models.app, name="models")
app.command("evaluate")(evaluate.evaluate)
app.add_typer(gates.app, name="gates")
app.add_typer(deployments.app, name="deployments")
app.add_typer(monitors.app, name="monitors")
app.add_typer(lineage.app, name="lineage")
app.command("events")(events.events)
app.add_typer(plugins.app, name="plugins")
