"""Erasure of an entity: its rows leave every file of a group, the online store and what was computed from them.

A commit keeps its number, its lineage and what it was; the rows that are left are its next edition, with a digest of
their own. Editions are written before the bytes go: of a process that dies in between it is known what the rows may
be, and calling it again ends it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import polars as pl

from mainspring.errors import InputError
from mainspring.features import ingest, journal, profiles, push, schema, store
from mainspring.features.copies import Copies, find_copies
from mainspring.features.define import lock_group
from mainspring.features.digest import frame_digest
from mainspring.features.frames import frame_of
from mainspring.features.join import COMMIT, OP, ORDINAL, PUT
from mainspring.features.keycode import encoder
from mainspring.features.packing import SPACE
from mainspring.features.remains import stored_rows
from mainspring.features.spec import CommitSpec, EditionSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Asset, AssetKind
from mainspring.ports.tables.collect import collect
from mainspring.types import digest


@dataclass(frozen=True)
class Erased:
    """What an erasure took, or would take.

    Attributes:
        n_rows: rows of the group, in all their versions, deletes too.
        n_waiting: rows that were pushed and that no commit holds yet; an erasure commits them first, so that they are
            among `n_rows`.
        commits: numbers of the commits that they came with; 0 stands for appends that were never published.
        n_rejected: rows that the group had not taken, in the table of its rejects.
        n_online: entries of the online store.
        n_profiles: kept profiles of commits; they are computed again from the rows that are left.
        receipt_id: the report in the graph; None where nothing was erased yet.
    """

    group: str
    n_rows: int
    n_waiting: int
    commits: tuple[int, ...]
    n_rejected: int
    n_online: int
    n_profiles: int
    copies: Copies
    receipt_id: str | None


@dataclass(frozen=True)
class _Plan:
    """What is to go.

    Attributes:
        keys: of the entities, as they were named.
        rows: every row of theirs as the table has it.
        rejected: every row of theirs among the rejects.
        waiting: rows of theirs that were pushed and that no commit holds.
        commits: staged and published ones that the rows came with, and those of erasures that have not ended.
        told: published ones that rows, also rejected ones, came with: what was made of them, or says of them, may
            have the entity too.
    """

    keys: pl.DataFrame
    rows: pl.DataFrame
    rejected: pl.DataFrame
    waiting: pl.DataFrame
    commits: tuple[CommitSpec, ...]
    told: tuple[str, ...]

    @property
    def places(self) -> pl.DataFrame:
        """Ticket and ordinal of each row: no log has a value of the entity for it."""
        return self.rows.select(COMMIT, ORDINAL)


@dataclass(frozen=True)
class _Named:
    """The keys as they are kept: only who has them can tell that they are meant."""

    salt: str
    keys: tuple[str, ...]

    @classmethod
    def of(cls, keys: pl.DataFrame, salt: str) -> _Named:
        """Each key under a digest."""
        return cls(salt, tuple(digest([salt, list(keys.columns), list(row)]) for row in keys.iter_rows()))


def erase(
    stores: Stores, group: FeatureGroupSpec, keys: object, *, reason: str, dry_run: bool = False
) -> Erased:
    """Take all rows of entities out of a group.

    Raises:
        InputError: no reason, no key, keys that the group does not have, or are null.
    """
    stores.graph.check_writable(f"erase in {group.label}")
    where = f"feature group {group.label}, erase"
    _check_reason(reason, where, is_needed=not dry_run)
    named = _keys(stores, group, keys, where)
    if dry_run:
        plan = _planned(stores, group, named)
        n_profiles = len(_profiles(stores, group, {item.ticket for item in plan.commits}))
        return _erased(
            group, plan, _count_online(stores, group, plan), n_profiles, _copies(stores, group, plan), None
        )
    # Rows that were pushed and wait for their commit would bring the entity back.
    push.flush(stores, group)
    # What one erasure finds left of a commit another must not change before it is written down and done.
    with stores.tables.alone(store.table_name(group)):
        plan = _planned(stores, group, named)
        copies = _copies(stores, group, plan)
        if not store.tables_of(stores, group):
            return _erased(group, plan, 0, 0, copies, None)
        return _carry_out(stores, group, plan, copies, reason)


def _check_reason(reason: object, where: str, *, is_needed: bool) -> None:
    if not isinstance(reason, str):
        raise InputError.of_kind("a reason", reason, where, "Say why, in your words: it is kept for ever.")
    if is_needed and not reason.strip():
        raise InputError(expected="a reason", got="none", where=where, hint="Say why: it is kept for ever.")


def _carry_out(stores: Stores, group: FeatureGroupSpec, plan: _Plan, copies: Copies, reason: str) -> Erased:
    named = _Named.of(plan.keys, secrets.token_hex(16))
    told = {"group": group.label, "reason": reason, **asdict(named)}
    # Durable: one that is killed is seen to have begun. After the fact: of an archived group rows can be erased too.
    with stores.graph.execution(
        "erase", group.label, parameters=told, durable=True, after_the_fact=True
    ) as work:
        editions = list(_editions(stores, group, plan, work.id))
        with stores.records.write() as connection:
            lock_group(stores, connection, group.group_id)
            store.add_editions(connection, editions, stores.project_id)
        # Before the rows go, of which alone a part of a key tells the whole one; and once more when nothing has them.
        n_online = _erase_online(stores, group, plan)
        unsettled: tuple[str, ...] = ()
        for name in store.tables_of(stores, group):
            places = plan.places if name == store.table_name(group) else plan.rejected.select(*_PLACE)
            unsettled += stores.tables.erase(name, places).unsettled
        n_online += _erase_online(stores, group, plan)
        n_profiles = _erase_profiles(stores, group, {item.ticket for item in plan.commits})
        copies = replace(copies, unsettled=unsettled)
        result = _erased(group, plan, n_online, n_profiles, copies, None)
        receipt = _receipt(stores, work, result, plan, named, reason)
        _settle(stores, group, plan, work)
    return _erased(group, plan, n_online, n_profiles, copies, receipt.id)


def _keys(stores: Stores, group: FeatureGroupSpec, keys: object, where: str) -> pl.DataFrame:
    """The keys in the group's types, each once."""
    rows = [keys] if isinstance(keys, dict) else keys
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        rows = pl.DataFrame(rows)
    frame = ingest.anonymised(stores, group, frame_of(rows, where, group.given_types), where)
    unknown = [column for column in frame.columns if column not in group.keys]
    if unknown or not frame.width or not frame.height or group.columns is None:
        raise InputError(
            expected=f"values of keys among {', '.join(group.keys) or 'none: the group has no entities'}",
            got=", ".join(frame.columns) if frame.height else "none",
            where=where,
            hint="For example erase({'customer_id': 'C1'}, reason='…'); of a composite key a part is enough.",
        )
    out = frame.select(schema.cast(frame[column], group.type_of(column), where) for column in frame.columns)
    if out.null_count().sum_horizontal().item():
        raise InputError(expected="keys", got="null", where=where, hint="A null names no entity.")
    return out.unique(maintain_order=True)


