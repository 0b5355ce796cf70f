"""Differences keep their error rates, and see what there is to see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from tests.evaluation.scores import sample

from mainspring.evaluation.comparison import (
    area_error,
    compare,
    delong_test,
    holm,
    shortfall,
    slice_half_width,
)
from mainspring.evaluation.intervals import delong, estimate
from mainspring.evaluation.metrics import METRICS, roc_auc


def test_delong_test_keeps_its_error_rate():
    """Two equally good models are told apart in about 5 % of samples."""
    random, alarms = np.random.default_rng(6), 0
    for _ in range(400):
        labels = random.integers(0, 2, 150)
        truth = labels + random.normal(size=150)
        first, second = (stats.norm.cdf(truth + random.normal(size=150)) for _ in range(2))
        alarms += delong_test(labels, first, second).p_two_sided < 0.05
    assert 0.02 <= alarms / 400 <= 0.08


def test_delong_agrees_with_the_paired_bootstrap():
    """DeLong's limits of a difference lie near those of the bootstrap."""
    labels, first, second = sample(n_rows=600)
    delong = delong_test(labels, first, second)
    by_rows = compare("roc_auc", labels, first, second, clusters=np.arange(600))
    assert delong.value == pytest.approx(by_rows.value)
    assert by_rows.low == pytest.approx(delong.low, abs=0.01) and by_rows.high == pytest.approx(
        delong.high, abs=0.01
    )


def test_equal_models_do_not_differ():
    """A model compared with itself has difference 0 and p 1 or 1/2."""
    labels, first, _ = sample()
    for name in METRICS:
        made = compare(name, labels, first, first, n_resamples=50)
        assert (made.value, made.low, made.high, made.p_two_sided) == (0, 0, 0, 1)
        assert made.p_greater >= 0.5


def test_the_better_model_wins_on_every_metric():
    """The less noisy scores are better, with a small p, whichever way the metric points."""
    labels, first, second = sample(n_rows=3000)
    for name in METRICS:
        made = compare(name, labels, first, second, n_resamples=200)
        assert made.value > 0 and made.p_greater < 0.05 and made.p_less > 0.9, name


def test_one_class_gives_nan_and_not_a_guess():
    """ROC AUC of one class is nan, and so are its limits and tests."""
    made = delong([1, 1, 1], [0.1, 0.2, 0.3])
    assert math.isnan(made.value) and math.isnan(made.low) and not made.known
    unknown = delong_test([1, 1], [0.1, 0.2], [0.2, 0.1], margin=0.02, level=0.9)
    assert (unknown.known, unknown.margin, unknown.level) == (False, 0.02, 0.9)
    assert not estimate("roc_auc", [1, 1], [0.1, 0.2], clusters=["a", "b"]).known


def test_shortfall_sees_a_bad_slice_only():
    """A slice with random scores falls short of the rest; a random slice does not."""
    labels, scores, _ = sample(n_rows=4000, signal=2.0)
    random = np.random.default_rng(1)
    bad, fair = np.arange(4000) < 800, random.random(4000) < 0.2
    spoiled = scores.copy()
    spoiled[bad] = random.permutation(spoiled[bad])
    for name in ("roc_auc", "brier", "log_loss"):
        assert shortfall(name, labels, spoiled, bad).p_greater < 1e-6
        assert shortfall(name, labels, scores, fair).p_greater > 0.01


def test_adjusted_p_values_equal_those_by_hand():
    """Holm's step-down, in the order that the values came in."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    assert len(holm([])) == 0


def test_the_error_of_an_area_is_that_of_exponential_scores():
    """What Hanley and McNeil assume is what comes out; at chance it is the rank sum's (m + n + 1) / (12 m n)."""
    random, drawn = np.random.default_rng(9), []
    labels = np.repeat([1.0, 0.0], [30, 70])
    for _ in range(1_000):
        scores = np.concatenate([random.exponential(4, 30), random.exponential(1, 70)])
        drawn.append(roc_auc(labels, scores))
    assert area_error(0.8, 30, 70) == pytest.approx(np.std(drawn), rel=0.1)
    assert area_error(0.5, 30, 70) == pytest.approx(math.sqrt(101 / (12 * 30 * 70)))


def test_the_half_width_covers_what_slices_of_that_size_show():
    """Of 400 slices at chance, about 95 % lie within it."""
    random, within = np.random.default_rng(8), 0
    labels = np.repeat([0.0, 1.0], [70, 30])
    width = slice_half_width("roc_auc", labels, labels, np.ones(100, dtype=bool))
    for _ in range(400):
        within += abs(roc_auc(labels, random.random(100)) - 0.5) <= width
    assert 0.92 <= within / 400 <= 0.98


def test_a_slice_without_rows_enough_for_any_interval_has_none():
    """Seven positives are too few for the normal approximation; one row has no spread."""
    labels = np.repeat([1.0, 0.0], [7, 500])
    everything, one = np.ones(507, dtype=bool), np.arange(507) == 0
    assert slice_half_width("roc_auc", labels, labels, everything) == math.inf
    assert slice_half_width("brier", labels, np.full(507, 0.2), one) == math.inf
    assert slice_half_width("brier", labels, np.full(507, 0.2), everything) < 0.01
