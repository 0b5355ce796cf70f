"""Conditions: what they say of frames and of single rows, and what is no condition."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from tests.checks.readings import ROWS, SCHEMA, frame_of

from mainspring.checks import expect
from mainspring.checks.condition import parse
from mainspring.checks.validate import validate
from mainspring.errors import InputError, UnknownNameError

TEXTS = [
    "i > 0",
    'col("i") > 0 AND col("s") == "a"',
    "0 < i <= 2",
    "i > 0 or not (s == 'a' and b == True)",
    "(x > y) | ~(i == j)",
    "s in ['a', 'b'] & i != -1",
    "s not in ('a',)",
    "x.isnull() or y.notnull()",
    "`i` >= 1",
    'col("x").notNull()',
    "1 == i",
]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(ROWS)
def test_a_row_alone_meets_what_it_meets_in_a_frame(rows: list[tuple[Any, ...]]) -> None:
    """The two ways of judging a condition agree, unknown answers included."""
    frame = frame_of(rows)
    for text in TEXTS:
        condition = parse(text, "test")
        found = frame.select(condition.expr(frame.schema).alias("met"))["met"].to_list() if rows else []
        judge = condition.row(pl.Schema(SCHEMA))
        assert found == [judge(row) for row in frame.rows(named=True)], text


def test_unknown_is_not_met() -> None:
    """Neither a comparison with null or NaN nor its negation takes a row in."""
    frame = pl.DataFrame({"x": [1.0, None, float("nan"), 3.0]})
    for text, n_rows in [("x > 2", 1), ("not (x > 2)", 1), ("x != 1", 1), ("x.isnull()", 2)]:
        (result,) = validate(frame, [expect.row_count(0, row_condition=text)]).results
        assert result.n_rows == n_rows, text


def test_times_compare_with_iso_text() -> None:
    """A text beside a time column is a time, in UTC where it names no zone."""
    frame = pl.DataFrame({"t": [datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 3, 1, tzinfo=UTC)]})
    (result,) = validate(frame, [expect.row_count_is(1, row_condition="t >= '2013-02-01'")]).results
    assert result.n_rows == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        3,
        "x >",
        "x",
        "1 > 2",
        "x > 1 and y",
        "f(x) > 1",
        "x + 1 > 2",
        "x is None",
        "x in []",
        "x in 3",
        "x > [1]",
        "__import__('os').system('true')",
        "x.mean() > 1",
        "x > 1; y > 2",
        "(" * 500 + "x > 1" + ")" * 500,
        "x > 1" * 5_000,
    ],
)
def test_what_is_no_condition_is_refused(text: Any) -> None:
    """Nothing is evaluated but comparisons of columns with values."""
    with pytest.raises(InputError, match="row_condition"):
        expect.not_null("x", row_condition=text)


def test_a_condition_must_fit_the_frame() -> None:
    """Unknown columns, and values of another type, are refused before anything is judged."""
    frame = pl.DataFrame({"temp": [1.0]})
    with pytest.raises(UnknownNameError, match="Did you mean 'temp'"):
        validate(frame, [expect.not_null("temp", row_condition="tmep > 1")])
    with pytest.raises(InputError, match="row_condition"):
        validate(frame, [expect.not_null("temp", row_condition="temp == 'cold'")])
