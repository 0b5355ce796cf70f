"""Suggested expectations: what they say, and how often a batch of the same process breaks them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

import mainspring as ms
from mainspring.checks.expect import as_python, infer
from mainspring.checks.profile import profile
from mainspring.checks.spec import Expectation
from mainspring.checks.validate import validate
from mainspring.errors import InputError


def batch(random: np.random.Generator, n: int) -> pl.DataFrame:
    """Rows of one process."""
    frame = pl.DataFrame(
        {
            "id": random.permutation(10 * n)[:n],
            "temp": random.normal(50, 20, n),
            "level": random.choice(["low", "mid", "high"], n, p=[0.6, 0.3, 0.1]),
            "flag": random.random(n) < 0.5,
        }
    )
    gaps = pl.Series(random.random(n) < 0.05)
    return frame.with_columns(temp=pl.when(~gaps).then(pl.col("temp")))


def named(found: list[Expectation]) -> dict[tuple[str, str], Expectation]:
    """By kind and column."""
    return {(each.kind, each.columns[0]): each for each in found}


def test_each_kind_of_column_suggests_its_own() -> None:
    """Nulls everywhere, ranges of numbers, sets of levels, uniqueness of what never repeats; all only warn."""
    rows = batch(np.random.default_rng(1), 2_000)
    found = named(infer(profile(rows)))
    assert set(found) == {
        ("not_null", "id"),
        ("between", "id"),
        ("unique", "id"),
        ("not_null", "temp"),
        ("between", "temp"),
        ("not_null", "level"),
        ("in_set", "level"),
        ("not_null", "flag"),
    }
    assert found["in_set", "level"].parameters["values"] == ("high", "low", "mid")
    assert {each.severity for each in found.values()} == {"warning"}
    assert validate(rows, found.values()).failed == ()


def test_bounds_are_those_of_the_books() -> None:
    """Clopper and Pearson's limit of a null rate, and what the binomial allows a batch at it."""
    column = pl.Series("x", [None] * 30 + [1.0] * 970)
    (nulls, *_) = infer(profile(column.to_frame()), batch_rows=200)
    upper = stats.beta.ppf(0.95, 31, 970)
    allowed = stats.binom.ppf(0.95, 200, upper)
    assert nulls.mostly == pytest.approx(1 - allowed / 200, abs=1e-6)
    (never, *_) = infer(profile(pl.DataFrame({"x": [1.0] * 970})), batch_rows=10_000_000)
    assert never.mostly == pytest.approx(1 - 3 / 970, abs=2e-4)


def test_batches_of_the_same_process_hold_them() -> None:
    """Of 100 batches, judged by profiles of others, at most 5 % (and 4 standard errors) break any one suggestion."""
    random = np.random.default_rng(2)
    broken: dict[tuple[str, str], int] = {}
    n_tries = 100
    for _ in range(n_tries):
        suggested = infer(profile(batch(random, 500)), batch_rows=150)
        for result in validate(batch(random, 150), suggested).failed:
            key = (result.expectation.kind, result.expectation.columns[0])
            broken[key] = broken.get(key, 0) + 1
    broken.pop(("between", "id"), None)
    worst = 0.05 + 4 * math.sqrt(0.05 * 0.95 / n_tries)
    assert max(broken.values(), default=0) / n_tries <= worst


def test_what_rests_on_little_is_not_said() -> None:
    """Few rows, rare levels, columns of nulls, private columns and times suggest no range or set."""
    rare = pl.DataFrame({"s": ["a"] * 500 + ["b"]})
    assert {each.kind for each in infer(profile(rare))} == {"not_null"}
    assert {each.kind for each in infer(profile(pl.DataFrame({"x": [1.0, 2.0] * 10})))} == {"not_null"}
    assert infer(profile(pl.DataFrame({"x": pl.Series([None] * 200, dtype=pl.Float64)}))) == []
    assert infer(profile(pl.DataFrame({"x": pl.Series([], dtype=pl.Float64)}))) == []
    hidden = profile(pl.DataFrame({"who": [f"p{i}" for i in range(300)]}), private=["who"])
    assert [each.kind for each in infer(hidden)] == ["not_null"]


def test_nan_and_infinity_count_against_a_range() -> None:
    """`between` judges them, so the share that it must hold for allows as many as there were."""
    rows = pl.DataFrame({"x": [math.nan] * 50 + [math.inf] * 50 + [float(i) for i in range(900)]})
    found = named(infer(profile(rows)))
    assert 0.85 < found["between", "x"].mostly < 0.9
    assert validate(rows, found.values()).failed == ()


def test_a_draft_is_python_that_makes_the_same() -> None:
    """What is pasted is what was suggested."""
    found = infer(profile(batch(np.random.default_rng(3), 1_000)), severity="critical", confidence=0.99)
    assert eval(as_python(found), {"ms": ms}) == found
    assert as_python([]) == "[\n]\n"


@pytest.mark.parametrize(
    "wrong", [{"confidence": 1.0}, {"confidence": 0.3}, {"batch_rows": 0}, {"severity": "loud"}]
)
def test_wrong_arguments_are_refused(wrong: dict[str, float]) -> None:
    """Four parts, and nothing suggested."""
    with pytest.raises(InputError):
        infer(profile(pl.DataFrame({"x": [1.0] * 30})), **wrong)  # type: ignore[arg-type]


def test_large_ids_give_no_range_and_are_not_called_unique() -> None:
    """A range or a count of doubles would not be that of the whole numbers."""
    found = infer(profile(pl.DataFrame({"id": [2**60 + 1 + row for row in range(200)]})))
    assert [item.kind for item in found] == ["not_null"]
