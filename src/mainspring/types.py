"""Ids, UTC time, canonical encoding and digests. Imports nothing of ours."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class _Stamps:
    """Time stamps for ids: 48 bits of milliseconds and 12 bits below, never the same twice in a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            # 2**-12 ms is about 244 ns: the resolution that fits into the field `rand_a`.
            self._last = max((time.time_ns() << 12) // 1_000_000, self._last + 1)
            return self._last


_stamps = _Stamps()


def new_id() -> str:
    """A fresh UUIDv7 as 32 hex digits (RFC 9562, section 5.7).

    The 48-bit millisecond stamp is followed by 12 bits of sub-millisecond time, so that ids made by one
    process sort in the order they were made. Ids are identities, never cursors: two processes' ids may
    interleave.
    """
    stamp = _stamps.next()
    random_bits = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    value = (stamp >> 12 & (1 << 48) - 1) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | random_bits
    return f"{value:032x}"


def utc(value: datetime) -> datetime:
    """The same instant as an aware UTC datetime; a naive time is read as UTC.

    Raises:
        TypeError: `value` is not a datetime (a date alone does not say which instant it means).
        ValueError: `value` carries nanoseconds that microseconds cannot hold, or lies outside of the years
            1 to 9999 in UTC.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"expected a datetime, got {type(value).__name__}: {value!r}")
    if getattr(value, "nanosecond", 0):
        raise ValueError(f"expected a time in whole microseconds, got {value!r}: round it explicitly")
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"expected a time in the years 1 to 9999 of UTC, got {value!r}") from error


def to_us(value: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z; naive times are read as UTC."""
    return (utc(value) - EPOCH) // MICROSECOND


def from_us(value: int) -> datetime:
    """The aware UTC datetime that lies `value` microseconds after 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(microseconds=value)


def canonical_bytes(value: object) -> bytes:
    """Deterministic CBOR of plain data (RFC 8949, section 4.2): equal values give equal bytes.

    Type and length are part of the encoding, so 1, 1.0, "1" and True differ, and so do -0.0 and 0.0.
    Mappings are sorted by their encoded keys; datetimes are encoded as tagged UTC microseconds.

    Raises:
        TypeError: `value` holds something that has no canonical form (an arbitrary object).
    """
    import cbor2

    try:
        return cbor2.dumps(_plain(value), canonical=True)
    except cbor2.CBOREncodeError as error:
        raise TypeError(f"no canonical encoding for {type(value).__name__}: {error}") from error


def digest(value: object) -> str:
    """SHA-256 (64 hex digits) of the canonical encoding of `value`."""
    return digest_bytes(canonical_bytes(value))


def digest_bytes(data: bytes) -> str:
    """SHA-256 (64 hex digits) of raw bytes."""
    return hashlib.sha256(data).hexdigest()


# A private-use CBOR tag: an instant in microseconds since the epoch. Tag 1 would carry a float.
_INSTANT_TAG: Final = 65_001


_AS_IT_IS: Final = frozenset({type(None), bool, int, float, str, bytes})


def _plain(value: object) -> object:
    # Exact types first, and nothing called for what they hold: this is asked of every value of every event.
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is dict:
        return {
            key if type(key) is str else _plain(key): item if type(item) in _AS_IT_IS else _plain(item)
            for key, item in value.items()  # type: ignore[attr-defined]
        }
    if kind is list:
        return [item if type(item) in _AS_IT_IS else _plain(item) for item in value]  # type: ignore[attr-defined]
    return _plain_of_other(value)


def _plain_of_other(value: object) -> object:
    """Of subclasses, and of types that CBOR does not have."""
    if isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, datetime):
        import cbor2

        return cbor2.CBORTag(_INSTANT_TAG, to_us(value))
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(mode="python"))
    raise TypeError(f"no canonical encoding for {type(value).__name__}: {value!r}")
