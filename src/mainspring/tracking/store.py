"""The SQL tables of tracking. Metric points have a file of their own on SQLite; see `points`.

The tables hold lasting names of experiments. Whatever is given a name here takes any that an experiment has or had,
and what is returned has the one that it is called by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from mainspring.errors import FencedError, UnknownNameError
from mainspring.lineage import names
from mainspring.lineage.marks import visible
from mainspring.lineage.spec import AssetKind, ExecutionState, Noun
from mainspring.lineage.store import assets, executions
from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.merged import as_text, merged
from mainspring.ports.records.schema import row, table, value
from mainspring.tracking.spec import Artifact, Dataset, Experiment, MetricPoint, Param, RunInput, RunRow
from mainspring.types import to_us

experiments = table(
    "experiments", Experiment, key=["id"], unique=[["project_id", "name"], ["project_id", "number"]]
)
runs = table(
    "runs",
    RunRow,
    key=["id"],
    unique=[["project_id", "experiment", "number"]],
    indexes=[["project_id", "created_us"], ["asset_id"]],
)
params = table("run_params", Param, key=["run_id", "key"])
artifacts = table("run_artifacts", Artifact, key=["run_id", "name"])
metric_points = table(
    "metric_points", MetricPoint, key=["seq"], indexes=[["run_id", "key", "step", "logged_us"]]
)
datasets = table("run_datasets", Dataset, key=["asset_id"], unique=[["project_id", "content"]])
inputs = table("run_inputs", RunInput, key=["run_id", "asset_id"])


def get_or_create_experiment(
    connection: Connection, records: Records, wanted: Experiment, project_id: str
) -> str:
    """Make the experiment unless there is one of that name; its id. The caller holds the experiments' names."""
    numbered = wanted.model_copy(update={"number": next_experiment_number(connection, project_id)})
    add_experiment(connection, records, numbered, project_id)
    query = select(experiments.c.id).where(
        experiments.c.project_id == project_id, experiments.c.name == _lasting(project_id, wanted.name)
    )
    return str(connection.execute(query).scalar_one())


def next_experiment_number(connection: Connection, project_id: str) -> int:
    """The number of the project's next experiment. The caller holds the experiments' names."""
    query = select(func.coalesce(func.max(experiments.c.number), 0)).where(
        experiments.c.project_id == project_id
    )
    return int(connection.execute(query).scalar_one()) + 1


def add_experiment(connection: Connection, records: Records, wanted: Experiment, project_id: str) -> None:
    """Make the experiment unless there is one of that name. The caller holds the experiments' names."""
    stored = {**row(wanted, project_id), "name": _lasting(project_id, wanted.name)}
    statement = records.insert(experiments).values(stored)
    connection.execute(statement.on_conflict_do_nothing(index_elements=["project_id", "name"]))


def find_experiment_numbered(connection: Connection, number: int, project_id: str) -> Experiment | None:
    """The experiment of that number."""
    query = names.selected(experiments, project_id, {"name": Noun.EXPERIMENT}).where(
        experiments.c.number == number
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Experiment, found)


def change_experiment_tags(
    connection: Connection, experiment_id: str, changes: Mapping[str, str | None]
) -> None:
    """Set tags of an experiment, or take those away whose value is None; it is said to be changed now."""
    changed = {"tags": merged(experiments.c.tags, changes), "updated_us": to_us(datetime.now(UTC))}
    connection.execute(update(experiments).where(experiments.c.id == experiment_id).values(changed))


def parts_of_experiment(connection: Connection, project_id: str, name: str) -> list[tuple[str, Noun, str]]:
    """What is marked whenever the experiment is: its runs, and their assets; each with its id, noun and name."""
    query = select(runs.c.id).where(
        runs.c.project_id == project_id, runs.c.experiment == _lasting(project_id, name)
    )
    run_ids = list(connection.execute(query).scalars())
    return [
        *((run_id, Noun.RUN, run_id) for run_id in run_ids),
        *parts_of_runs(connection, run_ids),
    ]


LATE: Final = "artifact"
"""The kind of execution that keeps an artifact of a run that is over: a part of the run."""


def parts_of_runs(connection: Connection, run_ids: Sequence[str]) -> list[tuple[str, Noun, str]]:
    """The assets that exist of these runs: themselves and their artifacts, with those that came when they were over."""
    late = select(executions.c.id).where(executions.c.parent_id == runs.c.id, executions.c.kind == LATE)
    made_by = or_(
        assets.c.execution_id.in_([runs.c.id, runs.c.execution_id]),
        assets.c.execution_id.in_(late.correlate(runs)),
    )
    query = select(assets.c.id, runs.c.id).join_from(assets, runs, made_by)
    query = query.where(
        among(runs.c.id, run_ids), assets.c.kind.in_([AssetKind.RUN.value, AssetKind.ARTIFACT.value])
    )
    return [(asset_id, Noun.RUN, run_id) for asset_id, run_id in connection.execute(query)]


