"""Publication of a staged commit: its asset, what was found in its rows, and its number, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from mainspring.checks.batch import BatchDrift
from mainspring.features import profiles, store
from mainspring.features.commits import EVIDENCE_KIND, Commit, commits_of
from mainspring.features.define import lock_group
from mainspring.features.insert import rejects
from mainspring.features.insert.origin import Origin, source_asset
from mainspring.features.insert.rejects import Screened
from mainspring.features.profiles import Looked
from mainspring.features.spec import CommitSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Asset, AssetKind


class _PublishedElsewhere(Exception):
    """Another process published the same idempotency key first."""


class ErasedMeanwhile(Exception):
    """An erasure took rows, or is about to."""


@dataclass(frozen=True)
class Beside:
    """What is published with the rows of a commit.

    Attributes:
        origin: what they came from.
        asset_id: drawn beforehand; None draws one.
        with_it: what is written in the transaction that publishes them.
    """

    origin: Origin
    asset_id: str | None = None
    with_it: Callable[[Connection], object] | None = None


def publish(
    stores: Stores,
    group: FeatureGroupSpec,
    spec: CommitSpec,
    batch: Screened,
    beside: Beside,
    looked: Looked | None,
    *,
    is_erased: bool = False,
) -> Commit:
    """Give a staged commit its number; one that another process published meanwhile is found.

    Args:
        looked: what the profile of the rows showed; None where it was not taken.
        is_erased: the rows are those that an erasure left.

    Raises:
        ErasedMeanwhile: an erasure took rows, and `is_erased` does not say so.
    """
    parameters = {
        "group": group.label,
        "ticket": spec.ticket,
        "n_rows": spec.n_rows,
        "n_deletes": spec.n_deletes,
    }
    sources = beside.origin.assets or [_source(stores, group, spec, batch, beside.origin)]
    try:
        with stores.graph.execution("insert", group.name, parameters=parameters) as work:
            for source_id in sources:
                work.use(source_id, role="rows")
            attributes = _attributes(group, spec, looked)
            asset = work.add(
                AssetKind.COMMIT,
                group.name,
                digest=spec.digest,
                attributes=attributes,
                asset_id=beside.asset_id,
            )
            _tell(work, group, spec, asset, batch, looked, parameters)
            done = _done(spec, asset, batch)
            work.write(lambda connection: _write(stores, connection, done, beside.with_it, is_erased))
    except _PublishedElsewhere:
        pass
    with stores.records.read() as connection:
        found = store.find_commit_by_token(connection, group.group_id, spec.token)
    assert found is not None
    return commits_of(stores, group, [found])[0]


def _source(
    stores: Stores, group: FeatureGroupSpec, spec: CommitSpec, batch: Screened, origin: Origin
) -> str:
    return source_asset(stores, group.name, origin, spec.content, batch.n_given).id


def _done(spec: CommitSpec, asset: Asset, batch: Screened) -> CommitSpec:
    """The commit as it is published, without its number and time."""
    return spec.model_copy(
        update={
            "asset_id": asset.id,
            "n_failed": batch.n_failed,
            "verdict": None if batch.validation is None else batch.validation.verdict.value,
        }
    )


def _write(
    stores: Stores,
    connection: Connection,
    done: CommitSpec,
    with_it: Callable[[Connection], object] | None,
    is_erased: bool,
) -> None:
    lock_group(stores, connection, done.group_id)
    if not is_erased and store.has_edition(connection, done.group_id, done.ticket):
        raise ErasedMeanwhile
    # Asked under the lock: a writer that waits for it would publish into a past that was read already.
    if not store.publish_commit(connection, done, stores.graph.clock.now()):
        raise _PublishedElsewhere
    if with_it is not None:
        with_it(connection)


def _tell(
    work: Publication,
    group: FeatureGroupSpec,
    spec: CommitSpec,
    asset: Asset,
    batch: Screened,
    looked: Looked | None,
    parameters: dict[str, Any],
) -> None:
    """What the expectations and the profile found, as evidence and events."""
    if batch.validation is not None:
        work.evidence(asset.id, EVIDENCE_KIND, verdict=batch.validation.verdict, figures=batch.figures())
    rejects.publish(work, group, spec, asset, batch)
    if looked is not None:
        _tell_drift(work, asset.id, looked.drift, parameters)
    work.event("commit.published", asset.id, {**parameters, "n_failed": batch.n_failed})


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
