"""Rules about a column or table as a whole, against the same figures in plain Python."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from tests.checks.readings import ROWS, frame_of, is_missing

from mainspring.checks import expect
from mainspring.checks.kind import KINDS
from mainspring.checks.spec import Expectation
from mainspring.checks.validate import validate
from mainspring.lineage.spec import Verdict

NUMBERS = [
    expect.minimum("x", -1, 1),
    expect.maximum("x", low=0),
    expect.minimum("s", "a"),
    expect.mean("i", 0, 1),
    expect.median("i", 0, 1, strict_max=True),
    expect.stdev("i", high=1.2),
    expect.total("i", 0, 5),
    expect.not_null_share("x", 0.5),
    expect.distinct_count("s", 2, 4),
    expect.distinct_share("i", 0.5),
    expect.quantiles("i", {"quantiles": [0.0, 0.25, 0.5], "value_ranges": [[None, 0], [-1, 1], [0, None]]}),
]


def _observed(expectation: Expectation, rows: list[dict[str, Any]]) -> Any:
    (column,) = expectation.columns
    there = [row[column] for row in rows if row[column] is not None]
    known = [value for value in there if not is_missing(value)]
    match expectation.kind:
        case "not_null_share":
            return len(known) / len(rows) if rows else None
        case "distinct_count":
            return len(set(there))
        case "distinct_share":
            return len(set(there)) / len(there) if there else None
        case "stdev":
            return statistics.stdev(known) if len(known) > 1 else None
        case "quantiles":
            asked = expectation.parameters["quantile_ranges"]["quantiles"]
            values = [sorted(known)[round((len(known) - 1) * q)] for q in asked] if known else None
            return None if values is None else {"quantiles": list(asked), "values": values}
    figure = {
        "minimum": min,
        "maximum": max,
        "mean": statistics.fmean,
        "median": statistics.median,
        "total": sum,
    }
    return figure[expectation.kind](known) if known else None


def _holds(expectation: Expectation, observed: Any) -> bool:
    given = expectation.parameters
    if expectation.kind == "quantiles":
        ranges = given["quantile_ranges"]["value_ranges"]
        return all(
            (low is None or low <= value) and (high is None or value <= high)
            for value, (low, high) in zip(observed["values"], ranges, strict=True)
        )
    low, high = given["low"], given["high"]
    strictly_below = high is None or observed < high or (observed == high and not given.get("strict_max"))
    return (low is None or observed >= low) and strictly_below


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ROWS)
def test_figures_are_those_of_plain_python(rows: list[tuple[Any, ...]]) -> None:
    """What is observed, and the verdict on it, is the same as computed from lists."""
    frame = frame_of(rows)
    listed = frame.rows(named=True)
    for result in validate(frame, NUMBERS).results:
        wanted, name = _observed(result.expectation, listed), result.expectation.name
        if wanted is None:
            assert (result.observed, result.verdict) == (None, Verdict.INSUFFICIENT_DATA), name
            continue
        if isinstance(wanted, float):
            found = float(result.observed)
            assert math.isclose(found, wanted, abs_tol=1e-12), name
            wanted = found
        else:
            assert result.observed == wanted, name
        assert (result.verdict is Verdict.PASS) == _holds(result.expectation, wanted), name


SETS = [["a", "b"], ["a"], ["a", "b", "bb", "zz"]]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ROWS)
def test_sets_of_values_are_compared_as_sets(rows: list[tuple[Any, ...]]) -> None:
    """Distinct values against a set, and the most common ones, as Python's sets and counters say."""
    frame = frame_of(rows)
    values = [value for value in frame["s"].to_list() if value is not None]
    distinct, counts = set(values), Counter(values)
    modes = {value for value, count in counts.items() if count == max(counts.values())}
    for given_set in SETS:
        wanted = set(given_set)
        expectations = [
            (expect.distinct_in_set("s", given_set), distinct <= wanted),
            (expect.distinct_contain_set("s", given_set), distinct >= wanted),
            (expect.distinct_equal_set("s", given_set), distinct == wanted),
            (expect.most_common_in_set("s", given_set), len(modes) == 1 and modes <= wanted),
            (expect.most_common_in_set("s", given_set, ties_okay=True), bool(modes & wanted)),
        ]
        results = validate(frame, [each for each, _ in expectations]).results
        for result, (_, holds) in zip(results, expectations, strict=True):
            verdict = Verdict.INSUFFICIENT_DATA if not values else Verdict.PASS if holds else Verdict.FAIL
            assert result.verdict is verdict, result.expectation.name


