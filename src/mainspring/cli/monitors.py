"""`mainspring monitors`: checks on live data, and the alerts that they raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mainspring.cli._options import (
    Archived,
    In,
    Json,
    Reason,
    Skipped,
    find_instant,
    find_skip,
    instant,
    noun,
    opened,
)
from mainspring.cli._output import plain, print_fields, print_json, print_rows

if TYPE_CHECKING:
    from mainspring.monitoring.spec import Finding

app = noun("Monitors: predictions against what came true.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The monitor's name.")]
DRIFT_COLUMNS: Final = ("column", "verdict", "js_distance", "noise_floor", "q_value", "reason")


@app.command("list")
def list_monitors(archived: Archived = False, project: In = None, json: Json = False) -> None:
    """Every monitor in its newest revision."""
    with opened(project) as found:
        rows = found.monitors.list(archived=archived)
    columns = [
        "name",
        "revision",
        "deployment",
        "looks_per_year",
        "false_alarms_per_year",
        "min_effect",
        "created_at",
    ]
    print_rows(rows, columns, as_json=json, none="No monitors yet.")


@app.command("check")
def check(
    name: Name,
    start: Annotated[str, typer.Option("--from", help="ISO time, included.")],
    end: Annotated[str, typer.Option("--until", help="ISO time, excluded.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Only outcomes known until then; else now.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """Judge one window: decided, it stays as it is; with insufficient data, it is judged anew when asked again."""
    first, last = instant(start, "--from"), instant(end, "--until")
    with opened(project) as found:
        finding = found.monitors.check(name, first, last, as_of=find_instant(as_of, "--as-of"))
    if json:
        print_json(finding)
        return
    print_fields({**plain(finding), **_in_short(finding)}, as_json=False)
    typer.echo("\nfeatures against the reference")
    print_rows(finding.drifts, DRIFT_COLUMNS, as_json=False, none="None: the monitor watches no features.")


def _in_short(finding: Finding) -> dict[str, Any]:
    """Figures with their intervals as text, and only the names of the features that drifted."""
    drifted = [found.column for found in finding.drifts if found.verdict == "drift"]
    intervals = {name: str(getattr(finding, name)) for name in ("gap", "roc_auc", "brier")}
    return {**intervals, "drifts": ", ".join(drifted) or "none"}


@app.command("findings")
def findings(name: Name, project: In = None, json: Json = False) -> None:
    """Every judged window of a monitor."""
    with opened(project) as found:
        rows = [
            {**plain(finding), "auc": finding.roc_auc.value, "brier_score": finding.brier.value}
            for finding in found.monitors.findings(name)
        ]
    columns = [
        "start_at",
        "end_at",
        "verdict",
        "n_known",
        "observed",
        "predicted",
        "auc",
        "brier_score",
        "p_value",
    ]
    print_rows(rows, columns, as_json=json, none="No windows were judged yet.")


@app.command("alerts")
def alerts(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this monitor.")] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """What monitors raised, oldest window first."""
    with opened(project) as found:
        rows = found.monitors.alerts(name)
    print_rows(rows, ["raised_at", "monitor", "deployment", "message"], as_json=json, none="No alerts.")


@app.command("deliver")
def deliver(
    again: Annotated[bool, typer.Option("--again", help="Begin with the oldest alert once more.")] = False,
    skip: Skipped = None,
    reason: Reason = "",
    project: In = None,
    json: Json = False,
) -> None:
    """Tell the channels in alerts.channels of every alert that they have not been told of."""
    from mainspring.errors import MainspringError, StateError

    told, refused, passed_over = [], None, find_skip(skip, reason)
    with opened(project) as found:
        deliveries = found.alert_deliveries()
        if not deliveries:
            raise StateError(
                expected="an alert channel",
                got="none is configured",
                where="alerts.channels",
                hint='Set it in mainspring.toml, for example: channels = ["file:{home}/alerts.ndjson"].',
            )
        for delivery in deliveries:
            # A channel that is away keeps no other from being told; the first failure is reported at the end.
            try:
                if again:
                    delivery.rewind()
                told.append({"channel": delivery.shown, "n_delivered": delivery.run(skip=passed_over)})
            except MainspringError as error:
                refused = refused or error
    if refused is not None:
        raise refused
    if passed_over is not None:
        passed_over.check_used()
    print_rows(told, ["channel", "n_delivered"], as_json=json, none="")
