"""Searches of runs and experiments as one SQL statement, the same on both databases."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    null,
    select,
    true,
)

from mainspring.lineage import names
from mainspring.lineage.marks import visible
from mainspring.lineage.spec import ExecutionState, Noun
from mainspring.lineage.store import executions
from mainspring.ports.records.among import among
from mainspring.ports.records.merged import as_text, member
from mainspring.tracking.grammar import ATTRIBUTE, Clause, Kind, Order
from mainspring.tracking.spec import RunStatus
from mainspring.tracking.store import datasets, experiments, inputs, params, runs

CONTEXT_TAG: Final = "mlflow.data.context"
"""The tag of an input that says what it is to the run."""

_COMPARED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_STATUSES: Final = {
    ExecutionState.RUNNING: RunStatus.RUNNING,
    ExecutionState.COMPLETED: RunStatus.FINISHED,
    ExecutionState.CACHED: RunStatus.FINISHED,
    ExecutionState.FAILED: RunStatus.FAILED,
    ExecutionState.LOST: RunStatus.FAILED,
}

STATUS: Final = case(
    (executions.c.state == ExecutionState.LOST.value, RunStatus.FAILED.value),
    (runs.c.status.is_not(None), runs.c.status),
    *((executions.c.state == state.value, status.value) for state, status in _STATUSES.items()),
)
"""How a run stands, as SQL over its row and that of its execution."""
START_MS: Final = func.coalesce(runs.c.begun_us, executions.c.started_us) // literal(1000, BigInteger())
END_MS: Final = func.coalesce(runs.c.ended_us, executions.c.finished_us) // literal(1000, BigInteger())
USER: Final = func.coalesce(runs.c.user_id, func.replace(executions.c.actor, "user:", ""))


@dataclass(frozen=True)
class Here:
    """Where a search is made.

    Attributes:
        dialect: `sqlite` or `postgresql`.
        points: the metric points as the statement may name them; None where there are none.
        root: the URI below which experiments keep their artifacts that name no place of their own.
    """

    project_id: str
    dialect: str
    points: FromClause | None
    root: str


def location(root: str) -> ColumnElement[str]:
    """The URI below which an experiment's runs keep their artifacts, as SQL over its row."""
    number = cast(experiments.c.number, Text())
    return func.coalesce(experiments.c.artifact_location, literal(root, Text()).concat("/").concat(number))


def runs_where(here: Here, clauses: Sequence[Clause], orders: Sequence[Order]) -> Select[Any]:
    """Rows of runs with their execution and experiment that meet every clause, in the order that is asked for.

    Behind it: the later begun first, then by id. Missing values and NaN are last in either direction.
    """
    uri = location(here.root).concat("/").concat(runs.c.id).concat("/artifacts")
    attributes: dict[str, ColumnElement[Any]] = {
        "run_id": runs.c.id,
        "run_name": runs.c.name,
        "user_id": USER,
        "status": STATUS,
        "artifact_uri": uri,
        "start_time": START_MS,
        "end_time": END_MS,
    }
    query = (
        select(
            runs.c.id,
            runs.c.name,
            experiments.c.number,
            USER,
            STATUS,
            START_MS,
            END_MS,
            uri,
            runs.c.tags,
            visible(runs.c.id, here.project_id) & visible(experiments.c.id, here.project_id),
        )
        .join_from(runs, executions, executions.c.id == runs.c.execution_id)
        .join(
            experiments,
            and_(experiments.c.name == runs.c.experiment, experiments.c.project_id == runs.c.project_id),
        )
        .where(runs.c.project_id == here.project_id)
    )
    query = query.where(*(_run_meets(here, clause, attributes) for clause in clauses))
    for each in orders:
        query, key = _run_key(here, query, each, attributes)
        query = query.order_by(*_ordered(key, ascending=each.ascending))
    return query.order_by(START_MS.desc(), runs.c.id)


def experiments_where(here: Here, clauses: Sequence[Clause], orders: Sequence[Order]) -> Select[Any]:
    """Rows of experiments that meet every clause, in the order that is asked for; behind it the newest first."""
    called = names.called(Noun.EXPERIMENT, experiments.c.name, here.project_id)
    made = experiments.c.created_us // literal(1000, BigInteger())
    changed = func.coalesce(experiments.c.updated_us, experiments.c.created_us) // literal(1000, BigInteger())
    attributes: dict[str, ColumnElement[Any]] = {
        "name": called,
        "experiment_id": cast(experiments.c.number, Text()),
        "creation_time": made,
        "last_update_time": changed,
    }
    query = select(
        experiments.c.id,
        experiments.c.number,
        called,
        location(here.root),
        visible(experiments.c.id, here.project_id),
        made,
        changed,
        experiments.c.tags,
    ).where(experiments.c.project_id == here.project_id)
    for clause in clauses:
        column = (
            attributes[clause.key] if clause.entity == ATTRIBUTE else member(experiments.c.tags, clause.key)
        )
        query = query.where(_meets(here, clause, column))
    for each in orders:
        key = experiments.c.number if each.key == "experiment_id" else attributes[each.key]
        query = query.order_by(*_ordered(key, ascending=each.ascending))
    return query.order_by(experiments.c.created_us.desc(), experiments.c.number.desc())