def _planned(stores: Stores, group: FeatureGroupSpec, keys: pl.DataFrame) -> _Plan:
    rows = _theirs(stores, store.table_name(group), keys, {COMMIT: pl.Int64(), ORDINAL: pl.Int64()})
    rejected = _theirs(stores, store.rejects_table_name(group), keys, _PLACE)
    with stores.records.read() as connection:
        commits = store.all_commits(connection, group.group_id)
        pending = {item.ticket for item in store.editions_of(connection, group.group_id) if not item.is_done}
        pushed = journal.pushes(connection, journal.batches(connection, group.group_id))
    tickets = {*rows[COMMIT].to_list(), *pending}
    touched = tickets | set(rejected[COMMIT].to_list())
    waiting = [journal.unpacked(item).join(keys, on=keys.columns, how="semi") for item in pushed]
    return _Plan(
        keys=keys,
        rows=rows,
        rejected=rejected,
        waiting=pl.concat(waiting, how="diagonal") if waiting else keys.clear(),
        commits=tuple(item for item in commits if item.ticket in tickets),
        told=tuple(item.asset_id for item in commits if item.ticket in touched and item.asset_id is not None),
    )


def _theirs(stores: Stores, name: str, keys: pl.DataFrame, place: dict[str, pl.DataType]) -> pl.DataFrame:
    """Everything that a table has of the entities, published or not: what no reader sees is there too."""
    if not stores.tables.exists(name):
        return keys.clear().hstack(pl.DataFrame(schema=place))
    return collect(stores.tables.scan(name).join(keys.lazy(), on=keys.columns, how="semi"), name)