def list_experiments(connection: Connection, project_id: str, *, archived: bool) -> list[Experiment]:
    """Experiments in the order of their numbers; archived ones only if asked for."""
    query = names.selected(experiments, project_id, {"name": Noun.EXPERIMENT}).order_by(experiments.c.number)
    if not archived:
        query = query.where(visible(experiments.c.id, project_id))
    return [value(Experiment, found) for found in connection.execute(query).mappings()]


def next_number(connection: Connection, experiment: str, project_id: str) -> int:
    """The number of the experiment's next run. The caller holds the experiments' names."""
    query = select(func.coalesce(func.max(runs.c.number), 0))
    query = query.where(
        runs.c.project_id == project_id, runs.c.experiment == _lasting(project_id, experiment)
    )
    return int(connection.execute(query).scalar_one()) + 1


def add_run(connection: Connection, run: RunRow, project_id: str) -> None:
    """Record that a run began."""
    stored = {**row(run, project_id), "experiment": _lasting(project_id, run.experiment)}
    connection.execute(insert(runs).values(stored))


def find_runs(
    connection: Connection,
    project_id: str,
    *,
    run_id: str | None = None,
    experiment: str | None = None,
    limit: int | None = None,
    archived: bool = True,
) -> list[RunRow]:
    """Runs, newest first; without the archived and deleted ones if so wished."""
    query = names.selected(runs, project_id, {"experiment": Noun.EXPERIMENT})
    if run_id is not None:
        query = query.where(runs.c.id == run_id)
    if experiment is not None:
        query = query.where(runs.c.experiment == _lasting(project_id, experiment))
    if not archived:
        query = query.where(visible(runs.c.id, project_id))
    query = query.order_by(runs.c.created_us.desc(), runs.c.id.desc()).limit(limit)
    return [value(RunRow, found) for found in connection.execute(query).mappings()]


def _lasting(project_id: str, experiment: str) -> ColumnElement[str]:
    return names.lasting(Noun.EXPERIMENT, project_id, experiment)


def find_experiment(connection: Connection, project_id: str, name: str) -> Experiment | None:
    """The experiment of that name."""
    query = names.selected(experiments, project_id, {"name": Noun.EXPERIMENT}).where(
        experiments.c.name == _lasting(project_id, name)
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Experiment, found)


