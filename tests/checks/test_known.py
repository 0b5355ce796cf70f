"""What follows from counts and bounds, against a validation of the rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.checks import expect
from mainspring.checks.known import KnownColumn, KnownRows, answered
from mainspring.checks.spec import Expectation
from mainspring.checks.validate import validate

SCHEMA = {"i": pl.Int64, "d": pl.Date, "t": pl.Datetime("us", "UTC"), "s": pl.String, "x": pl.Float64}
EPOCH = datetime(2013, 1, 1, tzinfo=UTC)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 3),
        st.none() | st.integers(0, 3).map(lambda days: date(2013, 1, 1) + timedelta(days)),
        st.none() | st.integers(0, 3).map(lambda n: EPOCH + timedelta(milliseconds=n)),
        st.none() | st.sampled_from(["a", "b"]),
        st.none() | st.sampled_from([1.0, float("nan")]),
    ),
    max_size=8,
)
ALWAYS = [
    expect.row_count(2, 5),
    expect.row_count_is(3),
    expect.minimum("i", 0, 2),
    expect.maximum("i", 0, 2, strict_max=True),
    expect.minimum("d", date(2013, 1, 2)),
    expect.not_null_share("s", 0.5),
    expect.columns_in_set(list(SCHEMA)),
    expect.of_type("x", "float64"),
]
IF_UNBROKEN = [
    expect.not_null("i"),
    expect.not_null("s", mostly=0.5),
    expect.null("i"),
    expect.null("s"),
    expect.between("i", -2, 2),
    expect.between("i", low=-3, strict_min=True),
    expect.between("d", high=date(2013, 1, 2)),
    expect.between("t", EPOCH, EPOCH + timedelta(milliseconds=3)),
]
NEVER = [
    expect.not_null("x"),
    expect.between("x", 0, 2),
    expect.minimum("t", EPOCH),
    expect.in_set("i", [0, 1]),
    expect.between("i", -9, 9, row_condition="s == 'a'"),
    expect.row_count(0, row_condition="s == 'a'"),
    expect.unique("i"),
    expect.mean("i", -3, 3),
    expect.distinct_count("s", 0, 2),
]


def known(frame: pl.DataFrame) -> KnownRows:
    """What files say of such a frame: nothing of floats, no bounds of texts, times that may be later by a little."""
    late = timedelta(microseconds=999)
    columns = {
        name: KnownColumn(frame[name].null_count(), bounds(frame[name]), is_exact=True) for name in ("i", "d")
    }
    low, high = bounds(frame["t"])
    columns["t"] = KnownColumn(frame["t"].null_count(), (low, None if high is None else high + late))
    return KnownRows(frame.height, {**columns, "s": KnownColumn(frame["s"].null_count())})


def bounds(values: pl.Series) -> tuple[Any, Any]:
    return values.min(), values.max()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ROWS)
def test_an_answer_is_that_of_the_rows(rows: list[tuple[Any, ...]]) -> None:
    """Whatever is answered says what a validation says, and that no row was read for it."""
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    asked = [*ALWAYS, *IF_UNBROKEN, *NEVER]
    told = answered(asked, frame.schema, known(frame))
    for result, of_rows in zip(told, validate(frame, asked).results, strict=True):
        name = of_rows.expectation.name
        if result is not None:
            assert result == of_rows.model_copy(update={"answered_from": "statistics"}), name
        else:
            assert of_rows.expectation not in ALWAYS, name
        if of_rows.expectation in NEVER:
            assert result is None, name


def test_what_is_unbroken_is_answered() -> None:
    """Rules that no row breaks need no look at the rows, where the bounds are the rows' own."""
    frame = pl.DataFrame(
        {"i": [1, 2], "d": [date(2013, 1, 1)] * 2, "t": [EPOCH] * 2, "s": ["a", "b"], "x": [1.0, 2.0]},
        schema=SCHEMA,
    )
    told = answered(IF_UNBROKEN, frame.schema, known(frame))
    left = [each for each, result in zip(IF_UNBROKEN, told, strict=True) if result is None]
    assert left == [expect.null("i"), expect.null("s")]


def test_a_rule_that_rows_break_is_left_to_them() -> None:
    """How many rows are out of a range is not known from its ends."""
    rows = KnownRows(3, {"i": KnownColumn(0, (0, 9), is_exact=True)})
    schema = pl.Schema({"i": pl.Int64()})
    asked: list[Expectation] = [expect.between("i", 0, 8), expect.between("i", 0, 9)]
    told = answered(asked, schema, rows)
    assert [result is None for result in told] == [True, False]
