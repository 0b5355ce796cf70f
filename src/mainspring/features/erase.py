"""Erasure of an entity: its rows leave every file of a group, the online store and what was computed from them.

A commit keeps its number, its lineage and what it was; the rows that are left are its next edition, with a digest of
their own. Editions are written before the bytes go: of a process that dies in between it is known what the rows may
be, and calling it again ends it.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from mainspring.errors import InputError
from mainspring.features import profiles, push, schema, store
from mainspring.features.digest import frame_digest
from mainspring.features.frames import frame_of
from mainspring.features.ingest import EVIDENCE_KIND
from mainspring.features.join import COMMIT, OP, ORDINAL, PUT
from mainspring.features.keycode import encoder
from mainspring.features.packing import SPACE
from mainspring.features.spec import CommitSpec, EditionSpec, FeatureGroupSpec, TrainingDatasetSpec
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Asset, AssetKind, ExecutionState
from mainspring.ports.tables.collect import collect
from mainspring.types import digest


@dataclass(frozen=True)
class Copies:
    """What else holds the entity, and was not erased: each has a reason of its own to stay until somebody decides.

    Attributes:
        datasets: training dataset → how many of its rows.
        models: model versions that were made of such datasets.
        examples: evidence about commits that shows values of the rows among its examples.
        unsettled: files that an append, which was under way, may have been writing.
    """

    datasets: dict[str, int]
    models: tuple[str, ...]
    examples: tuple[str, ...]
    unsettled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Erased:
    """What an erasure took, or would take.

    Attributes:
        n_rows: rows of the group, in all their versions, deletes too.
        commits: numbers of the commits that they came with; 0 stands for appends that were never published.
        n_rejected: rows that the group had not taken, in the table of its rejects.
        n_online: entries of the online store.
        n_profiles: kept profiles of commits; they are computed again from the rows that are left.
        receipt_id: the report in the graph; None where nothing was erased yet.
    """

    group: str
    n_rows: int
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
        rejected: ticket and place of every row of theirs among the rejects.
        commits: staged and published ones that the rows came with.
    """

    keys: pl.DataFrame
    rows: pl.DataFrame
    rejected: pl.DataFrame
    commits: tuple[CommitSpec, ...]

    @property
    def places(self) -> pl.DataFrame:
        """Ticket and ordinal of each row: no log has a value of the entity for it."""
        return self.rows.select(COMMIT, ORDINAL)


def erase(
    stores: Stores, group: FeatureGroupSpec, keys: object, *, reason: str, dry_run: bool = False
) -> Erased:
    """Take all rows of entities out of a group.

    Raises:
        InputError: no reason, no key, keys that the group does not have, or are null.
    """
    stores.graph.check_writable(f"erase in {group.label}")
    where = f"feature group {group.label}, erase"
    if not reason.strip() and not dry_run:
        raise InputError(expected="a reason", got="none", where=where, hint="Say why: it is kept for ever.")
    named = _keys(group, keys, where)
    if not dry_run:
        # Rows that were pushed and wait for their commit would bring the entity back.
        push.flush(stores, group)
    name = store.table_name(group)
    plan = _planned(stores, group, name, named) if stores.tables.exists(name) else _nothing(named)
    copies = _copies(stores, group, plan)
    if dry_run or not stores.tables.exists(name):
        return _erased(group, plan, 0, 0, copies, None)
    return _carry_out(stores, group, name, plan, copies, reason)


def _carry_out(
    stores: Stores, group: FeatureGroupSpec, name: str, plan: _Plan, copies: Copies, reason: str
) -> Erased:
    told = {"group": group.label, "reason": reason}
    # Durable: one that is killed is seen to have begun. After the fact: of an archived group rows can be erased too.
    with stores.graph.execution(
        "erase", group.label, parameters=told, durable=True, after_the_fact=True
    ) as work:
        editions = list(_editions(stores, group, name, plan, work.id))
        with stores.records.write() as connection:
            store.add_editions(connection, editions, stores.project_id)
        done = stores.tables.erase(name, plan.places)
        rejects = store.rejects_table_name(group)
        if stores.tables.exists(rejects):
            stores.tables.erase(rejects, plan.rejected)
        n_online = _erase_online(stores, group, plan.rows)
        n_profiles = _erase_profiles(stores, plan.commits)
        copies = Copies(copies.datasets, copies.models, copies.examples, done.unsettled)
        result = _erased(group, plan, n_online, n_profiles, copies, None)
        receipt = _receipt(stores, work, result, plan, reason)
        _settle(stores, group, name, work)
    return _erased(group, plan, n_online, n_profiles, copies, receipt.id)


