"""Every kind of expectation over generated frames, beside Great Expectations in its own environment."""

from __future__ import annotations

import json
import math
import random
import subprocess
from typing import Any

import polars as pl
import pytest
from scripts import make_peer

from mainspring.checks import expect
from mainspring.checks.great_expectations import to_gx
from mainspring.checks.great_expectations_result import N_EXAMPLES, to_gx_result
from mainspring.checks.kind import KINDS
from mainspring.checks.spec import Expectation
from mainspring.checks.suite import suite

PEER = "great_expectations"
N_ROWS = 200
SEEDS = (1, 2, 3)

#: Columns with the type that pandas has for them: whole numbers with nulls are floats there.
TYPES = {
    "x": "float",
    "y": "float",
    "i": "int",
    "j": "float",
    "s": "str",
    "t": "str",
    "b": "bool",
    "up": "int",
}

NOT_WANTED = {
    "expect_column_values_to_be_of_type": "types have other names in pandas",
    "expect_column_values_to_be_in_type_list": "types have other names in pandas",
    "expect_column_values_to_match_like_pattern": "Great Expectations has it for SQL databases alone",
    "expect_column_values_to_not_match_like_pattern": "Great Expectations has it for SQL databases alone",
    "expect_column_values_to_match_like_pattern_list": "Great Expectations has it for SQL databases alone",
    "expect_column_values_to_not_match_like_pattern_list": "Great Expectations has it for SQL databases alone",
}
"""Kinds that are not compared, and why."""

_NONE_TOLD = ({"observed_value"}, "Great Expectations tells no values; we tell the first hundred")
DIFFERENT: dict[str, tuple[set[str], str]] = {
    "expect_column_distinct_values_to_be_in_set": _NONE_TOLD,
    "expect_column_distinct_values_to_contain_set": _NONE_TOLD,
    "expect_column_distinct_values_to_equal_set": _NONE_TOLD,
    "expect_column_to_exist": ({"observed_value"}, "we tell the column's place"),
    "expect_table_columns_to_match_set": (
        {"observed_value"},
        "we tell the columns in the table's order, they sorted",
    ),
    "expect_column_quantile_values_to_be_between": (
        {"observed_value"},
        "of no values we tell nothing, they a list of nothing; with values, success says whether they agree",
    ),
}
"""Kinds that differ on purpose: in which keys of the result, and why."""

