"""The SQL tables of tracking. Metric points have a file of their own on SQLite; see `points`.

The tables hold lasting names of experiments. Whatever is given a name here takes any that an experiment has or had,
and what is returned has the one that it is called by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    func,
    insert,
    select,
    update,
)

from mainspring.errors import FencedError
from mainspring.lineage import names
from mainspring.lineage.marks import visible
from mainspring.lineage.spec import Noun
from mainspring.lineage.store import stands
from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.schema import row, table, value
from mainspring.tracking.spec import Artifact, Experiment, MetricPoint, Param, RunRow

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
metric_points = table("metric_points", MetricPoint, key=["seq"], indexes=[["run_id", "key", "step"]])


def get_or_create_experiment(
    connection: Connection, records: Records, wanted: Experiment, project_id: str
) -> str:
    """Make the experiment unless there is one of that name; its id. The caller holds the experiments' names."""
    counted = select(func.coalesce(func.max(experiments.c.number), 0)).where(
        experiments.c.project_id == project_id
    )
    number = int(connection.execute(counted).scalar_one()) + 1
    stored = _lasting(project_id, wanted.name)
    statement = records.insert(experiments).values(
        {**row(wanted.model_copy(update={"number": number}), project_id), "name": stored}
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["project_id", "name"]))
    query = select(experiments.c.id).where(
        experiments.c.project_id == project_id, experiments.c.name == stored
    )
    return str(connection.execute(query).scalar_one())


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


def set_tags(connection: Connection, run_id: str, tags: dict[str, str]) -> None:
    """Replace a run's tags.

    Raises:
        FencedError: the run was called lost.
    """
    statement = update(runs).where(runs.c.id == run_id, stands("run")).values(tags=tags)
    if connection.execute(statement, {"run": run_id}).rowcount != 1:
        raise lost_run(run_id)


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
    query = select(params, stands("run").label("stands")).where(params.c.run_id == run_id)
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


def artifacts_of(connection: Connection, run_ids: Sequence[str]) -> list[Artifact]:
    """The artifacts of these runs, by name in each run."""
    return [value(Artifact, found) for found in _of_runs(connection, artifacts, artifacts.c.name, run_ids)]


def _of_runs(
    connection: Connection, source: Table, order: Any, run_ids: Sequence[str]
) -> Iterator[RowMapping]:
    query = select(source).where(among(source.c.run_id, run_ids)).order_by(source.c.run_id, order)
    yield from connection.execute(query).mappings()