def _keys(group: FeatureGroupSpec, keys: object, where: str) -> pl.DataFrame:
    """The keys in the group's types, each once."""
    rows = [keys] if isinstance(keys, dict) else keys
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        rows = pl.DataFrame(rows)
    frame = frame_of(rows, where, schema.types_of(group.columns))
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


def _planned(stores: Stores, group: FeatureGroupSpec, name: str, keys: pl.DataFrame) -> _Plan:
    # Everything that the table has, published or not: what no reader sees is there too.
    found = stores.tables.scan(name).join(keys.lazy(), on=keys.columns, how="semi")
    rows = collect(found, f"feature group {group.label}")
    tickets = set(rows[COMMIT].to_list())
    with stores.records.read() as connection:
        commits = [item for item in store.all_commits(connection, group.group_id) if item.ticket in tickets]
    return _Plan(keys, rows, _rejected(stores, group, keys), tuple(commits))


def _rejected(stores: Stores, group: FeatureGroupSpec, keys: pl.DataFrame) -> pl.DataFrame:
    name = store.rejects_table_name(group)
    if not stores.tables.exists(name):
        return pl.DataFrame(schema=_PLACE)
    found = stores.tables.scan(name).join(keys.lazy(), on=keys.columns, how="semi")
    return collect(found.select(*_PLACE), name)


def _nothing(keys: pl.DataFrame) -> _Plan:
    empty = pl.DataFrame(schema={COMMIT: pl.Int64, ORDINAL: pl.Int64})
    return _Plan(keys, keys.clear().hstack(empty), pl.DataFrame(schema=_PLACE), ())


_PLACE: Final = {COMMIT: pl.Int64(), "_row": pl.Int64()}
"""Where a rejected row is: the ticket of its batch's commit, and its place in the batch."""


def _editions(
    stores: Stores, group: FeatureGroupSpec, name: str, plan: _Plan, execution_id: str
) -> Iterator[EditionSpec]:
    """What is left of each commit."""
    for commit in plan.commits:
        rows = _stored(stores, name, commit.ticket).join(plan.places, on=[COMMIT, ORDINAL], how="anti")
        yield EditionSpec(
            group_id=group.group_id,
            ticket=commit.ticket,
            execution_id=execution_id,
            n_rows=rows.height,
            digest=rows_digest(group, rows),
            is_done=False,
            made_at=stores.graph.clock.now(),
        )


def _stored(stores: Stores, name: str, ticket: int) -> pl.DataFrame:
    return collect(stores.tables.scan(name).filter(pl.col(COMMIT) == ticket), name)


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


def _settle(stores: Stores, group: FeatureGroupSpec, name: str, work: Publication) -> None:
    """Say of editions, also of erasures that were killed, which of them the rows are now."""
    with stores.records.read() as connection:
        pending = [item for item in store.editions_of(connection, group.group_id) if not item.is_done]
    done, given_up = [], []
    for edition in pending:
        mine = edition.execution_id == work.id
        if mine or is_edition(group, edition, _stored(stores, name, edition.ticket)):
            done.append(edition)
        elif not _is_running(stores, edition.execution_id):
            given_up.append(edition)
    work.write(lambda connection: store.settle_editions(connection, done, given_up))


def _is_running(stores: Stores, execution_id: str) -> bool:
    found = stores.graph.find_execution(execution_id)
    return found is not None and found.state is ExecutionState.RUNNING


def _erase_online(stores: Stores, group: FeatureGroupSpec, rows: pl.DataFrame) -> int:
    if not group.online or not rows.height:
        return 0
    encode = encoder([group.type_of(name) for name in group.keys], group.keys)
    prefix = bytes.fromhex(group.group_id)
    entities = rows.select(group.keys).unique().iter_rows()
    with stores.materializing:
        # Rows that this process holds for later are read again, from where these are not any more.
        stores.pending.pop(group.group_id, None)
        return stores.keys.delete(SPACE, [prefix + encode(entity) for entity in entities])


