"""`mainspring deployments`: endpoints, their revisions, predictions, rollback."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from mainspring.cli._options import (
    Archived,
    In,
    Json,
    find_instant,
    json_object,
    model_reference,
    noun,
    opened,
    say_as_configured,
)
from mainspring.cli._output import print_fields, print_json, print_rows
from mainspring.errors import AccessError

app = noun("Deployments: predictions, log, rollback.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The deployment's name.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="NAME/NUMBER or NAME/ALIAS.")]
Environment = Annotated[str, typer.Option("--environment", help="Whose policy must let it pass.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in your words; kept for ever.")]


@app.command("list")
def list_deployments(archived: Archived = False, project: In = None, json: Json = False) -> None:
    """Every deployment and what it serves now."""
    with opened(project) as found:
        rows = [_summary(deployment) for deployment in found.deployments.list(archived=archived)]
    columns = ["deployment", "serves", "shadow", "revision", "cause", "actor", "changed_at", "held"]
    print_rows(rows, columns, as_json=json, none="Nothing is deployed yet.")


def _summary(deployment: Any) -> dict[str, Any]:
    from mainspring.types import from_us

    table = deployment.table
    shadow = table.find_arm("shadow")
    return {
        "deployment": deployment.name,
        "serves": f"{table.champion.model}/{table.champion.version}",
        "shadow": None if shadow is None else f"{shadow.model}/{shadow.version}",
        "revision": table.revision,
        "epoch": table.epoch,
        "cause": table.cause,
        "reason": table.reason,
        "actor": table.actor,
        "changed_at": from_us(table.changed_us),
        "held": table.held,
        "retired": table.is_retired,
    }


@app.command("show")
def show_deployment(name: Name, project: In = None, json: Json = False) -> None:
    """What one deployment serves now, and how much of its log is where."""
    with opened(project) as found:
        deployment = found.deployments.get(name)
        print_fields({**_summary(deployment), "log": deployment.log_counts()}, as_json=json)


@app.command("create")
def create(
    name: Name,
    model: Model,
    environment: Environment = "production",
    reason: Reason = "",
    project: In = None,
    json: Json = False,
) -> None:
    """Deploy a version that the gate lets pass."""
    with opened(project) as found:
        version = found.models.get(*model_reference(model))
        deployment = found.deployments.create(name, version, environment=environment, reason=reason)
        print_fields(_summary(deployment), as_json=json)


@app.command("promote")
def promote(
    name: Name,
    model: Model,
    environment: Environment = "production",
    reason: Reason = "",
    project: In = None,
    json: Json = False,
) -> None:
    """Serve another version that the gate lets pass; a shadow ends."""
    with opened(project) as found:
        deployment = found.deployments.get(name)
        version = found.models.get(*model_reference(model))
        deployment.promote(version, environment=environment, reason=reason)
        print_fields(_summary(deployment), as_json=json)


@app.command("rollback")
def rollback(name: Name, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Serve again what was served before; works while the database is away. A shadow ends."""
    from mainspring.workflows.rollback import roll_back

    with suppress(AccessError):
        # A full disk, or a log that may not be written, must not keep anybody from rolling back.
        say_as_configured(project)
    done = roll_back(project, name, reason=reason)
    print_fields(done, as_json=json)


@app.command("shadow")
def shadow(name: Name, model: Model, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Score a version on every request from now on, without ever answering with it."""
    with opened(project) as found:
        deployment = found.deployments.get(name)
        deployment.shadow(found.models.get(*model_reference(model)), reason=reason)
        print_fields(_summary(deployment), as_json=json)


@app.command("end-shadow")
def end_shadow(name: Name, reason: Reason = "", project: In = None, json: Json = False) -> None:
    """Stop scoring the shadow."""
    with opened(project) as found:
        deployment = found.deployments.get(name)
        deployment.end_shadow(reason=reason)
        print_fields(_summary(deployment), as_json=json)


@app.command("retire")
def retire(
    name: Name,
    reason: Reason = "",
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Retire it; else what it answers and what looks at it is only shown."),
    ] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Show what a deployment answers and what looks at it, and with --yes let it answer no more.

    Its predictions, outcomes and evidence can be read. `mainspring unarchive deployment NAME` takes it back.
    """
    from mainspring.lineage.spec import MarkKind, Noun
    from mainspring.workflows.lifecycle import preview, retire

    with opened(project) as found:
        if yes:
            done = retire(found, name, reason=reason)
        else:
            done = preview(found, Noun.DEPLOYMENT, name, MarkKind.ARCHIVED)
    if json:
        print_json(done)
    elif yes:
        typer.echo(f"{name} is retired. Take it back: mainspring unarchive deployment {name}")
    else:
        print_rows(done.dependents, ["what", "name", "count"], as_json=False, none="Nothing looks at it.")
        typer.echo(f'Nothing was retired: mainspring deployments retire {name} --yes --reason "…"')


@app.command("predict")
def predict(
    name: Name,
    keys: Annotated[
        str, typer.Option("--keys", help="JSON object of the entity's keys, or @file.json.")
    ] = "{}",
    request: Annotated[
        str, typer.Option("--request", help="JSON object of what only the caller knows.")
    ] = "{}",
    prediction_id: Annotated[
        str | None, typer.Option("--id", help="Your name for it; repeating it is safe.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """One prediction in this process, logged exactly as a server would."""
    entity = json_object(keys, "--keys")
    known = json_object(request, "--request")
    with opened(project) as found:
        answer = found.deployments.get(name).predict(entity, known, prediction_id)
    print_fields(answer, as_json=json)


@app.command("revisions")
def revisions(name: Name, project: In = None, json: Json = False) -> None:
    """What was in force from when on; the last still is."""
    with opened(project) as found:
        rows = found.deployments.get(name).revisions()
    columns = ["number", "model", "model_version", "cause", "actor", "reason", "created_at", "id"]
    print_rows(rows, columns, as_json=json, none="No revisions.")


@app.command("log")
def log(
    name: Name,
    start: Annotated[str | None, typer.Option("--from", help="ISO time, included.")] = None,
    end: Annotated[str | None, typer.Option("--until", help="ISO time, excluded.")] = None,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many of the newest rows.")] = 20,
    project: In = None,
    json: Json = False,
) -> None:
    """Logged predictions with their outcomes, oldest of the newest first."""
    with opened(project) as found:
        deployment = found.deployments.get(name)
        frame = deployment.log(find_instant(start, "--from"), find_instant(end, "--until")).tail(rows)
    columns = ["now", "arm", "model_version", "prediction", "outcome", "latency_us", "prediction_id"]
    print_rows(frame.to_dicts(), columns, as_json=json, none="No predictions in that time.")


@app.command("outcomes")
def outcomes(
    name: Name,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV or Parquet with prediction_id, value, known_at.")
    ],
    project: In = None,
    json: Json = False,
) -> None:
    """Post true labels from a file; posting the same rows again changes nothing."""
    with opened(project) as found:
        deployment = found.deployments.get(name)
        counts = deployment.outcomes(_read(path))
    if json:
        print_json(counts)
    else:
        print_fields(counts, as_json=False)


def _read(path: Path) -> Any:
    from mainspring.features.insert.frames import frame_of

    return frame_of(path, str(path), {"prediction_id": "string"})
