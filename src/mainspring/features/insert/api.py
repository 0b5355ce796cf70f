"""Insert: refuse at the door, or append, validate and publish as one commit.

A staged row draws the ticket; the rows are appended under it; one transaction publishes them under the next number.
Readers take only published tickets, so a process that dies in between leaves rows that nobody sees. A retry with the
same idempotency key finds the staged row and the append, and publishes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection

from mainspring.checks.spec import Environment, Expectation
from mainspring.checks.validate import in_environment, validate
from mainspring.errors import InputError
from mainspring.features import profiles, schema, store
from mainspring.features.commits import Commit, commits_of
from mainspring.features.define import stored, warn_of_use
from mainspring.features.digest import commit_digest
from mainspring.features.insert import rejects
from mainspring.features.insert.frames import frame_of
from mainspring.features.insert.origin import Origin, check_rows, read
from mainspring.features.insert.publish import Beside, ErasedMeanwhile, publish
from mainspring.features.insert.rejects import Screened
from mainspring.features.insert.remains import remains
from mainspring.features.insert.staging import SettledMeanwhile, check_token, extent, stage
from mainspring.features.join.point_in_time import COMMIT, DELETE, OP, ORDINAL, PUT
from mainspring.features.personal import open_door, unshown
from mainspring.features.profiles import Looked
from mainspring.features.rows import lost_table
from mainspring.features.spec import COMMIT_TIME, CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.types import new_id


def check_expectations(group: FeatureGroupSpec) -> None:
    """Refuses expectations that cannot be judged on the group's columns; before the first insert any may be.

    Raises:
        UnknownNameError: one reads a column that the group does not have.
        InputError: one has parameters that do not compare with its column's type.
    """
    if group.columns is not None:
        types = {item.name: schema.STORAGE[item.type] for item in group.columns}
        validate(pl.DataFrame(schema=types), expectations_of(group))


def expectations_of(group: FeatureGroupSpec) -> list[Expectation]:
    """What the group expects of rows that it takes: as values, without what is said of requests alone."""
    listed = (Expectation.model_validate(item) for item in group.expectations)
    return in_environment(listed, Environment.TRAINING)


def insert(
    stores: Stores,
    group: FeatureGroupSpec,
    data: object,
    *,
    idempotency_key: str | None,
    source: str | Path | None,
) -> Commit:
    """Bring rows to the group's schema, validate, append and publish them."""
    stores.graph.check_usable(group.group_id)
    _check_key(idempotency_key, f"feature group {group.label}")
    warn_of_use(group)
    with unshown(group.treated):
        frame, origin = read(data, source, f"feature group {group.label}", _types(group), stores.progress)
    with stores.progress(f"feature group {group.label}: {frame.height:,} rows checked and written", 0):
        return insert_rows(stores, group, frame, origin, idempotency_key=idempotency_key)


def insert_rows(
    stores: Stores,
    group: FeatureGroupSpec,
    frame: pl.DataFrame,
    origin: Origin,
    *,
    idempotency_key: str | None,
) -> Commit:
    """The same with rows that were read."""
    return _as_settled(_insert_rows, stores, group, frame, origin, idempotency_key)


_Write = Callable[[Stores, FeatureGroupSpec, pl.DataFrame, Origin, str | None], Commit]


def _as_settled(
    write: _Write,
    stores: Stores,
    group: FeatureGroupSpec,
    frame: pl.DataFrame,
    origin: Origin,
    idempotency_key: str | None,
) -> Commit:
    """Writes; once more with the group as it is by then, where somebody settles another schema meanwhile."""
    while True:
        try:
            return write(stores, group, frame, origin, idempotency_key)
        except SettledMeanwhile:
            group = stored(stores, group)


def _insert_rows(
    stores: Stores, group: FeatureGroupSpec, frame: pl.DataFrame, origin: Origin, idempotency_key: str | None
) -> Commit:
    where = f"feature group {group.label}"
    _check_nonempty(frame, where)
    frame = anonymised(stores, group, frame, where)
    columns = group.columns or schema.infer(frame, _times(group), where)
    check_columns(group, columns, where)
    rows = schema.conform(frame, columns, not_null=not_null(group), where=where)
    given = rows.select(item.name for item in columns if item.name in frame.columns)
    # Before they are judged: what was taken once is not asked about again, whatever the group expects by now.
    if (done := _find_same(stores, group, idempotency_key, commit_digest(PUT, given))) is not None:
        return done
    batch = rejects.screen(group, rows, expectations_of(group), where)
    return commit(stores, group, columns, batch, PUT, idempotency_key, origin, given=given)


