"""Insert: refuse at the door, or append, validate and publish as one commit.

A staged row draws the ticket; the rows are appended under it; one transaction publishes them under the next number.
Readers take only published tickets, so a process that dies in between leaves rows that nobody sees. A retry with the
same idempotency key finds the staged row and the append, and publishes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection

from mainspring import notebook
from mainspring.checks.batch import BatchDrift
from mainspring.checks.profile import Profile
from mainspring.checks.spec import Environment, Expectation, Validation
from mainspring.checks.validate import in_environment, validate
from mainspring.errors import ConflictError, InputError
from mainspring.features import profiles, rejects, schema, store
from mainspring.features.define import lock_group, warn_of_use
from mainspring.features.digest import commit_digest
from mainspring.features.frames import frame_of
from mainspring.features.join import COMMIT, DELETE, OP, ORDINAL, PUT
from mainspring.features.origin import Origin, read, source_asset
from mainspring.features.personal import open_door
from mainspring.features.profiles import Looked
from mainspring.features.rejects import Screened
from mainspring.features.remains import remains
from mainspring.features.rows import lost_table
from mainspring.features.spec import COMMIT_TIME, CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import AssetKind
from mainspring.types import new_id

EVIDENCE_KIND: Final = "expectations"
"""Of the evidence about a commit that keeps its validation."""


@dataclass(frozen=True, repr=False)
class Commit:
    """One insert or delete of a group, published.

    Attributes:
        number: its place in the order of becoming visible, from 1.
        ticket: what its rows carry as `_commit`.
        asset_id: of the commit in the graph.
        n_rows: rows written, deletes included.
        n_deletes: how many of them are deletes.
        n_failed: rows of the batch that broke at least one expectation.
        n_rejected: rows of the batch that are not among its rows: see `FeatureGroup.rejects`.
        verdict: of the expectations; None where the group has none.
        min_event, max_event: the span of event times; None without event time.
        published_at: the project clock.
        validation: what the expectations found; None where the group had none.
    """

    group: str
    number: int
    ticket: int
    asset_id: str
    n_rows: int
    n_deletes: int
    n_failed: int
    verdict: str | None
    min_event: datetime | None
    max_event: datetime | None
    published_at: datetime
    validation: Validation | None = None
    n_rejected: int = 0
    read_profile: Callable[[], Profile] | None = field(default=None, repr=False, compare=False)
    read_drift: Callable[[], BatchDrift | None] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        said = f" {self.verdict}" if self.verdict else ""
        return f"<Commit {self.number} of {self.group}: {self.n_rows} rows{said}>"

    @property
    def profile(self) -> Profile:
        """The profile of the rows that it put, without values of keys; of a delete that of no rows."""
        assert self.read_profile is not None
        return self.read_profile()

    @property
    def drift(self) -> BatchDrift | None:
        """What its rows showed against those of the commits before it; None for a delete. It refuses nothing."""
        assert self.read_drift is not None
        return self.read_drift()

    def _repr_html_(self) -> str:
        told = {
            "rows": self.n_rows,
            "of them deletes": self.n_deletes,
            "broke an expectation": self.n_failed,
            "rejected": self.n_rejected,
            "verdict": self.verdict,
            "event times": (self.min_event, self.max_event),
            "published at": self.published_at,
        }
        found = () if self.validation is None else (self.validation._repr_html_(),)
        return notebook.panel(f"commit {self.number} of {self.group}", notebook.fields(told), *found)


def commits_of(stores: Stores, group: FeatureGroupSpec, found: Sequence[CommitSpec]) -> list[Commit]:
    """Published commits as users see them, with what is stored of their validations."""
    validated = [spec.asset_id for spec in found if spec.asset_id is not None and spec.verdict is not None]
    evidence = stores.graph.evidence_for(*validated, kind=EVIDENCE_KIND) if validated else []
    figures = {entry.subject_id: entry.figures for entry in evidence}
    return [_commit_of(stores, group, spec, figures.get(spec.asset_id or "")) for spec in found]


def _commit_of(
    stores: Stores, group: FeatureGroupSpec, spec: CommitSpec, figures: Mapping[str, Any] | None
) -> Commit:
    assert spec.number is not None and spec.asset_id is not None and spec.published_at is not None
    return Commit(
        group=group.label,
        number=spec.number,
        ticket=spec.ticket,
        asset_id=spec.asset_id,
        n_rows=spec.n_rows,
        n_deletes=spec.n_deletes,
        n_failed=spec.n_failed,
        verdict=spec.verdict,
        min_event=spec.min_event_at,
        max_event=spec.max_event_at,
        published_at=spec.published_at,
        validation=None if figures is None else Validation.of_figures(figures),
        n_rejected=0 if figures is None else figures.get("n_rejected", 0),
        read_profile=lambda: profiles.of_commit(stores, group, spec),
        read_drift=lambda: profiles.find_drift(stores, spec),
    )


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
    warn_of_use(group)
    frame, origin = read(data, source, f"feature group {group.label}", _types(group))
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
    where = f"feature group {group.label}"
    _check_nonempty(frame, where)
    frame = anonymised(stores, group, frame, where)
    columns = group.columns or schema.infer(frame, _times(group), where)
    check_columns(group, columns, where)
    rows = schema.conform(frame, columns, not_null=not_null(group), where=where)
    batch = rejects.screen(group, rows, expectations_of(group), where)
    return commit(stores, group, columns, batch, PUT, idempotency_key, origin)


def delete(stores: Stores, group: FeatureGroupSpec, data: object, *, idempotency_key: str | None) -> Commit:
    """Write down that keys have no row from an event time on."""
    where = f"feature group {group.label}, delete"
    stores.graph.check_usable(group.group_id)
    if group.columns is None:
        raise InputError(
            expected="a group with rows", got="no commit yet", where=where, hint="Insert before you delete."
        )
    frame = frame_of(data, where, _types(group))
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
    return commit(stores, group, group.columns, batch, DELETE, idempotency_key, origin)


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
    asset_id: str | None = None,
    with_it: Callable[[Connection], object] | None = None,
) -> Commit:
    """Append rows that are in the group's types, and publish them.

    Args:
        asset_id: drawn beforehand; None draws one.
        with_it: what is written in the transaction that publishes them.
    """
    rows = batch.rows
    content = commit_digest(op, rows)
    staged = _stage(stores, group, columns, rows, op, idempotency_key or new_id(), content)
    group = staged[0]
    spec = staged[1]
    if spec.number is not None:
        return commits_of(stores, group, [spec])[0]
    name = store.table_name(group)
    with stores.records.read() as connection:
        is_erased = store.has_edition(connection, group.group_id, spec.ticket)
    if not is_erased:
        looked = _append(stores, group, spec, batch, op)
        try:
            return _publish(stores, group, spec, batch, origin, looked, asset_id, with_it)
        except _ErasedMeanwhile:
            profiles.give_up(stores, set() if looked is None else {looked.sha256})
    with stores.tables.alone(name):
        left = remains(stores, group, spec, batch, expectations_of(group))
        first, last = _span(group, left.rows)
        n_rows = left.rows.height
        counts = {"n_rows": n_rows, "n_deletes": n_rows if op == DELETE else 0}
        spec = spec.model_copy(update={**counts, "min_event_at": first, "max_event_at": last})
        return _publish(stores, group, spec, left, origin, None, asset_id, with_it, is_erased=True)


def _append(
    stores: Stores, group: FeatureGroupSpec, spec: CommitSpec, batch: Screened, op: int
) -> Looked | None:
    """Write the rows under the commit's ticket, unless they are there."""
    rejects.append(stores, group, spec, batch.rejected)
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
    return None if profiled is None else profiled.result()


