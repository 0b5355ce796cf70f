"""What constructors of expectations refuse: before any data is read, in four parts."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from mainspring.checks import expect
from mainspring.checks.kind import KINDS
from mainspring.checks.validate import validate
from mainspring.errors import InputError, MainspringError, UnknownNameError

GOOD: dict[str, Any] = {
    "column": "x",
    "a": "x",
    "b": "y",
    "low": 0,
    "values": ["a"],
    "value": 1,
    "regex": "a",
    "regexes": ["a"],
    "pattern": "a%",
    "patterns": ["a%"],
    "format": "%Y",
    "threshold": 1.0,
    "pairs": [(1, 2)],
    "total": 1.0,
    "type": "Int64",
    "types": ["Int64"],
    "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1]]},
    "partition": {"values": ["a"], "weights": [1.0]},
}


def _arguments(name: str) -> dict[str, Any]:
    signature = KINDS[name].signature
    found = {argument: GOOD[argument] for argument in signature if argument in GOOD}
    return {**found, "columns": ["x", "y"]} if "columns" in signature else found


@pytest.mark.parametrize("name", list(KINDS))
def test_each_argument_is_checked(name: str) -> None:
    """A value of a wrong type, an unknown argument and a wrong option are refused by every constructor."""
    make, arguments = KINDS[name].make, _arguments(name)
    assert make(**arguments).kind == name
    for argument in KINDS[name].signature:
        with pytest.raises((InputError, UnknownNameError)):
            make(**{**arguments, argument: object()})
    for options in (
        {"severty": "info"},
        {"severity": "fatal"},
        {"mostly": 2.0},
        {"row_condition": "x >"},
        {"meta": {"x": object()}},
    ):
        with pytest.raises((InputError, UnknownNameError)) as refused:
            make(**arguments, **options)
        assert all(refused.value.to_dict().values())


BAD = [
    lambda: expect.between("x", 0, 1, strict_min=1),
    lambda: expect.lengths("s", 1.5),
    lambda: expect.length("s", -1),
    lambda: expect.in_set("s", []),
    lambda: expect.not_in_set("s", [None]),
    lambda: expect.distinct_equal_set("s", [math.inf]),
    lambda: expect.match_regex("s", "(("),
    lambda: expect.match_regex("s", "(?=a)"),
    lambda: expect.match_regexes("s", []),
    lambda: expect.match_regexes("s", "a"),
    lambda: expect.match_regexes("s", ["a"], match_on="some"),
    lambda: expect.like("s", ""),
    lambda: expect.strftime("s", "%Q%"),
    lambda: expect.unique_together(["a"]),
    lambda: expect.unique_within_row(["a", "a"]),
    lambda: expect.unique_together(["a", "b"], ignore_row_if="both_values_are_missing"),
    lambda: expect.pair_equal("a", "a"),
    lambda: expect.pair_equal("a", "b", ignore_row_if="never"),
    lambda: expect.pair_in_set("a", "b", []),
    lambda: expect.pair_in_set("a", "b", [(1, 2, 3)]),
    lambda: expect.pair_in_set("a", "b", [(1, object())]),
    lambda: expect.row_sum(["a", "b"], math.nan),
    lambda: expect.z_scores("x", "1"),
    lambda: expect.distinct_count("x", 2, 1),
    lambda: expect.distinct_share("x", 0.5, 1.5),
    lambda: expect.not_null_share("x", -0.1),
    lambda: expect.mean("x"),
    lambda: expect.mean("x", "a"),
    lambda: expect.quantiles("x", {"quantiles": [0.5]}),
    lambda: expect.quantiles("x", {"quantiles": [], "value_ranges": []}),
    lambda: expect.quantiles("x", {"quantiles": [2.0], "value_ranges": [[0, 1]]}),
    lambda: expect.quantiles("x", {"quantiles": [0.5], "value_ranges": [[None, None]]}),
    lambda: expect.quantiles("x", {"quantiles": [0.5], "value_ranges": [[0, 1]]}, interpolation="near"),
    lambda: expect.kl_divergence("x", {"values": ["a"], "weights": [0.5]}, 1),
    lambda: expect.kl_divergence("x", {"values": ["a"], "weights": [0.5, 0.5]}, 1),
    lambda: expect.kl_divergence("x", {"bins": [1, 0], "weights": [1.0]}, 1),
    lambda: expect.kl_divergence("x", {"bins": [0, 1], "weights": [0.9], "tail_weights": [0.1]}, 1),
    lambda: expect.column_exists("x", -1),
    lambda: expect.columns_in_set([]),
    lambda: expect.columns_in_order("ab"),
    expect.column_count,
    lambda: expect.row_count_is(True),
    lambda: expect.of_type("x", "Int65"),
    lambda: expect.of_types("x", []),
    lambda: expect.column_exists("x", mostly=0.5),
    lambda: expect.mean("x", 0, mostly=0.5),
]


@pytest.mark.parametrize("place", range(len(BAD)))
def test_bad_arguments_are_refused(place: int) -> None:
    """Each mistake is refused where it is made."""
    with pytest.raises((InputError, UnknownNameError)):
        BAD[place]()


@pytest.mark.parametrize(
    "expectation",
    [
        expect.lengths("x", 1),
        expect.match_regex("x", "a"),
        expect.strftime("x", "%Y"),
        expect.json_parseable("x"),
        expect.z_scores("s", 1),
        expect.mean("s", 1),
        expect.minimum("s", 1),
        expect.maximum("x", "a"),
        expect.quantiles("s", {"quantiles": [0.5], "value_ranges": [[0, 1]]}),
        expect.kl_divergence("x", {"values": ["a"], "weights": [1.0]}, 1),
        expect.kl_divergence("s", {"bins": [0, 1], "weights": [1.0]}, 1),
        expect.distinct_in_set("x", ["a"]),
        expect.pair_in_set("x", "s", [("a", 1)]),
        expect.row_sum(["x", "s"], 1),
        expect.between("b", 0, 1),
        expect.of_type("t", "Int64"),
    ],
    ids=lambda each: each.name,
)
def test_what_does_not_fit_a_column_is_refused(expectation: Any) -> None:
    """The message names the kind or the column."""
    frame = pl.DataFrame({"x": [1], "s": ["a"], "b": [True]})
    with pytest.raises(MainspringError, match=f"{expectation.kind}|column"):
        validate(frame, [expectation])
