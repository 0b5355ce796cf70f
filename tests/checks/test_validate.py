"""Expectations against a naive loop, and what is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.checks import expect
from mainspring.checks.spec import Expectation, Validation
from mainspring.checks.validate import _verdict, failing_rows, validate
from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.spec import Verdict

EXPECTATIONS = [
    expect.between("x", -1, 2.5),
    expect.between("i", low=0, severity="warning"),
    expect.not_null("x", mostly=0.7),
    expect.in_set("s", ["a", "b"], mostly=0.5),
    expect.unique(["i", "s"]),
    expect.matches("s", "a|bb?"),
]

FRAMES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=32)),
        st.one_of(st.none(), st.integers(-3, 3)),
        st.one_of(st.none(), st.sampled_from(["a", "b", "bb", "ab", "", "a\n"])),
    ),
    max_size=30,
)


def _frame(rows: list[tuple[Any, Any, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"x": pl.Float64, "i": pl.Int8, "s": pl.String}, orient="row")


def _naive(frame: pl.DataFrame, expectation: Expectation) -> tuple[int, list[int]]:
    """Null rows and positions of breaking rows, one row at a time."""
    rows = frame.select(expectation.columns).rows()
    parameters = expectation.parameters
    n_null, broken = 0, []
    for index, row in enumerate(rows):
        value = row[0]
        if expectation.kind == "not_null":
            if value is None or (isinstance(value, float) and math.isnan(value)):
                broken.append(index)
            continue
        if any(item is None for item in row):
            n_null += 1
            continue
        right = {
            "between": lambda v=value: (
                (parameters.get("low") is None or v >= parameters["low"])
                and (parameters.get("high") is None or v <= parameters["high"])
            ),
            "in_set": lambda v=value: v in parameters["values"],
            "unique": lambda r=row: rows.count(r) == 1,
            "matches": lambda v=value: re.fullmatch(parameters["regex"], v) is not None,
        }[expectation.kind]()
        if not right:
            broken.append(index)
    return n_null, broken


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_counts_equal_a_loop_over_rows(rows: list[tuple[Any, Any, Any]]) -> None:
    """One scan finds exactly what a loop over the rows finds, for every rule, nulls and NaN included."""
    frame = _frame(rows)
    validation = validate(frame, EXPECTATIONS)
    for result in validation.results:
        n_null, broken = _naive(frame, result.expectation)
        assert (result.n_rows, result.n_null, result.n_failed) == (
            len(rows),
            n_null,
            len(broken),
        )
        judged = len(rows) - n_null
        if judged == 0:
            assert result.verdict is Verdict.INSUFFICIENT_DATA
        else:
            right = (judged - len(broken)) / judged >= result.expectation.mostly - 1e-12
            assert (result.verdict is Verdict.PASS) == right
        assert len(result.examples) == min(5, len(broken))


@settings(max_examples=40, deadline=None)
@given(FRAMES)
def test_failing_rows_are_those_of_the_loop(rows: list[tuple[Any, Any, Any]]) -> None:
    """Failing rows carry their position and the names of what they break."""
    frame = _frame(rows)
    wanted: dict[int, list[str]] = {}
    for expectation in EXPECTATIONS:
        for index in _naive(frame, expectation)[1]:
            wanted.setdefault(index, []).append(expectation.name)
    found = failing_rows(frame, EXPECTATIONS)
    assert dict(zip(found["_row"].to_list(), found["_broken"].to_list(), strict=True)) == wanted
    assert found["_row"].is_sorted()


def test_validation_round_trips_through_json() -> None:
    """A validation with times as bounds and infinities as examples comes back equal."""
    frame = pl.DataFrame({"t": [datetime(2013, 1, 1, tzinfo=UTC)], "x": [math.inf]})
    validation = validate(
        frame,
        [
            expect.between("t", datetime(2014, 1, 1), None),
            expect.between("x", None, 3),
            expect.row_count(1),
        ],
    )
    text = json.dumps(validation.model_dump(mode="json"), allow_nan=False)
    assert Validation.model_validate_json(text) == validation
    figures = json.dumps(validation.figures(), allow_nan=False)
    assert Validation.of_figures(json.loads(figures)) == validation


def test_time_bounds_hold_for_every_time_type() -> None:
    """Naive bounds are UTC; date columns, naive and aware time columns compare with them."""
    instant = datetime(2013, 6, 1, 12, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "aware": [instant],
            "naive": [instant.replace(tzinfo=None)],
            "day": [instant.date()],
        }
    )
    for column in frame.columns:
        assert (
            validate(frame, [expect.between(column, date(2013, 6, 1), "2013-06-02")]).verdict is Verdict.PASS
        )
        assert validate(frame, [expect.between(column, datetime(2013, 6, 2))]).verdict is Verdict.FAIL


def test_many_rules_about_rows_are_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their number: polars is asked once, with one scan for all."""
    asked: list[int] = []
    collect_all = pl.collect_all

    def counted(frames: list[pl.LazyFrame], **options: Any) -> list[pl.DataFrame]:
        asked.append(len(frames))
        return collect_all(frames, **options)

    monkeypatch.setattr(pl, "collect_all", counted)
    rules = [expect.between(f"c{n % 5}", 0, 100 + n) for n in range(40)]
    rules += [expect.not_null(f"c{n}") for n in range(5)]
    rules += [expect.mean(f"c{n}", 0, 9) for n in range(5)]
    frame = pl.DataFrame({f"c{n}": [float(n), 1.0, 2.0] for n in range(5)})
    assert validate(frame, rules).verdict is Verdict.PASS
    assert asked == [1]