def _check_not_lost(stores: Stores, group: FeatureGroupSpec, name: str) -> None:
    """Refuse to begin anew a table whose commits the records know: reads would leave out what was lost."""
    with stores.records.read() as connection:
        numbers = store.last_numbers(connection, [group.group_id])
    # Looked at again: another first insert may have made it, and was published since.
    if numbers and not stores.tables.exists(name):
        raise lost_table(group, numbers[group.group_id])


def _stage(
    stores: Stores,
    group: FeatureGroupSpec,
    columns: Sequence[Any],
    rows: pl.DataFrame,
    op: int,
    token: str,
    content: str,
) -> tuple[FeatureGroupSpec, CommitSpec]:
    """Draw the ticket, or find the commit of the same key; a first insert also settles the group's schema."""
    if not isinstance(token, str) or "\0" in token:
        raise InputError(
            expected="an idempotency key of text without NUL",
            got=repr(token),
            where=f"feature group {group.label}",
            hint="Name the batch by where it came from, such as 'orders/2026-11-21'.",
        )
    first, last = _span(group, rows)
    with stores.records.write() as connection:
        lock_group(stores, connection, group.group_id)
        found = store.find_commit_by_token(connection, group.group_id, token)
        if found is not None:
            if found.digest != content:
                raise ConflictError(
                    expected="the rows that the idempotency key came with the first time",
                    got="other rows",
                    where=f"feature group {group.label}, idempotency key {token!r}",
                    hint="Use a new key for new rows.",
                )
            return store.get_group_by_id(connection, group.group_id), found
        group = store.get_group_by_id(connection, group.group_id)
        if group.columns is None:
            group = group.model_copy(update={"columns": tuple(columns)})
            store.replace_group(connection, group, stores.project_id)
        elif schema.types_of(group.columns) != schema.types_of(columns):
            raise ConflictError(
                expected="the schema that the group has",
                got="one that another insert settled in the meantime",
                where=f"feature group {group.label}",
                hint="Insert again: the rows will be brought to the group's schema.",
            )
        spec = CommitSpec(
            group_id=group.group_id,
            ticket=store.next_ticket(connection, group.group_id),
            number=None,
            token=token,
            digest=content,
            asset_id=None,
            n_rows=rows.height,
            n_deletes=rows.height if op == DELETE else 0,
            n_failed=0,
            verdict=None,
            min_event_at=first,
            max_event_at=last,
            published_at=None,
        )
        store.stage_commit(connection, spec, stores.project_id)
    return group, spec


