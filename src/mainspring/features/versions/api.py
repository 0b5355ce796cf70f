"""The next version of a group: another definition, filled from the commits of the one before, and resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from mainspring.errors import InputError, UnknownNameError
from mainspring.features import plan, store
from mainspring.features.column import Column
from mainspring.features.define import settle
from mainspring.features.insert import api as ingest
from mainspring.features.insert.origin import Origin
from mainspring.features.join.point_in_time import DELETE, OP
from mainspring.features.personal import check_treated
from mainspring.features.rows import scan
from mainspring.features.schema import STORAGE
from mainspring.features.spec import COMMIT_TIME, CommitSpec, FeatureGroupSpec, FeatureSpec
from mainspring.features.store import Stores
from mainspring.features.treatment import TreatedColumn
from mainspring.features.upkeep import maintenance
from mainspring.features.versions.backfill import Backfill, Filling, give_up
from mainspring.log.progress import Progress
from mainspring.ports.tables.collect import collect
from mainspring.types import new_id


def next_version(
    stores: Stores,
    group: FeatureGroupSpec,
    changes: Mapping[str, Any],
    backfill: Backfill | None,
    progress: Progress,
) -> FeatureGroupSpec:
    """Define the version after `group` and fill it; called again, it goes on where it was killed.

    Each commit becomes one commit, in order, made of the old one in the graph; commits that come meanwhile too. Of what
    a killed call had staged nothing is left where an erasure took rows of the old commit since.

    Args:
        changes: field of the definition → its new value.

    Raises:
        InputError: the known time of the rows would be that of the back-fill; the function gives no frame, or rows
            that do not fit.
        ConflictError: the next version exists with another definition, or has commits of another back-fill.
    """
    _check_backfill(group, changes.get("columns"), backfill)
    changes = {"treated": _carried_treatments(group, backfill), **changes}
    _check_treated(group, changes["treated"], changes.get("columns"), backfill)
    new = _define(stores, group, changes, backfill)
    told = {"from": group.label, "to": new.label}
    filling = Filling.of(group, backfill)
    done = 0
    with stores.graph.execution("next_version", new.label, parameters=told, durable=True) as work:
        while fresh := _published(stores, group, done):
            with progress(f"commits of {group.label}", len(fresh)) as advance:
                for commit in fresh:
                    # So that an erasure comes before the reading of the rows, or after their commit.
                    with maintenance.of_group(stores, group):
                        _fill(stores, filling, new, commit)
                    advance()
            done = fresh[-1].number or 0
        work.event("feature_group.backfilled", new.group_id, {**told, "up_to": done})
    with stores.records.read() as connection:
        return store.get_group_by_id(connection, new.group_id)


def said_before(
    group: FeatureGroupSpec, schema: Mapping[str, object], backfill: Backfill | None
) -> dict[str, object]:
    """The schema of a next version; columns that it has of `group` keep what was said of them, unless it says else."""
    names = {} if backfill is None or callable(backfill) else backfill
    before = {item.name: item for item in group.columns or ()}
    found: dict[str, object] = {}
    for name, kind in schema.items():
        given = kind if isinstance(kind, Column) else Column(kind)
        source = names.get(name, name)
        old = before.get(source if isinstance(source, str) else name)
        if old is not None:
            given = replace(
                given,
                description=old.description if given.description is None else given.description,
                personal=old.personal if given.personal is None else given.personal,
            )
        found[name] = given
    return found


def _check_backfill(
    group: FeatureGroupSpec, columns: tuple[FeatureSpec, ...] | None, backfill: Backfill | None
) -> None:
    """Refuse what would leave a column empty without a word; of a function only its frames will tell."""
    if callable(backfill):
        return
    where = f"feature group {group.label}, next_version"
    old, names = [item.name for item in group.columns or ()], backfill or {}
    for given in names.values():
        if isinstance(given, str) and given not in old:
            raise UnknownNameError.of("column", given, old, f"{where}, backfill")
    if columns is None:
        return
    known = [item.name for item in columns]
    for name in names:
        if name not in known:
            raise UnknownNameError.of("column", name, known, f"{where}, backfill")
    empty = [item.name for item in columns if item.name not in {*old, *names} and item.default is None]
    if empty:
        raise InputError(
            expected=f"a back-fill of the new columns {', '.join(empty)}",
            got=f"one of {', '.join(names)}" if names else "none",
            where=where,
            hint=f"Write backfill={{{empty[0]!r}: 'old_column'}} or an expression: pl.lit(None) for no value.",
        )


def _define(
    stores: Stores, group: FeatureGroupSpec, changes: Mapping[str, Any], backfill: Backfill | None
) -> FeatureGroupSpec:
    columns = changes.get("columns") or _carried(group, backfill)
    wanted = group.model_copy(
        update={
            **changes,
            "columns": columns,
            "group_id": new_id(),
            "version": group.version + 1,
            "revision": 1,
            "deprecation": None,
            "created_at": stores.graph.clock.now(),
        }
    )
    where = f"feature group {wanted.label}"
    plan.check_group(
        wanted.name,
        wanted.version,
        wanted.keys,
        wanted.event_time,
        wanted.known_time,
        wanted.ttl_s,
        wanted.source_delay_s,
        wanted.on_failure,
        wanted.online,
        where,
    )
    if wanted.known_time == COMMIT_TIME:
        raise InputError(
            expected="a column as known time of the next version",
            got="known_time='commit'",
            where=where,
            hint="Rows that are back-filled now would be known only from now on, and every training join before that "
            "empty. Write next_version(known_time='known_at', …): the column is given the times at which the old "
            "commits were published.",
        )
    if columns is not None:
        known = wanted.known_time
        if known is not None and known not in {item.name for item in columns}:
            columns = (*columns, FeatureSpec(name=known, type="datetime"))
            wanted = wanted.model_copy(update={"columns": columns})
        ingest.check_columns(wanted, columns, where)
    check_treated(wanted, where)
    # What is said of a version that is there already stays.
    given = {name: name in changes for name in ("expectations", "on_failure")}
    return settle(stores, wanted, given, ingest.check_expectations, where)


def _carried(group: FeatureGroupSpec, backfill: Backfill | None) -> tuple[FeatureSpec, ...] | None:
    """The old columns under their new names; None where only the rows will tell."""
    names = backfill or {}
    if callable(names) or not all(isinstance(old, str) for old in names.values()):
        return None
    renamed = {old: new for new, old in names.items()}
    return tuple(
        item.model_copy(update={"name": renamed.get(item.name, item.name), "absent_until": 0})
        for item in group.columns or ()
    )


def _carried_treatments(group: FeatureGroupSpec, backfill: Backfill | None) -> tuple[TreatedColumn, ...]:
    """The old treatments, of columns that only have another name under that."""
    names = {} if backfill is None or callable(backfill) else backfill
    renamed = {old: new for new, old in names.items() if isinstance(old, str)}
    return tuple(
        item.model_copy(update={"name": renamed.get(item.name, item.name)}) for item in group.treated
    )


def _check_treated(
    group: FeatureGroupSpec,
    wanted: Sequence[TreatedColumn],
    columns: tuple[FeatureSpec, ...] | None,
    backfill: Backfill | None,
) -> None:
    """Refuse to treat values in another way that were treated, or no more: what they were nobody has any more."""
    names = {} if backfill is None or callable(backfill) else backfill
    before = {item.name: item for item in group.treated}
    _check_not_lifted(group, before, {item.name for item in wanted}, columns, names)
    for item in wanted:
        old = before.get(str(names.get(item.name, item.name)))
        if old is None or item.treatment.how == "drop":
            continue
        if (old.type, old.treatment) != (item.type, item.treatment):
            raise InputError(
                expected=f"{item.name!r} with anonymise={old.treatment} of {old.type}, as it is stored",
                got=f"anonymise={item.treatment} of {item.type}",
                where=f"feature group {group.label}, next_version",
                hint="Values that are gone cannot be treated anew: define the version with features.group(…, "
                f"version={group.version + 1}), and insert from where the rows came.",
            )


def _check_not_lifted(
    group: FeatureGroupSpec,
    before: Mapping[str, TreatedColumn],
    treated: set[str],
    columns: tuple[FeatureSpec, ...] | None,
    names: Mapping[str, Any],
) -> None:
    for column in columns or ():
        old = before.get(str(names.get(column.name, column.name)))
        if old is not None and old.treatment.how != "drop" and column.name not in treated:
            raise InputError(
                expected=f"{column.name!r} with anonymise={old.treatment}, as it is stored",
                got="a column that is taken as it comes",
                where=f"feature group {group.label}, next_version",
                hint="One entity would have two names. Write ms.column(…, anonymise=…) as before; to have the values "
                f"as they are, define features.group(…, version={group.version + 1}) and insert them anew.",
            )


def _published(stores: Stores, group: FeatureGroupSpec, after: int) -> list[CommitSpec]:
    with stores.records.read() as connection:
        return store.published(connection, group.group_id, after=after)


def _fill(stores: Stores, filling: Filling, new: FeatureGroupSpec, commit: CommitSpec) -> None:
    """One commit of the next version; nothing where it is there already, or no row is left.

    The caller keeps erasures away from the old version.
    """
    old, where = filling.group, f"feature group {new.label}, back-fill of commit {commit.number}"
    with stores.records.read() as connection:
        new = store.get_group_by_id(connection, new.group_id)
        erased = store.last_edition(connection, old.group_id, commit.ticket)
        first = store.first_backfilled(connection, new.group_id, old.group_id)
        made = store.backfilled(connection, new.group_id, filling.start(commit))
    filling.check_same(first, where)
    if any(item.number is not None for item in made):
        return
    key = filling.token(commit, erased)
    for item in made:
        if item.token != key:
            give_up(stores, new, item)
    rows = collect(scan(stores, old, [commit]).sort("_ordinal"), where)
    is_delete = bool(rows.height) and rows.item(0, OP) == DELETE
    plain = rows.select(item.name for item in old.columns or ())
    frame = _transformed(plain, new, commit, filling.backfill, where)
    if not frame.height:
        return
    origin = Origin(assets=(commit.asset_id or "",))
    if is_delete:
        keys = frame.select(name for name in frame.columns if name in new.system_columns)
        ingest.delete_rows(stores, new, keys, origin, idempotency_key=key)
    else:
        ingest.insert_rows(stores, new, frame, origin, idempotency_key=key)


def _transformed(
    rows: pl.DataFrame,
    new: FeatureGroupSpec,
    commit: CommitSpec,
    backfill: Backfill | None,
    where: str,
) -> pl.DataFrame:
    made: object = backfill(rows) if callable(backfill) else _mapped(rows, backfill or {}, where)
    if not isinstance(made, pl.DataFrame):
        hint = "Return the rows that the new version is to have."
        raise InputError.of_kind("a polars frame from the back-fill", made, where, hint)
    frame = made
    known = new.known_time
    if known is not None and known not in frame.columns:
        time = pl.lit(commit.published_at).cast(pl.Datetime("us", "UTC"))
        frame = frame.with_columns(time.alias(known))
    if new.columns is None:
        return frame
    missing = [item for item in new.columns if item.name not in frame.columns]
    frame = frame.with_columns(pl.lit(item.default, STORAGE[item.type]).alias(item.name) for item in missing)
    return frame if callable(backfill) else frame.select(item.name for item in new.columns)


def _mapped(rows: pl.DataFrame, names: Mapping[str, str | pl.Expr], where: str) -> pl.DataFrame:
    """The rows with the new columns, without the old ones that only have another name."""
    made = [(pl.col(given) if isinstance(given, str) else given).alias(name) for name, given in names.items()]
    gone = {given for given in names.values() if isinstance(given, str)} - set(names)
    try:
        return rows.with_columns(made).drop(gone, strict=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            expected=f"expressions over the columns {', '.join(rows.columns)}",
            got=str(error).splitlines()[0],
            where=where,
            hint="Correct the back-fill and call again; once a commit was filled it stays what it was.",
        ) from error
