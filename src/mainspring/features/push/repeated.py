"""Events that come again: they change nothing, and what they say must be what they said the first time.

It is compared with the row itself, in the journal or in the commit that took it over, so nothing is kept of an event
but its id and its place. Of a row that was erased nothing is left to compare: such an event changes nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from mainspring.errors import ConflictError
from mainspring.features import store
from mainspring.features.join.point_in_time import ORDINAL
from mainspring.features.push import journal
from mainspring.features.rows import scan
from mainspring.features.spec import FeatureGroupSpec, PushedEvent
from mainspring.features.store import Stores
from mainspring.ports.tables.collect import collect

#: No feature may be called so: names of features do not begin with an underscore.
_ID: Final = "_event_id"
_BEFORE: Final = "_before"
N_NAMED: Final = 5
"""So many events are named in an error."""


def check_at_once(group: FeatureGroupSpec, rows: pl.DataFrame, ids: Sequence[str], where: str) -> None:
    """Refuse events that come several times at once with different content.

    Raises:
        ConflictError: one does.
    """
    if len(set(ids)) < len(ids):
        sent = rows.with_columns(pl.Series(_ID, ids))
        _check(group, sent, sent.unique(_ID, keep="first", maintain_order=True), where)


def check_before(
    stores: Stores,
    group: FeatureGroupSpec,
    rows: pl.DataFrame,
    ids: Sequence[str],
    known: Sequence[PushedEvent],
    where: str,
) -> None:
    """Refuse events that were pushed before with other content.

    Args:
        known: those of the events that were pushed before.

    Raises:
        ConflictError: one has other content.
        IntegrityError: the table of the group is gone.
    """
    sent = rows.with_columns(pl.Series(_ID, ids))
    for before in _before(stores, group, known):
        _check(group, sent, before, where)


def _check(group: FeatureGroupSpec, sent: pl.DataFrame, before: pl.DataFrame, where: str) -> None:
    # An event that is sent again may be learnt of again: when it was is not what it says.
    names = [name for name in before.columns if name not in {_ID, group.known_time}]
    pairs = sent.join(before, on=_ID, how="inner", suffix=_BEFORE)
    differs = pairs.select(_ID, *(pl.col(name).ne_missing(pl.col(f"{name}{_BEFORE}")) for name in names))
    other = differs.filter(pl.any_horizontal(names))
    if other.height:
        events = other.get_column(_ID).unique(maintain_order=True).to_list()
        shown = ", ".join(map(repr, events[:N_NAMED])) + (", …" if len(events) > N_NAMED else "")
        raise ConflictError(
            expected="the content that an event came with the first time",
            got=f"other values of {', '.join(name for name in names if other[name].any())} in {shown}",
            where=where,
            hint="Give a correction an id of its own: its row takes the place. None of these rows is taken.",
        )


def _before(stores: Stores, group: FeatureGroupSpec, known: Sequence[PushedEvent]) -> Iterator[pl.DataFrame]:
    """The rows that these events came with, as far as there are any, with `_event_id`; a column that came later is not
    in them.
    """
    # The journal first: what has left it by then is in a commit.
    with stores.records.read() as connection:
        pushes = journal.pushes_of(connection, known)
        commits = store.commits_of_assets(connection, {event.batch_id for event in known})
    places = pl.DataFrame(
        {"batch": [event.batch_id for event in known], ORDINAL: [event.ordinal for event in known]}
        | {_ID: [event.event_id for event in known]},
        schema_overrides={ORDINAL: pl.Int64},
    )
    for pushed in pushes:
        rows = journal.unpacked(pushed).with_columns(
            pl.int_range(pushed.ordinal, pushed.ordinal + pushed.n_rows, dtype=pl.Int64).alias(ORDINAL)
        )
        mine = places.filter(batch=pushed.batch_id).select(ORDINAL, _ID)
        yield rows.join(mine, on=ORDINAL, how="inner").drop(ORDINAL)
    for commit in commits:
        columns = list(stores.graph.get_asset(commit.asset_id or "").attributes["columns"])
        mine = places.filter(batch=commit.asset_id).select(ORDINAL, _ID)
        stored = scan(stores, group, [commit], columns).filter(pl.col(ORDINAL).is_in(mine[ORDINAL].implode()))
        found = collect(stored.select(*columns, ORDINAL), group.label)
        yield found.join(mine, on=ORDINAL, how="inner").drop(ORDINAL)