def test_warning_does_not_fail_a_validation() -> None:
    """A broken warning is listed, and the validation still passes."""
    validation = validate(pl.DataFrame({"x": [1, 2]}), [expect.between("x", 0, 1, severity="warning")])
    assert validation.verdict is Verdict.PASS
    assert len(validation.warnings) == 1


def test_nothing_to_judge_is_not_a_pass() -> None:
    """A column of nulls says nothing about its range."""
    frame = pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64})
    assert validate(frame, [expect.between("x", 0, 1)]).verdict is Verdict.INSUFFICIENT_DATA


def test_mostly_counts_rows_that_are_not_null() -> None:
    """Seven of ten judged rows hold: exactly 0.7, whatever the number of nulls."""
    frame = pl.DataFrame({"x": [1] * 7 + [9] * 3 + [None] * 5})
    assert validate(frame, [expect.between("x", 0, 1, mostly=0.7)]).verdict is Verdict.PASS
    assert validate(frame, [expect.between("x", 0, 1, mostly=0.71)]).verdict is Verdict.FAIL


def test_row_count() -> None:
    """The number of rows is judged for lazy frames too, and an empty frame can fail."""
    assert validate(pl.LazyFrame({"x": [1, 2]}), [expect.row_count(1, 2)]).verdict is Verdict.PASS
    assert validate(pl.DataFrame({"x": []}), [expect.row_count(1)]).verdict is Verdict.FAIL


def test_values_that_the_column_cannot_hold_match_no_row() -> None:
    """1.5 and 300 are in no Int8 column; 1.0 is."""
    frame = pl.DataFrame({"x": pl.Series([1, 2, 44], dtype=pl.Int8)})
    (result,) = validate(frame, [expect.in_set("x", [1.0, 1.5, 300.0])]).results
    assert (result.n_failed, result.examples) == (2, (2, 44))


def test_categories_are_text() -> None:
    """Categorical columns take text for in_set, matches and between."""
    frame = pl.DataFrame({"c": pl.Series(["a", "b", None], dtype=pl.Categorical)})
    rules = [
        expect.in_set("c", ["a", "zz"]),
        expect.matches("c", "[ab]"),
        expect.between("c", "a", "b"),
    ]
    assert [result.n_failed for result in validate(frame, rules).results] == [1, 0, 0]