def _span(group: FeatureGroupSpec, rows: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    """The first and last event time."""
    if group.event_time is None or rows.is_empty():
        return None, None
    events = rows.get_column(group.event_time)
    first, last = events.min(), events.max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    return first, last


class _PublishedElsewhere(Exception):
    """Another process published the same idempotency key first."""


class _ErasedMeanwhile(Exception):
    """An erasure took rows, or is about to."""


def _publish(
    stores: Stores,
    group: FeatureGroupSpec,
    spec: CommitSpec,
    batch: Screened,
    origin: Origin,
    looked: Looked | None,
    asset_id: str | None,
    with_it: Callable[[Connection], object] | None,
    *,
    is_erased: bool = False,
) -> Commit:
    n_failed, validation = batch.n_failed, batch.validation
    sources = origin.assets or [source_asset(stores, group.name, origin, spec.digest, batch.n_given).id]
    graph = stores.graph
    parameters = {
        "group": group.label,
        "ticket": spec.ticket,
        "n_rows": spec.n_rows,
        "n_deletes": spec.n_deletes,
    }
    try:
        with graph.execution("insert", group.name, parameters=parameters) as work:
            for source_id in sources:
                work.use(source_id, role="rows")
            asset = work.add(
                AssetKind.COMMIT,
                group.name,
                digest=spec.digest,
                attributes=_attributes(group, spec, looked),
                asset_id=asset_id,
            )
            if validation is not None:
                work.evidence(
                    asset.id,
                    EVIDENCE_KIND,
                    verdict=validation.verdict,
                    figures=batch.figures(),
                )
            rejects.publish(work, group, spec, asset, batch)
            if looked is not None:
                _tell_drift(work, asset.id, looked.drift, parameters)
            work.event("commit.published", asset.id, {**parameters, "n_failed": n_failed})
            done = spec.model_copy(
                update={
                    "asset_id": asset.id,
                    "n_failed": n_failed,
                    "verdict": None if validation is None else validation.verdict.value,
                    "published_at": graph.clock.now(),
                }
            )

            def publish(connection: Connection) -> None:
                lock_group(stores, connection, group.group_id)
                if not is_erased and store.has_edition(connection, group.group_id, spec.ticket):
                    raise _ErasedMeanwhile
                if not store.publish_commit(connection, done):
                    raise _PublishedElsewhere
                if with_it is not None:
                    with_it(connection)

            work.write(publish)
    except _PublishedElsewhere:
        pass
    with stores.records.read() as connection:
        found = store.find_commit_by_token(connection, group.group_id, spec.token)
    assert found is not None
    return commits_of(stores, group, [found])[0]


def _tell_drift(work: Publication, asset_id: str, found: BatchDrift, parameters: dict[str, Any]) -> None:
    figures = found.model_dump(mode="json")
    work.evidence(asset_id, profiles.DRIFT, verdict=found.verdict, figures=figures)
    if found.told:
        said = {"columns": list(found.told), "reason": found.reason}
        # Seasons drift too: it is there for whoever listens, and no warning to whoever inserts.
        work.event("commit.drifted", asset_id, {**parameters, **said})


def _attributes(group: FeatureGroupSpec, spec: CommitSpec, looked: Looked | None) -> dict[str, Any]:
    return {
        **({} if looked is None else {profiles.ATTRIBUTE: looked.sha256}),
        "group": group.name,
        "version": group.version,
        "revision": group.revision,
        "group_id": group.group_id,
        "columns": {column.name: column.type for column in group.columns or ()},
        "ticket": spec.ticket,
        "table": store.table_name(group),
        "n_rows": spec.n_rows,
        "n_deletes": spec.n_deletes,
        "min_event": None if spec.min_event_at is None else spec.min_event_at.isoformat(),
        "max_event": None if spec.max_event_at is None else spec.max_event_at.isoformat(),
    }
