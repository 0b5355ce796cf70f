"""Entries of the event log, and how an execution's end gets into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from mainspring.lineage import marks, store
from mainspring.lineage.spec import EXECUTION_STARTED, Event, Execution, ExecutionState, ended
from mainspring.ports.clock import Clock
from mainspring.ports.records import Records
from mainspring.ports.records.prepared import Prepared
from mainspring.types import new_id

EVENT_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Scope:
    """Where and for whom something is written.

    Attributes:
        actor: `user:NAME` or `service:NAME`.
        on_behalf_of: for whom a service acts; None where it acts for itself.
    """

    records: Records
    clock: Clock
    project_id: str
    actor: str
    on_behalf_of: str | None


def hold(records: Records, connection: Connection, project_id: str) -> None:
    """Let nobody else of the project publish until this transaction ends."""
    records.lock(connection, f"events/{project_id}")


_ASK = Prepared(select(store.LAST_SHA256.scalar_subquery(), marks.IS_MARKED))


def append(connection: Connection, scope: Scope, entries: Sequence[Event], used: Sequence[str] = ()) -> None:
    """Append to the log, as the transaction's last act.

    Args:
        used: ids of what is put to new use.

    Raises:
        DeletedError: something used was deleted.
        StateError: something used is archived.
    """
    # Held to the commit: the order of `seq` is the order of becoming visible. And whoever deletes holds the log
    # while it asks what depends on a thing: one of the two sees the other.
    hold(scope.records, connection, scope.project_id)
    before, is_marked = _ASK.ask(connection, {"project": scope.project_id, "used": used})
    if is_marked:
        marks.check_usable(connection, scope.project_id, used)
    store.append_events(connection, entries, scope.project_id, before or "")


def entry(scope: Scope, execution_id: str, kind: str, subject: str, payload: Mapping[str, Any]) -> Event:
    """An entry that is not yet in the log."""
    return Event(
        seq=None,
        id=new_id(),
        kind=kind,
        schema_version=EVENT_SCHEMA_VERSION,
        subject=subject,
        execution=execution_id,
        actor=scope.actor,
        on_behalf_of=scope.on_behalf_of,
        occurred_at=scope.clock.now(),
        recorded_at=datetime.now(UTC),
        payload=dict(payload),
        sha256="",
    )


def begun(scope: Scope, execution: Execution) -> Event:
    """The entry that says that an execution runs."""
    what = {"kind": execution.kind, "name": execution.name}
    return entry(scope, execution.id, EXECUTION_STARTED, execution.id, what)


def over(scope: Scope, execution: Execution) -> Event:
    """The entry that says how an execution ended."""
    what = {"kind": execution.kind, "name": execution.name}
    if execution.error is not None:
        what["error"] = execution.error
    return entry(scope, execution.id, ended(execution.state), execution.id, what)


def fail(connection: Connection, scope: Scope, execution: Execution, error: str) -> bool:
    """Record that a running execution failed, and say so in the log.

    False when another worker holds it, or it has already ended: then nothing changes.
    """
    failed = execution.model_copy(
        update={"finished_at": datetime.now(UTC), "state": ExecutionState.FAILED, "error": error}
    )
    if not store.finish_execution(connection, failed):
        return False
    append(connection, scope, [over(scope, failed)])
    return True


def lose(connection: Connection, scope: Scope, execution: Execution, error: str) -> list[Execution]:
    """Take a running execution, and what runs below it under its lease, from whoever does it.

    Returns:
        What was taken, as it is recorded: the execution first. Empty when it had ended: then nothing changes.
    """
    end = {"finished_at": datetime.now(UTC), "state": ExecutionState.LOST, "error": error}
    # The parent first: what begins below it from here on is refused, and what began before is found.
    first = execution.model_copy(update=end)
    if not store.lose_execution(connection, first):
        return []
    parts = [
        part.model_copy(update=end)
        for part in store.running_parts(connection, execution.id, scope.project_id)
    ]
    lost = [first, *(part for part in parts if store.lose_execution(connection, part))]
    append(connection, scope, [over(scope, each) for each in lost])
    return lost
