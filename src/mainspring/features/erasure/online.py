"""The entities' entries in the online store: only those that come from what is erased.

A whole key tells where an entity's entry is, and of a part of one the rows do that are still there. Where an erasure
that did not end took the rows, whoever read them before may have put them since: then every entry of the group is
looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Final

import polars as pl

from mainspring.features import store
from mainspring.features.erasure import mark as erasure_mark
from mainspring.features.erasure.spec import Plan
from mainspring.features.online.keycode import MAX_KEY_BYTES, decode_key, encoder, is_shortened
from mainspring.features.online.packing import ASSET_BYTES, SPACE
from mainspring.features.push import journal
from mainspring.features.schema import STORAGE
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.ports.keys import Entry
from mainspring.ports.tables.collect import collect

#: Entries that are compared with the entities at a time.
_AT_ONCE: Final = 50_000
#: Bytes that a key's part has at most beside those of its text: its tag and its length, or all of a number.
_MOST_BESIDE: Final = 9


def count(stores: Stores, group: FeatureGroupSpec, plan: Plan) -> int:
    """How many there are, also of rows that wait: an erasure commits them first."""
    return len(_stale(stores, group, plan, plan.found.batches)) if group.online else 0


def remove(stores: Stores, group: FeatureGroupSpec, plan: Plan) -> int:
    """Take them out; returns how many there were. Rows that came since the erasure began stay."""
    return stores.keys.remove(SPACE, _stale(stores, group, plan)) if group.online else 0


def shut_out(stores: Stores, group: FeatureGroupSpec) -> None:
    """Refuse from here on what any process read before the rows were gone."""
    if group.online:
        erasure_mark.change(stores.keys, group.group_id)


def _stale(stores: Stores, group: FeatureGroupSpec, plan: Plan, batches: Collection[str] = ()) -> list[Entry]:
    """What is there of the entities and comes from a commit that was there when they were looked for, or that rows go
    from: of a push the entry has the asset id that its commit has now.
    """
    with stores.records.read() as connection:
        # Looked up now: some may have been published since.
        commits = store.all_commits(connection, group.group_id)
    known = [item.asset_id for item in commits if item.ticket in plan.tickets and item.asset_id is not None]
    assets = {bytes.fromhex(asset_id) for asset_id in (*known, *batches)}
    named = (entry for entry in stores.keys.get(SPACE, _names(group, plan)) if entry is not None)
    found = {entry.key: entry for entry in (*named, *_searched(stores, group, plan))}
    return [
        entry
        for entry in found.values()
        if entry.commit <= plan.found.number or entry.value[:ASSET_BYTES] in assets
    ]


def _is_whole(group: FeatureGroupSpec, plan: Plan) -> bool:
    return set(plan.found.keys.columns) == set(group.keys)


def _names(group: FeatureGroupSpec, plan: Plan) -> list[bytes]:
    """The entities' keys in the online store, each once, as far as their rows or they themselves tell them."""
    found = plan.found
    frames = [found.rows, found.waiting]
    # Of a whole key the entry is known also where an erasure before this one took the rows.
    frames += [found.keys] if _is_whole(group, plan) else []
    named = [frame.select(group.keys) for frame in frames if frame.height]
    return list(_encoded(group, pl.concat(named))) if named else []


def _encoded(group: FeatureGroupSpec, keys: pl.DataFrame) -> Iterator[bytes]:
    encode = encoder([group.type_of(name) for name in group.keys], group.keys, bytes.fromhex(group.group_id))
    return map(encode, keys.unique(maintain_order=True).rows())


def _searched(stores: Stores, group: FeatureGroupSpec, plan: Plan) -> Iterator[Entry]:
    """The entities' entries whose rows an erasure may have taken that did not end, and of which a part is named."""
    if _is_whole(group, plan) or not plan.found.pending:
        return
    start = bytes.fromhex(group.group_id)
    mine = (
        entry
        for entry in stores.keys.entries(SPACE)
        if entry.key.startswith(start) and not _is_of_group(entry)
    )
    digests = list[Entry]()
    while some := list(islice(mine, _AT_ONCE)):
        digests += [entry for entry in some if is_shortened(entry.key, start)]
        yield from _of_entities(group, plan, [entry for entry in some if not is_shortened(entry.key, start)])
    # A digest does not say what it is of; but one that no row has can only be of what was erased.
    has_row = set(_shortened(stores, group)) if digests else set()
    yield from (entry for entry in digests if entry.key not in has_row)


def _is_of_group(entry: Entry) -> bool:
    """Whether it is of the group as a whole, such as its mark: no typed key begins with a zero byte."""
    return entry.key[erasure_mark.GROUP_BYTES :][:1] == b"\x00"


def _of_entities(group: FeatureGroupSpec, plan: Plan, entries: Sequence[Entry]) -> Iterator[Entry]:
    types = [group.type_of(name) for name in group.keys]
    start = bytes.fromhex(group.group_id)
    keys = pl.DataFrame(
        [decode_key(types, entry.key, start) for entry in entries],
        schema={name: STORAGE[kind] for name, kind in zip(group.keys, types, strict=True)},
        orient="row",
    )
    wanted = plan.found.keys
    places = keys.with_row_index("_place").join(wanted, on=wanted.columns, how="semi").get_column("_place")
    return (entries[place] for place in places)


def _shortened(stores: Stores, group: FeatureGroupSpec) -> Iterator[bytes]:
    """The keys that are digests, of all rows there are."""
    texts = [name for name in group.keys if group.type_of(name) in {"string", "binary"}]
    # No key is a digest whose texts leave room for the rest.
    room = MAX_KEY_BYTES - _MOST_BESIDE * len(group.keys)
    may_be_long = pl.sum_horizontal(pl.col(name).cast(pl.Binary).bin.size() for name in texts) > room
    # The journal first: what has left it by then is in the table.
    with stores.records.read() as connection:
        pushed = journal.pushes(connection, journal.batches(connection, group.group_id))
    name = store.table_name(group)
    there = [stores.tables.scan(name)] if stores.tables.exists(name) else []
    for rows in (*(journal.unpacked(item).lazy() for item in pushed), *there):
        long = rows.select(group.keys).filter(may_be_long).unique()
        yield from _encoded(group, collect(long, name))
