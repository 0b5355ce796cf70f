"""How a group's row is kept in the keys store, under a typed key: the asset of its commit, then its features.

The asset stands in the value so that a worker can say where a value came from without asking the database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec
import polars as pl

from mainspring.errors import IntegrityError
from mainspring.types import from_us

#: One space for all groups, told apart by a prefix: one transaction writes them all, and one reads them all.
SPACE: Final = "features"

#: A value begins with the asset id of its commit; a deleted key has nothing after it.
ASSET_BYTES: Final = 16

_EPOCH_DAY: Final = date(1970, 1, 1)

encode_row = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(list[Any]).decode
_decode_rows = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode

Unpack = Callable[[Any], object]


def decode_row(value: bytes, group: str, key: bytes) -> list[Any] | None:
    """The features in a value; None of a deleted key.

    Args:
        group: whose it is, as `name@version`.
        key: where it is stored.

    Raises:
        IntegrityError: the value is none that was written.
    """
    if len(value) == ASSET_BYTES:
        return None
    try:
        # A value without a whole asset id has nothing behind it, which is no row either.
        return _decode_row(value[ASSET_BYTES:])
    except msgspec.DecodeError as error:
        raise IntegrityError(
            expected="a row of features",
            got=f"{len(value)} bytes that are none: {error}",
            where=f"feature group {group}, online, key {key!r}",
            hint="Clear the online store and materialise it again; the tables hold the truth.",
        ) from error


def decode_rows(packed: Sequence[bytes]) -> list[tuple[Any, ...]]:
    """What values have behind their asset ids, in one call: they are read as one list of rows.

    Raises:
        msgspec.DecodeError: one is no row; `decode_row` says which.
    """
    return _decode_rows(b"\xdd" + len(packed).to_bytes(4) + b"".join(packed))


def packable(name: str, kind: str) -> pl.Expr:
    """Times and dates as whole numbers, which keep their meaning in msgpack."""
    if kind == "datetime":
        return pl.col(name).dt.timestamp("us")
    if kind == "date":
        return pl.col(name).cast(pl.Int32)
    return pl.col(name)


def unpack(kind: str) -> Unpack | None:
    """What brings a stored value of the type back; None where it comes back by itself."""
    if kind == "datetime":
        return from_us
    if kind == "date":
        return lambda days: _EPOCH_DAY + timedelta(days=days)
    return None
