"""`mainspring evaluate`: a model version on a split of its training dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from mainspring.cli._options import In, Json, model_reference, opened
from mainspring.cli._output import print_json, print_rows
from mainspring.errors import StateError


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME/NUMBER or NAME/ALIAS.")],
    split: Annotated[str, typer.Option("--split", help="Which split of its training dataset.")] = "test",
    metric: Annotated[str, typer.Option("--metric", help="Metric that must reach --at-least.")] = "roc_auc",
    at_least: Annotated[float | None, typer.Option("--at-least", help="Bound of the metric check.")] = None,
    beats: Annotated[
        str | None, typer.Option("--beats", help="Alias of the version to beat, paired.")
    ] = None,
    project: In = None,
    json: Json = False,
) -> None:
    """Evaluate a version; findings become evidence."""
    from mainspring.evaluation import check
    from mainspring.evaluation.spec import Check

    checks: list[Check] = [
        *([check.metric(metric, at_least=at_least)] if at_least is not None else []),
        *([check.beats(beats)] if beats is not None else []),
    ]
    with opened(project) as found:
        version = found.models.get(*model_reference(model))
        if version.dataset_id is None:
            raise StateError(
                expected="a version that was registered with its training dataset",
                got="none named",
                where=str(version),
                hint="Evaluate it from Python with a frame: project.evaluation.evaluate(version, frame, checks).",
            )
        data = found.features.get_training_dataset(version.dataset_id)
        report = found.evaluation.evaluate(version, data[split], checks, data=data, trigger="person")
    if json:
        print_json(report)
        return
    typer.echo(
        f"{version} on {split} of {data.name}: {report.n_rows} rows with a label, report {report.asset_id}"
    )
    overview = [
        {"metric": name, **figures}
        for name, figures in report.overview.items()
        if isinstance(figures, dict) and "value" in figures
    ]
    print_rows(overview, ["metric", "value", "low", "high", "method"], as_json=False, none="No metrics.")
    if checks:
        print_rows(report.results, ["name", "verdict", "summary"], as_json=False, none="")