def _find_same(
    stores: Stores, group: FeatureGroupSpec, idempotency_key: str | None, content: str
) -> Commit | None:
    """The commit of that key, if it is published and of these rows."""
    if idempotency_key is None:
        return None
    check_token(group, idempotency_key)
    with stores.records.read() as connection:
        found = store.find_commit_by_token(connection, group.group_id, idempotency_key)
    if found is None or found.number is None or found.content != content:
        return None
    return commits_of(stores, group, [found])[0]


def delete(stores: Stores, group: FeatureGroupSpec, data: object, *, idempotency_key: str | None) -> Commit:
    """Write down that keys have no row from an event time on."""
    where = f"feature group {group.label}, delete"
    stores.graph.check_usable(group.group_id)
    _check_key(idempotency_key, where)
    if group.columns is None:
        raise InputError(
            expected="a group with rows", got="no commit yet", where=where, hint="Insert before you delete."
        )
    check_rows(data, where)
    with unshown(group.treated):
        frame = frame_of(data, where, _types(group), stores.progress)
    return delete_rows(stores, group, frame, Origin(), idempotency_key=idempotency_key)


def delete_rows(
    stores: Stores,
    group: FeatureGroupSpec,
    frame: pl.DataFrame,
    origin: Origin,
    *,
    idempotency_key: str | None,
) -> Commit:
    """The same with keys that were read."""
    return _as_settled(_delete_rows, stores, group, frame, origin, idempotency_key)


def _delete_rows(
    stores: Stores, group: FeatureGroupSpec, frame: pl.DataFrame, origin: Origin, idempotency_key: str | None
) -> Commit:
    where = f"feature group {group.label}, delete"
    needed = [*group.keys, *_times(group)]
    assert group.columns is not None
    frame = anonymised(stores, group, frame, where)
    columns = [item for item in group.columns if item.name in needed]
    named = schema.conform(frame, columns, not_null=not_null(group), where=where)
    rows = named.select(
        pl.col(item.name) if item.name in needed else pl.lit(None, schema.STORAGE[item.type]).alias(item.name)
        for item in group.columns
    )
    batch = Screened(rows, rows.height)
    return commit(stores, group, group.columns, batch, DELETE, idempotency_key, origin, given=named)


def _check_key(idempotency_key: object, where: str) -> None:
    """Refuses a key that tells no two calls apart, such as a variable that was never set."""
    if idempotency_key is None or (isinstance(idempotency_key, str) and idempotency_key.strip()):
        return
    raise InputError.of_kind(
        "text that is not empty, or None",
        idempotency_key,
        f"{where}, idempotency_key",
        "Name what the rows are, such as the day of a batch; None makes every call a commit of its own.",
    )


