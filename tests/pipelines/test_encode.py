"""Plain values: their canonical bytes keep types apart, and come back as they went."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mainspring.errors import InputError
from mainspring.pipelines.encode import check, decode, encode, type_name


class Colour(enum.Enum):
    RED = 1


@dataclass(frozen=True)
class Point:
    x: int
    at: datetime


class Grid(BaseModel):
    points: list[Point]
    names: dict[str, tuple[int, ...]]


class Pair(NamedTuple):
    left: int
    right: str


NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (None, None),
        (1, int),
        (-0.0, float),
        (math.inf, float),
        ("ä", str),
        (b"\x00", bytes),
        ((1, "a"), tuple[int, str]),
        ({1, 2}, set[int]),
        ({"a": [1, 2.5]}, dict[str, list[float]]),
        (NOON, datetime),
        (date(2013, 1, 1), date),
        (time(1, 2), time),
        (timedelta(days=1, microseconds=3), timedelta),
        (Decimal("1.50"), Decimal),
        (UUID(int=7), UUID),
        (Path("a/b"), Path),
        (Colour.RED, Colour),
        (Point(1, NOON), Point),
        (Grid(points=[Point(1, NOON)], names={"a": (1, 2)}), Grid),
        (Pair(1, "b"), Pair),
        ([Point(1, NOON)], list[Point]),
        (3, int | str),
    ],
    ids=repr,
)
def test_values_come_back_as_they_went(value: object, annotation: Any) -> None:
    """Every plain type survives, with its own type."""
    back = decode(encode(value), annotation)
    assert back == value
    assert type(back) is type(value)


def test_types_are_kept_apart() -> None:
    """Values that print or compare alike have different bytes."""
    alike = [1, 1.0, True, "1", b"1", [1], (1,), {1}, {1: None}, Decimal(1), Colour.RED, Pair(1, "")]
    times = [NOON, NOON.isoformat(), NOON.date(), "2013-06-01", timedelta(0), 0, 0.0, -0.0, None, ""]
    assert len({encode(value) for value in alike + times}) == len(alike + times)


@given(st.dictionaries(st.text(), st.integers() | st.floats() | st.text(), max_size=5))
def test_order_of_a_mapping_does_not_count(value: dict[str, Any]) -> None:
    """Two mappings that are equal but for their order have the same bytes."""
    assert encode(dict(reversed(value.items()))) == encode(value)


def test_nothing_is_converted() -> None:
    """A value is of its annotated type, or refused; only an int may stand for a float."""
    assert check(1, float, "x") == 1.0
    for value, annotation in (
        ("1", int),
        (True, int),
        (1.0, int),
        ("2013-01-01", date),
        ([1], tuple[int, ...]),
    ):
        with pytest.raises(InputError, match="parameter x: expected"):
            check(value, annotation, "parameter x")


def test_what_has_no_canonical_form_is_a_type_error() -> None:
    """An arbitrary object has no bytes."""
    with pytest.raises(TypeError, match="no canonical form"):
        encode([object()])


def test_types_are_named_as_people_write_them() -> None:
    """Built-in names stand alone, others with their module."""
    assert type_name(int) == "int"
    assert type_name(dict[str, int]) == "dict[str, int]"
    assert type_name(Decimal) == "decimal.Decimal"
