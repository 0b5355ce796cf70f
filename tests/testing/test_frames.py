"""Helpers for unit tests: what they take for equal, what they say, and which traps they find."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.schema import STORAGE
from mainspring.testing import assert_frames_equal, check_feature_function, sample_frame

BASE = pl.DataFrame({"k": [1, 2, 3], "x": [1.0, None, math.nan], "s": ["a", "b", None]})


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 1_000), st.integers(0, 30), st.sampled_from([0.0, 0.3]))
def test_a_sample_is_of_its_types_and_equals_itself(seed: int, n: int, null_share: float) -> None:
    """Every type that a feature has; the same seed, the same rows."""
    sized = [kind.replace(",n]", ",3]") for kind in STORAGE]
    schema = {f"c{i}": kind for i, kind in enumerate(sized)}
    made = sample_frame(schema, n, seed=seed, null_share=null_share)
    assert dict(made.schema) == {name: STORAGE[kind] for name, kind in schema.items()}
    assert made.height == n
    assert null_share > 0 or not sum(made.null_count().row(0))
    assert_frames_equal(made, sample_frame(schema, n, seed=seed, null_share=null_share))


def test_equal_frames_pass() -> None:
    """Null and NaN equal themselves, floats may be a rounding apart, and keys match rows in any order."""
    assert_frames_equal(BASE, BASE.clone())
    assert_frames_equal(BASE.with_columns(pl.col("x") * (1 + 1e-12)), BASE)
    assert_frames_equal(BASE.reverse(), BASE, keys=["k"])
    assert_frames_equal(BASE.clear(), BASE.clear())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop("s"), "column 's' is missing"),
        (lambda f: f.with_columns(z=1), "column 'z' should not be there"),
        (lambda f: f.cast({"k": pl.Int32}), "column 'k' is Int32 instead of Int64"),
        (lambda f: f.select("x", "k", "s"), "in the order"),
        (lambda f: f.head(2), "2 rows instead of 3"),
        (lambda f: f.with_columns(x=pl.Series([1.0, 2.0, math.nan])), "row 1: 2.0 instead of None"),
        (lambda f: f.with_columns(x=pl.Series([1.0, None, None])), "row 2: None instead of nan"),
        (
            lambda f: f.with_columns(x=pl.Series([1.1, None, math.nan])),
            "1 of 3 rows: row 0: 1.1 instead of 1.0",
        ),
        (lambda f: f.with_columns(s=pl.lit("b")), "2 of 3 rows"),
    ],
)
def test_what_differs_is_said(change: Any, says: str) -> None:
    """Each difference by its name and place."""
    with pytest.raises(AssertionError) as told:
        assert_frames_equal(change(BASE), BASE)
    assert says in str(told.value)


def test_rows_are_matched_by_keys() -> None:
    """Missing and additional rows are named, and differing values by their key; keys that name no row are refused."""
    with pytest.raises(AssertionError, match=r"1 rows are missing, such as \[\(3,\)\]"):
        assert_frames_equal(BASE.head(2), BASE, keys=["k"])
    with pytest.raises(AssertionError, match=r"\{'k': 2\}: 'z' instead of 'b'"):
        assert_frames_equal(BASE.with_columns(s=pl.Series(["a", "z", None])).reverse(), BASE, keys=["k"])
    for keys in (["nothing"], [], ["same"]):
        with pytest.raises(InputError):
            assert_frames_equal(BASE.with_columns(same=1), BASE.with_columns(same=1), keys=keys)


def _good(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("k", double=pl.col("x").cast(pl.Float64) * 2)


ROWS = pl.DataFrame({"k": [1, 2, 3, 4], "x": [3.0, 1.0, 2.0, None]})


def test_a_good_function_passes_and_gives_its_result() -> None:
    """Also row by row."""
    found = check_feature_function(_good, ROWS, keys=["k"], by_row=True)
    assert found["double"].to_list() == [6.0, 2.0, 4.0, None]


def _keeps_count(rows: pl.DataFrame, seen: list[int] = []) -> pl.DataFrame:  # noqa: B006 - the trap
    seen.append(1)
    return rows.select("k", n=pl.lit(len(seen)))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda rows: rows.select("k", d=pl.col("x").diff()), "with shuffled rows it gives something else"),
        (
            lambda rows: rows.select("k", d=pl.lit(1.0) / rows["x"][0]),
            "rows it gives something else",
        ),
        (lambda rows: rows.select("k", d=pl.lit(float(rows["k"].max()))), "it does not take no rows"),
        (
            lambda rows: rows.select("k", d=pl.Series([v * 2 for v in rows["x"].fill_null(0)])),
            "other columns",
        ),
        (
            lambda rows: (
                rows.select("k", d=pl.lit(rows["x"].mean() or 0.0))
                if rows["x"].null_count() < rows.height
                else rows.select("k")
            ),
            "gives other columns: column 'd' is missing",
        ),
        (_keeps_count, "called twice it gives something else"),
    ],
)
def test_traps_are_found(function: Any, says: str) -> None:
    """Order, memory, no rows and nulls: each by name."""
    with pytest.raises(AssertionError, match=says):
        check_feature_function(function, ROWS, keys=["k"])


def test_rows_that_look_at_others_are_found() -> None:
    """A mean over all rows is not a feature of one."""
    with pytest.raises(AssertionError, match="row by row"):
        check_feature_function(
            lambda rows: rows.with_columns(d=pl.col("x").mean()), ROWS, keys=["k"], nullable=[], by_row=True
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda: sample_frame({"x": "complex"}),
        lambda: sample_frame({"x": float}, n=-1),
        lambda: sample_frame({"x": float}, null_share=1.0),
        lambda: check_feature_function(_good, ROWS.clear(), keys=["k"]),
        lambda: check_feature_function(_good, ROWS, keys=["k"], nullable=["y"]),
    ],
)
def test_wrong_arguments_are_refused(call: Any) -> None:
    """Four parts."""
    with pytest.raises((InputError, UnknownNameError)):
        call()
