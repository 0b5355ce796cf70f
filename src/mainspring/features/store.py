"""The feature store's SQL tables and what reads and writes them, and the ports that its handles work through."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from mainspring.errors import UnknownNameError
from mainspring.features import on_demand
from mainspring.features.join.buckets import default_memory_bytes
from mainspring.features.online.pending import Pending
from mainspring.features.spec import (
    CommitSpec,
    EditionSpec,
    FeatureGroupSpec,
    FeatureViewSpec,
    Push,
    PushedEvent,
    SelectionSpec,
    TrainingDatasetSpec,
)
from mainspring.lineage import names
from mainspring.lineage.api import Graph
from mainspring.lineage.marks import visible
from mainspring.lineage.spec import AssetKind, Noun
from mainspring.lineage.store import assets, evidence
from mainspring.log.progress import Progress, silent
from mainspring.ports.engine import Engine, open_engine
from mainspring.ports.keys import Keys
from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.prepared import Prepared
from mainspring.ports.records.schema import row, table, value
from mainspring.ports.tables import Tables
from mainspring.types import new_id, to_us

groups = table(
    "feature_groups",
    FeatureGroupSpec,
    key=["group_id"],
    unique=[["project_id", "name", "version"]],
)
commits = table(
    "feature_commits",
    CommitSpec,
    key=["group_id", "ticket"],
    unique=[["group_id", "token"], ["group_id", "number"]],
    indexes=[["asset_id"]],
)
editions = table("feature_editions", EditionSpec, key=["group_id", "ticket", "execution_id"])
pushes = table("feature_pushes", Push, key=["batch_id", "ordinal"], indexes=[["group_id"]])
pushed_events = table("feature_events", PushedEvent, key=["group_id", "event_id"])
views = table(
    "feature_views",
    FeatureViewSpec,
    key=["view_id"],
    unique=[["project_id", "name", "version"]],
)


@dataclass(frozen=True)
class Stores:
    """What a handle needs of the world.

    Attributes:
        open_keys: opens the online store, or gives the one that is open.
        functions: on-demand functions that this process has seen; they need not be imported again.
        online_groups: specs of the groups that `materialize` has met, by id.
        pending: rows that `materialize` has read and that are not available yet, by group id.
        materializing: held while rows go to the keys store.
        join_memory_bytes: a group that is estimated to need more is joined in buckets of its keys.
        engine: runs the buckets.
        spill_root: where their temporary files may be.
        find_secret: from its name to the secret that personal data is hashed with; None where there is none.
        progress: told of work that may take long, part by part.
    """

    graph: Graph
    tables: Tables
    open_keys: Callable[[], Keys]
    functions: on_demand.Known = field(default_factory=on_demand.Known)
    online_groups: dict[str, FeatureGroupSpec] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    materializing: threading.Lock = field(default_factory=threading.Lock)
    join_memory_bytes: int = field(default_factory=default_memory_bytes)
    engine: Callable[[], Engine] = field(default=lambda: open_engine(n_workers=1))
    find_secret: Callable[[str], bytes | None] = field(default=lambda _name: None, repr=False)
    spill_root: Path = field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"mainspring-{os.getuid()}"
    )
    progress: Progress = field(default=silent, repr=False)

    @property
    def keys(self) -> Keys:
        """The online store."""
        return self.open_keys()

    @property
    def records(self) -> Records:
        """Transactions."""
        return self.graph.records

    @property
    def project_id(self) -> str:
        """The project's id."""
        return self.graph.project_id


def table_name(spec: FeatureGroupSpec) -> str:
    """The columnar table of a group version; its name can be read by people and other engines.

    The end of the group's id keeps two projects, or a project and its new beginning, apart in one folder.
    """
    return _table_name(spec.name, spec.version, spec.group_id)


def _table_name(name: str, version: int, group_id: str) -> str:
    return f"features_{name}_v{version}_{group_id[-8:]}"


_REJECTS: Final = "_rejects"


def rejects_table_name(spec: FeatureGroupSpec) -> str:
    """The columnar table of the rows that a group did not take."""
    return f"{table_name(spec)}{_REJECTS}"


def main_table(name: str) -> str:
    """The group's table, of the name of it or of that of its rejects; any other name as it is."""
    return name.removesuffix(_REJECTS)


