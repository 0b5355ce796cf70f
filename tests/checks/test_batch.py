"""Drift of a batch: common bins that count exactly, and the rule that effect, significance and repetition agree."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.checks.batch import MIN_ROWS, BatchDrift, batch_drift, on_common_bins
from mainspring.checks.profile import pooled, profile
from mainspring.lineage.spec import Verdict

N = 4_000


def rows(seed: int, shift: float = 0.0, rain: float = 0.3, nulls: float = 0.0, n: int = N) -> pl.DataFrame:
    """Pressures around 1013 mbar and a sky."""
    random = np.random.default_rng(seed)
    gaps = pl.Series(random.random(n) < nulls)
    frame = pl.DataFrame(
        {
            "pressure": random.normal(1_013 + 20 * shift, 20, n),
            "sky": random.choice(["rain", "sun"], n, p=[rain, 1 - rain]),
        }
    )
    return frame.with_columns(pressure=pl.when(~gaps).then(pl.col("pressure")))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=900),
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=900),
)
def test_common_bins_count_both_exactly(a: list[float], b: list[float | None]) -> None:
    """As if both frames had been counted on those edges."""
    frames = [pl.DataFrame({"x": values}, schema={"x": pl.Float64}) for values in (a, b)]
    left, right = on_common_bins(*(profile(frame) for frame in frames))
    assert left["x"].same_bins(right["x"])
    for frame, found in zip(frames, (left, right), strict=True):
        assert profile(frame, edges_from=left)["x"].vector == found["x"].vector


def test_levels_that_one_side_does_not_know_are_compared_as_rest() -> None:
    """A value that is not on a cut list has no count: it is nobody's bin."""
    many = pl.DataFrame({"s": [f"v{i % 200}" for i in range(2_000)] + ["a"] * 50})
    few = pl.DataFrame({"s": ["a"] * 30 + ["v1"] * 20})
    left, right = on_common_bins(profile(few), profile(many))
    assert left["s"].levels == right["s"].levels == ("a",)
    assert (left["s"].vector, right["s"].vector) == ((30, 20, 0), (50, 2_000, 0))


def test_the_same_process_passes() -> None:
    """Nothing is told of a hundred quiet batches, at most a few are conspicuous."""
    reference = pooled([profile(rows(seed)) for seed in range(3)])
    found = [batch_drift(reference, profile(rows(100 + seed, n=MIN_ROWS))) for seed in range(100)]
    assert {each.verdict for each in found} == {Verdict.PASS}
    assert sum(bool(each.drifted) for each in found) <= 2


def test_a_severe_shift_is_told_at_once_a_mild_one_when_it_repeats() -> None:
    """One standard deviation; then a third of one, twice in three batches; then back to normal."""
    reference = profile(rows(1, n=20_000))
    severe = batch_drift(reference, profile(rows(2, shift=1.0)))
    assert (severe.verdict, severe.told) == (Verdict.FAIL, ("pressure",))
    mild = batch_drift(reference, profile(rows(3, shift=0.35)))
    assert (mild.verdict, mild.drifted, mild.told) == (Verdict.PASS, ("pressure",), ())
    assert "first time" in mild.reason
    quiet = batch_drift(reference, profile(rows(4)), [mild])
    assert (quiet.verdict, quiet.drifted) == (Verdict.PASS, ())
    again = batch_drift(reference, profile(rows(5, shift=0.35)), [mild, quiet])
    assert (again.verdict, again.told) == (Verdict.FAIL, ("pressure",))
    late = batch_drift(reference, profile(rows(5, shift=0.35)), [mild, quiet, quiet])
    assert late.verdict is Verdict.PASS


def test_levels_that_are_too_many_to_count_are_no_pass() -> None:
    """A thousand levels, none more frequent than another, and then a thousand others: nobody can tell, and says so."""
    before, after = (pl.DataFrame({"s": [f"{name}{i % 1_000}" for i in range(20_000)]}) for name in "ab")
    found = batch_drift(profile(before), profile(after))
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    beside = pl.Series("x", np.random.default_rng(0).normal(size=20_000))
    found = batch_drift(*(profile(frame.with_columns(beside)) for frame in (before, after)))
    assert (found.verdict, found.reason) == (Verdict.PASS, "no column drifted; not compared: s")


def test_missing_values_drift_where_levels_cannot_be_compared() -> None:
    """What can be told is told."""
    levels = pl.DataFrame({"s": [f"a{i % 1_000}" for i in range(20_000)]})
    gaps = levels.with_columns(s=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.col("s")))
    assert batch_drift(profile(levels), profile(gaps)).told == ("s",)


def test_missing_values_and_categories_drift_too() -> None:
    """A jump of the missing share, and of a level's."""
    found = batch_drift(profile(rows(1)), profile(rows(2, rain=0.8, nulls=0.4)))
    assert set(found.told) == {"pressure", "sky"}
    assert "pressure" in found._repr_html_()


@pytest.mark.parametrize("n", [1, MIN_ROWS - 1])
def test_too_few_rows_are_not_judged(n: int) -> None:
    """Neither of the batch nor before it; and that is no pass."""
    small, large = profile(rows(1, n=n)), profile(rows(2, shift=3.0))
    for found in (batch_drift(large, small), batch_drift(small, large), batch_drift(None, large)):
        assert (found.verdict, found.drifts) == (Verdict.INSUFFICIENT_DATA, ())
        assert "are needed" in found.reason


def test_other_columns_leave_nothing_to_compare() -> None:
    """Columns of other names or kinds are left out, and without any there is no verdict."""
    other = pl.DataFrame({"pressure": ["high"] * N, "wind": [1.0] * N})
    found = batch_drift(profile(rows(1)), profile(other))
    assert (found.verdict, found.drifts) == (Verdict.INSUFFICIENT_DATA, ())


def test_a_finding_round_trips() -> None:
    """Plain JSON, both ways."""
    found = batch_drift(profile(rows(1)), profile(rows(2, shift=1.0)))
    assert (
        BatchDrift.model_validate(json.loads(json.dumps(found.model_dump(mode="json"), allow_nan=False)))
        == found
    )