def _erase_profiles(stores: Stores, commits: Sequence[CommitSpec]) -> int:
    """Profiles tell smallest, largest and most frequent values."""
    n_erased = 0
    for commit in commits:
        asset = None if commit.asset_id is None else stores.graph.find_asset(commit.asset_id)
        sha256 = None if asset is None else asset.attributes.get(profiles.ATTRIBUTE)
        if sha256 is not None and stores.graph.blobs.find(sha256) is not None:
            stores.graph.blobs.delete(sha256)
            n_erased += 1
    return n_erased


def _copies(stores: Stores, group: FeatureGroupSpec, plan: _Plan) -> Copies:
    asset_ids = [commit.asset_id for commit in plan.commits if commit.asset_id is not None]
    made = tuple(stores.graph.downstream(*asset_ids).assets.values()) if asset_ids else ()
    gone = stores.graph.deleted()
    datasets = [asset for asset in made if asset.kind is AssetKind.TRAINING_DATASET and asset.id not in gone]
    counted = {asset.id: _rows_of(stores, group, asset, plan.keys) for asset in datasets}
    return Copies(
        datasets={asset_id: count for asset_id, count in counted.items() if count},
        models=tuple(asset.id for asset in made if asset.kind is AssetKind.MODEL_VERSION),
        examples=tuple(_shown(stores, asset_ids, plan.rows)),
    )


def _rows_of(stores: Stores, group: FeatureGroupSpec, asset: Asset, keys: pl.DataFrame) -> int:
    """How many rows of a training dataset are about the entities: by each name that the view gives their keys."""
    spec = TrainingDatasetSpec.model_validate(asset.attributes)
    with stores.records.read() as connection:
        view = store.find_view(connection, stores.project_id, spec.view, spec.view_version)
    parts = [] if view is None else [*view.selections, *([view.label] if view.label is not None else [])]
    names = [{}, *(part.on for part in parts if (part.group, part.version) == (group.name, group.version))]
    frame = pl.read_parquet(io.BytesIO(stores.graph.blobs.get(spec.blob))).with_row_index("_row")
    found: set[int] = set()
    for on in names:
        renamed = keys.rename({key: on.get(key, key) for key in keys.columns})
        if all(frame.schema.get(column) == dtype for column, dtype in renamed.schema.items()):
            found |= set(frame.join(renamed, on=renamed.columns, how="semi")["_row"].to_list())
    return len(found)


def _shown(stores: Stores, asset_ids: Sequence[str], rows: pl.DataFrame) -> Iterator[str]:
    """Evidence about commits that has values of the rows as examples of what broke an expectation."""
    for finding in stores.graph.evidence_for(*asset_ids, kind=EVIDENCE_KIND) if asset_ids else ():
        for entry in finding.figures["expectations"]:
            columns = [name for name in entry["expectation"]["columns"] if name in rows.columns]
            values = {str(value) for name in columns for value in rows[name].to_list()}
            shown = (
                tuple(each.values()) if isinstance(each, dict) else (each,) for each in entry["examples"]
            )
            if any(str(value) in values for example in shown for value in example):
                yield finding.id
                break


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
        commits=tuple(sorted({numbers.get(ticket, 0) for ticket in tickets})),
        n_rejected=plan.rejected.height,
        n_online=n_online,
        n_profiles=n_profiles,
        copies=copies,
        receipt_id=receipt_id,
    )


def _receipt(stores: Stores, work: Publication, done: Erased, plan: _Plan, reason: str) -> Asset:
    """What was erased and what was not, without the keys: only who has them can tell that they are meant."""
    salt = secrets.token_hex(16)
    content: dict[str, Any] = {
        **asdict(done),
        "reason": reason,
        "salt": salt,
        "keys": [digest([salt, list(plan.keys.columns), list(row)]) for row in plan.keys.iter_rows()],
        "not_erased": "what `copies` lists; backups that were made before; predictions that were logged; files that "
        "rows were inserted from; bytes of deleted entries that LMDB has not written over yet",
    }
    content.pop("receipt_id")
    blob = stores.graph.blobs.put(json.dumps(content, indent=1).encode())
    figures = {"group": done.group, "n_rows": done.n_rows, "n_entities": plan.keys.height, "reason": reason}
    for commit in plan.commits:
        if commit.asset_id is not None:
            work.use(commit.asset_id, role="erased")
    receipt = work.add(AssetKind.REPORT, "erase", digest=blob.sha256, attributes=figures)
    work.event("feature_group.erased", receipt.id, figures)
    return receipt