PARTITION = {"values": ["a", "b", "ab", "12"], "weights": [0.4, 0.3, 0.2, 0.1]}
BINS = {"bins": [-3, -1, 0, 1, 3], "weights": [0.2, 0.3, 0.3, 0.2]}
EXPECTATIONS: list[Expectation] = [
    expect.not_null("x"),
    expect.not_null("x", mostly=0.5),
    expect.null("s"),
    expect.not_null_share("x", 0.8, 1.0),
    expect.not_null_share("x", 0.9999),
    expect.between("x", -1, 1),
    expect.between("x", -1, 1, mostly=0.6),
    expect.between("i", 0, 3, strict_min=True, strict_max=True),
    expect.between("x", low=0),
    expect.between("y", high=1.5, row_condition="i > 1"),
    expect.lengths("s", 1, 2),
    expect.lengths("s", high=2, strict_max=True),
    expect.length("s", 1),
    expect.z_scores("x", 1.5),
    expect.z_scores("x", 1.5, double_sided=False),
    expect.increasing("up"),
    expect.increasing("up", strictly=True),
    expect.increasing("x"),
    expect.decreasing("x"),
    expect.decreasing("j", strictly=True, mostly=0.2),
    expect.increasing("x", row_condition="i == 2"),
    expect.in_set("s", ["a", "b"]),
    expect.in_set("i", [0, 1, 2]),
    expect.in_set("b", [True]),
    expect.not_in_set("s", ["a", "zz"]),
    expect.distinct_in_set("s", ["a", "b"]),
    expect.distinct_in_set("i", [0, 1, 2, 3, 4]),
    expect.distinct_contain_set("s", ["a", "b"]),
    expect.distinct_contain_set("s", ["a", "zz"]),
    expect.distinct_equal_set("i", [0, 1, 2, 3]),
    expect.distinct_equal_set("i", [0, 1, 2]),
    expect.most_common_in_set("t", ["a"]),
    expect.most_common_in_set("t", ["a", "b"], ties_okay=True),
    expect.unique("i"),
    expect.unique("x", mostly=0.3),
    expect.unique("x", row_condition="i == 1"),
    expect.unique(["i", "s"]),
    expect.unique_together(["i", "s"]),
    expect.unique_together(["x", "s"], ignore_row_if="never"),
    expect.unique_together(["j", "s"], ignore_row_if="any_value_is_missing"),
    expect.unique_within_row(["i", "up"]),
    expect.unique_within_row(["i", "j"], ignore_row_if="any_value_is_missing"),
    expect.distinct_count("s", 2, 5),
    expect.distinct_share("i", 0.5),
    expect.matches("s", "a|bb?"),
    expect.match_regex("s", "b"),
    expect.match_regex("s", "^a", row_condition="i != 1"),
    expect.not_match_regex("s", "^a"),
    expect.match_regexes("s", ["a", "b"]),
    expect.match_regexes("s", ["a", "b"], match_on="all"),
    expect.not_match_regexes("s", ["^a", "2$"]),
    expect.strftime("s", "%Y-%m-%d"),
    expect.date_parseable("s"),
    expect.json_parseable("s"),
    expect.like("s", "a%"),
    expect.not_like("s", "a%"),
    expect.like_patterns("s", ["a%"]),
    expect.not_like_patterns("s", ["a%"]),
    expect.minimum("x", -9, 0),
    expect.maximum("x", 0, 1),
    expect.mean("x", -0.05, 0.05),
    expect.mean("x", -0.5, 0.5, row_condition="i > 1"),
    expect.median("x", -0.1, 0.1, strict_min=True),
    expect.stdev("x", 0.9, 1.1),
    expect.total("i", 0, 300),
    expect.quantiles(
        "x", {"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[-2, -1], [-0.2, 0.2], [None, 1.2]]}
    ),
    expect.quantiles("i", {"quantiles": [0.25], "value_ranges": [[0, 0]]}, interpolation="linear"),
    expect.kl_divergence("t", PARTITION, 0.2),
    expect.kl_divergence("s", PARTITION, 0.6, tail_weight_holdout=0.2),
    expect.kl_divergence("x", BINS, 0.3, tail_weight_holdout=0.02),
    expect.kl_divergence("x", BINS, 0.3),
    expect.pair_equal("i", "up"),
    expect.pair_equal("x", "y", ignore_row_if="either_value_is_missing"),
    expect.pair_greater("x", "y"),
    expect.pair_greater("x", "y", or_equal=True, ignore_row_if="either_value_is_missing", mostly=0.4),
    expect.pair_greater("x", "y", ignore_row_if="neither"),
    expect.pair_in_set("i", "s", [(1, "a"), (2, "b")]),
    expect.row_sum(["i", "up"], 10),
    expect.row_sum(["i", "j"], 3, ignore_row_if="never"),
    expect.column_exists("x"),
    expect.column_exists("x", 3),
    expect.columns_in_set([*TYPES]),
    expect.columns_in_set(["x"], exact=False),
    expect.columns_in_set(["x"]),
    expect.columns_in_order([*TYPES]),
    expect.columns_in_order(sorted(TYPES)),
    expect.column_count_is(8),
    expect.column_count(1, 7),
    expect.row_count_is(N_ROWS),
    expect.row_count(1, 100),
    expect.of_type("x", "float64"),
    expect.of_types("x", ["float64", "int64"]),
]


def _values(seed: int, n_rows: int = N_ROWS) -> dict[str, list[Any]]:
    draw = random.Random(seed)

    def maybe(value: Any) -> Any:
        return None if draw.random() < 0.1 else value

    texts = ["a", "b", "bb", "ab", "", "2013-06-01", "12", "{}", "A"]
    return {
        "x": [maybe(round(draw.gauss(0, 1), 2)) for _ in range(n_rows)],
        "y": [maybe(round(draw.gauss(0, 1), 2)) for _ in range(n_rows)],
        "i": [draw.randint(0, 3) for _ in range(n_rows)],
        "j": [maybe(float(draw.randint(0, 3))) for _ in range(n_rows)],
        "s": [maybe(draw.choice(texts)) for _ in range(n_rows)],
        "t": [maybe(draw.choice(["a", "b", "ab", "12"])) for _ in range(n_rows)],
        "b": [draw.random() < 0.7 for _ in range(n_rows)],
        "up": sorted(draw.randint(0, 100) for _ in range(n_rows)),
    }


def _nothing() -> dict[str, list[Any]]:
    """Three rows in which everything that may be missing is."""
    return {
        name: [None] * 3 if name in {"x", "y", "j", "s", "t"} else [False] * 3 if name == "b" else [1] * 3
        for name in TYPES
    }


FRAMES = [*(_values(seed) for seed in SEEDS), _nothing()]
COMPARED = [each for each in EXPECTATIONS if to_gx(each)["type"] not in NOT_WANTED]


@pytest.fixture(scope="module")
def theirs() -> list[list[dict[str, Any]]]:
    """What Great Expectations finds, frame by frame, in the order of the expectations."""
    columns = [
        {name: {"type": TYPES[name], "values": values} for name, values in frame.items()} for frame in FRAMES
    ]
    task = {"frames": columns, "suites": [[to_gx(each) for each in COMPARED]] * len(FRAMES)}
    script = make_peer.ROOT / "benchmarks" / "peers" / PEER / "validate.py"
    done = subprocess.run(
        [make_peer.make(PEER), script], input=json.dumps(task), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [each["results"] for each in json.loads(done.stdout)]


def _frame(values: dict[str, list[Any]]) -> pl.DataFrame:
    dtypes = {"float": pl.Float64, "int": pl.Int64, "bool": pl.Boolean, "str": pl.String}
    return pl.DataFrame(values, schema={name: dtypes[kind] for name, kind in TYPES.items()})


@pytest.mark.parametrize("place", range(len(FRAMES)))
def test_results_are_theirs(theirs: list[list[dict[str, Any]]], place: int) -> None:
    """Success, counts, examples and observed values, for every kind."""
    validation = suite("all", COMPARED).check(_frame(FRAMES[place]), n_examples=N_EXAMPLES)
    ours = to_gx_result(validation)["results"]
    wrong = []
    for expectation, our, their in zip(COMPARED, ours, theirs[place], strict=True):
        assert not their["exception_info"].get("exception_message"), (
            expectation.name,
            their["exception_info"],
        )
        ignored = DIFFERENT.get(our["expectation_config"]["type"], (set(), ""))[0]
        for key, our_value, their_value in _pairs(expectation, our, their):
            if key not in ignored and not _same(our_value, their_value):
                wrong.append(f"{expectation.name}, {key}: {our_value!r} and not {their_value!r}")
    assert not wrong, "\n".join(wrong)


ROW_KEYS = (
    "element_count",
    "unexpected_count",
    "unexpected_percent",
    "missing_count",
    "missing_percent",
    "unexpected_percent_total",
    "partial_unexpected_list",
)


def _pairs(
    expectation: Expectation, our: dict[str, Any], their: dict[str, Any]
) -> list[tuple[str, Any, Any]]:
    keys = ROW_KEYS if KINDS[expectation.kind].rule.breaks is not None else ("observed_value",)
    found = [(key, our["result"].get(key), their["result"].get(key)) for key in keys]
    return [("success", our["success"], their["success"]), *found]


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, dict) and isinstance(theirs, list):
        return _same(list(ours.values()), theirs)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, float | int) and isinstance(theirs, float | int):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
    return bool(ours == theirs)


def test_every_kind_is_compared_or_says_why_not() -> None:
    """No kind with a name of theirs is left out, and no difference is listed that is none of ours."""
    tried = {to_gx(each)["type"] for each in EXPECTATIONS}
    names = {kind.gx[0] for kind in KINDS.values() if kind.gx}
    assert names == tried
    assert {*NOT_WANTED, *DIFFERENT} <= names
