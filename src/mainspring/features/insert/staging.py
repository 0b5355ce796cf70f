"""A commit before it is published: its ticket, drawn once for each idempotency key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection

from mainspring.checks.batch import MIN_ROWS
from mainspring.errors import ConflictError, InputError
from mainspring.features import schema, store
from mainspring.features.define import lock_group
from mainspring.features.join.point_in_time import DELETE
from mainspring.features.reference import bulk_of
from mainspring.features.spec import CommitSpec, FeatureGroupSpec, FeatureSpec
from mainspring.features.store import Stores


class SettledMeanwhile(Exception):
    """The group's schema is not the one that the rows were brought to: somebody else settled or widened it."""


def stage(
    stores: Stores,
    group: FeatureGroupSpec,
    columns: Sequence[FeatureSpec],
    rows: pl.DataFrame,
    op: int,
    token: str,
    digest: str,
    given_digest: str | None,
) -> tuple[FeatureGroupSpec, CommitSpec]:
    """Draw the ticket, or find the commit of the same key; a first insert also settles the group's schema.

    Args:
        digest, given_digest: as the commit is to have them.

    Raises:
        InputError: the key is none.
        ConflictError: it came with other rows.
        SettledMeanwhile: the group has another schema by now.
    """
    check_token(group, token)
    new = CommitSpec(
        group_id=group.group_id,
        ticket=0,
        number=None,
        token=token,
        digest=digest,
        given_digest=given_digest,
        asset_id=None,
        n_failed=0,
        verdict=None,
        published_at=None,
        **extent(group, rows, op),
    )
    with stores.records.write() as connection:
        lock_group(stores, connection, group.group_id)
        found = store.find_commit_by_token(connection, group.group_id, token)
        if found is not None:
            _check_same(group, found, new)
            _check_as_staged(group, found, rows)
            return store.get_group_by_id(connection, group.group_id), found
        group = _settled(stores, connection, group.group_id, columns)
        spec = new.model_copy(update={"ticket": store.next_ticket(connection, group.group_id)})
        store.stage_commit(connection, spec, stores.project_id)
    return group, spec


def extent(group: FeatureGroupSpec, rows: pl.DataFrame, op: int) -> dict[str, Any]:
    """What a commit says of its rows: how many they are, the first and last event time, and where most of them lie."""
    counts = {"n_rows": rows.height, "n_deletes": rows.height if op == DELETE else 0}
    first, last, early, late = None, None, None, None
    if group.event_time is not None and not rows.is_empty():
        events = rows.get_column(group.event_time)
        first, last = events.min(), events.max()
        if rows.height >= MIN_ROWS:
            early, late = bulk_of(events)
    spans = {"min_event_at": first, "max_event_at": last, "early_event_at": early, "late_event_at": late}
    return {**counts, **spans}


def check_token(group: FeatureGroupSpec, token: object) -> None:
    """Refuses a key that no database can hold."""
    if not isinstance(token, str) or "\0" in token:
        raise InputError(
            expected="an idempotency key of text without NUL",
            got=repr(token),
            where=f"feature group {group.label}",
            hint="Name the batch by where it came from, such as 'orders/2026-11-21'.",
        )


def _check_same(group: FeatureGroupSpec, found: CommitSpec, given: CommitSpec) -> None:
    """A key stays bound to the rows that it came with first, also where these were never published: whether their
    insert was killed or is under way in another process nobody can tell.
    """
    if found.content == given.content:
        return
    is_published = found.number is not None
    raise ConflictError(
        expected="the rows that the idempotency key came with the first time",
        got="other rows" if is_published else "other rows, while nobody can read the first ones",
        where=f"feature group {group.label}, idempotency key {found.token!r}",
        hint="Use a new key for new rows."
        if is_published
        else "Their insert was killed, or is under way. Insert these rows under a new key: the first ones stay unread "
        "for ever; or insert the first ones again under this key, which publishes them.",
    )


def _check_as_staged(group: FeatureGroupSpec, found: CommitSpec, rows: pl.DataFrame) -> None:
    """What is published later is what was written first: of the same rows no more and no fewer are taken."""
    if found.number is None and found.n_rows != rows.height:
        raise ConflictError(
            expected=f"{found.n_rows} rows that the group takes, as when the idempotency key came first",
            got=f"{rows.height}, by what the group expects of rows now",
            where=f"feature group {group.label}, idempotency key {found.token!r}",
            hint="Their first insert was killed, or is under way. Insert the rows under a new key: what was written "
            "of them first stays unread for ever.",
        )


def _settled(
    stores: Stores, connection: Connection, group_id: str, columns: Sequence[FeatureSpec]
) -> FeatureGroupSpec:
    """The group with its schema. The caller holds its lock."""
    group = store.get_group_by_id(connection, group_id)
    if group.columns is None:
        group = group.model_copy(update={"columns": tuple(columns)})
        store.replace_group(connection, group, stores.project_id)
    elif schema.types_of(group.columns) != schema.types_of(columns):
        raise SettledMeanwhile
    return group
