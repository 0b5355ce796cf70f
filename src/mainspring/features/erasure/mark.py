"""The mark in the online store that every erasure of a group changes, so that what was read before cannot come after.

Whoever writes rows reads the mark first, then the rows, and puts them with the mark as a guard. An erasure changes the
mark when no table and no journal has the rows any more, and removes the entries after that. So a put either came
before the change, and what it wrote is removed; or it is refused, and what is read then has the rows no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mainspring.features.online.packing import SPACE
from mainspring.ports.keys import Entry, Guards, Keys
from mainspring.types import new_id

GROUP_BYTES: Final = 16
"""Every key begins with its group's id."""

#: No typed key begins with a zero byte.
_MARK: Final = b"\x00erasure"


def mark_key(group_id: str) -> bytes:
    """Where the mark of a group is."""
    return bytes.fromhex(group_id) + _MARK


def is_mark(entry: Entry) -> bool:
    """Whether an entry is the mark of a group, and no row."""
    return entry.key[GROUP_BYTES:] == _MARK


def seen(keys: Keys, group_ids: Iterable[str]) -> Guards:
    """The marks of groups as they are now, as guards of what is read from here on."""
    names = [mark_key(group_id) for group_id in group_ids]
    return dict(zip(names, keys.get(SPACE, names), strict=True))


def change(keys: Keys, group_id: str) -> None:
    """Refuse from here on what was read before. One erasure of a group at a time."""
    key = mark_key(group_id)
    (before,) = keys.get(SPACE, [key])
    # Counted, so that it is newer, and drawn: a store that lost its latest must not count to the same again.
    count = 1 if before is None else before.event_us + 1
    keys.put(SPACE, [Entry(key, count, 0, 0, bytes.fromhex(new_id()))])
