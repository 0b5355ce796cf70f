"""Intervals agree with scipy, and cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.evaluation.scores import sample

from mainspring.evaluation.intervals import delong, estimate, wilson
from mainspring.evaluation.metrics import METRICS, brier_losses


def test_wilson_limits_equal_scipy():
    """Wilson's limits equal scipy's."""
    theirs = stats.binomtest(7, 40).proportion_ci(0.95, method="wilson")
    assert wilson(7, 40) == pytest.approx((theirs.low, theirs.high))


def test_delong_interval_covers_as_often_as_it_says():
    """Of 400 samples, the 95 % interval holds the true area in 92 to 98 %."""
    true_area = stats.norm.cdf(1 / np.sqrt(2))
    random, hits = np.random.default_rng(5), 0
    for _ in range(400):
        scores = stats.norm.cdf(np.concatenate([random.normal(1, 1, 60), random.normal(0, 1, 90)]))
        made = delong([1] * 60 + [0] * 90, scores)
        hits += made.low <= true_area <= made.high
    assert 0.92 <= hits / 400 <= 0.98


def test_perfect_separation_still_admits_doubt():
    """A perfect area on few rows has a lower limit well below 1."""
    made = delong([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert made.value == 1.0 and made.high == 1.0 and made.low < 0.6


def test_bootstrap_of_a_mean_equals_scipy():
    """The percentile interval of Brier losses lies near scipy's."""
    labels, scores, _ = sample()
    losses = brier_losses(labels, scores)
    theirs = stats.bootstrap(
        (losses,), np.mean, method="percentile", n_resamples=2000, rng=1
    ).confidence_interval
    ours = estimate("brier", labels, scores, n_resamples=2000)
    assert ours.low == pytest.approx(theirs.low, abs=2e-3) and ours.high == pytest.approx(
        theirs.high, abs=2e-3
    )


def test_no_rows_give_nan():
    """Without rows every figure is nan."""
    for name in METRICS:
        assert not estimate(name, [], []).known
