"""How a key and an entry lie in a sorted store: pure functions."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from mainspring.errors import InputError, IntegrityError
from mainspring.ports.keys._base import KEY_MAX_BYTES, Entry, check_space, refuse_key

FORMAT: Final = 1
_HEADER: Final = struct.Struct(">Bqqq")


@lru_cache(maxsize=1024)
def prefix(space: str) -> bytes:
    """What every stored key of a space begins with, and no key of another space does."""
    name = check_space(space)
    # The length goes first: without it the space "a" would hold the keys of the space "ab".
    return bytes([len(name)]) + name


def encode(space: str, entry: Entry) -> bytes:
    """Format byte, event time, known time, commit (big-endian int64 each), then the value.

    Raises:
        InputError: the key is too short or too long, or a number does not fit 64 bits.
    """
    if not 1 <= len(entry.key) <= KEY_MAX_BYTES:
        raise refuse_key(space, entry.key)
    try:
        return _HEADER.pack(FORMAT, *entry.age) + entry.value
    except struct.error as error:
        raise InputError(
            expected="event_us, known_us and commit as whole numbers of 64 bits",
            got=repr(entry.age),
            where=f"keys space {space!r}, key {entry.key!r}",
            hint="Times are microseconds since 1970-01-01 UTC; see mainspring.types.to_us.",
        ) from error


def decode(space: str, key: bytes, stored: bytes) -> Entry:
    """The entry that `encode` wrote.

    Raises:
        IntegrityError: the bytes have another format.
    """
    if len(stored) < _HEADER.size or stored[0] != FORMAT:
        raise IntegrityError(
            expected=f"a value of format {FORMAT}",
            got=f"{len(stored)} bytes of format {stored[0] if stored else 'none'}",
            where=f"keys space {space!r}, key {key!r}",
            hint="Clear the space and materialise it again; the tables hold the truth.",
        )
    _, event_us, known_us, commit = _HEADER.unpack_from(stored)
    return Entry(key, event_us, known_us, commit, stored[_HEADER.size :])


def is_newer(encoded: bytes, stored: bytes | None) -> bool:
    """Whether an encoded entry replaces the stored one."""
    return stored is None or _HEADER.unpack_from(encoded) > _HEADER.unpack_from(stored)