_PLACE: Final[dict[str, pl.DataType]] = {COMMIT: pl.Int64(), "_row": pl.Int64()}
"""Where a rejected row is: the ticket of its batch's commit, and its place in the batch."""


def _editions(
    stores: Stores, group: FeatureGroupSpec, plan: _Plan, execution_id: str
) -> Iterator[EditionSpec]:
    """What is left of each commit."""
    for commit in plan.commits:
        rows = stored_rows(stores, group, commit.ticket).join(plan.places, on=[COMMIT, ORDINAL], how="anti")
        yield EditionSpec(
            group_id=group.group_id,
            ticket=commit.ticket,
            execution_id=execution_id,
            n_rows=rows.height,
            digest=rows_digest(group, rows),
            is_done=False,
            made_at=stores.graph.clock.now(),
        )


def rows_digest(group: FeatureGroupSpec, rows: pl.DataFrame) -> str:
    """The digest of rows of one commit as the table has them: their values in order, with their operation."""
    ordered = rows.sort(ORDINAL)
    op = int(ordered.item(0, OP)) if ordered.height else PUT
    names = [column.name for column in group.columns or () if column.name in ordered.columns]
    return digest([op, frame_digest(ordered.select(names))])


def is_edition(group: FeatureGroupSpec, edition: EditionSpec, rows: pl.DataFrame) -> bool:
    """Whether these are the rows that an erasure left of a commit."""
    if rows.height != edition.n_rows:
        return False
    while rows_digest(group, rows) != edition.digest:
        # The group may have gained its last columns since; the rows have nulls there.
        last = next((item.name for item in reversed(group.columns or ()) if item.name in rows.columns), None)
        if last is None or rows[last].null_count() < rows.height:
            return False
        rows = rows.drop(last)
    return True


def _settle(stores: Stores, group: FeatureGroupSpec, plan: _Plan, work: Publication) -> None:
    """Say of editions, also of erasures of these entities that were killed, which of them the rows are now."""
    with stores.records.read() as connection:
        pending = [item for item in store.editions_of(connection, group.group_id) if not item.is_done]
    done: list[EditionSpec] = []
    given_up: list[EditionSpec] = []
    for edition in pending:
        if edition.execution_id == work.id:
            done.append(edition)
        elif _is_ended(stores, edition.execution_id, plan.keys):
            rows = stored_rows(stores, group, edition.ticket)
            (done if is_edition(group, edition, rows) else given_up).append(edition)
    work.write(lambda connection: store.settle_editions(connection, done, given_up))


def _is_ended(stores: Stores, execution_id: str, keys: pl.DataFrame) -> bool:
    """Whether an erasure that did not end was of no others than these: what it left undone is done now."""
    found = stores.graph.find_execution(execution_id)
    if found is None:
        return True
    theirs = set(found.parameters["keys"])
    return theirs <= set(_Named.of(keys, found.parameters["salt"]).keys)


