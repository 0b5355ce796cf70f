"""Giving up what a log has of days that are long past: predictions, outcomes. Each is one execution with a receipt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from mainspring.errors import DeletedError, InputError, StateError
from mainspring.lineage import log as events
from mainspring.lineage import marks
from mainspring.lineage.api import Graph
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import AssetKind, MarkKind, Noun
from mainspring.serving import store
from mainspring.serving.log import PredictionLog
from mainspring.serving.spec import LogCut, LogPart
from mainspring.types import utc

_EPOCH = date(1970, 1, 1)


class PinnedError(StateError):
    """Somebody pinned the deployment, and with it its log."""


def deleted(cut: LogCut, where: str) -> DeletedError:
    """For what a deletion took."""
    return DeletedError(
        expected=f"{cut.part.value} that are kept",
        got=f"those of deployment {cut.deployment!r} before {cut.before_at:%Y-%m-%d} were deleted on "
        f"{cut.cut_at:%Y-%m-%d} by {cut.actor} ({cut.reason})",
        where=where,
        hint="That they were, how many and on which days is in the receipt: "
        f"mainspring events --kind {cut.part.value}.deleted",
    )


def days_before(
    graph: Graph, log: PredictionLog, deployment: str, part: LogPart, before: datetime
) -> dict[date, int]:
    """How many rows there are of each day before a moment, oldest first."""
    if part is LogPart.PREDICTIONS:
        return log.days_before(before)
    with graph.records.read() as connection:
        found = store.outcome_days(connection, deployment, graph.project_id, before)
    return {_EPOCH + timedelta(days=number): count for number, count in found.items()}


def is_pinned(graph: Graph, deployment: str) -> bool:
    """Whether somebody pinned the deployment, and with it its log."""
    with graph.records.read() as connection:
        return _is_pinned(connection, graph.project_id, deployment)


def give_up(
    graph: Graph,
    log: PredictionLog,
    deployment: str,
    revision_id: str,
    part: LogPart,
    before: datetime,
    reason: str,
) -> LogCut | None:
    """Delete what a log has from before a day; None where there is nothing.

    Once the event is in the log the rows are gone to every reader. A process that dies before leaves them all; one
    that dies after leaves their bytes, which the next `give_up_rows` takes.

    Args:
        revision_id: a revision of the deployment, on which the receipt hangs.
        before: the beginning of a day in UTC, on the project clock.
        reason: the rule, or in your words.

    Raises:
        InputError: no reason, or not the beginning of a past day.
        PinnedError: the deployment is pinned.
    """
    before = utc(before)
    if not reason.strip() or before > graph.clock.now() or before != _midnight(before):
        raise InputError(
            expected="a reason, and the beginning of a past day in UTC",
            got=f"{before.isoformat()}, {reason!r}",
            where=f"{part.value} of deployment {deployment!r}",
            hint="Whole days go, and why is kept for ever.",
        )
    days = days_before(graph, log, deployment, part, before)
    if not days:
        return None
    told = {"deployment": deployment, "before": before.isoformat(), "reason": reason}
    kind = f"delete_{part.value}"
    with graph.execution(kind, deployment, parameters=told, durable=True, after_the_fact=True) as work:
        if part is LogPart.PREDICTIONS:
            log.mark_deleted(before, work.id)
        work.use(revision_id, role="deployment")
        receipt = _receipt(graph, work, told, days)
        cut = LogCut(
            execution_id=work.id,
            deployment=deployment,
            part=part,
            before_at=before,
            reason=reason,
            actor=graph.actor,
            n_rows=sum(days.values()),
            n_days=len(days),
            cut_at=graph.clock.now(),
        )
        work.event(
            f"{part.value}.deleted",
            receipt,
            {**told, "n_rows": cut.n_rows, "n_days": cut.n_days},
        )
        work.write(lambda connection: _write(graph, connection, cut))
    return cut


def _write(graph: Graph, connection: Connection, cut: LogCut) -> None:
    # Whoever pins holds the log too: one of the two sees the other.
    events.hold(graph.records, connection, graph.project_id)
    if _is_pinned(connection, graph.project_id, cut.deployment):
        raise PinnedError(
            expected="a deployment that is not pinned",
            got="one that is, and its log with it",
            where=f"{cut.part.value} of deployment {cut.deployment!r}",
            hint=f"mainspring unpin deployment {cut.deployment}",
        )
    if cut.part is LogPart.OUTCOMES:
        store.delete_outcomes(connection, cut.deployment, graph.project_id, cut.before_at)
    store.add_cut(connection, cut, graph.project_id)


def _receipt(graph: Graph, work: Publication, told: Mapping[str, str], days: Mapping[date, int]) -> str:
    """What was deleted, by day; a blob, because days may be many."""
    content = {**told, "days": {day.isoformat(): count for day, count in days.items()}}
    blob = graph.blobs.put(json.dumps(content, indent=1).encode())
    figures = {"n_rows": sum(days.values()), "n_days": len(days)}
    kind = work.execution.kind
    return work.add(AssetKind.REPORT, kind, digest=blob.sha256, attributes={**told, **figures}).id


def _is_pinned(connection: Connection, project_id: str, deployment: str) -> bool:
    subject_id = marks.named(Noun.DEPLOYMENT, deployment)
    return bool(marks.find_marks(connection, project_id, kind=MarkKind.PINNED, subject_ids=[subject_id]))


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def first_kept(now: datetime, days: int) -> datetime:
    """The beginning of the oldest day that a rule of so many days keeps whole."""
    return _midnight(now - timedelta(days=days))
