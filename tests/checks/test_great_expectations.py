"""Names, arguments and JSON of Great Expectations mean what ours mean, both ways."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from tests.checks.readings import ALONE, BESIDE
from tests.checks.test_statistics import NUMBERS

import mainspring as ms
from mainspring.checks import expect
from mainspring.checks.great_expectations import GX_KINDS, from_gx, to_gx
from mainspring.checks.great_expectations_result import to_gx_result
from mainspring.checks.kind import KINDS
from mainspring.checks.suite import read_suite, suite
from mainspring.checks.validate import validate
from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.spec import Verdict

OTHERS = [
    expect.distinct_in_set("s", ["a"]),
    expect.distinct_contain_set("s", ["a"]),
    expect.distinct_equal_set("s", ["a", "b"]),
    expect.most_common_in_set("s", ["a"], ties_okay=True),
    expect.kl_divergence("s", {"values": ["a", "b"], "weights": [0.5, 0.5]}, 0.1, tail_weight_holdout=0.1),
    expect.column_exists("a", 1),
    expect.columns_in_set(["a", "b"], exact=False),
    expect.columns_in_order(["a", "b"]),
    expect.column_count_is(2),
    expect.column_count(1, 2),
    expect.row_count_is(2, row_condition="x > 1"),
    expect.row_count(2, None, strict_min=True, severity="info"),
    expect.of_type("a", "Int64"),
    expect.of_types("a", ["Int64", "INTEGER"], meta={"owner": "ann"}),
    expect.between("x", 0, 1, mostly=0.9, row_condition="origin == 'JFK'", severity="warning"),
]
EVERY = [*(each for each, _ in [*ALONE, *BESIDE]), *NUMBERS, *OTHERS]


def test_every_kind_goes_both_ways_in_both_spellings() -> None:
    """JSON of either spelling, read again, is the same suite."""
    whole = suite("all", EVERY, meta={"owner": "ann"})
    assert {each.kind for each in EVERY} == set(KINDS)
    for written in (whole.to_dict(), whole.to_great_expectations()):
        assert read_suite(json.loads(json.dumps(written, allow_nan=False))) == whole


def test_both_names_mean_the_same() -> None:
    """A call by their name is the expectation of ours."""
    theirs = expect.expect_column_values_to_be_between("temp", min_value=-40, max_value=130, strict_max=True)
    assert theirs == expect.between("temp", -40, 130, strict_max=True)
    assert ms.expect.expect_column_values_to_be_in_set(column="s", value_set=["a"], mostly=0.5) == (
        expect.in_set("s", ["a"], mostly=0.5)
    )
    assert {"between", "expect_column_values_to_be_between"} <= set(dir(ms.expect))
    with pytest.raises(AttributeError, match="Did you mean 'between'"):
        _ = expect.betwen
    with pytest.raises(AttributeError, match="expect_nothing"):
        _ = expect.expect_nothing


THEIRS: dict[str, Any] = {
    "name": "flights",
    "id": "7b7c",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "temp", "min_value": 0, "max_value": None, "mostly": 1, "strict_min": False},
            "meta": {"why": "cold"},
            "severity": "warning",
            "id": "1",
            "notes": ["seen in May"],
        },
        {
            "type": "expect_multicolumn_values_to_be_unique",
            "kwargs": {"column_list": ["a", "b"]},
            "meta": {},
            "severity": "critical",
        },
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {
                "column": "a",
                "row_condition": {
                    "type": "and",
                    "conditions": [
                        {"type": "comparison", "column": {"name": "b"}, "operator": ">", "parameter": 1},
                        {"type": "nullity", "column": {"name": "c"}, "is_null": False},
                    ],
                },
                "result_format": "BASIC",
            },
            "meta": {},
            "severity": "critical",
        },
    ],
    "meta": {"great_expectations_version": "1.24.1"},
    "notes": None,
    "suite_parameters": {},
}


def test_what_they_wrote_is_written_again() -> None:
    """Ids, notes, explicit defaults and structured conditions survive; the expectations are ours."""
    found = read_suite(THEIRS)
    assert found.to_great_expectations() == THEIRS
    assert read_suite(found.to_dict()) == found
    between, unique, not_null = found.expectations
    assert between.model_copy(update={"meta": {}}) == expect.between("temp", 0, severity="warning")
    assert unique.kind == "unique_within_row"
    assert not_null.row_condition == "(col('b') > 1) and (col('c').notNull())"


def test_what_was_changed_is_written_anew() -> None:
    """A copy with another severity does not write the old one."""
    first = read_suite(THEIRS).expectations[0]
    critical = type(first.severity).CRITICAL
    assert to_gx(first.model_copy(update={"severity": critical}))["severity"] == "critical"


def test_names_before_1_0_are_read() -> None:
    """`expectation_suite_name` and `expectation_type`."""
    config = {"expectation_type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "meta": {}}
    found = read_suite({"expectation_suite_name": "old", "expectations": [config], "meta": {}})
    assert (found.name, found.expectations[0].kind) == ("old", "unique")


def test_mostly_zero_and_nulls_in_a_set_are_read() -> None:
    """Both are theirs to write and change no verdict of ours; they are written again as they were."""
    config = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "s", "value_set": ["a", None], "mostly": 0},
        "meta": {},
        "severity": "critical",
    }
    found = from_gx(config)
    assert (found.parameters["values"], found.mostly) == (("a",), 0.0)
    assert to_gx(found) == config
    (result,) = validate(pl.DataFrame({"s": ["b", None]}), [found]).results
    assert (result.verdict, result.n_failed) == (Verdict.PASS, 1)
    with pytest.raises(InputError, match="None"):
        from_gx(
            {
                **config,
                "type": "expect_column_distinct_values_to_equal_set",
                "kwargs": {"column": "s", "value_set": [None]},
            }
        )


def test_what_they_cannot_say_keeps_our_words() -> None:
    """The nearest of theirs is written, and ours beside it; it is ours that is read."""
    written = to_gx(expect.matches("s", "a|b"))
    assert written["type"] == "expect_column_values_to_match_regex"
    assert written["kwargs"]["regex"] == "^(?:a|b)$"
    assert from_gx(written).kind == "matches"
    assert to_gx(expect.unique(["a", "b"]))["kwargs"]["ignore_row_if"] == "any_value_is_missing"


@pytest.mark.parametrize(
    "config",
    [
        3,
        {},
        {"type": "expect_nothing", "kwargs": {}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "colum": 1}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": 3}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "severity": "fatal"},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "kwarg": {}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a", "mostly": -1}},
        {
            "type": "expect_column_values_to_be_unique",
            "kwargs": {"column": "a", "row_condition": {"type": "x"}},
        },
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "a", "value_set": []}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "meta": {"mainspring": 3}},
        {"kind": "unique", "columns": []},
        {"kind": "between", "columns": ["a"], "parameters": {"low": 2, "high": 1}},
        {"kind": "between", "columns": ["a"], "parameters": {"minimum": 2}},
        {"kind": "between", "columns": ["a", "b"], "parameters": {"low": 1}},
        {"kind": "betwen", "columns": ["a"]},
        {"kind": "between", "columns": "a", "parameters": {"low": 1}},
    ],
)
def test_wrong_json_is_refused(config: Any) -> None:
    """Four parts, which name the expectation by its place."""
    with pytest.raises((InputError, UnknownNameError)):
        read_suite({"name": "s", "expectations": [config]})


@pytest.mark.parametrize(
    "given", [None, [], {"name": "s"}, {"expectations": []}, {"name": "s", "expectations": [], "sevrity": 1}]
)
def test_wrong_suites_are_refused(given: Any) -> None:
    """What is no suite says what one is."""
    with pytest.raises((InputError, UnknownNameError)):
        read_suite(given)


@pytest.mark.parametrize(
    "call",
    [
        lambda: expect.expect_column_values_to_be_between("a", 1, 2, True, False, 7),
        lambda: expect.expect_column_values_to_be_between("a", min_valu=1),
        expect.expect_column_values_to_be_between,
        lambda: suite("s", [expect.not_null("a"), "b"]),
        lambda: suite("", []),
        lambda: suite("s", [], meta={"x": object()}),
    ],
)
def test_wrong_calls_are_refused(call: Any) -> None:
    """Unknown and missing arguments, and lists of something else."""
    with pytest.raises((InputError, UnknownNameError)):
        call()


def test_a_suite_checks_frames() -> None:
    """Of a lazy frame too, with as many examples as are wanted."""
    found = suite("s", [expect.between("x", 0, 1)]).check(pl.LazyFrame({"x": [3, 4, 5]}), n_examples=2)
    assert (found.results[0].n_failed, found.results[0].examples) == (3, (3, 4))
    assert len(GX_KINDS) >= 50


def test_results_have_their_form() -> None:
    """Counts, percents and examples of rules about rows; what is observed of others; statistics of all."""
    rules = [
        expect.between("x", 0, 1),
        expect.not_null("x"),
        expect.mean("x", 0, 1),
        expect.pair_equal("x", "y"),
        expect.between("z", 0),
        expect.mean("z", 0),
    ]
    frame = pl.DataFrame(
        {"x": [0.5, 7.0, 7.0, None], "y": [0.5, 7.0, 1.0, None], "z": [None] * 4},
        schema_overrides={"z": float},
    )
    found = to_gx_result(suite("s", rules).check(frame), "s")
    between, not_null, mean, equal, nothing, no_mean = found["results"]
    assert between["result"] == {
        "element_count": 4,
        "unexpected_count": 2,
        "unexpected_percent": 200 / 3,
        "partial_unexpected_list": [7.0, 7.0],
        "missing_count": 1,
        "missing_percent": 25.0,
        "unexpected_percent_total": 50.0,
        "unexpected_percent_nonmissing": 200 / 3,
        "partial_unexpected_counts": [{"value": 7.0, "count": 2}],
    }
    assert "missing_count" not in not_null["result"]
    assert mean["result"] == {"observed_value": 14.5 / 3}
    assert equal["result"]["partial_unexpected_list"] == [{"x": 7.0, "y": 1.0}]
    # Theirs: rows of which none is judged hold, a mean of nothing does not. Ours is said beside it.
    assert (nothing["success"], no_mean["success"]) == (True, False)
    assert nothing["meta"] == no_mean["meta"] == {"mainspring": {"verdict": "insufficient_data"}}
    assert found["statistics"] == {
        "evaluated_expectations": 6,
        "successful_expectations": 1,
        "unsuccessful_expectations": 5,
        "success_percent": 100 / 6,
    }
    assert not found["success"]
    json.dumps(found, allow_nan=False)


@pytest.mark.once
def test_one_kind_alone_has_no_name_there() -> None:
    """Fifty-three kinds; `matches`, of the whole text, is written for them as their search between ^ and $."""
    assert (len(KINDS), [name for name, kind in KINDS.items() if not kind.gx]) == (53, ["matches"])
