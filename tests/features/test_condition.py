"""Conditions on rows: one form, kept as JSON, with SQL's answer to null."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.conftest import at

from mainspring.errors import InputError
from mainspring.features.api import Features, request
from mainspring.features.condition import Condition, spine
from mainspring.types import digest

FRAME = pl.DataFrame(
    {
        "x": [1.0, 5.0, None, float("nan")],
        "k": ["a", "b", None, "c"],
        "t": [datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)],
        "d": [date(2013, 1, day) for day in (1, 2, 3, 4)],
        "b": [True, False, None, True],
    }
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (spine("x") > 1, [False, True, False, False]),
        (~(spine("x") > 1), [True, False, False, False]),
        ((spine("x") > 1) | (spine("k") == "c"), [False, True, False, True]),
        ((spine("x") >= 1) & (spine("k") != "b"), [True, False, False, False]),
        (spine("x").is_null(), [False, False, True, True]),
        (spine("k").is_in(["b", "a"]), [True, True, False, False]),
        (~spine("k").is_in(["b"]), [True, False, False, True]),
        (spine("t") <= datetime(2013, 1, 2), [True, True, False, False]),
        (
            spine("t") == datetime(2013, 1, 2, 2, tzinfo=timezone(timedelta(hours=2))),
            [False, True, False, False],
        ),
        (spine("d") < date(2013, 1, 2), [True, False, False, False]),
        (spine("b") == True, [True, False, False, True]),  # noqa: E712
    ],
)
def test_rows_are_taken_where_it_is_true(condition: Condition, expected: list[bool]) -> None:
    """Null and NaN are unknown, and so is what is said of them and its negation."""
    assert condition.of(FRAME, "here").to_list() == expected
    assert Condition.model_validate_json(condition.model_dump_json()).of(FRAME, "here").to_list() == expected


_values = st.one_of(
    st.booleans(),
    st.integers(-9, 9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.datetimes(),
)
_leaves = st.one_of(
    st.builds(lambda op, value: op(value), st.sampled_from([spine("x").__eq__, spine("y").__lt__]), _values),
    st.just(spine("z").is_null()),
    st.lists(st.text(max_size=2), min_size=1).map(spine("k").is_in),
)


@settings(deadline=None, derandomize=True)
@given(
    st.recursive(
        _leaves,
        lambda inner: st.one_of(
            inner.map(lambda one: ~one),
            st.tuples(inner, inner).map(lambda two: two[0] & two[1]),
            st.tuples(inner, inner).map(lambda two: two[0] | two[1]),
        ),
        max_leaves=5,
    )
)
def test_json_gives_the_same_condition_back(condition: Condition) -> None:
    """Whatever is declared comes back from its stored form as it was, with the same digest."""
    back = Condition.model_validate_json(condition.model_dump_json())
    assert back == condition
    assert digest(back) == digest(condition)


def test_the_order_of_values_plays_no_part() -> None:
    """Equal sets of values are one condition."""
    assert spine("k").is_in(["b", "a", "b"]) == spine("k").is_in(["a", "b"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: spine("x") > None, "is_null"),
        (lambda: spine("x").is_in([float("nan")]), "is_null"),
        (lambda: spine("k").is_in([]), "values of one type"),
        (lambda: spine("k").is_in(["a", 1]), "values of one type"),
        (lambda: (spine("x") > 1) & "k", "a condition"),
        (lambda: 1 < spine("x") < 3, "with parentheses"),
        (lambda: (spine("x") > "1").of(FRAME, "here"), "type string"),
        (lambda: (spine("t") > date(2013, 1, 1)).of(FRAME, "here"), "type date"),
        (lambda: (spine("nowhere") > 1).of(FRAME, "here"), "the column 'nowhere'"),
    ],
)
def test_what_cannot_be_compared_is_refused(make: Callable[[], Any], message: str) -> None:
    """Nulls, NaN, mixed types, missing parentheses, other types and missing columns are named."""
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.once
@pytest.mark.parametrize(
    "condition",
    [
        spine("k") == "one",
        spine("c") > 1,
        spine("event_time") > date(2013, 1, 1),
        ~((spine("k") > 0) & spine("n").is_in([True])),
    ],
)
def test_a_view_refuses_what_no_spine_could_be_compared_with(
    features: Features, condition: Condition
) -> None:
    """Where the column's type is known: of a key, the time, a typed request column."""
    group = features.group("g", keys=["k"], event_time="t", schema={"k": int, "t": datetime, "x": float})
    parts = [group["x"], request(c=str, n=int)]
    with pytest.raises(InputError, match="a comparison with a value of type"):
        features.view("v", features=parts, where=condition)
    taken = (
        (spine("k") > 0)
        & spine("c").is_in(["a"])
        & (spine("event_time") > at(0))
        & (spine("other") == "what")
    )
    assert features.view("v", features=parts, where=taken).spec.condition == taken