def set_name(connection: Connection, run_id: str, name: str) -> None:
    """Call a run otherwise."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(name=name))


def set_tags(connection: Connection, run_id: str, changes: Mapping[str, str | None]) -> None:
    """Set tags of a run, or take those away whose value is None.

    Raises:
        FencedError: the run was called lost.
    """
    statement = (
        update(runs).where(runs.c.id == run_id, _run_stands()).values(tags=merged(runs.c.tags, changes))
    )
    if connection.execute(statement).rowcount != 1:
        raise lost_run(run_id)


def _stands() -> ColumnElement[bool]:
    """As SQL: the execution that the run whose id is the parameter `run` is now was not lost.

    Locked where the database has row locks: whoever calls it lost waits for this transaction, or this for it.
    """
    now = select(runs.c.execution_id).where(runs.c.id == bindparam("run")).scalar_subquery()
    state = select(executions.c.state).where(executions.c.id == now).with_for_update(read=True)
    return func.coalesce(state.scalar_subquery(), "") != ExecutionState.LOST


def _run_stands() -> ColumnElement[bool]:
    """As SQL: the execution that a run is now was not lost."""
    state = select(executions.c.state).where(executions.c.id == runs.c.execution_id)
    return func.coalesce(state.correlate(runs).scalar_subquery(), "") != ExecutionState.LOST


def add_params(
    connection: Connection, records: Records, given: Sequence[Param], project_id: str
) -> list[Param]:
    """Write parameters of a run that are not there yet; return those that are there with another value.

    Raises:
        FencedError: the run was called lost.
    """
    if not given:
        return []
    run_id = given[0].run_id
    statement = records.insert(params).values([row(param, project_id) for param in given])
    connection.execute(statement.on_conflict_do_nothing())
    query = select(params, _stands().label("stands")).where(params.c.run_id == run_id)
    there = {found["key"]: value(Param, found) for found in _unless_lost(connection, query, run_id)}
    return [there[param.key] for param in given if there[param.key].digest != param.digest]


def params_of(connection: Connection, run_ids: Sequence[str]) -> list[Param]:
    """The parameters of these runs, by name in each run."""
    return [value(Param, found) for found in _of_runs(connection, params, params.c.key, run_ids)]


def _unless_lost(connection: Connection, query: Select[Any], run_id: str) -> Sequence[RowMapping]:
    """Rows that were just written, read back by a query that also says whether their run stands."""
    found = connection.execute(query, {"run": run_id}).mappings().all()
    if not all(each["stands"] for each in found):
        raise lost_run(run_id)
    return found


def lost_run(run_id: str) -> FencedError:
    """What a run that was called lost writes is refused."""
    return FencedError(
        expected=f"run {run_id} still running",
        got="it was called lost, because its lease was not renewed",
        where=f"run {run_id}",
        hint="Nothing of this call was kept. Run the whole again; if the process was alive but stood still for long, "
        "raise `leases.ttl_s`.",
    )


def no_run(run_id: str) -> UnknownNameError:
    """There is no run of that id."""
    return UnknownNameError(
        expected="the id of a run of this project",
        got=repr(run_id),
        where=f"Run with id={run_id} not found",
        hint="`mainspring runs list` shows the newest.",
    )


def artifacts_of(connection: Connection, run_ids: Sequence[str]) -> list[Artifact]:
    """The artifacts of these runs, by name in each run."""
    return [value(Artifact, found) for found in _of_runs(connection, artifacts, artifacts.c.name, run_ids)]


def _of_runs(
    connection: Connection, source: Table, order: Any, run_ids: Sequence[str]
) -> Iterator[RowMapping]:
    query = select(source).where(among(source.c.run_id, run_ids)).order_by(source.c.run_id, order)
    yield from connection.execute(query).mappings()


def running_elsewhere(connection: Connection, project_id: str) -> list[str]:
    """The executions that run and that no process here holds: those of runs whose process is elsewhere."""
    query = select(runs.c.execution_id).where(runs.c.project_id == project_id, runs.c.status.is_not(None))
    return list(connection.execute(query).scalars())


def find_run_row(connection: Connection, project_id: str, run_id: str) -> RunRow | None:
    """The run of that id."""
    return next(iter(find_runs(connection, project_id, run_id=run_id)), None)


def known_runs(connection: Connection, project_id: str, run_ids: Sequence[str]) -> set[str]:
    """Those of the ids that runs have."""
    query = select(runs.c.id).where(runs.c.project_id == project_id, among(runs.c.id, run_ids))
    return set(connection.execute(query).scalars())


def change_run(
    connection: Connection, run_id: str, changes: Mapping[str, Any], *, held_by: str | None = None
) -> bool:
    """Change columns of a run.

    Args:
        held_by: only while it is the execution of that id; None = whichever it is.

    Returns:
        Whether it was that execution.
    """
    if not changes:
        return True
    statement = update(runs).where(runs.c.id == run_id)
    if held_by is not None:
        statement = statement.where(runs.c.execution_id == held_by)
    return connection.execute(statement.values(**changes)).rowcount == 1


param_texts = select(params.c.run_id, params.c.key, as_text(params.c.value)).order_by(
    params.c.run_id, params.c.key
)
"""Parameters as text, by run and name."""


def datasets_of(connection: Connection, project_id: str, contents: Sequence[str]) -> dict[str, str]:
    """The assets of the datasets that are described so, by the digest of the description."""
    query = select(datasets.c.content, datasets.c.asset_id).where(
        datasets.c.project_id == project_id, among(datasets.c.content, contents)
    )
    return {str(content): str(asset_id) for content, asset_id in connection.execute(query)}


def add_datasets(connection: Connection, records: Records, given: Sequence[Dataset], project_id: str) -> None:
    """Record datasets; one that is described as another is left out."""
    statement = records.insert(datasets).on_conflict_do_nothing(index_elements=["project_id", "content"])
    connection.execute(statement, [row(each, project_id) for each in given])


def add_inputs(connection: Connection, records: Records, given: Sequence[RunInput], project_id: str) -> None:
    """Record what runs used; what was said before stays."""
    if given:
        statement = records.insert(inputs).on_conflict_do_nothing()
        connection.execute(statement, [row(each, project_id) for each in given])


def inputs_of(connection: Connection, run_ids: Sequence[str]) -> list[tuple[RunInput, Dataset]]:
    """What these runs used, by run and asset."""
    query = (
        select(inputs.c.run_id, inputs.c.tags, datasets)
        .join_from(inputs, datasets, datasets.c.asset_id == inputs.c.asset_id)
        .where(among(inputs.c.run_id, run_ids))
        .order_by(inputs.c.run_id, inputs.c.asset_id)
    )
    return [
        (
            RunInput(run_id=found["run_id"], asset_id=found["asset_id"], tags=found["tags"]),
            value(Dataset, found),
        )
        for found in connection.execute(query).mappings()
    ]
