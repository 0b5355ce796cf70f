"""One key's value in the store, how new it is, and the limits of its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from mainspring.errors import InputError

SPACE_MAX_BYTES: Final = 64
KEY_MAX_BYTES: Final = 440


class Entry(msgspec.Struct, frozen=True):
    """The value of one key, and how new it is.

    A struct, not a dataclass: a frozen dataclass takes eight times as long to make, and reads make many.

    Attributes:
        key: 1 to 440 bytes.
        event_us: when it was true, microseconds since the epoch, UTC.
        known_us: when it became known, likewise.
        commit: the number of the commit that it came with.
        value: any bytes.
        ordinal: its place in that commit, 0 to 2^32 - 1.
    """

    key: bytes
    event_us: int
    known_us: int
    commit: int
    value: bytes
    ordinal: int = 0

    @property
    def age(self) -> tuple[int, int, int, int]:
        """What decides which of two entries is newer: event time, then known time, then commit, then ordinal."""
        return self.event_us, self.known_us, self.commit, self.ordinal


def check_space(space: str) -> bytes:
    """The space's name in UTF-8, or InputError."""
    name = space.encode()
    if 1 <= len(name) <= SPACE_MAX_BYTES:
        return name
    raise InputError(
        expected=f"a space of 1 to {SPACE_MAX_BYTES} bytes",
        got=f"{len(name)} bytes",
        where="keys.space",
        hint="Shorten the name.",
    )


def check_keys(space: str, keys: Sequence[bytes]) -> set[int]:
    """Their lengths, or InputError for the first key whose length is outside the limits."""
    lengths = set(map(len, keys))
    if lengths and not 1 <= min(lengths) <= max(lengths) <= KEY_MAX_BYTES:
        raise refuse_key(space, next(key for key in keys if not 1 <= len(key) <= KEY_MAX_BYTES))
    return lengths


def refuse_key(space: str, key: bytes) -> InputError:
    """For a key whose length is outside the limits."""
    return InputError(
        expected=f"a key of 1 to {KEY_MAX_BYTES} bytes",
        got=f"{len(key)} bytes",
        where=f"keys space {space!r}",
        hint="Key by something shorter, for example a digest of the long name.",
    )
