"""Entity keys as bytes: typed and injective, so that ("1", "23") and ("12", "3"), 1 and "1", 0 and False differ."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import repeat
from typing import Final, cast

from mainspring.errors import InputError
from mainspring.types import digest_bytes, from_us, to_us

# LMDB takes keys of at most 511 bytes; longer ones are replaced by their digest under a tag of their own.
MAX_KEY_BYTES: Final = 400
_LONG_TAG: Final = b"\xff"
_ORDINAL_1970: Final = date(1970, 1, 1).toordinal()

_pack_int = struct.Struct(">q").pack
_pack_length = struct.Struct(">I").pack
_N_NUMBER: Final = 9
"""Bytes of a whole number with its tag."""
_N_HEAD: Final = 5
"""Bytes before those of a text: its tag and its length."""


def _int(value: object) -> bytes:
    if type(value) is not int:
        raise TypeError
    return b"i" + _pack_int(value)


def _string(value: object) -> bytes:
    if type(value) is not str:
        raise TypeError
    data = value.encode()
    return b"s" + _pack_length(len(data)) + data


def _bool(value: object) -> bytes:
    if type(value) is not bool:
        raise TypeError
    return b"b\x01" if value else b"b\x00"


def _date(value: object) -> bytes:
    if type(value) is not date:
        raise TypeError
    return b"d" + _pack_int(value.toordinal() - _ORDINAL_1970)


def _datetime(value: object) -> bytes:
    if not isinstance(value, datetime):
        raise TypeError
    return b"t" + _pack_int(to_us(value))


def _binary(value: object) -> bytes:
    if type(value) is not bytes:
        raise TypeError
    return b"y" + _pack_length(len(value)) + value


_ENCODERS: Final[Mapping[str, Callable[[object], bytes]]] = {
    "int64": _int,
    "string": _string,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "binary": _binary,
}

KEY_TYPES: Final = frozenset(_ENCODERS)

#: Of values that need no closer look. 1 is not True, and an instant may come as a subclass.
_EXACTLY: Final[Mapping[str, type]] = {
    "int64": int,
    "string": str,
    "bool": bool,
    "date": date,
    "datetime": datetime,
    "binary": bytes,
}


def encode_columns(
    types: Sequence[str], columns: Sequence[Sequence[object]], n: int, start: bytes = b""
) -> list[bytes]:
    """What `encoder` makes of n keys, given column by column in exactly the types of `_EXACTLY`.

    Raises:
        struct.error: a whole number has more than 64 bits.
    """
    if not types:
        return [start + b"n"] * n
    starts = (start, *repeat(b"", len(types) - 1))
    encoded = [_encode_column(*each) for each in zip(types, columns, starts, strict=True)]
    parts = [part for part, _ in encoded]
    keys = parts[0] if len(parts) == 1 else list(map(b"".join, zip(*parts, strict=True)))
    longest = len(start) + MAX_KEY_BYTES
    if sum(length for _, length in encoded) > longest:
        keys = [key if len(key) <= longest else start + _shortened(key[len(start) :]) for key in keys]
    return keys


def _encode_column(name: str, column: Sequence[object], start: bytes) -> tuple[list[bytes], int]:
    """The most common types without a call for each value; and the length of the longest."""
    if name == "string":
        texts = list(map(str.encode, cast("Sequence[str]", column)))
        heads = {length: start + b"s" + _pack_length(length) for length in set(map(len, texts))}
        if len(heads) == 1:
            ((length, head),) = heads.items()
            return [head + text for text in texts], len(head) + length
        longest = max((len(head) + length for length, head in heads.items()), default=0)
        return [heads[len(text)] + text for text in texts], longest
    if name == "int64":
        head = start + b"i"
        return [head + packed for packed in map(_pack_int, column)], len(head) + 8
    encoded = [start + part for part in map(_ENCODERS[name], column)]
    return encoded, max(map(len, encoded), default=0)


def _shortened(key: bytes) -> bytes:
    return _LONG_TAG + bytes.fromhex(digest_bytes(key))


def encoder(
    types: Sequence[str], names: Sequence[str], start: bytes = b""
) -> Callable[[Sequence[object]], bytes]:
    """A function from one key's values, in the order of `types`, to its bytes.

    Args:
        types: logical types, each one of `KEY_TYPES`.
        names: what the values are called in error messages, same length.
        start: what goes before all keys.

    The returned function raises InputError for a value of another type (1 is not "1", True is not 1) and for None:
    a null never matches, so the caller asks nobody about it.
    """
    parts = [_ENCODERS[name] for name in types]

    def encode(values: Sequence[object]) -> bytes:
        # A group without keys is one series under one key.
        out = b"" if parts else b"n"
        for part, value, name, kind in zip(parts, values, names, types, strict=True):
            try:
                out += part(value)
            except (TypeError, struct.error) as error:
                raise InputError(
                    expected=f"a key of type {kind}",
                    got=f"{type(value).__name__}: {value!r}",
                    where=f"key {name!r}",
                    hint="Pass the key in the type that the feature group declares.",
                ) from error
        return start + (out if len(out) <= MAX_KEY_BYTES else _shortened(out))

    return encode


def is_shortened(key: bytes, start: bytes = b"") -> bool:
    """Whether a key is the digest of a longer one, which does not say what it is of."""
    return key.startswith(start + _LONG_TAG)


def decode_key(types: Sequence[str], key: bytes, start: bytes = b"") -> tuple[object, ...]:
    """The values that `encoder` made a key of.

    Args:
        key: none that `is_shortened`.
    """
    values, at = list[object](), len(start)
    for kind in types:
        if kind in {"string", "binary"}:
            begin = at + _N_HEAD
            end = begin + int.from_bytes(key[at + 1 : begin])
            values.append(key[begin:end].decode() if kind == "string" else key[begin:end])
        elif kind == "bool":
            end = at + 2
            values.append(key[at + 1] == 1)
        else:
            end = at + _N_NUMBER
            values.append(_NUMBERS[kind](int.from_bytes(key[at + 1 : end], signed=True)))
        at = end
    return tuple(values)


_NUMBERS: Final[Mapping[str, Callable[[int], object]]] = {
    "int64": int,
    "date": lambda days: date.fromordinal(days + _ORDINAL_1970),
    "datetime": from_us,
}


def columns_encoder(
    types: Sequence[str], names: Sequence[str], start: bytes = b""
) -> Callable[[Sequence[Sequence[object]], int], tuple[Sequence[int], list[bytes]]]:
    """A function from n keys, given column by column, to which of them have no null, and the bytes of these.

    It raises as the function of `encoder`, whose arguments these are.
    """
    one = encoder(types, names, start)

    def encode(columns: Sequence[Sequence[object]], n: int) -> tuple[Sequence[int], list[bytes]]:
        if all({*map(type, column)} == {_EXACTLY[name]} for name, column in zip(types, columns, strict=True)):
            try:
                return range(n), encode_columns(types, columns, n, start)
            except struct.error:
                # One of them is too large a number: one by one, to say which.
                pass
        rows = list(zip(*columns, strict=True))
        places = [place for place, values in enumerate(rows) if None not in values]
        return places, [one(rows[place]) for place in places]

    return encode