def _entries(group: FeatureGroupSpec, plan: _Plan) -> list[bytes]:
    """The entities' keys in the online store, each once."""
    frames = [plan.rows, plan.waiting]
    # Of a whole key the entry is known also where an erasure before this one took the rows.
    frames += [plan.keys] if set(plan.keys.columns) == set(group.keys) else []
    found = [frame.select(group.keys) for frame in frames if frame.height]
    entities = pl.concat(found).unique(maintain_order=True).rows() if found else []
    encode = encoder([group.type_of(name) for name in group.keys], group.keys)
    prefix = bytes.fromhex(group.group_id)
    return [prefix + encode(entity) for entity in entities]


def _count_online(stores: Stores, group: FeatureGroupSpec, plan: _Plan) -> int:
    if not group.online:
        return 0
    return sum(entry is not None for entry in stores.keys.get(SPACE, _entries(group, plan)))


def _erase_online(stores: Stores, group: FeatureGroupSpec, plan: _Plan) -> int:
    if not group.online:
        return 0
    with stores.materializing:
        # Rows that this process holds for later are read again, from where these are not any more.
        stores.pending.pop(group.group_id, None)
        return stores.keys.delete(SPACE, _entries(group, plan))


def _profiles(stores: Stores, group: FeatureGroupSpec, tickets: Collection[int]) -> set[str]:
    """Digests of the profiles that are kept with commits."""
    with stores.records.read() as connection:
        commits = [item for item in store.all_commits(connection, group.group_id) if item.ticket in tickets]
    assets = (None if item.asset_id is None else stores.graph.find_asset(item.asset_id) for item in commits)
    named = (None if asset is None else asset.attributes.get(profiles.ATTRIBUTE) for asset in assets)
    return {sha256 for sha256 in named if sha256 is not None and stores.graph.blobs.find(sha256) is not None}


def _erase_profiles(stores: Stores, group: FeatureGroupSpec, tickets: Collection[int]) -> int:
    """Profiles tell smallest, largest and most frequent values. One that others have of equal rows stays theirs."""
    # Looked up now: of the commits some may have been published since the erasure began.
    return profiles.give_up(stores, _profiles(stores, group, tickets))


def _copies(stores: Stores, group: FeatureGroupSpec, plan: _Plan) -> Copies:
    return find_copies(stores, group, plan.told, plan.keys, (plan.rows, plan.rejected))


def _erased(
    group: FeatureGroupSpec,
    plan: _Plan,
    n_online: int,
    n_profiles: int,
    copies: Copies,
    receipt_id: str | None,
) -> Erased:
    numbers = {commit.ticket: commit.number or 0 for commit in plan.commits}
    tickets = set(plan.rows[COMMIT].to_list())
    return Erased(
        group=group.label,
        n_rows=plan.rows.height,
        n_waiting=plan.waiting.height,
        commits=tuple(sorted({numbers.get(ticket, 0) for ticket in tickets})),
        n_rejected=plan.rejected.height,
        n_online=n_online,
        n_profiles=n_profiles,
        copies=copies,
        receipt_id=receipt_id,
    )


def _receipt(
    stores: Stores, work: Publication, done: Erased, plan: _Plan, named: _Named, reason: str
) -> Asset:
    """What was erased and what was not, without the keys."""
    content: dict[str, Any] = {
        **asdict(done),
        "reason": reason,
        **asdict(named),
        "not_erased": "what `copies` lists; backups that were made before; predictions that were logged; files that "
        "rows were inserted from; bytes of deleted entries that LMDB has not written over yet",
    }
    content.pop("receipt_id")
    blob = stores.graph.blobs.put(json.dumps(content, indent=1).encode())
    figures = {"group": done.group, "n_rows": done.n_rows, "n_entities": plan.keys.height, "reason": reason}
    for asset_id in plan.told:
        work.use(asset_id, role="erased")
    receipt = work.add(AssetKind.REPORT, "erase", digest=blob.sha256, attributes=figures)
    work.event("feature_group.erased", receipt.id, figures)
    return receipt