def test_unknown_column_names_the_nearest() -> None:
    """A misspelt column is refused and the right one suggested."""
    with pytest.raises(UnknownNameError, match="Did you mean 'temp'"):
        validate(pl.DataFrame({"temp": [1.0]}), [expect.not_null("tmep")])


@pytest.mark.parametrize(
    "make",
    [
        lambda: expect.between("x"),
        lambda: expect.between("x", 2, 1),
        lambda: expect.between("x", 1, "b"),
        lambda: expect.between("x", math.nan, 1),
        lambda: expect.between("x", 0, math.inf),
        lambda: expect.in_set("x", [math.nan]),
        lambda: expect.between("x", 0, 1, severity="fatal"),
        lambda: expect.between("x", 0, 1, mostly=-0.1),
        lambda: expect.in_set("x", []),
        lambda: expect.in_set("x", "ab"),
        lambda: expect.in_set("x", [None]),
        lambda: expect.unique([]),
        lambda: expect.unique(["a", "a"]),
        lambda: expect.matches("x", "(("),
        expect.row_count,
        lambda: expect.row_count(-1),
        lambda: expect.not_null(""),
        lambda: validate(pl.DataFrame({"x": [1]}), [expect.between("x", "a", "b")]),
        lambda: validate(pl.DataFrame({"x": [1]}), [expect.in_set("x", ["a"])]),
        lambda: validate(pl.DataFrame({"x": [1]}), [expect.in_set("x", [1, "a"])]),
        lambda: validate(pl.DataFrame({"x": [1]}), [expect.matches("x", "a")]),
        lambda: validate(pl.DataFrame({"x": [date(2013, 1, 1)]}), [expect.between("x", "soon")]),
        lambda: validate(pl.DataFrame({"x": [1]}), ["x > 1"]),
    ],
)
def test_bad_input_is_refused(make: Any) -> None:
    """Each mistake is an InputError, before any data is read."""
    with pytest.raises(InputError):
        make()


def test_an_unknown_kind_is_refused() -> None:
    """A kind that nobody gives is named, with the nearest that somebody does."""
    with pytest.raises(UnknownNameError, match="'between'"):
        validate(pl.DataFrame({"x": [1]}), [Expectation(kind="betwen", columns=("x",))])


def test_html_escapes_values() -> None:
    """Values from data never become markup."""
    html = validate(pl.DataFrame({"x": ["<b>"]}), [expect.in_set("x", ["a"])])._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    "wrong",
    [
        expect.between("day", "2020-01-01T12:00:00"),
        expect.in_set("day", ["2020-01-01T13:00:00"]),
        expect.minimum("day", high="2019-12-31T20:00:00-05:00"),
        expect.null("day", row_condition="day < '2020-01-01T12:00:00'"),
        expect.between("ms", "2020-01-01T00:00:00.0005"),
        expect.in_set("ms", ["2020-01-01T00:00:00.0005"]),
    ],
    ids=lambda each: each.name[:40],
)
def test_times_that_a_column_cannot_hold_are_not_cut(wrong: Expectation) -> None:
    """A time of day beside dates, and half a millisecond beside milliseconds; midnight is a date."""
    moment = datetime(2020, 1, 1)
    frame = pl.DataFrame(
        {"day": [moment.date()], "ms": [moment]}, schema={"day": pl.Date, "ms": pl.Datetime("ms")}
    )
    with pytest.raises(InputError, match="beside a column"):
        validate(frame, [wrong])
    held = [expect.between("day", "2019-12-31T19:00:00-05:00"), expect.in_set("ms", [moment])]
    assert validate(frame, held).verdict is Verdict.PASS