def _run_meets(here: Here, clause: Clause, attributes: dict[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    match clause.entity:
        case "metric":
            if here.points is None:
                return not_(true())
            return _compare(clause, _last_value(here, clause.key))
        case "param":
            there = select(params.c.key).where(params.c.run_id == runs.c.id, params.c.key == clause.key)
            if clause.comparator == "IS NULL":
                return not_(exists(there))
            return exists(there.where(_meets(here, clause, as_text(params.c.value))))
        case "tag":
            return _meets(here, clause, member(runs.c.tags, clause.key))
        case "dataset":
            column = {
                "name": datasets.c.name,
                "digest": datasets.c.digest,
                "context": member(inputs.c.tags, CONTEXT_TAG),
            }[clause.key]
            used = select(inputs.c.asset_id).join_from(
                inputs, datasets, datasets.c.asset_id == inputs.c.asset_id
            )
            return exists(used.where(inputs.c.run_id == runs.c.id, _meets(here, clause, column)))
    return _meets(here, clause, attributes[clause.key])


def _meets(here: Here, clause: Clause, column: ColumnElement[Any]) -> ColumnElement[bool]:
    value = clause.value
    match clause.comparator:
        case "IS NULL":
            return column.is_(None)
        case "IS NOT NULL":
            return column.is_not(None)
        case "IN" | "NOT IN":
            assert isinstance(value, tuple)
            found = among(column, value)
            return found if clause.comparator == "IN" else not_(found)
        case "LIKE" | "ILIKE":
            return _like(here, column, str(value), is_loose=clause.comparator == "ILIKE")
    return _compare(clause, column)


def _compare(clause: Clause, column: ColumnElement[Any]) -> ColumnElement[bool]:
    value: Any = literal(clause.value, Double() if clause.kind is Kind.NUMBER else Text())
    found: ColumnElement[bool] = _COMPARED[clause.comparator](column, value)
    return found


def _like(here: Here, column: ColumnElement[Any], pattern: str, *, is_loose: bool) -> ColumnElement[bool]:
    """`%` is any text, `_` any character, and nothing else is special."""
    if here.dialect == "sqlite" and not is_loose:
        # LIKE does not tell capitals from others there; GLOB does.
        found: ColumnElement[bool] = column.op("GLOB", is_comparison=True)(_globbed(pattern))
        return found
    escaped = pattern.replace("\\", "\\\\")
    return column.ilike(escaped, escape="\\") if is_loose else column.like(escaped, escape="\\")


def _globbed(pattern: str) -> str:
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(character, character) for character in pattern)


def _last_value(here: Here, key: str) -> ColumnElement[Any]:
    """The value of a run's metric at its highest step, as SQL; null for NaN and where there is none."""
    assert here.points is not None
    points = here.points.c
    value: ColumnElement[Any] = points.value
    if here.dialect == "postgresql":
        value = func.nullif(points.value, cast(literal("NaN", Text()), Double()))
    query = (
        select(value)
        .where(points.run_id == runs.c.id, points.key == key)
        .order_by(points.step.desc(), points.logged_us.desc(), value.desc().nulls_last())
        .limit(1)
    )
    return query.correlate(runs).scalar_subquery()


def _run_key(
    here: Here, query: Select[Any], order: Order, attributes: dict[str, ColumnElement[Any]]
) -> tuple[Select[Any], ColumnElement[Any]]:
    match order.entity:
        case "metric":
            key = null() if here.points is None else _last_value(here, order.key)
        case "param":
            there = params.alias()
            query = query.outerjoin(there, and_(there.c.run_id == runs.c.id, there.c.key == order.key))
            key = as_text(there.c.value)
        case "tag":
            key = member(runs.c.tags, order.key)
        case _:
            key = attributes[order.key]
    return query, key


def _ordered(key: ColumnElement[Any], *, ascending: bool) -> list[ColumnElement[Any]]:
    return [key.asc().nulls_last() if ascending else key.desc().nulls_last()]
