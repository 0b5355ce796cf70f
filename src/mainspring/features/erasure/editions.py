"""Editions of commits: what an erasure leaves of each."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from mainspring.features import store
from mainspring.features.digest import commit_digest
from mainspring.features.erasure.spec import Named, Plan
from mainspring.features.insert.remains import stored_rows
from mainspring.features.join.point_in_time import COMMIT, OP, ORDINAL, PUT
from mainspring.features.spec import EditionSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication


def editions(stores: Stores, group: FeatureGroupSpec, plan: Plan, execution_id: str) -> Iterator[EditionSpec]:
    """What is left of each commit."""
    for commit in plan.commits:
        rows = stored_rows(stores, group, commit.ticket).join(plan.places, on=[COMMIT, ORDINAL], how="anti")
        yield EditionSpec(
            group_id=group.group_id,
            ticket=commit.ticket,
            execution_id=execution_id,
            n_rows=rows.height,
            digest=_digest(group, rows),
            is_done=False,
            made_at=stores.graph.clock.now(),
        )


def is_edition(group: FeatureGroupSpec, edition: EditionSpec, rows: pl.DataFrame) -> bool:
    """Whether these are the rows that an erasure left of a commit."""
    if rows.height != edition.n_rows:
        return False
    while _digest(group, rows) != edition.digest:
        # The group may have gained its last columns since; the rows have nulls there.
        last = next((item.name for item in reversed(group.columns or ()) if item.name in rows.columns), None)
        if last is None or rows[last].null_count() < rows.height:
            return False
        rows = rows.drop(last)
    return True


def settle(stores: Stores, group: FeatureGroupSpec, keys: pl.DataFrame, work: Publication) -> None:
    """Say of editions, also of erasures of these entities that were killed, which of them the rows are now."""
    with stores.records.read() as connection:
        pending = [item for item in store.editions_of(connection, group.group_id) if not item.is_done]
    done: list[EditionSpec] = []
    given_up: list[EditionSpec] = []
    for edition in pending:
        if edition.execution_id == work.id:
            done.append(edition)
        elif is_ended(stores, group, edition.execution_id, keys):
            rows = stored_rows(stores, group, edition.ticket)
            (done if is_edition(group, edition, rows) else given_up).append(edition)
    work.write(lambda connection: store.settle_editions(connection, done, given_up))


def _digest(group: FeatureGroupSpec, rows: pl.DataFrame) -> str:
    """As of the insert of these rows."""
    ordered = rows.sort(ORDINAL)
    op = int(ordered.item(0, OP)) if ordered.height else PUT
    names = [column.name for column in group.columns or () if column.name in ordered.columns]
    return commit_digest(op, ordered.select(names))


def is_ended(stores: Stores, group: FeatureGroupSpec, execution_id: str, keys: pl.DataFrame) -> bool:
    """Whether an erasure that did not end was of no others than these of the group: what it left undone is done now."""
    found = stores.graph.find_execution(execution_id)
    if found is None:
        return True
    if found.parameters.get("group_id", group.group_id) != group.group_id:
        return False
    theirs = set(found.parameters["keys"])
    return theirs <= set(Named.of(keys, found.parameters["salt"]).keys)
