"""The gap test holds its level, and finds what it should."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from mainspring.monitoring.gap import gap_test, repeated_level

ALPHA = 0.05 / 12
N_WINDOWS = 6_000


def _days(random: np.random.Generator, n: int, skew: float) -> np.ndarray:
    """Mean residuals of `n` days: variance 0.01, gamma-distributed with the given skewness."""
    if skew == 0:
        return 0.1 * random.normal(size=n)
    shape = 4 / skew**2
    return 0.1 * (random.gamma(shape, size=n) - shape) / math.sqrt(shape)


def _share_rejected(skew: float, shift: float, *, n_days: int = 30, n_fit: int = 90) -> float:
    random = np.random.default_rng(20_130_601)
    clusters = np.arange(n_days)
    rejected = 0
    for _ in range(N_WINDOWS):
        claim = _days(random, n_fit, skew).mean()
        residuals = _days(random, n_days, skew) - claim + shift
        rejected += gap_test(residuals, clusters, n_fit).p_value <= ALPHA
    return rejected / N_WINDOWS


@pytest.mark.parametrize("skew", [0.0, 1.3, 2.0])
def test_false_alarms_are_as_stated(skew: float) -> None:
    """With nothing changed, windows of 30 days are accused as often as stated, within simulation noise.

    Half again as many are tolerated for skewed days: the correction is of second order.
    """
    high = stats.binom.ppf(0.9995, N_WINDOWS, ALPHA * (1.0 if skew == 0 else 1.5)) / N_WINDOWS
    assert _share_rejected(skew, 0.0) <= high


def test_a_real_gap_is_found() -> None:
    """With synthetic days that vary by 0.1, a gap of 0.08 is found in four months of five."""
    assert _share_rejected(1.3, 0.08) >= 0.8


def test_the_claim_of_a_young_model_is_doubted() -> None:
    """The fewer days a model was fitted on, the wider the interval."""
    residuals = np.random.default_rng(1).normal(size=300)
    clusters = np.repeat(np.arange(30), 10)
    widths = [gap_test(residuals, clusters, n).standard_error for n in (10, 90, math.inf)]
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] / widths[0] == pytest.approx(math.sqrt((1 / 30) / (1 / 30 + 1 / 10)))


def test_clusters_widen_the_error_to_that_of_their_means() -> None:
    """Copies of a row within its day add nothing: the error is that of the day means."""
    days = np.random.default_rng(2).normal(size=30)
    plain = gap_test(days, np.arange(30), math.inf)
    copied = gap_test(np.repeat(days, 50), np.repeat(np.arange(30), 50), math.inf)
    assert copied.standard_error == pytest.approx(plain.standard_error)
    assert copied.p_value == pytest.approx(plain.p_value)
    assert plain.standard_error == pytest.approx(days.std(ddof=1) / math.sqrt(30))


def test_clusters_may_differ_in_size() -> None:
    """The gap is the mean over rows, whatever the days' sizes; names of clusters do not matter."""
    residuals = np.array([0.1, 0.3, -0.2, 0.4])
    found = gap_test(residuals, np.array(["b", "b", "a", "c"]), 90)
    assert found.gap == pytest.approx(residuals.mean())
    assert found.p_value == pytest.approx(gap_test(residuals, np.array([2, 2, 7, 5]), 90).p_value)


def test_both_directions_are_seen_alike() -> None:
    """Turning all residuals round turns the gap round and keeps p."""
    residuals = np.random.default_rng(3).gamma(1.0, size=40)
    up, down = gap_test(residuals, np.arange(40), 90), gap_test(-residuals, np.arange(40), 90)
    assert (up.gap, up.p_value) == (pytest.approx(-down.gap), pytest.approx(down.p_value))


@pytest.mark.parametrize("residuals", [[], [0.3], [0.2, 0.2]])
def test_without_variation_there_is_no_test(residuals: list[float]) -> None:
    """No rows, one cluster, or equal clusters: p is nan and never 0."""
    assert math.isnan(gap_test(residuals, list(range(len(residuals))), 90).p_value)


def test_a_year_without_change_raises_alerts_as_rarely_as_promised() -> None:
    """Of 1,500 shuffled years (90 days to fit, then nine months), both rules accuse at most the promised share.

    The nine looks of a year share the model's claim, so they are not independent; Bonferroni does not mind.
    """
    random = np.random.default_rng(365)
    n_years, promised = 1_500, 0.05
    months = [np.arange(30 * i, 30 * (i + 1)) for i in range(9)]
    each = promised / 2 / 12
    level = repeated_level(30, 90, each)
    accused = 0
    for _ in range(n_years):
        year = _days(random, 360, 1.3)
        residuals = year[90:] - year[:90].mean()
        tests = [gap_test(residuals[days], days, 90) for days in months]
        alone = any(test.p_value <= each for test in tests)
        sides = [math.copysign(test.p_value <= level, test.gap) for test in tests]
        accused += alone or any(now and now in sides[max(0, i - 2) : i] for i, now in enumerate(sides))
    assert accused <= stats.binom.ppf(0.9995, n_years, promised)


def test_two_of_three_keeps_its_budget() -> None:
    """With nothing changed, windows that share a fit raise the second rule's alert as often as it is allowed."""
    random = np.random.default_rng(7)
    n_clusters, n_fit, budget, n_years, n_windows = 30, 76, 0.02, 4_000, 12
    level = repeated_level(n_clusters, n_fit, budget)
    claim = random.normal(0, n_fit**-0.5, (n_years, 1))
    gaps = (random.normal(0, n_clusters**-0.5, (n_years, n_windows)) - claim) / (
        1 / n_clusters + 1 / n_fit
    ) ** 0.5
    sides = np.sign(gaps) * (2 * ndtr(-np.abs(gaps)) <= level)
    now, before, long_before = sides[:, 2:], sides[:, 1:-1], sides[:, :-2]
    alarms = (now != 0) & ((now == before) | (now == long_before))
    assert 0.6 * budget < alarms.mean() <= 1.05 * budget


def test_level_of_two_of_three_is_two_sigma_for_an_exact_claim() -> None:
    """Without the noise of a fit the second rule is Western Electric's two sigma."""
    assert repeated_level(30, math.inf, 4 * 0.02275**2) == pytest.approx(2 * 0.02275, rel=0.01)
