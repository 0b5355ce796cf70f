"""An erasure from its beginning to its receipt; see the package."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace

from mainspring.errors import InputError
from mainspring.features import profiles, store
from mainspring.features.define import lock_group
from mainspring.features.entities import keys_of
from mainspring.features.erasure import datasets, editions, online, receipt
from mainspring.features.erasure.copies import find_copies, names_of
from mainspring.features.erasure.find import find
from mainspring.features.erasure.plan import counted, planned, published_since
from mainspring.features.erasure.spec import Copies, Erased, Named, Plan
from mainspring.features.join.spill import remove_abandoned
from mainspring.features.push import api as push
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.features.upkeep import maintenance
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import Asset
from mainspring.types import new_id


def erase(
    stores: Stores, group: FeatureGroupSpec, keys: object, *, reason: str, dry_run: bool = False
) -> Erased:
    """Take all rows of entities out of a group, and out of the training datasets that were made of it.

    Raises:
        InputError: no reason, no key, keys that the group does not have, or are null.
    """
    stores.graph.check_writable(f"erase in {group.label}")
    where = f"feature group {group.label}, erase"
    _check_reason(reason, where, is_needed=not dry_run)
    named = keys_of(stores, group, keys, where)
    if dry_run:
        return _told(stores, group, planned(find(stores, group, named)))
    while True:
        # Rows that were pushed and wait for their commit would bring the entity back.
        push.flush(stores, group)
        # What one erasure finds left of a commit another must not change before it is written down and done.
        with maintenance.of_group(stores, group):
            plan = planned(find(stores, group, named))
            # While it waited for its turn others may have been pushed, which it promises to take.
            if not plan.found.waiting.height:
                return _carried_out(stores, group, plan, reason)


def _check_reason(reason: object, where: str, *, is_needed: bool) -> None:
    if not isinstance(reason, str):
        raise InputError.of_kind("a reason", reason, where, "Say why, in your words: it is kept for ever.")
    if is_needed and not reason.strip():
        raise InputError(expected="a reason", got="none", where=where, hint="Say why: it is kept for ever.")


def _told(stores: Stores, group: FeatureGroupSpec, plan: Plan) -> Erased:
    """What an erasure would take."""
    held = datasets.find_held(stores, group, _made(stores, plan), plan)
    made = _made(stores, plan, held)
    copies = find_copies(stores, group, plan, made)
    return counted(
        group.label,
        plan,
        n_online=online.count(stores, group, plan),
        n_profiles=len(_profiles(stores, group, plan.tickets)),
        datasets={item.asset_id: item.n_rows for item in held},
        copies=copies,
        names=_names(held, copies, made),
    )


def _names(held: Collection[datasets.Held], copies: Copies, made: Collection[Asset]) -> dict[str, str]:
    return {item.asset_id: item.name for item in held} | names_of(copies, made)


def _carried_out(stores: Stores, group: FeatureGroupSpec, plan: Plan, reason: str) -> Erased:
    keys, named = plan.found.keys, Named.of(plan.found.keys, secrets.token_hex(16))
    told = {"group": group.label, "group_id": group.group_id, "reason": reason, **asdict(named)}
    # Durable: one that is killed is seen to have begun. After the fact: of an archived group rows can be erased too.
    with stores.graph.execution(
        "erase", group.label, parameters=told, durable=True, after_the_fact=True
    ) as work:
        plan = _write_editions(stores, group, plan, work)
        # Before the rows go, of which alone a part of a key tells the whole one; and once more when nothing has them.
        n_online = online.remove(stores, group, plan)
        unsettled = _take_rows(stores, group, plan)
        online.shut_out(stores, group)
        n_online += online.remove(stores, group, plan)
        n_profiles = profiles.give_up(stores, _profiles(stores, group, plan.tickets))
        held = datasets.find_held(stores, group, _made(stores, plan), plan)
        held = list(_rewritten(stores, group, held, plan, work))
        same_bytes = datasets.give_up_bytes(stores, held)
        remove_abandoned(stores.spill_root)
        made = _made(stores, plan, held)
        copies = replace(
            find_copies(stores, group, plan, made),
            unsettled=unsettled,
            same_bytes=same_bytes,
            in_records=stores.records.forget_deleted(),
        )
        done = counted(
            group.label,
            plan,
            n_online=n_online,
            n_profiles=n_profiles,
            datasets={item.asset_id: item.n_rows for item in held},
            copies=copies,
            names=_names(held, copies, made),
            receipt_id=new_id(),
        )
        receipt.publish(stores, work, done, plan, named, reason)
        editions.settle(stores, group, keys, work)
        datasets.settle(stores, held, str(done.receipt_id), work)
    return done


def _write_editions(stores: Stores, group: FeatureGroupSpec, plan: Plan, work: Publication) -> Plan:
    """Write down what is to be left. From here on none of the commits is published with what is to go."""
    left = []
    with stores.progress(
        f"erase in {group.label}: what is left of each commit", len(plan.commits)
    ) as advance:
        for edition in editions.editions(stores, group, plan, work.id):
            left.append(edition)
            advance()
    with stores.records.write() as connection:
        lock_group(stores, connection, group.group_id)
        store.add_editions(connection, left, stores.project_id)
        return published_since(plan, store.all_commits(connection, group.group_id))


def _take_rows(stores: Stores, group: FeatureGroupSpec, plan: Plan) -> tuple[str, ...]:
    """Out of every file; returns files that somebody may be writing just now."""
    unsettled: tuple[str, ...] = ()
    tables = store.tables_of(stores, group)
    with stores.progress(f"erase in {group.label}: tables written anew", len(tables)) as advance:
        for name in tables:
            places = plan.places if name == store.table_name(group) else plan.rejected_places
            unsettled += stores.tables.erase(name, places).unsettled
            advance()
    return unsettled


def _rewritten(
    stores: Stores, group: FeatureGroupSpec, held: Collection[datasets.Held], plan: Plan, work: Publication
) -> Iterator[datasets.Held]:
    with stores.progress(f"erase in {group.label}: training datasets written anew", len(held)) as advance:
        for item in held:
            yield datasets.rewrite(stores, group, item, plan, work.id)
            advance()


def _made(stores: Stores, plan: Plan, held: Collection[datasets.Held] = ()) -> Collection[Asset]:
    """What was made of the commits that rows came with, and of datasets that no such commit leads to."""
    roots = [*plan.sources, *(item.asset_id for item in held)]
    return stores.graph.downstream(*roots).assets.values() if roots else ()


def _profiles(stores: Stores, group: FeatureGroupSpec, tickets: Collection[int]) -> set[str]:
    """Digests of the profiles that are kept with commits: they tell smallest, largest and most frequent values.

    Looked up anew each time: of the commits some may have been published since the erasure began.
    """
    with stores.records.read() as connection:
        commits = [item for item in store.all_commits(connection, group.group_id) if item.ticket in tickets]
    assets = (None if item.asset_id is None else stores.graph.find_asset(item.asset_id) for item in commits)
    named = (None if asset is None else asset.attributes.get(profiles.ATTRIBUTE) for asset in assets)
    return {sha256 for sha256 in named if sha256 is not None and stores.graph.blobs.find(sha256) is not None}
