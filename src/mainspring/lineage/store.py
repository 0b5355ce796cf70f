"""The graph's SQL tables, and the statements that read and write them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    cast,
    func,
    insert,
    select,
    update,
)

from mainspring.lineage.spec import (
    EXECUTION_STARTED,
    Asset,
    Cursor,
    Event,
    EventFilter,
    Evidence,
    Execution,
    ExecutionState,
    Lease,
    Link,
    Value,
)
from mainspring.ports.records.among import among
from mainspring.ports.records.prepared import Prepared
from mainspring.ports.records.schema import row, table, value
from mainspring.types import digest, to_us

assets = table(
    "assets",
    Asset,
    key=["id"],
    indexes=[["project_id", "kind", "name", "created_us"], ["digest"], ["execution_id"]],
)
executions = table(
    "executions",
    Execution,
    key=["id"],
    indexes=[["project_id", "kind", "started_us"], ["parent_id"], ["project_id", "state"]],
)
links = table(
    "links",
    Link,
    key=["execution_id", "direction", "role", "asset_id"],
    indexes=[["asset_id", "direction", "execution_id"]],
)
events = table(
    "events",
    Event,
    key=["seq"],
    indexes=[["project_id", "seq"], ["project_id", "kind", "seq"], ["subject"]],
    unique=[["id"]],
)
cursors = table("event_cursors", Cursor, key=["project_id", "reader"])
leases = table("leases", Lease, key=["project_id", "subject"])
evidence = table("evidence", Evidence, key=["id"], indexes=[["subject_id", "kind", "created_us"]])


_INSERTS = {into: Prepared.insert_into(into) for into in (assets, executions, links, events, evidence)}


def add(connection: Connection, into: Table, specs: Sequence[Value], project_id: str) -> None:
    """Insert specs into their table; nothing happens for none."""
    if specs:
        _INSERTS[into].run(connection, *(row(spec, project_id) for spec in specs))


LAST_SHA256 = (
    select(events.c.sha256)
    .where(events.c.project_id == bindparam("project"))
    .order_by(events.c.seq.desc())
    .limit(1)
)
"""The end of a project's chain of events."""


def _new(column: Column[Any]) -> ColumnElement[Any]:
    given = bindparam(f"new_{column.name}", type_=column.type)
    # PostgreSQL is told the type of every parameter but these, and takes them for text.
    return cast(given, Boolean()) if isinstance(column.type, Boolean) else given


def stands(name: str) -> ColumnElement[bool]:
    """As SQL: the execution whose id is the parameter `name` was not lost. One that nobody has recorded was not.

    Locked where the database has row locks: whoever calls it lost waits for this transaction, or this for it.
    """
    other = executions.alias(name)
    state = select(other.c.state).where(other.c.id == bindparam(name)).with_for_update(read=True)
    return func.coalesce(state.scalar_subquery(), "") != ExecutionState.LOST


def all_stand(connection: Connection, execution_ids: Sequence[str]) -> bool:
    """Whether none of these was lost; none is before this transaction ends."""
    if not execution_ids:
        return True
    query = select(executions.c.state).where(among(executions.c.id, execution_ids))
    found = connection.execute(query.order_by(executions.c.id).with_for_update(read=True)).scalars()
    return ExecutionState.LOST not in set(found)


# Built once for each number of executions above.
@functools.cache
def _add_below(n_above: int) -> Prepared:
    values = select(*(_new(column) for column in executions.c)).where(*map(stands, _above(n_above)))
    return Prepared(insert(executions).from_select(executions.c.keys(), values))


@functools.cache
def _finish_below(n_above: int) -> Prepared:
    return Prepared(_FINISH.where(*map(stands, _above(n_above))))


def _above(n_above: int) -> list[str]:
    return [f"above_{number}" for number in range(n_above)]


def add_execution(
    connection: Connection, execution: Execution, project_id: str, above: Sequence[str] = ()
) -> bool:
    """Insert an execution. False, and nothing is inserted, when one of those `above` it was lost."""
    if not above:
        add(connection, executions, [execution], project_id)
        return True
    values = {f"new_{name}": given for name, given in row(execution, project_id).items()}
    values.update(zip(_above(len(above)), above, strict=True))
    return _add_below(len(above)).run(connection, values) == 1


_FINISH = (
    update(executions)
    .where(
        executions.c.id == bindparam("execution_id"),
        executions.c.fence == bindparam("held_fence"),
        executions.c.state == ExecutionState.RUNNING,
    )
    .values(
        state=bindparam("new_state"), finished_us=bindparam("new_finished_us"), error=bindparam("new_error")
    )
)
_LOSE = (
    update(executions)
    .where(executions.c.id == bindparam("execution_id"), executions.c.state == ExecutionState.RUNNING)
    .values(
        state=ExecutionState.LOST,
        fence=executions.c.fence + 1,
        finished_us=bindparam("new_finished_us"),
        error=bindparam("new_error"),
    )
)


def finish_execution(connection: Connection, finished: Execution, above: Sequence[str] = ()) -> bool:
    """Move a running execution to the end that `finished` says.

    False when another worker holds it, it has already ended, or one of those `above` it was lost.
    """
    values = {
        "execution_id": finished.id,
        "held_fence": finished.fence,
        "new_state": finished.state.value,
        "new_finished_us": None if finished.finished_at is None else to_us(finished.finished_at),
        "new_error": finished.error,
        **dict(zip(_above(len(above)), above, strict=True)),
    }
    return _finish_below(len(above)).run(connection, values) == 1


