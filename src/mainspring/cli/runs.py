"""`mainspring runs`: tracked runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mainspring.cli._options import Archived, In, Json, noun, opened
from mainspring.cli._output import print_fields, print_rows

app = noun("Tracked runs: parameters, metrics, artifacts.")
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]


@app.command("list")
def list_runs(
    experiment: Annotated[
        str | None, typer.Option("--experiment", "-e", help="Only this experiment.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    archived: Archived = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Runs, newest first."""
    with opened(project) as found:
        rows = list(found.tracking.runs(experiment, limit=limit, archived=archived))
    columns = ["experiment", "number", "name", "state", "params", "metrics", "started_at", "id"]
    print_rows(rows, columns, as_json=json, none="No runs yet.")


@app.command("experiments")
def experiments(archived: Archived = False, project: In = None, json: Json = False) -> None:
    """Every experiment."""
    with opened(project) as found:
        rows = found.tracking.experiments(archived=archived)
    print_rows(rows, ["number", "name", "created_at"], as_json=json, none="No experiments yet.")


@app.command("show")
def show_run(run: RunId, project: In = None, json: Json = False) -> None:
    """Everything known of one run."""
    with opened(project) as found:
        value = found.tracking.get_run(run)
    print_fields(value, as_json=json)


@app.command("metrics")
def metrics(
    run: RunId,
    key: Annotated[str | None, typer.Option("--key", help="Only this metric.")] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """Every logged point of a run's metrics."""
    with opened(project) as found:
        rows = found.tracking.points(run, key)
    print_rows(rows, ["key", "step", "value", "logged_at"], as_json=json, none="No points logged.")


@app.command("artifacts")
def artifacts(
    run: RunId,
    path: Annotated[str, typer.Option("--path", help="Only this file, or what is below this folder.")] = "",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Download them into this folder.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """The files of a run; with --to they are downloaded."""
    with opened(project) as found:
        kept = found.tracking.artifacts(run)
        rows = kept.files(path)
        if to is not None:
            kept.download(to, path)
    print_rows(rows, ["name", "size_bytes", "logged_at", "sha256"], as_json=json, none="No such files.")
