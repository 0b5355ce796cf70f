"""How a key and an entry lie in a sorted store: pure functions."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from mainspring.errors import InputError, IntegrityError
from mainspring.ports.keys._entry import KEY_MAX_BYTES, Entry, check_space, refuse_key

FORMAT: Final = 2
HEADER: Final = struct.Struct(">BqqqI")
#: Of the format before, whose entries have no ordinal.
_HEADER_1: Final = struct.Struct(">Bqqq")


@lru_cache(maxsize=1024)
def prefix(space: str) -> bytes:
    """What every stored key of a space begins with, and no key of another space does."""
    name = check_space(space)
    # The length goes first: without it the space "a" would hold the keys of the space "ab".
    return bytes([len(name)]) + name


def encode(space: str, entry: Entry) -> bytes:
    """Format byte, event time, known time, commit (big-endian int64 each), ordinal (uint32), then the value.

    Raises:
        InputError: the key is too short or too long, or a number does not fit 64 bits.
    """
    if not 1 <= len(entry.key) <= KEY_MAX_BYTES:
        raise refuse_key(space, entry.key)
    try:
        header = HEADER.pack(FORMAT, entry.event_us, entry.known_us, entry.commit, entry.ordinal)
    except struct.error as error:
        raise InputError(
            expected="event_us, known_us and commit as whole numbers of 64 bits, ordinal as one of 32 without sign",
            got=repr(entry.age),
            where=f"keys space {space!r}, key {entry.key!r}",
            hint="Times are microseconds since 1970-01-01 UTC; see mainspring.types.to_us.",
        ) from error
    return header + entry.value


def encode_many(space: str, start: bytes, entries: Sequence[Entry]) -> list[tuple[bytes, bytes]]:
    """The key behind `start`, and what `encode` makes, of each entry.

    Raises:
        InputError: as for `encode`.
    """
    pack = HEADER.pack
    try:
        rows = [
            (
                start + entry.key,
                pack(FORMAT, entry.event_us, entry.known_us, entry.commit, entry.ordinal) + entry.value,
            )
            for entry in entries
        ]
    except struct.error:
        rows = []
    lengths = {len(key) for key, _ in rows}
    if len(rows) < len(entries) or (
        lengths and not len(start) < min(lengths) <= max(lengths) <= len(start) + KEY_MAX_BYTES
    ):
        # One by one, to say which it is.
        return [(start + entry.key, encode(space, entry)) for entry in entries]
    return rows


def forms(space: str, entry: Entry) -> tuple[bytes, bytes]:
    """The bytes that an entry may be stored as: in this format and in the one before; the same twice if only in one."""
    new = encode(space, entry)
    if entry.ordinal:
        return new, new
    return new, _HEADER_1.pack(1, entry.event_us, entry.known_us, entry.commit) + entry.value


def decode(space: str, key: bytes, stored: bytes) -> Entry:
    """The entry that `encode` wrote.

    Raises:
        IntegrityError: the bytes have another format.
    """
    if len(stored) >= HEADER.size and stored[0] == FORMAT:
        _, event_us, known_us, commit, ordinal = HEADER.unpack_from(stored)
        return Entry(key, event_us, known_us, commit, stored[HEADER.size :], ordinal)
    if len(stored) < _HEADER_1.size or stored[0] != 1:
        raise IntegrityError(
            expected=f"a value of format {FORMAT}",
            got=f"{len(stored)} bytes of format {stored[0] if stored else 'none'}",
            where=f"keys space {space!r}, key {key!r}",
            hint="Clear the space and materialise it again; the tables hold the truth.",
        )
    _, event_us, known_us, commit = _HEADER_1.unpack_from(stored)
    return Entry(key, event_us, known_us, commit, stored[_HEADER_1.size :])


def decode_many(space: str, keys: Sequence[bytes], stored: Sequence[bytes | None]) -> list[Entry | None]:
    """The entry of each key, None where nothing is stored; raises as `decode`."""
    return [
        None if found is None else decode(space, key, found) for key, found in zip(keys, stored, strict=True)
    ]


def is_newer(encoded: bytes, stored: bytes | None) -> bool:
    """Whether an encoded entry replaces the stored one."""
    return stored is None or _age(encoded) > _age(stored)


def _age(stored: bytes) -> tuple[int, ...]:
    """What cannot be read is older than everything, so that a put repairs it."""
    if len(stored) >= HEADER.size and stored[0] == FORMAT:
        return tuple(HEADER.unpack_from(stored)[1:])
    if len(stored) >= _HEADER_1.size and stored[0] == 1:
        return (*_HEADER_1.unpack_from(stored)[1:], 0)
    return ()