def tables_of(stores: Stores, spec: FeatureGroupSpec) -> list[str]:
    """The names of the group's table and of that of its rejects, as far as they are there."""
    return [name for name in (table_name(spec), rejects_table_name(spec)) if stores.tables.exists(name)]


def lock_name(group_id: str) -> str:
    """The lock that orders tickets and commit numbers of one group."""
    return f"features/{group_id}"


# --- groups


def find_group(connection: Connection, project_id: str, name: str, version: int) -> FeatureGroupSpec | None:
    """The group of that name, present or former, and version."""
    query = _groups(project_id).where(
        groups.c.name == names.lasting(Noun.FEATURE_GROUP, project_id, name), groups.c.version == version
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(FeatureGroupSpec, found)


def groups_of(
    connection: Connection, project_id: str, parts: Iterable[SelectionSpec]
) -> dict[tuple[str, int], FeatureGroupSpec]:
    """The groups that selections are of, by name and version."""
    out = {}
    for name, version in dict.fromkeys(item.table for item in parts):
        found = find_group(connection, project_id, name, version)
        assert found is not None
        out[name, version] = found
    return out


def get_group_by_id(connection: Connection, group_id: str) -> FeatureGroupSpec:
    """The group of that id."""
    query = _groups(groups.c.project_id).where(groups.c.group_id == group_id)
    found = connection.execute(query).mappings().one()
    return value(FeatureGroupSpec, found)


def all_groups(connection: Connection, project_id: str) -> list[FeatureGroupSpec]:
    """Every group, by lasting name and version; asks nothing of a schema older than this version's."""
    query = select(groups).where(groups.c.project_id == project_id).order_by(groups.c.name, groups.c.version)
    return [value(FeatureGroupSpec, found) for found in connection.execute(query).mappings()]


def all_tables(connection: Connection, project_id: str) -> list[str]:
    """The table of every group, in the order in which they were defined; any released schema can be asked."""
    query = select(groups.c.name, groups.c.version, groups.c.group_id).where(
        groups.c.project_id == project_id
    )
    return [_table_name(*found) for found in connection.execute(query.order_by(groups.c.group_id))]


def list_groups(connection: Connection, project_id: str, *, archived: bool = True) -> list[FeatureGroupSpec]:
    """Every group, by name and version; without the archived ones if so wished."""
    query = _groups(project_id).order_by("called", groups.c.version)
    if not archived:
        query = query.where(visible(groups.c.group_id, project_id))
    return [value(FeatureGroupSpec, found) for found in connection.execute(query).mappings()]


def _groups(project_id: str | ColumnElement[str]) -> Select[Any]:
    called = names.called(Noun.FEATURE_GROUP, groups.c.name, project_id).label("called")
    return select(groups, called).where(groups.c.project_id == project_id)


def add_group(connection: Connection, spec: FeatureGroupSpec, project_id: str) -> None:
    """A new group. The caller holds the names of groups."""
    connection.execute(insert(groups), row(spec, project_id))


def replace_group(connection: Connection, spec: FeatureGroupSpec, project_id: str) -> None:
    """The group's new state, under its id."""
    connection.execute(
        update(groups).where(groups.c.group_id == spec.group_id).values(**row(spec, project_id))
    )


# --- commits


def find_commit_by_token(connection: Connection, group_id: str, token: str) -> CommitSpec | None:
    """The commit, staged or published, of an idempotency key."""
    query = select(commits).where(commits.c.group_id == group_id, commits.c.token == token)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(CommitSpec, found)


def next_ticket(connection: Connection, group_id: str) -> int:
    """A ticket above all others of the group; the caller holds the group's lock.

    It is made of the time and of chance (the first 48 bits of a UUIDv7 and 15 random ones), not counted: rows
    that a lost or restored database no longer knows must never come back under a ticket that is given again.
    """
    query = select(func.coalesce(func.max(commits.c.ticket), 0)).where(commits.c.group_id == group_id)
    last = int(connection.execute(query).scalar_one())
    drawn = new_id()
    return max(last + 1, int(drawn[:12], 16) << 15 | int(drawn[-4:], 16) >> 1)


def stage_commit(connection: Connection, spec: CommitSpec, project_id: str) -> None:
    """Write down a commit that nobody can read yet."""
    connection.execute(insert(commits), row(spec, project_id))


_EXTENT: Final = ("n_rows", "n_deletes", "min_event_us", "max_event_us", "early_event_us", "late_event_us")


def publish_commit(connection: Connection, spec: CommitSpec, now: datetime) -> bool:
    """Give a staged commit the next number, in the order of publication. False when it already has one.

    The caller holds the group's lock until its transaction ends, so that a number is never visible before a
    lower one. Nor is its time before that of a lower one, where a clock goes back or those of two machines differ.
    """
    mine = (commits.c.group_id == spec.group_id, commits.c.number.is_not(None))
    query = select(commits.c.number, commits.c.published_us).where(*mine).order_by(commits.c.number.desc())
    last, published_us = connection.execute(query.limit(1)).one_or_none() or (0, 0)
    values = row(spec, "")
    changed = connection.execute(
        update(commits)
        .where(
            commits.c.group_id == spec.group_id, commits.c.ticket == spec.ticket, commits.c.number.is_(None)
        )
        .values(
            number=last + 1,
            asset_id=spec.asset_id,
            n_failed=spec.n_failed,
            verdict=spec.verdict,
            # An erasure may have taken rows since it was staged.
            **{name: values[name] for name in _EXTENT},
            published_us=max(to_us(now), published_us),
        )
    )
    return changed.rowcount == 1


def published(
    connection: Connection,
    group_id: str,
    *,
    up_to: int | None = None,
    until: datetime | None = None,
    after: int = 0,
) -> list[CommitSpec]:
    """Published commits in order.

    Args:
        up_to: highest number; None = all.
        until: latest publication time, on the project's clock.
        after: numbers above this one only.
    """
    query = select(commits).where(commits.c.group_id == group_id, commits.c.number > after)
    if up_to is not None:
        query = query.where(commits.c.number <= up_to)
    if until is not None:
        query = query.where(commits.c.published_us <= to_us(until))
    return [
        value(CommitSpec, found) for found in connection.execute(query.order_by(commits.c.number)).mappings()
    ]


def all_commits(connection: Connection, group_id: str) -> list[CommitSpec]:
    """Every commit of a group, staged or published, in the order of its tickets."""
    query = select(commits).where(commits.c.group_id == group_id).order_by(commits.c.ticket)
    return [value(CommitSpec, found) for found in connection.execute(query).mappings()]


def editions_of(connection: Connection, group_id: str) -> list[EditionSpec]:
    """What erasures left, or are to leave, of the group's commits, oldest first."""
    query = select(editions).where(editions.c.group_id == group_id)
    order = (editions.c.made_us, editions.c.execution_id)
    return [value(EditionSpec, found) for found in connection.execute(query.order_by(*order)).mappings()]


def erased_commits() -> Select[Any]:
    """The asset ids of the commits of which an erasure took rows, or began to: no kept profile is theirs any more."""
    same = and_(editions.c.group_id == commits.c.group_id, editions.c.ticket == commits.c.ticket)
    return select(commits.c.asset_id).join(editions, same).where(commits.c.asset_id.is_not(None))


def has_edition(connection: Connection, group_id: str, ticket: int) -> bool:
    """Whether an erasure took rows of a commit, or began to."""
    query = select(editions.c.ticket).where(editions.c.group_id == group_id, editions.c.ticket == ticket)
    return connection.execute(query.limit(1)).first() is not None


def profiles_in_use(connection: Connection, digests: Iterable[str]) -> set[str]:
    """Those of the digests that are the profile of a commit with all its rows, or of a finding, in any project."""
    wanted = set(digests)
    of_commit = assets.c.attributes["profile"].as_string()
    of_finding = evidence.c.figures["profile"].as_string()
    of_commits = select(of_commit).where(
        assets.c.kind == AssetKind.COMMIT.value,
        among(of_commit, wanted),
        assets.c.id.not_in(erased_commits()),
    )
    found = connection.execute(
        of_commits.union(select(of_finding).where(among(of_finding, wanted)))
    ).scalars()
    return set(found)


def last_edition(connection: Connection, group_id: str, ticket: int) -> str | None:
    """The last erasure that took rows of a commit, or began to; None where none did."""
    mine = (editions.c.group_id == group_id, editions.c.ticket == ticket)
    order = (editions.c.made_us.desc(), editions.c.execution_id.desc())
    query = select(editions.c.execution_id).where(*mine).order_by(*order).limit(1)
    return connection.execute(query).scalar_one_or_none()


def add_editions(connection: Connection, specs: list[EditionSpec], project_id: str) -> None:
    """Write down what an erasure is to leave."""
    if specs:
        connection.execute(insert(editions), [row(spec, project_id) for spec in specs])


def settle_editions(connection: Connection, done: list[EditionSpec], given_up: list[EditionSpec]) -> None:
    """Say that some editions are what the rows are, and that others never came to be."""
    for spec in done:
        connection.execute(update(editions).where(_is_edition(spec)).values(is_done=True))
    for spec in given_up:
        connection.execute(delete(editions).where(_is_edition(spec)))


def _is_edition(spec: EditionSpec) -> ColumnElement[bool]:
    return and_(
        editions.c.group_id == spec.group_id,
        editions.c.ticket == spec.ticket,
        editions.c.execution_id == spec.execution_id,
    )


def latest(
    connection: Connection, group_id: str, *, at_least: int, n: int, before: int | None = None
) -> list[CommitSpec]:
    """The last `n` published commits of so many rows, oldest first.

    Args:
        before: only those of a lower number; None = any.
    """
    of_group = (commits.c.group_id == group_id, commits.c.number.is_not(None))
    query = select(commits).where(*of_group, commits.c.n_rows >= at_least)
    if before is not None:
        query = query.where(commits.c.number < before)
    query = query.order_by(commits.c.number.desc()).limit(n)
    return [value(CommitSpec, found) for found in connection.execute(query).mappings()][::-1]


def tickets(connection: Connection, group_id: str) -> set[int]:
    """Every ticket of a group that was ever drawn, published or not."""
    return set(connection.execute(select(commits.c.ticket).where(commits.c.group_id == group_id)).scalars())


def last_numbers(connection: Connection, group_ids: list[str]) -> dict[str, int]:
    """Highest published number by group; groups without commit are absent."""
    query = (
        select(commits.c.group_id, func.max(commits.c.number))
        .where(among(commits.c.group_id, group_ids), commits.c.number.is_not(None))
        .group_by(commits.c.group_id)
    )
    return {group_id: int(number) for group_id, number in connection.execute(query)}


_ONLINE_NUMBERS: Final = Prepared(
    select(commits.c.group_id, func.max(commits.c.number))
    .join(groups, groups.c.group_id == commits.c.group_id)
    .where(groups.c.project_id == bindparam("project_id"), groups.c.online, commits.c.number.is_not(None))
    .group_by(commits.c.group_id)
    .order_by(commits.c.group_id)
)


def online_numbers(connection: Connection, project_id: str) -> dict[str, int]:
    """Highest published number by online group that has one; asked at every tick, so the statement is ready."""
    found = _ONLINE_NUMBERS.ask_all(connection, {"project_id": project_id})
    return {group_id: int(number) for group_id, number in found}


def get_commit(connection: Connection, spec: FeatureGroupSpec, number: int) -> CommitSpec:
    """The published commit of that number.

    Raises:
        UnknownNameError: nothing of that number was published.
    """
    query = select(commits).where(commits.c.group_id == spec.group_id, commits.c.number == number)
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        known = [item.number for item in published(connection, spec.group_id)]
        raise UnknownNameError.of("commit", number, known, f"feature group {spec.label}")
    return value(CommitSpec, found)


def commits_of_assets(connection: Connection, asset_ids: Iterable[str]) -> list[CommitSpec]:
    """The published commits among these assets."""
    query = select(commits).where(among(commits.c.asset_id, asset_ids))
    return [value(CommitSpec, found) for found in connection.execute(query).mappings()]


def commit_numbers(connection: Connection, asset_ids: Iterable[str]) -> dict[str, int]:
    """Number by asset of the published commits among these assets."""
    query = select(commits.c.asset_id, commits.c.number).where(among(commits.c.asset_id, asset_ids))
    return {asset_id: int(number) for asset_id, number in connection.execute(query)}


def numbered(found: list[CommitSpec]) -> pl.DataFrame:
    """Commits as a frame: `_commit` (ticket), `_number`, `_published_us`."""
    return pl.DataFrame(
        {
            "_commit": [item.ticket for item in found],
            "_number": [item.number for item in found],
            "_published_us": [to_us(item.published_at) for item in found if item.published_at],
        },
        schema={"_commit": pl.Int64, "_number": pl.Int64, "_published_us": pl.Int64},
    )


def backfills_of(connection: Connection, project_id: str, group: FeatureGroupSpec) -> list[FeatureGroupSpec]:
    """Versions of a group that have staged rows made of its commits, which nobody can read."""
    others = [
        item
        for item in all_groups(connection, project_id)
        if item.name == group.name and item.group_id != group.group_id
    ]
    made = (commits.c.number.is_(None), commits.c.token.startswith(backfill_token(group.group_id)))
    query = select(commits.c.group_id).where(
        among(commits.c.group_id, [item.group_id for item in others]), *made
    )
    found = set(connection.execute(query).scalars())
    return [item for item in others if item.group_id in found]


def backfilled(connection: Connection, group_id: str, start: str) -> list[CommitSpec]:
    """Commits of a version, staged or published, whose key is `start` or goes on after it with a slash."""
    query = select(commits).where(
        commits.c.group_id == group_id,
        (commits.c.token == start) | commits.c.token.startswith(f"{start}/", autoescape=True),
    )
    return [value(CommitSpec, found) for found in connection.execute(query).mappings()]


def first_backfilled(connection: Connection, group_id: str, old_id: str) -> CommitSpec | None:
    """The first published commit of a version that was made of one of another version; None where there is none."""
    query = select(commits).where(
        commits.c.group_id == group_id,
        commits.c.number.is_not(None),
        commits.c.token.startswith(backfill_token(old_id), autoescape=True),
    )
    found = connection.execute(query.order_by(commits.c.number).limit(1)).mappings().one_or_none()
    return None if found is None else value(CommitSpec, found)


def forget_staged(connection: Connection, spec: CommitSpec) -> None:
    """Give up a ticket that was not published. The caller holds the group's lock, and took its rows away."""
    connection.execute(
        delete(commits).where(
            commits.c.group_id == spec.group_id, commits.c.ticket == spec.ticket, commits.c.number.is_(None)
        )
    )


def backfill_token(group_id: str) -> str:
    """How the idempotency keys begin of commits that are made of those of an earlier version."""
    return f"{group_id}/"


# --- training datasets


def dataset_lock_name(asset_id: str) -> str:
    """The lock under which a training dataset is given an edition."""
    return f"training_dataset/{asset_id}"


def dataset_spec(connection: Connection, asset_id: str) -> TrainingDatasetSpec:
    """What is stored of a training dataset."""
    query = select(assets.c.attributes).where(assets.c.id == asset_id)
    return TrainingDatasetSpec.model_validate(connection.execute(query).scalar_one())


def replace_dataset(connection: Connection, asset_id: str, spec: TrainingDatasetSpec) -> None:
    """What an erasure leaves of a training dataset; its asset's digest stays. The caller holds its lock."""
    attributes = spec.model_dump(mode="json")
    connection.execute(update(assets).where(assets.c.id == asset_id).values(attributes=attributes))


def datasets_with(connection: Connection, digests: Iterable[str]) -> set[tuple[str, str]]:
    """(digest, asset id) of the training datasets, in any project, that have one of the digests as content."""
    wanted, found = set(digests), set[tuple[str, str]]()
    for name in ("blob", "provenance", "profiles"):
        column = assets.c.attributes[name].as_string()
        of_kind = assets.c.kind == AssetKind.TRAINING_DATASET.value
        query = select(column, assets.c.id).where(of_kind, among(column, wanted))
        found |= {(sha256, asset_id) for sha256, asset_id in connection.execute(query)}
    return found


# --- views


def find_view(connection: Connection, project_id: str, name: str, version: int) -> FeatureViewSpec | None:
    """The view of that name, present or former, and version."""
    query = _views(project_id).where(
        views.c.name == names.lasting(Noun.FEATURE_VIEW, project_id, name), views.c.version == version
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(FeatureViewSpec, found)


def all_views(connection: Connection, project_id: str, *, archived: bool = True) -> list[FeatureViewSpec]:
    """Every view, by name and version; without the archived ones if so wished."""
    query = _views(project_id).order_by("called", views.c.version)
    if not archived:
        query = query.where(visible(views.c.view_id, project_id))
    return [value(FeatureViewSpec, found) for found in connection.execute(query).mappings()]


def _views(project_id: str) -> Select[Any]:
    called = names.called(Noun.FEATURE_VIEW, views.c.name, project_id).label("called")
    return select(views, called).where(views.c.project_id == project_id)


def add_view(connection: Connection, spec: FeatureViewSpec, project_id: str) -> None:
    """A new view. The caller holds the names of views."""
    connection.execute(insert(views), row(spec, project_id))
