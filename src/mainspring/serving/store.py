"""The tables of serving: contexts, revisions, rollouts, outcomes. Predictions are in a columnar table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.prepared import Prepared
from mainspring.ports.records.schema import row, table, value
from mainspring.serving.spec import DeploymentRevision, LogCut, LogPart, Outcome, Rollout, ServingContext
from mainspring.types import to_us

revisions = table(
    "deployment_revisions",
    DeploymentRevision,
    key=["id"],
    unique=[["project_id", "deployment", "number"]],
)
contexts = table(
    "serving_contexts",
    ServingContext,
    key=["id"],
    unique=[["project_id", "deployment", "epoch"]],
)
rollouts = table("rollouts", Rollout, key=["id"], indexes=[["project_id", "deployment"]])
# The prediction first: PostgreSQL without statistics would look for a project and a deployment, and then at all.
outcomes = table(
    "outcomes",
    Outcome,
    key=["prediction_id", "deployment", "project_id", "known_us"],
)
cuts = table("log_cuts", LogCut, key=["execution_id"], indexes=[["project_id", "deployment", "part"]])

_DAY_US = 24 * 3600 * 1_000_000


def add_context(records: Records, connection: Connection, context: ServingContext, project_id: str) -> bool:
    """Write a context; False if it is there already, for two processes may replay the same files."""
    statement = records.insert(contexts).values([row(context, project_id)]).on_conflict_do_nothing()
    # Not by `rowcount`: on PostgreSQL the driver does not tell it for such an INSERT.
    return connection.execute(statement.returning(contexts.c.id)).first() is not None


def add_revision(
    records: Records, connection: Connection, revision: DeploymentRevision, project_id: str
) -> None:
    """Write a revision; its context's row guards against writing it twice."""
    connection.execute(records.insert(revisions).values([row(revision, project_id)]).on_conflict_do_nothing())


def add_rollout(records: Records, connection: Connection, rollout: Rollout, project_id: str) -> None:
    """Write a rollout."""
    connection.execute(records.insert(rollouts).values([row(rollout, project_id)]).on_conflict_do_nothing())


def recorded_epochs(connection: Connection, deployment: str, project_id: str) -> set[int]:
    """Epochs of the weight tables that the records have."""
    query = select(contexts.c.epoch).where(_of(contexts, deployment, project_id))
    return set(connection.execute(query).scalars())


def get_revisions(connection: Connection, deployment: str, project_id: str) -> list[DeploymentRevision]:
    """Every revision, oldest first."""
    query = select(revisions).where(_of(revisions, deployment, project_id)).order_by(revisions.c.number)
    return [value(DeploymentRevision, found) for found in connection.execute(query).mappings()]


def get_contexts(connection: Connection, deployment: str, project_id: str) -> list[ServingContext]:
    """Every serving context, oldest first."""
    query = select(contexts).where(_of(contexts, deployment, project_id)).order_by(contexts.c.epoch)
    return [value(ServingContext, found) for found in connection.execute(query).mappings()]


def get_rollouts(connection: Connection, deployment: str, project_id: str) -> list[Rollout]:
    """Every rollout, oldest first."""
    query = select(rollouts).where(_of(rollouts, deployment, project_id)).order_by(rollouts.c.created_us)
    return [value(Rollout, found) for found in connection.execute(query).mappings()]


def deployment_names(connection: Connection, project_id: str) -> list[str]:
    """Names of all deployments that the records know, in order."""
    query = select(contexts.c.deployment).where(contexts.c.project_id == project_id).distinct()
    return sorted(connection.execute(query).scalars())


_LATEST_OUTCOMES: Final = Prepared(
    select(outcomes.c.prediction_id, outcomes.c.known_us, outcomes.c.value)
    .where(
        outcomes.c.project_id == bindparam("project_id"),
        outcomes.c.deployment == bindparam("deployment"),
        among(outcomes.c.prediction_id, bindparam("prediction_ids")),
    )
    .order_by(outcomes.c.known_us)
)


def latest_outcomes(
    connection: Connection, deployment: str, project_id: str, prediction_ids: Sequence[str]
) -> dict[str, tuple[int, float]]:
    """The label in force of each of these predictions that has one: (known time in µs, value)."""
    asked = {"project_id": project_id, "deployment": deployment, "prediction_ids": list(prediction_ids)}
    found = _LATEST_OUTCOMES.ask_all(connection, asked)
    return {name: (known_us, label) for name, known_us, label in found}


def add_outcomes(
    records: Records,
    connection: Connection,
    labels: Sequence[tuple[str, float, datetime]],
    posting: Mapping[str, Any],
) -> None:
    """Append labels. One that is there already, posted meanwhile by another process, is left as it is.

    Args:
        labels: prediction id, value, known at.
        posting: the columns that all of them share.
    """
    rows = [
        {**posting, "prediction_id": prediction_id, "value": label, "known_us": to_us(known_at)}
        for prediction_id, label, known_at in labels
    ]
    if rows:
        connection.execute(records.insert(outcomes).on_conflict_do_nothing(), rows)


def outcomes_until(
    connection: Connection, deployment: str, project_id: str, known_until_us: int | None
) -> list[tuple[str, int, float]]:
    """(prediction id, known time in µs, value) of all labels known until then, in order of known time."""
    query = select(outcomes.c.prediction_id, outcomes.c.known_us, outcomes.c.value).where(
        _of(outcomes, deployment, project_id)
    )
    if known_until_us is not None:
        query = query.where(outcomes.c.known_us <= known_until_us)
    return [tuple(found) for found in connection.execute(query.order_by(outcomes.c.known_us))]


def add_cut(connection: Connection, cut: LogCut, project_id: str) -> None:
    """Write down what was deleted of a log."""
    connection.execute(insert(cuts).values(row(cut, project_id)))


def find_cut(connection: Connection, deployment: str, project_id: str, part: LogPart) -> LogCut | None:
    """The deletion that went furthest; None where nothing of that part was ever deleted."""
    query = select(cuts).where(_of(cuts, deployment, project_id), cuts.c.part == part.value)
    furthest = query.order_by(cuts.c.before_us.desc(), cuts.c.cut_us, cuts.c.execution_id).limit(1)
    found = connection.execute(furthest).mappings().one_or_none()
    return None if found is None else value(LogCut, found)


def cuts_by_execution(connection: Connection, execution_ids: Sequence[str]) -> list[LogCut]:
    """The deletions of these executions, the first first."""
    query = select(cuts).where(among(cuts.c.execution_id, execution_ids)).order_by(cuts.c.cut_us)
    return [value(LogCut, found) for found in connection.execute(query).mappings()]


def outcome_days(
    connection: Connection, deployment: str, project_id: str, before: datetime
) -> dict[int, int]:
    """How many outcomes were received on each day before a moment, by days since 1970."""
    day = outcomes.c.received_us // _DAY_US
    query = (
        select(day, func.count())
        .where(_of(outcomes, deployment, project_id), outcomes.c.received_us < to_us(before))
        .group_by(day)
        .order_by(day)
    )
    return {int(number): int(count) for number, count in connection.execute(query)}


def delete_outcomes(connection: Connection, deployment: str, project_id: str, before: datetime) -> int:
    """Delete what was received before a moment; returns how many."""
    condition = _of(outcomes, deployment, project_id) & (outcomes.c.received_us < to_us(before))
    return connection.execute(delete(outcomes).where(condition)).rowcount


def _of(source: Any, deployment: str, project_id: str) -> Any:
    return (source.c.project_id == project_id) & (source.c.deployment == deployment)