def lose_execution(connection: Connection, lost: Execution) -> bool:
    """Take a running execution from whoever does it, by a higher fence. False when it has ended."""
    ended_at = lost.finished_at
    values = {
        "execution_id": lost.id,
        "new_finished_us": None if ended_at is None else to_us(ended_at),
        "new_error": lost.error,
    }
    return connection.execute(_LOSE, values).rowcount == 1


def running_parts(connection: Connection, execution_id: str, project_id: str) -> list[Execution]:
    """What runs below an execution without a lease of its own, the nearest first."""
    found: list[Execution] = []
    above = [execution_id]
    while above:
        query = select(executions).where(
            among(executions.c.parent_id, above),
            executions.c.state == ExecutionState.RUNNING,
            executions.c.project_id == project_id,
            executions.c.id.not_in(select(leases.c.subject).where(leases.c.project_id == project_id)),
        )
        parts = [value(Execution, mapping) for mapping in connection.execute(query).mappings()]
        found += parts
        above = [part.id for part in parts]
    return found


def append_events(connection: Connection, entries: Sequence[Event], project_id: str, before: str) -> None:
    """Append to the log. The caller holds the log's lock, so that `seq` is the visible order.

    Args:
        before: the chain's end, of which it has asked under the lock; empty for an empty log.
    """
    chained = []
    for entry in entries:
        before = event_sha256(entry, before)
        chained.append({**row(entry, project_id), "sha256": before})
    _INSERTS[events].run(connection, *chained)


def event_sha256(entry: Event, before: str) -> str:
    """The entry's link in the chain: over its content and the chain value before it."""
    return digest([before, entry.model_dump(exclude={"seq", "sha256"})])


def find_asset(connection: Connection, asset_id: str, project_id: str) -> Asset | None:
    """The asset of that id."""
    query = select(assets).where(assets.c.id == asset_id, assets.c.project_id == project_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Asset, found)


def find_assets(
    connection: Connection,
    project_id: str,
    kind: str | None,
    name: str | None,
    content_digest: str | None,
) -> list[Asset]:
    """Assets by any of kind, name and digest, oldest first."""
    query = select(assets).where(assets.c.project_id == project_id)
    for column, wanted in ((assets.c.kind, kind), (assets.c.name, name), (assets.c.digest, content_digest)):
        if wanted is not None:
            query = query.where(column == wanted)
    query = query.order_by(assets.c.created_us, assets.c.id)
    return [value(Asset, found) for found in connection.execute(query).mappings()]


def assets_by_id(connection: Connection, ids: Iterable[str]) -> list[Asset]:
    """The assets of these ids, in no order."""
    return [value(Asset, found) for found in _rows_by(connection, assets, assets.c.id, ids)]


def executions_by_id(connection: Connection, ids: Iterable[str]) -> list[Execution]:
    """The executions of these ids, in no order."""
    return [value(Execution, found) for found in _rows_by(connection, executions, executions.c.id, ids)]


def links_of(connection: Connection, execution_ids: Iterable[str]) -> list[Link]:
    """All links of these executions, in no order."""
    return [value(Link, found) for found in _rows_by(connection, links, links.c.execution_id, execution_ids)]


def _rows_by(connection: Connection, source: Any, column: Any, ids: Iterable[str]) -> list[Any]:
    query = select(source).where(among(column, set(ids)))
    return list(connection.execute(query).mappings())


def find_execution(connection: Connection, execution_id: str, project_id: str) -> Execution | None:
    """The execution of that id."""
    query = select(executions).where(executions.c.id == execution_id, executions.c.project_id == project_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Execution, found)


def evidence_for(connection: Connection, subject_ids: Iterable[str], kind: str | None) -> list[Evidence]:
    """Findings about any of these assets, oldest first."""
    query = select(evidence).where(among(evidence.c.subject_id, subject_ids))
    if kind is not None:
        query = query.where(evidence.c.kind == kind)
    query = query.order_by(evidence.c.created_us, evidence.c.id)
    return [value(Evidence, found) for found in connection.execute(query).mappings()]


def events_after(
    connection: Connection,
    project_id: str,
    after_seq: int,
    wanted: EventFilter,
    limit: int,
    *,
    newest: bool = False,
) -> list[Event]:
    """The log's entries after a cursor, in order: the first `limit`, or the newest."""
    query = select(events).where(events.c.project_id == project_id, events.c.seq > after_seq)
    if wanted.kinds is not None:
        query = query.where(events.c.kind.in_(list(wanted.kinds)))
    if wanted.subject is not None:
        query = query.where(events.c.subject == wanted.subject)
    if wanted.actor is not None:
        query = query.where(events.c.actor == wanted.actor)
    if wanted.since is not None:
        query = query.where(events.c.occurred_us >= to_us(wanted.since))
    query = query.order_by(events.c.seq.desc() if newest else events.c.seq).limit(limit)
    found = [value(Event, each) for each in connection.execute(query).mappings()]
    return found[::-1] if newest else found


def started(connection: Connection, execution_ids: Sequence[str]) -> set[str]:
    """Which of these executions the log says of that they started, before they ended."""
    query = select(events.c.subject).where(
        among(events.c.subject, execution_ids), events.c.kind == EXECUTION_STARTED
    )
    return set(connection.execute(query).scalars())


def count_assets(connection: Connection, project_id: str) -> dict[str, int]:
    """How many assets of each kind there are."""
    query = (
        select(assets.c.kind, func.count()).where(assets.c.project_id == project_id).group_by(assets.c.kind)
    )
    return {str(kind): int(count) for kind, count in connection.execute(query)}
