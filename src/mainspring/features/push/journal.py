"""The journal of pushed rows: where they are durable before they are acknowledged, until a commit holds them.

It lies in the records, so that a row, the id of its event and the batch that it goes to are one transaction, and
processes on several machines see one journal. A batch is open until it is committed; its id is the commit's asset id
and idempotency key, drawn with the first row.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from mainspring.features import store
from mainspring.features.spec import Push, PushedEvent
from mainspring.ports.records.among import among
from mainspring.ports.records.prepared import Prepared
from mainspring.ports.records.schema import row, value
from mainspring.types import to_us


def find_events(connection: Connection, group_id: str, event_ids: Sequence[str]) -> list[PushedEvent]:
    """Those of the events that were pushed before, as far back as ids are kept."""
    query = select(store.pushed_events).where(
        store.pushed_events.c.group_id == group_id, among(store.pushed_events.c.event_id, event_ids)
    )
    return [value(PushedEvent, found) for found in connection.execute(query).mappings()]


def find_open(connection: Connection, group_id: str) -> tuple[str, int, int] | None:
    """The open batch of a group, how many rows it has, and when the first came (microseconds); None = there is none."""
    rows = store.pushes
    query = (
        select(rows.c.batch_id, func.sum(rows.c.n_rows), func.min(rows.c.pushed_us))
        .where(rows.c.group_id == group_id, ~rows.c.is_closed)
        .group_by(rows.c.batch_id)
    )
    found = connection.execute(query).one_or_none()
    return None if found is None else (found[0], int(found[1]), int(found[2]))


def add(connection: Connection, push: Push, event_ids: Sequence[str], project_id: str) -> None:
    """Write rows down, and the ids of their events. The caller holds the group's lock."""
    connection.execute(insert(store.pushes), row(push, project_id))
    events = [
        {
            "project_id": project_id,
            "group_id": push.group_id,
            "event_id": event_id,
            "batch_id": push.batch_id,
            "ordinal": push.ordinal + place,
        }
        for place, event_id in enumerate(event_ids)
    ]
    connection.execute(insert(store.pushed_events), events)


def close(connection: Connection, group_id: str) -> None:
    """Let no more rows into the open batch. The caller holds the group's lock."""
    rows = store.pushes
    connection.execute(
        update(rows).where(rows.c.group_id == group_id, ~rows.c.is_closed).values(is_closed=True)
    )


def batches(connection: Connection, group_id: str) -> list[str]:
    """The batches that no commit holds yet, oldest first."""
    rows = store.pushes
    query = select(rows.c.batch_id).where(rows.c.group_id == group_id).distinct().order_by(rows.c.batch_id)
    return list(connection.execute(query).scalars())


def pushes(connection: Connection, batch_ids: Iterable[str]) -> list[Push]:
    """What was pushed into these batches, in the order of pushing."""
    rows = store.pushes
    query = select(rows).where(among(rows.c.batch_id, batch_ids)).order_by(rows.c.batch_id, rows.c.ordinal)
    return [value(Push, found) for found in connection.execute(query).mappings()]


def pushes_of(connection: Connection, events: Sequence[PushedEvent]) -> list[Push]:
    """What holds the rows of these events and is in no commit yet, in the order of pushing.

    Of each batch what lies between the first of them and the last: what comes again was mostly sent together.
    """
    spans: dict[str, tuple[int, int]] = {}
    for event in events:
        low, high = spans.get(event.batch_id, (event.ordinal, event.ordinal))
        spans[event.batch_id] = (min(low, event.ordinal), max(high, event.ordinal))
    rows, found = store.pushes, list[Push]()
    for batch_id, (low, high) in sorted(spans.items()):
        within = (rows.c.batch_id == batch_id, rows.c.ordinal <= high, rows.c.ordinal + rows.c.n_rows > low)
        query = select(rows).where(*within).order_by(rows.c.ordinal)
        found += [value(Push, each) for each in connection.execute(query).mappings()]
    return found


def forget(connection: Connection, batch_id: str) -> None:
    """A commit holds the batch now. The ids of its events stay."""
    connection.execute(delete(store.pushes).where(store.pushes.c.batch_id == batch_id))


def old_events(connection: Connection, project_id: str, before: datetime) -> dict[str, int]:
    """Group id → how many ids are kept of events whose rows were committed before a moment."""
    events = store.pushed_events
    query = select(events.c.group_id, func.count()).where(_is_old(project_id, before))
    return {found[0]: found[1] for found in connection.execute(query.group_by(events.c.group_id))}


def forget_events(connection: Connection, project_id: str, before: datetime, n_most: int) -> dict[str, int]:
    """Forget so many of those ids at most: group id → how many. One that is pushed again is new."""
    events = store.pushed_events
    names = (events.c.group_id, events.c.event_id)
    found = connection.execute(select(*names).where(_is_old(project_id, before)).limit(n_most)).all()
    by_group: dict[str, list[str]] = {}
    for group_id, event_id in found:
        by_group.setdefault(group_id, []).append(event_id)
    for group_id, event_ids in by_group.items():
        connection.execute(
            delete(events).where(events.c.group_id == group_id, among(events.c.event_id, event_ids))
        )
    return {group_id: len(event_ids) for group_id, event_ids in by_group.items()}


def _is_old(project_id: str, before: datetime) -> ColumnElement[bool]:
    """Of events whose rows lie in a commit that was published before a moment."""
    commits = store.commits
    old = select(commits.c.asset_id).where(
        commits.c.project_id == project_id, commits.c.published_us < to_us(before)
    )
    return and_(store.pushed_events.c.project_id == project_id, store.pushed_events.c.batch_id.in_(old))


_DUE: Final = Prepared(
    select(store.pushes.c.group_id)
    .where(
        store.pushes.c.project_id == bindparam("project_id"),
        store.pushes.c.pushed_us <= bindparam("before_us"),
    )
    .distinct()
    .order_by(store.pushes.c.group_id)
)


def due(connection: Connection, project_id: str, before: datetime) -> list[str]:
    """The groups of a project with rows that were pushed before a moment and that no commit holds.

    Asked at every tick, so the statement is ready.
    """
    found = _DUE.ask_all(connection, {"project_id": project_id, "before_us": to_us(before)})
    return [group_id for (group_id,) in found]


def pending_assets(connection: Connection, project_id: str) -> set[tuple[str, str]]:
    """(group id, asset id that the commit will have) of every batch that no commit holds."""
    rows = store.pushes
    query = select(rows.c.group_id, rows.c.batch_id).where(rows.c.project_id == project_id).distinct()
    return {(group_id, batch_id) for group_id, batch_id in connection.execute(query)}


def packed(rows: pl.DataFrame) -> bytes:
    """Rows as the journal holds them: Arrow's file format, with their types."""
    sink = io.BytesIO()
    rows.write_ipc(sink, compression="lz4")
    return sink.getvalue()


def unpacked(push: Push) -> pl.DataFrame:
    """The rows of a push."""
    return pl.read_ipc(io.BytesIO(push.rows))
