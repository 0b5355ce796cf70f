"""The rows that a batch of predictions is about: a spine within a span of time, or the rows of a group in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from mainspring.errors import InputError
from mainspring.features import store
from mainspring.features.read import Read
from mainspring.features.spec import FeatureGroupSpec, FeatureViewSpec, SelectionSpec
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect

GroupKey = tuple[str, int]


def within(times: pl.Series, start: datetime | None, end: datetime | None) -> pl.Series:
    """Whether each time, aware UTC, lies in [start, end); (n,)."""
    taken = pl.repeat(True, len(times), eager=True)
    if start is not None:
        taken &= times >= start
    return taken if end is None else taken & (times < end)


def rows_of_group(
    stores: Stores,
    view: FeatureViewSpec,
    groups: Mapping[GroupKey, FeatureGroupSpec],
    start: datetime | None,
    end: datetime | None,
    pins: Mapping[str, int],
) -> pl.DataFrame:
    """Each row that became true within the span, of the one group that names everything the view needs, as pinned.

    Its keys become the spine's columns that they are joined by, its event time the moment that is asked about, and
    its columns the request columns of their names.

    Raises:
        InputError: no group of the view has all of it.
    """
    found = next((part for part in view.selections if _suffices(part, view, groups)), None)
    if found is None:
        needed = ", ".join([*_keys(view, groups), *view.needed(inference=True)])
        raise InputError(
            expected=f"a group of the view that has an event time and {needed}",
            got="none",
            where=f"batch of view {view.title}",
            hint="Name the rows: view.batch(start, end, spine=...), a frame, a file or a read of a group.",
        )
    group = groups[found.table]
    with stores.records.read() as connection:
        commits = tuple(store.published(connection, group.group_id))
    event = str(group.event_time)
    rows = Read(stores, group, commits).pinned(pins).within(start, end).lazy()
    keys = {found.on.get(key, key): pl.col(key) for key in group.keys}
    # A key or the time may be a request column as well.
    asked = {name: pl.col(name) for name in view.needed(inference=True) if name in group.features}
    columns = {**asked, **keys, view.spine_time: pl.col(event)}
    asked_rows = rows.sort([event, *group.keys]).select(**columns)
    return collect(asked_rows, f"feature group {group.label}")


def _suffices(
    part: SelectionSpec, view: FeatureViewSpec, groups: Mapping[GroupKey, FeatureGroupSpec]
) -> bool:
    group = groups[part.table]
    has = {part.on.get(key, key) for key in group.keys} | {view.spine_time} | set(group.features)
    own = {part.on.get(key, key) for key in group.keys}
    return (
        group.event_time is not None
        and own.issuperset(_keys(view, groups))
        and has.issuperset(view.needed(inference=True))
    )


def _keys(view: FeatureViewSpec, groups: Mapping[GroupKey, FeatureGroupSpec]) -> dict[str, None]:
    """Columns of a spine that entities are looked up by."""
    return {item.on.get(key, key): None for item in view.selections for key in groups[item.table].keys}
