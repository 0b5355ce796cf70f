"""Entity keys as bytes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mainspring.errors import InputError
from mainspring.features.online.keycode import (
    MAX_KEY_BYTES,
    columns_encoder,
    decode_key,
    encoder,
    is_shortened,
)

VALUES = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "string": st.text(max_size=6),
    "bool": st.booleans(),
    "date": st.dates(),
    "datetime": st.datetimes(timezones=st.just(UTC)),
    "binary": st.binary(max_size=6),
}
TYPES = st.lists(st.sampled_from(sorted(VALUES)), max_size=3)


@st.composite
def typed_keys(draw: Any) -> tuple[list[str], tuple[Any, ...]]:
    """Types and values of one key."""
    types = draw(TYPES)
    return types, tuple(draw(VALUES[name]) for name in types)


def encode(types: list[str], values: tuple[Any, ...]) -> bytes:
    """The bytes of one key."""
    return encoder(types, [f"k{i}" for i in range(len(types))])(values)


# Drawing is slow on a busy machine, and that is no finding.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(one=typed_keys(), other=typed_keys())
def test_different_keys_have_different_bytes(one: Any, other: Any) -> None:
    """Bytes are equal only if types and values are, also between keys of different types and lengths."""
    assert (encode(*one) == encode(*other)) == (one == other)


@given(one=st.tuples(st.text(), st.text()), other=st.tuples(st.text(), st.text()))
def test_parts_do_not_run_together(one: tuple[str, str], other: tuple[str, str]) -> None:
    """("1", "23") and ("12", "3") differ."""
    types = ["string", "string"]
    assert (encode(types, one) == encode(types, other)) == (one == other)


@given(key=typed_keys())
def test_a_key_tells_its_values(key: Any) -> None:
    """What was encoded comes back, of every type and after any start."""
    types, values = key
    data = encoder(types, [f"k{i}" for i in range(len(types))], b"start")(values)
    assert decode_key(types, data, b"start") == values


def test_long_keys_fit() -> None:
    """A key of any length stays within what the keys store takes, and two long ones differ."""
    long = [encode(["string"], ("x" * 10_000 + end,)) for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(data) <= MAX_KEY_BYTES and is_shortened(data) for data in long)
    assert not is_shortened(encode(["string"], ("x",)))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int64", True), ("int64", "1"), ("int64", 1.0), ("int64", 2**63), ("string", 1), ("bool", 1),
        ("date", datetime(2013, 1, 1, tzinfo=UTC)), ("datetime", date(2013, 1, 1)), ("string", None),
    ],
)  # fmt: skip
def test_other_types_are_refused(kind: str, value: object) -> None:
    """1 is not "1", True is not 1, and null is never asked for."""
    with pytest.raises(InputError, match=f"a key of type {kind}"):
        encode([kind], (value,))


class _Text(str):
    """No str to the last letter."""

    __slots__ = ()


ODD = [None, 2**63, True, 1.0, "1", "x" * 1000, _Text("1"), date(2013, 1, 1)]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data(), types=TYPES)
def test_columns_are_encoded_as_one_by_one(data: Any, types: list[str]) -> None:
    """Many keys at once have the bytes that each has alone; nulls are left out, and what is refused is refused."""
    values = [
        VALUES[name] | st.sampled_from(ODD) if data.draw(st.booleans()) else VALUES[name] for name in types
    ]
    rows = data.draw(st.lists(st.tuples(*values), max_size=4))
    names = [f"k{i}" for i in range(len(types))]
    one, many = encoder(types, names, b"start"), columns_encoder(types, names, b"start")
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in types]
    asked = [(place, row) for place, row in enumerate(rows) if None not in row]

    def apart() -> object:
        return [(place, one(row)) for place, row in asked]

    def together() -> object:
        return list(zip(*many(columns, len(rows)), strict=True))

    assert said(together) == said(apart)


def said(ask: Any) -> Any:
    """What a call answers, or what it refuses."""
    try:
        return ask()
    except InputError as refused:
        return str(refused)
