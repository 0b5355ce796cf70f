"""Distances against scipy, noise floors against simulation, and the verdicts."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mainspring.checks.distances import (
    benjamini_hochberg,
    chi_square,
    js_distance,
    js_noise,
    merge_rare,
    psi,
)
from mainspring.checks.drift import SMALL_EFFECT, Drift, DriftVerdict, drift, worst
from mainspring.checks.profile import profile
from mainspring.errors import InputError

COUNTS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=2, max_size=12).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_chi_square_and_distances_equal_scipy(pairs: list[tuple[int, int]]) -> None:
    """The contingency p is scipy's without its 2x2 continuity correction; JS is scipy's in base 2."""
    a, b = np.array(pairs, dtype=float).T
    used = (a + b) > 0
    found = chi_square(a, b)
    if used.sum() > 1:
        wanted = stats.chi2_contingency(np.array([a[used], b[used]]), correction=False)
        assert found.statistic == pytest.approx(wanted.statistic)
        assert found.p_value == pytest.approx(wanted.pvalue)
    assert js_distance(a, b) == pytest.approx(float(jensenshannon(a, b, base=2)), abs=1e-7)


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_the_distance_is_symmetric_and_bounded(pairs: list[tuple[int, int]]) -> None:
    """0 on equal shares, the same both ways, at most 1."""
    a, b = np.array(pairs, dtype=float).T
    assert 0 <= js_distance(a, b) <= 1 + 1e-12
    assert js_distance(a, b) == pytest.approx(js_distance(b, a))
    assert js_distance(a, 3 * a) == pytest.approx(0, abs=1e-7)
    assert psi(a, b) == pytest.approx(psi(b, a))


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_rare_bins_are_joined_until_expected_counts_suffice(
    pairs: list[tuple[int, int]],
) -> None:
    """No row is lost, and every expected count is 5 unless a single bin is left."""
    a, b = np.array(pairs, dtype=float).T
    left, right = merge_rare(a, b)
    assert (left.sum(), right.sum()) == (a.sum(), b.sum())
    expected = (left + right) * min(a.sum(), b.sum()) / (a.sum() + b.sum())
    assert len(left) == 1 or expected.min() >= 5 - 1e-9


def test_disjoint_shares_are_at_distance_one() -> None:
    """Nothing in common is a JS distance of 1 in base 2; without rows there is no distance."""
    assert js_distance([5, 0], [0, 7]) == pytest.approx(1)
    assert math.isnan(js_distance([0, 0], [1, 2]))
    assert chi_square([3, 0], [4, 0]).p_value == 1.0


@pytest.mark.parametrize(("n", "m", "n_bins"), [(1_001, 200, 10), (1_001, 1_001, 20), (10_000, 1_000, 10)])
def test_noise_floor_formulas_hold_in_simulation(n: int, m: int, n_bins: int) -> None:
    """The stated 95 % points are passed by 5 % of 4,000 simulated windows, within 4 binomial standard errors.

    The formulas are second-order; the tolerance adds one percentage point for what they neglect.
    """
    random = np.random.default_rng(20_130_101)
    shares = np.full(n_bins, 1 / n_bins)
    a, b = random.multinomial(n, shares, 4_000), random.multinomial(m, shares, 4_000)
    tolerance = 4 * math.sqrt(0.05 * 0.95 / 4_000) + 0.01
    over_js = np.mean([js_distance(x, y) > js_noise(n, m, n_bins) for x, y in zip(a, b, strict=True)])
    assert abs(over_js - 0.05) < tolerance


def test_contingency_test_holds_its_level_at_equal_sizes() -> None:
    """At 5 % and six categories of equal-sized samples, 5 % of tests reject (a one-sample test: 35 %)."""
    random = np.random.default_rng(7)
    tables = random.multinomial(500, [0.3, 0.25, 0.2, 0.1, 0.1, 0.05], (2_000, 2))
    rejected = sum(chi_square(a, b).p_value <= 0.05 for a, b in tables)
    low, high = stats.binom.ppf([0.0005, 0.9995], 2_000, 0.05)
    assert low <= rejected <= high


def test_rao_scott_correction_restores_the_level_of_clustered_rows() -> None:
    """Rows that come ten at a time reject far too often uncorrected, and as stated with design effect ten."""
    random = np.random.default_rng(8)
    tables = 10 * random.multinomial(50, [0.4, 0.3, 0.2, 0.1], (2_000, 2))
    plain = np.mean([chi_square(a, b).p_value <= 0.05 for a, b in tables])
    corrected = np.mean([chi_square(a, b, design_effect=10).p_value <= 0.05 for a, b in tables])
    assert plain > 0.5
    assert abs(corrected - 0.05) < 0.02


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_benjamini_hochberg_equals_scipy(p_values: list[float]) -> None:
    """q-values are scipy's."""
    assert benjamini_hochberg(p_values) == pytest.approx(list(stats.false_discovery_control(p_values)))


def _drifts(reference: pl.DataFrame, current: pl.DataFrame) -> dict[str, Drift]:
    frozen = profile(reference)
    return {found.column: found for found in drift(frozen, profile(current, edges_from=frozen))}