def _divergence(observed: list[float], expected: list[float]) -> float:
    pairs = zip(observed, expected, strict=True)
    return sum(p * math.log(p / q) for p, q in pairs if p)


@pytest.mark.parametrize(
    ("column", "arguments", "observed", "expected"),
    [
        ("s", {"partition": {"values": ["a", "b"], "weights": [0.5, 0.5]}}, [0.75, 0.25], [0.5, 0.5]),
        ("x", {"partition": {"bins": [0, 1, 2], "weights": [0.4, 0.6]}}, [0.5, 0.5], [0.4, 0.6]),
        (
            "y",
            {"partition": {"bins": [0, 1, 2], "weights": [0.4, 0.6]}, "tail_weight_holdout": 0.1},
            [0.25, 0.25, 0.25, 0.25],
            [0.05, 0.36, 0.54, 0.05],
        ),
        (
            "y",
            {"partition": {"bins": [0, 1, 2], "weights": [0.3, 0.5], "tail_weights": [0.1, 0.1]}},
            [0.25, 0.25, 0.25, 0.25],
            [0.1, 0.3, 0.5, 0.1],
        ),
        (
            "x",
            {"partition": {"bins": [0, 1, 2], "weights": [1, 0]}, "internal_weight_holdout": 0.2},
            [0.5, 0.5],
            [0.8, 0.2],
        ),
        (
            "t",
            {"partition": {"values": ["a", "b"], "weights": [0.5, 0.5]}, "tail_weight_holdout": 0.2},
            [0.25, 0.25, 0.25, 0.25],
            [0.4, 0.4, 0.1, 0.1],
        ),
    ],
)
def test_divergence(column: str, arguments: Any, observed: list[float], expected: list[float]) -> None:
    """The Kullback-Leibler divergence of shares counted by hand; its bound is inclusive."""
    frame = pl.DataFrame(
        {
            "s": ["a", "a", "b", "a", None],
            "t": ["a", "b", "c", "d", None],
            "x": [0.0, 1.0, 2.0, 0.5, math.nan],
            "y": [-1.0, 0.0, 2.0, 3.0, None],
        }
    )
    wanted = _divergence(observed, expected)
    (result,) = validate(frame, [expect.kl_divergence(column, threshold=wanted + 1e-9, **arguments)]).results
    assert result.verdict is Verdict.PASS
    assert math.isclose(result.observed, wanted, abs_tol=1e-12)
    assert (
        validate(frame, [expect.kl_divergence(column, threshold=wanted - 1e-9, **arguments)]).verdict
        is Verdict.FAIL
    )


def test_values_outside_of_a_partition_break_it() -> None:
    """Without weight held out for them the divergence is infinite, and no figure is told."""
    frame = pl.DataFrame({"s": ["a", "z"]})
    partition = {"values": ["a"], "weights": [1.0]}
    (result,) = validate(frame, [expect.kl_divergence("s", partition, 100)]).results
    assert (result.verdict, result.observed) == (Verdict.FAIL, None)


def test_a_share_is_counted_and_not_what_is_left_of_one() -> None:
    """1 of 10 is 0.1: one less nine tenths is not, in binary."""
    frame = pl.DataFrame({"x": [1.0] + [None] * 9})
    (result,) = validate(frame, [expect.not_null_share("x", 0.1, 0.1)]).results
    assert (result.verdict, result.observed) == (Verdict.PASS, 0.1)


def test_of_no_values_there_is_no_count_to_judge() -> None:
    """As every other figure of a column: a batch of nulls neither holds nor breaks it."""
    frame = pl.DataFrame({"s": [None, None]}, schema={"s": pl.String})
    (result,) = validate(frame, [expect.distinct_count("s", 1)]).results
    assert (result.verdict, result.observed) == (Verdict.INSUFFICIENT_DATA, 0)


