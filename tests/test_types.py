"""Ids, times, canonical encoding."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.types import canonical_bytes, digest, from_us, new_id, to_us, utc

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def typed(value: object) -> object:
    """A value that is equal only where type and content are equal, written without the encoder's code."""
    if isinstance(value, dict):
        return ("map", frozenset((typed(key), typed(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(typed(item) for item in value))
    return (type(value).__name__, repr(value))


def test_ids_are_uuid7_and_sort_by_creation() -> None:
    """RFC 9562: version 7, variant 10; ids of one process sort in the order they were made."""
    ids = [new_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    assert all(len(made) == 32 and made[12] == "7" and made[16] in "89ab" for made in ids)


@given(PLAIN, PLAIN)
def test_digests_are_equal_exactly_for_equal_typed_values(left: object, right: object) -> None:
    """1, 1.0, "1" and True differ; so do 0.0 and -0.0; order of keys does not matter."""
    assert (digest(left) == digest(right)) == (typed(left) == typed(right))


@pytest.mark.parametrize("left", [1, 1.0, "1", True, b"1", [1]])
@pytest.mark.parametrize("right", [1, 1.0, "1", True, b"1", [1]])
def test_types_are_part_of_a_digest(left: object, right: object) -> None:
    """Values that Python calls equal are told apart."""
    assert (digest(left) == digest(right)) == (type(left) is type(right))


def test_the_encoding_never_changes() -> None:
    """Stored digests must stay valid: a value encoded by hand from RFC 8949."""
    value = {"b": [1, 2.5, None], "a": datetime(2013, 1, 1, tzinfo=UTC)}
    assert canonical_bytes(value).hex() == "a26161d9fde91b0004d22ecf97c00061628301f94100f6"


def test_an_object_has_no_canonical_form() -> None:
    """What cannot be encoded is refused, not turned into its repr."""
    with pytest.raises(TypeError):
        digest({"when": date(2013, 1, 1)})


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=9))])
    )
)
def test_microseconds_round_trip(moment: datetime) -> None:
    """An instant survives the way to the database and back, in UTC."""
    assert from_us(to_us(moment)) == moment
    assert from_us(to_us(moment)).tzinfo is UTC


def test_naive_is_utc() -> None:
    """Invariant 4: a naive time is read as UTC."""
    assert utc(datetime(2013, 1, 1)) == datetime(2013, 1, 1, tzinfo=UTC)


def test_a_date_is_refused() -> None:
    """A date does not say which instant it means."""
    with pytest.raises(TypeError):
        utc(date(2013, 1, 1))  # type: ignore[arg-type]
