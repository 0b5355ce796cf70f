"""Rows of streams: online at once, offline in committed batches, each event exactly once.

A push is acknowledged when its rows lie in the journal and, as far as they are available, in the online store. A
process that is killed loses nothing of that: whoever flushes next makes the commit. An event whose id was pushed
before, by whichever process, changes nothing for as long as ids are kept; one that comes with other content is refused.

An online row of a batch carries the number that its commit will have at least, its place in the batch, and the
asset id of that commit. So it is newer than everything committed before it, and the commit's own row takes its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any, Final

import polars as pl

from mainspring.errors import InputError, MainspringError, StateError
from mainspring.features import schema, store
from mainspring.features.commits import Commit
from mainspring.features.define import lock_group, stored
from mainspring.features.erasure import mark as erasure_mark
from mainspring.features.insert import api as ingest
from mainspring.features.insert import rejects
from mainspring.features.insert.frames import frame_of
from mainspring.features.insert.origin import Origin
from mainspring.features.insert.staging import SettledMeanwhile
from mainspring.features.iso8601 import PARSERS
from mainspring.features.join.point_in_time import NUMBER, OP, ORDINAL, PUT
from mainspring.features.online.materialize import entries_of, materialize, newest
from mainspring.features.online.packing import SPACE
from mainspring.features.personal import Door, open_door, unshown
from mainspring.features.push import journal, repeated
from mainspring.features.rows import AVAILABLE, available, with_times
from mainspring.features.spec import FeatureGroupSpec, Push, PushedEvent
from mainspring.features.store import Stores
from mainspring.log import get_logger
from mainspring.ports.keys import Guards, OvertakenError
from mainspring.types import new_id, to_us

_log = get_logger(__name__)

#: Rows of an iterator that are acknowledged together.
ROWS_AT_ONCE: Final = 1_000
#: After this time the next one is acknowledged with those before it, however few they are.
AT_ONCE_S: Final = 0.1
#: A batch is committed when it has as many rows, or when its first row was pushed as long ago.
BATCH_ROWS: Final = 20_000
BATCH_AGE_S: Final = 60.0
#: Ids of events that one transaction forgets.
IDS_AT_ONCE: Final = 10_000
EVENT_ID_MAX_CHARACTERS: Final = 200


@dataclass(frozen=True)
class Pushed:
    """What became of pushed rows; all of them are durable.

    Attributes:
        n_rows: rows that are new.
        n_repeated: rows whose event was pushed before with the same content; they changed nothing.
        commits: numbers of the commits that were made on the way, oldest first.
        n_refused: messages of a stream that were no rows of the group and were given to `refused`.
    """

    n_rows: int = 0
    n_repeated: int = 0
    commits: tuple[int, ...] = ()
    n_refused: int = 0

    def __add__(self, other: Pushed) -> Pushed:
        return Pushed(
            self.n_rows + other.n_rows,
            self.n_repeated + other.n_repeated,
            self.commits + other.commits,
            self.n_refused + other.n_refused,
        )


def push(stores: Stores, group: FeatureGroupSpec, data: object, *, event_id: str) -> Pushed:
    """Take rows of a stream; see `FeatureGroup.push`."""
    if not isinstance(data, Iterator):
        return _push_at_once(stores, group, data, event_id)
    done = Pushed()
    for rows in _parts(data):
        done += _push_at_once(stores, group, rows, event_id)
    return done


def _parts(data: Iterator[Any]) -> Iterator[list[Any]]:
    """What an iterator gives in parts that are acknowledged together; of a slow one every row alone."""
    rows, began_s = [], monotonic()
    for row in data:
        rows.append(row)
        if len(rows) >= ROWS_AT_ONCE or monotonic() - began_s >= AT_ONCE_S:
            yield rows
            rows, began_s = [], monotonic()
    if rows:
        yield rows


def _push_at_once(stores: Stores, group: FeatureGroupSpec, data: object, event_id: str) -> Pushed:
    # A stream goes on for longer than what is known of its group.
    group = stored(stores, group)
    where = f"feature group {group.label}, push"
    if group.columns is None:
        raise StateError(
            expected="a group with a schema",
            got="no insert yet",
            where=where,
            hint="Declare schema= when you define the group, or insert rows first.",
        )
    if event_id in schema.types_of(group.columns):
        raise InputError(
            expected="the id of each event in a column of its own",
            got=f"{event_id!r}, which is a column of the group",
            where=where,
            hint="The column of the ids is not kept with the rows: send the ids once more under another name, such as "
            "'event_id'.",
        )
    door = open_door(group.treated, stores.find_secret, where)
    return _push_frame(stores, group, _frame(group, door, data, event_id, where), event_id, where)


def flush(stores: Stores, group: FeatureGroupSpec) -> list[Commit]:
    """Commit what was pushed and no commit holds, and bring it online as committed; [] where there is nothing."""
    with stores.records.write() as connection:
        lock_group(stores, connection, group.group_id)
        journal.close(connection, group.group_id)
        waiting = journal.batches(connection, group.group_id)
    done = [commit for batch_id in waiting if (commit := _commit(stores, group, batch_id)) is not None]
    if done and group.online:
        materialize(stores, group, stores.graph.clock.now())
    return done


def flush_due(stores: Stores) -> list[Commit]:
    """Of every group of the project commit what was pushed a batch's age ago: by whoever was killed since, too.

    Raises:
        MainspringError: the first group's that could not be committed; the others were.
    """
    before = stores.graph.clock.now() - timedelta(seconds=BATCH_AGE_S)
    with stores.records.read() as connection:
        groups = [
            store.get_group_by_id(connection, group_id)
            for group_id in journal.due(connection, stores.project_id, before)
        ]
    done: list[Commit] = []
    refused: MainspringError | None = None
    for group in groups:
        try:
            done += flush(stores, group)
        except MainspringError as error:
            _log.warning("push.not_committed", f"rows that were pushed to {group.label} wait on: {error}")
            refused = refused or error
    if refused is not None:
        raise refused
    return done


def forget_event_ids(stores: Stores, before: datetime, *, delete: bool) -> dict[str, int]:
    """Group id → how many ids of events, whose rows were committed before a moment, could be forgotten, or were.

    In transactions of thousands, so that nobody who pushes waits for long.
    """
    if not delete:
        with stores.records.read() as connection:
            return journal.old_events(connection, stores.project_id, before)
    done: Counter[str] = Counter()
    while True:
        with stores.records.write() as connection:
            part = journal.forget_events(connection, stores.project_id, before, IDS_AT_ONCE)
        done.update(part)
        if sum(part.values()) < IDS_AT_ONCE:
            return dict(done)


def _frame(group: FeatureGroupSpec, door: Door, data: object, event_id: str, where: str) -> pl.DataFrame:
    """The rows with the column of their ids, and nothing that must not be written."""
    if event_id in door.columns:
        raise InputError(
            expected="the id of each event in a column of its own",
            got=f"{event_id!r}, which is anonymised",
            where=where,
            hint="An id is kept as it comes: send one that says nothing of a person.",
        )
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _of_mappings(group, door, data, event_id, where)
    with unshown(group.treated):
        frame = frame_of(data, where, group.given_types)
    if event_id not in frame.columns:
        raise _without_id(event_id, frame.columns, where)
    return door.frame(frame, where)


def _of_mappings(
    group: FeatureGroupSpec, door: Door, rows: Sequence[Mapping[str, Any]], event_id: str, where: str
) -> pl.DataFrame:
    """Rows of a stream as a frame; times may be text of ISO 8601, as JSON has them."""
    types: dict[str, str | None] = {event_id: None, **schema.types_of(group.columns)}
    defaults = {item.name: item.default for item in group.columns or () if item.default is not None}
    needed = types.keys() - defaults.keys()
    known = types.keys() | door.columns.keys()
    columns = []
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping) or not needed <= row.keys() <= known:
            got = ", ".join(row) if isinstance(row, Mapping) else type(row).__name__
            raise InputError(
                expected=f"a mapping with {', '.join(types)}",
                got=got,
                where=f"{where}, row {place}",
                hint="Send null where a value is not known; leave out what the group does not have.",
            )
    for name, kind in types.items():
        values = [row.get(name, defaults.get(name)) for row in rows]
        try:
            if name in door.columns:
                values = [door.value(name, item, where) for item in values]
            elif kind is not None and (parse := PARSERS.get(kind)) is not None:
                values = [parse(item) if type(item) is str else _time(item, kind) for item in values]
            columns.append(pl.Series(name, values, dtype=None if kind is None else schema.STORAGE[kind]))
        except InputError:
            raise
        except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
            raise InputError(
                expected="text or whole numbers" if kind is None else f"values of type {kind}",
                got=str(error).splitlines()[0],
                where=f"{where}, column {name!r}",
                hint="Send every value in the type that the group declares.",
            ) from error
    return pl.DataFrame(columns)


def _time(item: object, kind: str) -> object:
    """What is no text is a time already: of a number nobody knows the unit."""
    is_instant = isinstance(item, datetime)
    if item is None or (is_instant if kind == "datetime" else isinstance(item, date) and not is_instant):
        return item
    raise TypeError(f"{item!r} is no {kind}, nor text of one in ISO 8601")


def _push_frame(
    stores: Stores, group: FeatureGroupSpec, frame: pl.DataFrame, event_id: str, where: str
) -> Pushed:
    stores.graph.check_usable(group.group_id)
    ids = _event_ids(frame.get_column(event_id), where)
    columns = group.columns or ()
    rows = schema.conform(frame.drop(event_id), columns, not_null=ingest.not_null(group), where=where)
    rejects.check(group, rows, ingest.expectations_of(group), where)
    done = Pushed()
    for start in range(0, rows.height, BATCH_ROWS):
        done += _push_part(
            stores, group, rows.slice(start, BATCH_ROWS), ids[start : start + BATCH_ROWS], where
        )
    return done


def _event_ids(series: pl.Series, where: str) -> list[str]:
    dtype = series.dtype
    ids = series.cast(pl.String) if dtype.is_integer() else series
    if (
        ids.dtype != pl.String
        or ids.null_count()
        or not ids.str.len_chars().is_between(1, EVENT_ID_MAX_CHARACTERS).all()
        or ids.str.contains("\0", literal=True).any()
    ):
        raise InputError(
            expected=f"an id in every row: text of 1 to {EVENT_ID_MAX_CHARACTERS} characters without NUL, or a whole "
            "number",
            got=f"type {dtype}" if ids.dtype != pl.String else "null, empty or longer text, or a NUL",
            where=f"{where}, column {series.name!r}",
            hint="Name an event by what its producer calls it: the same when it is sent again.",
        )
    return ids.to_list()


@dataclass(frozen=True)
class _Taken:
    """What a transaction took of pushed rows.

    Attributes:
        pushed: those that are new; it has no row where none is.
        again: what holds the rows of events that were pushed before and that no commit holds.
        number: what the commit's will be at least.
        n_waiting: rows of the open batch, these included.
        began_us: when its first row came.
    """

    pushed: Push
    again: list[Push]
    number: int
    n_waiting: int
    began_us: int


def _push_part(
    stores: Stores, group: FeatureGroupSpec, rows: pl.DataFrame, ids: list[str], where: str
) -> Pushed:
    now = stores.graph.clock.now()
    # Before the rows are in the journal, of which an erasure takes what was there before it.
    guards = erasure_mark.seen(stores.keys, [group.group_id]) if group.online else {}
    repeated.check_at_once(group, rows, ids, where)
    checked = frozenset[str]()
    while isinstance(taken := _take(stores, group, rows, ids, now, checked, where), list):
        # Outside of the transaction: rows of a commit are read from its table.
        repeated.check_before(stores, group, rows, ids, taken, where)
        checked |= {event.event_id for event in taken}
    if group.online:
        new = [taken.pushed] if taken.pushed.n_rows else []
        _bring_online(stores, group, [*taken.again, *new], taken.number, guards)
    commits: tuple[int, ...] = ()
    if taken.n_waiting >= BATCH_ROWS or to_us(now) - taken.began_us >= BATCH_AGE_S * 1_000_000:
        commits = tuple(commit.number for commit in flush(stores, group))
    n_new = taken.pushed.n_rows
    return Pushed(n_new, len(ids) - n_new, commits)


def _take(
    stores: Stores,
    group: FeatureGroupSpec,
    rows: pl.DataFrame,
    ids: list[str],
    now: datetime,
    checked: frozenset[str],
    where: str,
) -> _Taken | list[PushedEvent]:
    """Write new rows into the journal; or nothing, and return events that were pushed before and are not checked."""
    with stores.records.write() as connection:
        stores.graph.check_stands(connection, where)
        lock_group(stores, connection, group.group_id)
        known = journal.find_events(connection, group.group_id, ids)
        if unchecked := [event for event in known if event.event_id not in checked]:
            return unchecked
        seen = {event.event_id for event in known}
        first: dict[str, int] = {}
        for place, name in enumerate(ids):
            first.setdefault(name, place)
        new = [place for name, place in first.items() if name not in seen]
        batch_id, n_before, began_us = journal.find_open(connection, group.group_id) or (
            new_id(),
            0,
            to_us(now),
        )
        pushed = Push(
            group_id=group.group_id,
            batch_id=batch_id,
            ordinal=n_before,
            n_rows=len(new),
            is_closed=False,
            pushed_at=now,
            rows=journal.packed(rows.select(pl.all().gather(new))) if new else b"",
        )
        if new:
            journal.add(connection, pushed, [ids[place] for place in new], stores.project_id)
        # Whoever sent these before may have been killed between the journal and the online store.
        again = journal.pushes_of(connection, known)
        number = store.last_numbers(connection, [group.group_id]).get(group.group_id, 0) + 1
    return _Taken(pushed, again, number, n_before + len(new), began_us)


def _bring_online(
    stores: Stores, group: FeatureGroupSpec, pushes: Sequence[Push], number: int, guards: Guards
) -> None:
    """Put what is available now into the online store; the rest comes with its commit.

    Args:
        number: what the commit's will be at least.
        guards: the mark of erasures before the pushes were read.
    """
    while True:
        try:
            return _put(stores, group, pushes, number, guards)
        except OvertakenError:
            # An erasure committed what was in the journal: of that what it left comes with its commit.
            guards = erasure_mark.seen(stores.keys, [group.group_id])
            with stores.records.read() as connection:
                waiting = journal.pushes(connection, {item.batch_id for item in pushes})
            there = {(item.batch_id, item.ordinal) for item in waiting}
            pushes = [item for item in pushes if (item.batch_id, item.ordinal) in there]


def _put(
    stores: Stores, group: FeatureGroupSpec, pushes: Sequence[Push], number: int, guards: Guards
) -> None:
    now_us = to_us(stores.graph.clock.now())
    for pushed in pushes:
        rows = _as_of_now(group, journal.unpacked(pushed)).with_columns(
            pl.lit(number, dtype=pl.Int64).alias(NUMBER),
            pl.int_range(pushed.ordinal, pushed.ordinal + pushed.n_rows, dtype=pl.Int64).alias(ORDINAL),
            pl.lit(PUT, dtype=pl.Int64).alias(OP),
        )
        timed = with_times(rows, group, pushed.pushed_at)
        ready = timed.with_columns(available(group)).filter(pl.col(AVAILABLE) <= now_us)
        asset = {number: bytes.fromhex(pushed.batch_id)}
        stores.keys.put(SPACE, entries_of(group, newest(group, ready), asset), guards=guards)


def _commit(stores: Stores, group: FeatureGroupSpec, batch_id: str) -> Commit | None:
    """The commit of a closed batch; None where another process made it meanwhile."""
    with stores.records.read() as connection:
        group = store.get_group_by_id(connection, group.group_id)
        pushes = journal.pushes(connection, [batch_id])
    if not pushes:
        return None
    columns = group.columns or ()
    rows = pl.concat([_as_of_now(group, journal.unpacked(pushed)) for pushed in pushes])
    try:
        return ingest.commit(
            stores,
            group,
            columns,
            rejects.ask(group, rows, ingest.expectations_of(group))[0],
            PUT,
            # With the revision: a commit that was begun before the group gained columns is begun anew.
            f"push/{batch_id}/{group.revision}",
            Origin(f"{group.name} events"),
            asset_id=batch_id,
            with_it=lambda connection: journal.forget(connection, batch_id),
        )
    except SettledMeanwhile:
        return _commit(stores, group, batch_id)


def _as_of_now(group: FeatureGroupSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that were pushed before the group gained columns have the default for them, or no value."""
    return rows.select(
        pl.col(item.name)
        if item.name in rows.columns
        else pl.lit(item.default, schema.STORAGE[item.type]).alias(item.name)
        for item in group.columns or ()
    )


def _without_id(event_id: str, columns: Sequence[str], where: str) -> InputError:
    return InputError(
        expected=f"a column {event_id!r} with the id of each event",
        got=f"the columns {', '.join(columns)}",
        where=where,
        hint="Name the column of the ids: group.push(rows, event_id='id'). It is no feature.",
    )