def test_verdicts() -> None:
    """A shift of one standard deviation drifts, one of 0.05 is negligible, none is ok."""
    random = np.random.default_rng(3)
    n = 40_000
    reference = pl.DataFrame({name: random.normal(size=n) for name in ("big", "small", "none")})
    current = pl.DataFrame(
        {
            "big": random.normal(1, 1, n),
            "small": random.normal(0.05, 1, n),
            "none": random.normal(size=n),
        }
    )
    found = _drifts(reference, current)
    assert found["big"].verdict is DriftVerdict.DRIFT
    assert found["big"].mean_shift == pytest.approx(1, abs=0.05)
    assert found["small"].verdict is DriftVerdict.NEGLIGIBLE
    assert found["none"].verdict is DriftVerdict.OK
    assert worst(list(found.values())) is DriftVerdict.DRIFT


def test_small_effect_is_the_distance_of_shifted_normals() -> None:
    """Two normals 0.2 standard deviations apart are at the default threshold."""
    edges = np.linspace(-6, 6, 2_001)
    a = np.diff(stats.norm.cdf(edges))
    b = np.diff(stats.norm.cdf(edges, 0.2))
    assert js_distance(a, b) == pytest.approx(SMALL_EFFECT, rel=0.01)


def test_a_jump_of_the_missing_share_is_drift() -> None:
    """Nulls are a bin: a column that half disappears has drifted although its values look the same."""
    values = np.random.default_rng(4).normal(size=5_000)
    reference = pl.DataFrame({"x": values})
    current = pl.DataFrame({"x": [None if index % 2 else value for index, value in enumerate(values)]})
    found = _drifts(reference, current)["x"]
    assert found.verdict is DriftVerdict.DRIFT
    assert found.null_share_change == pytest.approx(0.5)


def test_unseen_categories_are_drift() -> None:
    """A category that the reference never saw is counted apart."""
    found = _drifts(
        pl.DataFrame({"s": ["a", "b"] * 1_000}),
        pl.DataFrame({"s": ["a", "b", "z"] * 500}),
    )["s"]
    assert found.verdict is DriftVerdict.DRIFT


@pytest.mark.parametrize("n_rows", [0, 8, 100])
def test_small_windows_say_so(n_rows: int) -> None:
    """Where noise alone exceeds what matters, the answer is that nobody knows: neither drift nor ok."""
    random = np.random.default_rng(5)
    reference = pl.DataFrame({"x": random.normal(size=5_000)})
    current = pl.DataFrame({"x": random.normal(0, 1, n_rows)}, schema={"x": pl.Float64})
    found = _drifts(reference, current)["x"]
    assert found.verdict is DriftVerdict.INSUFFICIENT_DATA
    assert found.reason


def test_a_large_drift_shows_in_a_small_window() -> None:
    """A hundred rows cannot prove that nothing drifted, but three standard deviations they show."""
    random = np.random.default_rng(5)
    reference = pl.DataFrame({"x": random.normal(size=5_000)})
    current = pl.DataFrame({"x": random.normal(3, 1, 100)})
    assert _drifts(reference, current)["x"].verdict is DriftVerdict.DRIFT


def test_a_constant_that_stays_is_ok() -> None:
    """One bin in use on both sides differs in nothing."""
    found = _drifts(pl.DataFrame({"x": [1.0] * 50}), pl.DataFrame({"x": [1.0] * 50}))["x"]
    assert (found.verdict, found.js_distance) == (DriftVerdict.OK, 0.0)


def test_false_discoveries_stay_below_alpha() -> None:
    """In 150 windows of 10 columns without drift, at most 5 % (and binomial noise) name any column different."""
    random = np.random.default_rng(6)
    frozen = profile(pl.DataFrame({f"c{i}": random.normal(size=2_000) for i in range(10)}))
    named = 0
    for _ in range(150):
        window = pl.DataFrame({f"c{i}": random.normal(size=1_000) for i in range(10)})
        found = drift(frozen, profile(window, edges_from=frozen))
        named += any(one.verdict in (DriftVerdict.DRIFT, DriftVerdict.NEGLIGIBLE) for one in found)
    # The windows share one reference, so their errors come in clumps: twice the binomial spread.
    assert named <= 150 * 0.05 + 2 * 3 * math.sqrt(150 * 0.05 * 0.95)


def test_bad_parameters_and_foreign_bins_are_refused() -> None:
    """Out-of-range settings and profiles with bins of their own are errors."""
    a, b = (
        profile(pl.DataFrame({"x": [1.0, 2.0]})),
        profile(pl.DataFrame({"x": [8.0, 9.0]})),
    )
    with pytest.raises(InputError, match="edges_from"):
        drift(a, b)
    with pytest.raises(InputError):
        drift(a, a, alpha=0)
    with pytest.raises(InputError):
        drift(a, a, design_effects={"x": 0.5})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([1.0], [0.0], id="below a constant"),
        pytest.param([1.0], [2.0], id="above a constant"),
        pytest.param([0.0, 1.0], [-7.0, 0.5], id="below and between two levels"),
        pytest.param([-1.0, 0.0], [-5e-324, 0.0], id="the largest value below zero"),
        pytest.param([float(value) for value in range(1_000)], [-3.0], id="below a wide column"),
        pytest.param([0.0] * 400 + [1e-3 * k for k in range(600)], [-1e-9], id="below many zeros"),
    ],
)
def test_values_that_no_row_of_the_reference_had_are_seen(before: list[float], after: list[float]) -> None:
    """A frequent value is a bin of its own, and what is below or above all values has bins too."""
    frozen = profile(pl.DataFrame({"x": before * (4_000 // len(before))}))
    new = profile(pl.DataFrame({"x": after * (4_000 // len(after))}), edges_from=frozen)
    (found,) = drift(frozen, new)
    assert found.verdict is DriftVerdict.DRIFT
    own = frozen["x"]
    assert own.quantiles is not None and own.count_on(own.edges) == own.counts