def anonymised(stores: Stores, group: FeatureGroupSpec, frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """The rows as they may be written: see `personal`.

    Raises:
        StateError, ConflictError: the secret that they are to be hashed with is not there, or another one.
        InputError: a column is of another type.
    """
    return open_door(group.treated, stores.find_secret, where).frame(frame, where)


def _check_nonempty(frame: pl.DataFrame, where: str) -> None:
    if not frame.height:
        raise InputError(
            expected="at least one row",
            got="an empty frame",
            where=where,
            hint="Skip the insert when there is nothing new.",
        )


def _times(group: FeatureGroupSpec) -> list[str]:
    named = (group.event_time, group.known_time)
    return [name for name in named if name is not None and name != COMMIT_TIME]


def _types(group: FeatureGroupSpec) -> dict[str, str]:
    """Column → logical type as far as it is known: before the first insert, that times are times."""
    return {**dict.fromkeys(_times(group), "datetime"), **group.given_types}


def not_null(group: FeatureGroupSpec) -> list[str]:
    """Columns that need a value in every row: keys and event time."""
    return [*group.keys, *([group.event_time] if group.event_time else [])]


def check_columns(group: FeatureGroupSpec, columns: Sequence[Any], where: str) -> None:
    """Keys and times are there, of types that can be compared, and no name is reserved."""
    known = [item.name for item in columns]
    for name in [*group.keys, *_times(group)]:
        if name not in known:
            raise InputError(
                expected=f"the column {name!r}, which the group declares as key or time",
                got=f"the columns {', '.join(known)}",
                where=where,
                hint="Add the column, or define the group with the right names.",
            )
    for name in known:
        if name.startswith(schema.SYSTEM_PREFIX) or not name:
            raise InputError(
                expected="column names that do not begin with '_'",
                got=repr(name),
                where=where,
                hint="Rename the column: the underscore is kept for system columns.",
            )
    types = {item.name: item.type for item in columns}
    for name in _times(group):
        if types[name] != "datetime":
            raise InputError(
                expected="type datetime",
                got=f"type {types[name]}",
                where=f"{where}, column {name!r}",
                hint="Parse it first.",
            )
    schema.key_check(group.keys, columns, where)


def commit(
    stores: Stores,
    group: FeatureGroupSpec,
    columns: Sequence[Any],
    batch: Screened,
    op: int,
    idempotency_key: str | None,
    origin: Origin,
    *,
    given: pl.DataFrame | None = None,
    asset_id: str | None = None,
    with_it: Callable[[Connection], object] | None = None,
) -> Commit:
    """Append rows that are in the group's types, and publish them.

    Args:
        given: what the rows were made of, in the group's types: the same again is the same commit. None = the rows.
        asset_id: drawn beforehand; None draws one.
        with_it: what is written in the transaction that publishes them.

    Raises:
        SettledMeanwhile: the group has another schema by now; nothing was written.
    """
    rows, token = batch.rows, idempotency_key or new_id()
    digest = commit_digest(op, rows)
    given_digest = None if given is None or rows.shape == given.shape else commit_digest(op, given)
    group, spec = stage(stores, group, columns, rows, op, token, digest, given_digest)
    if spec.number is not None:
        return commits_of(stores, group, [spec])[0]
    with stores.records.read() as connection:
        is_erased = store.has_edition(connection, group.group_id, spec.ticket)
    beside = Beside(origin, asset_id, with_it)
    if not is_erased:
        looked = _append(stores, group, spec, batch, op)
        try:
            return publish(stores, group, spec, batch, beside, looked)
        except ErasedMeanwhile:
            profiles.give_up(stores, set() if looked is None else {looked.sha256})
    with stores.tables.alone(store.table_name(group)):
        left = remains(stores, group, spec, batch, expectations_of(group))
        spec = spec.model_copy(update=extent(group, left.rows, op))
        return publish(stores, group, spec, left, beside, None, is_erased=True)


def _append(
    stores: Stores, group: FeatureGroupSpec, spec: CommitSpec, batch: Screened, op: int
) -> Looked | None:
    """Write the rows under the commit's ticket, unless they are there."""
    name = store.table_name(group)
    if not stores.tables.exists(name):
        _check_not_lost(stores, group, name)
    with profiles.beside(stores, group, batch.rows, op) as profiled:
        if not stores.tables.exists(name) or stores.tables.find_append(name, spec.token) is None:
            system = [
                pl.lit(spec.ticket, dtype=pl.Int64).alias(COMMIT),
                pl.int_range(pl.len(), dtype=pl.Int64).alias(ORDINAL),
                pl.lit(op, dtype=pl.Int64).alias(OP),
            ]
            stores.tables.append(name, batch.rows.with_columns(system), token=spec.token)
    # After the rows: an erasure that finds rejects of a ticket finds all that the commit will have.
    rejects.append(stores, group, spec, batch.rejected)
    return None if profiled is None else profiled.result()


def _check_not_lost(stores: Stores, group: FeatureGroupSpec, name: str) -> None:
    """Refuse to begin anew a table whose commits the records know: reads would leave out what was lost."""
    with stores.records.read() as connection:
        numbers = store.last_numbers(connection, [group.group_id])
    # Looked at again: another first insert may have made it, and was published since.
    if numbers and not stores.tables.exists(name):
        raise lost_table(group, numbers[group.group_id])