def test_categories_are_ordered_as_texts() -> None:
    """The order in which an Enum lists its categories is not that of its values, for rows as for the whole."""
    listed = pl.Enum(["z", "m", "a"])
    frame = pl.DataFrame({"e": ["a", "m", "z"], "other": ["b"] * 3}, schema={"e": listed, "other": pl.String})
    found = {
        each.kind: validate(frame, [each]).results[0]
        for each in (
            expect.between("e", "a", "n"),
            expect.increasing("e"),
            expect.pair_greater("e", "other"),
            expect.pair_in_set("e", "other", [("a", "b"), ("q", "b")]),
            expect.minimum("e", "a", "a"),
            expect.maximum("e", "z", "z"),
        )
    }
    n_failed = {"between": 1, "increasing": 0, "pair_greater": 1, "pair_in_set": 2}
    assert {kind: found[kind].n_failed for kind in n_failed} == n_failed
    assert (found["minimum"].observed, found["maximum"].observed) == ("a", "z")


@pytest.mark.parametrize("n_rows", [10**7, 10**8, 3 * 10**8])
def test_a_share_of_many_rows_is_not_a_row_off(n_rows: int) -> None:
    """A tenth of them may break what nine tenths must hold, and not one more."""
    assert _verdict(n_rows, n_rows // 10, 0.9) is Verdict.PASS
    assert _verdict(n_rows, n_rows // 10 + 1, 0.9) is Verdict.FAIL


def test_a_regex_that_compiles_alone_but_not_as_a_whole_is_refused() -> None:
    """A comment at the end swallows what anchors it."""
    with pytest.raises(InputError, match="compiles"):
        expect.matches("s", "(?x)AND # hi")


def test_categories_of_two_lists_compare_within_a_row() -> None:
    """They are texts, whatever else their columns may hold."""
    schema = {"a": pl.Enum(["x", "y"]), "b": pl.Enum(["y", "z"])}
    frame = pl.DataFrame({"a": ["x", "y"], "b": ["y", "y"]}, schema=schema)
    assert failing_rows(frame, [expect.unique_within_row(["a", "b"])])["_row"].to_list() == [1]


def test_values_of_columns_can_be_left_out() -> None:
    """The counts and the verdict stay."""
    frame = pl.DataFrame({"ssn": ["123-45-678", "1"], "n": [1, 2]})
    asked = [expect.lengths("ssn", 1, 5), expect.distinct_in_set("ssn", ["1"]), expect.maximum("n", 0, 1)]
    found = validate(frame, asked)
    told = found.without_values({"ssn"})
    assert [(r.n_failed, r.verdict) for r in told.results] == [(r.n_failed, r.verdict) for r in found.results]
    assert "123-45" in repr(found.figures())
    assert "123-45" not in repr(told.figures())
    assert told.results[2] == found.results[2]


@pytest.mark.parametrize(
    "asked",
    [
        expect.pair_equal("i", "s"),
        expect.unique_within_row(["i", "s"]),
        expect.increasing("l"),
        expect.between("du", "2013-01-01"),
        expect.not_null("i", row_condition="i == s"),
    ],
    ids=lambda asked: asked.name,
)
def test_what_types_do_not_allow_is_refused_by_the_name_of_its_rule(asked: Expectation) -> None:
    """Whatever else is asked in the same scan, and without a row."""
    frame = pl.DataFrame(
        schema={
            "i": pl.Int64,
            "s": pl.String,
            "l": pl.List(pl.Int64),
            "du": pl.Duration("us"),
            "x": pl.Float64,
        }
    )
    with pytest.raises(InputError) as refused:
        validate(frame, [expect.not_null("x"), asked])
    assert asked.kind in str(refused.value) or "row_condition" in str(refused.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: expect.kl_divergence("i", {"values": 5, "weights": [1.0]}, 0.1),
        lambda: expect.quantiles("i", {"quantiles": 5, "value_ranges": [[0, 1]]}),
    ],
)
def test_a_number_where_lists_are_meant_is_refused(ask: Callable[[], Expectation]) -> None:
    with pytest.raises(InputError):
        ask()