def test_a_sum_of_whole_numbers_does_not_wrap() -> None:
    """It is exact beyond 64 bits, also of a narrow type."""
    frame = pl.DataFrame({"x": [2**62] * 3, "n": pl.Series([100] * 3, dtype=pl.Int8)})
    found = validate(frame, [expect.total("x", 0), expect.total("n", 300, 300)])
    assert found.verdict is Verdict.PASS
    assert [result.observed for result in found.results] == [3 * 2**62, 300]


def test_decimals_and_narrow_floats_compare_as_numbers() -> None:
    """0.1 is the Decimal 0.1 and the Float32 next to it."""
    frame = pl.DataFrame(
        {"d": [Decimal("0.1"), Decimal("0.3")], "f": pl.Series([0.1, 0.3], dtype=pl.Float32)}
    )
    held = [
        expect.minimum("d", 0.1, 0.1),
        expect.maximum("d", 0.3, 0.3),
        expect.quantiles("d", {"quantiles": [0.0], "value_ranges": [[0.1, 0.1]]}),
        expect.kl_divergence("d", {"values": [0.1, 0.3], "weights": [0.5, 0.5]}, 0.1),
        expect.in_set("d", [0.1, 0.3]),
        expect.in_set("f", [0.1, 0.3]),
    ]
    assert {each.expectation.name: each.verdict for each in validate(frame, held).results} == {
        each.name: Verdict.PASS for each in held
    }


def test_shapes() -> None:
    """Names, order, number and types of columns are read from the schema; rows are counted."""
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    held = [
        (expect.column_exists("a"), True),
        (expect.column_exists("b", 1), True),
        (expect.column_exists("b", 0), False),
        (expect.column_exists("c"), False),
        (expect.columns_in_set(["b", "a"]), True),
        (expect.columns_in_set(["a"]), False),
        (expect.columns_in_set(["a"], exact=False), True),
        (expect.columns_in_set(["a", "c"], exact=False), False),
        (expect.columns_in_order(["a", "b"]), True),
        (expect.columns_in_order(["b", "a"]), False),
        (expect.column_count_is(2), True),
        (expect.column_count(3), False),
        (expect.column_count(1, 2), True),
        (expect.row_count_is(2), True),
        (expect.row_count(high=1), False),
        (expect.row_count(2, 3, strict_min=True), False),
        (expect.row_count_is(1, row_condition="a > 1"), True),
        (expect.of_type("a", "Int64"), True),
        (expect.of_type("b", "int64"), False),
        (expect.of_types("b", ["VARCHAR", "TEXT"]), True),
    ]
    results = validate(frame, [each for each, _ in held]).results
    for result, (expectation, wanted) in zip(results, held, strict=True):
        assert (result.verdict is Verdict.PASS) is wanted, expectation.name
    tested = {each.kind for each, _ in held}
    assert tested == {
        name for name, kind in KINDS.items() if kind.rule.shape is not None or kind.rule.holds is not None
    }


def test_every_rule_about_a_whole_is_tested_here() -> None:
    """No kind that measures is left out above."""
    measured = {name for name, kind in KINDS.items() if kind.rule.measures is not None}
    sets = {
        "distinct_in_set",
        "distinct_contain_set",
        "distinct_equal_set",
        "most_common_in_set",
        "kl_divergence",
    }
    assert {each.kind for each in NUMBERS} | sets == measured


def test_a_set_counts_values_not_how_they_are_written() -> None:
    """A date and its midnight are one day of a column of dates."""
    frame = pl.DataFrame({"d": [date(2024, 1, 1), date(2024, 1, 2)]})
    wanted = [date(2024, 1, 1), "2024-01-01"]
    (result,) = validate(frame, [expect.distinct_contain_set("d", wanted)]).results
    assert result.verdict is Verdict.PASS


def test_a_partition_of_days() -> None:
    """Days compare with days."""
    frame = pl.DataFrame({"d": [date(2024, 1, 1)] * 3 + [date(2024, 1, 2)]})
    halves = {"values": ["2024-01-01", "2024-01-02"], "weights": [0.5, 0.5]}
    near, far = (expect.kl_divergence("d", halves, threshold) for threshold in (0.2, 0.1))
    results = validate(frame, [near, far]).results
    assert [result.verdict for result in results] == [Verdict.PASS, Verdict.FAIL]
    assert results[0].observed == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
