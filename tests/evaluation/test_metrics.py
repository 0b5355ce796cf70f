"""Metrics and their intervals agree with scikit-learn, scipy and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as peer

from mainspring.errors import InputError, UnknownNameError
from mainspring.evaluation import metrics


def sample(n_rows: int = 800, seed: int = 0, signal: float = 1.0, digits: int | None = None):
    """Labels and two correlated score columns, the second one noisier."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=n_rows)
    labels = (random.random(n_rows) < 1 / (1 + np.exp(-signal * truth + 1))).astype(int)
    first = 1 / (1 + np.exp(-truth + 1))
    second = 1 / (1 + np.exp(-truth + 1 + random.normal(size=n_rows)))
    return (labels, first, second) if digits is None else (labels, first.round(digits), second.round(digits))


tied = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=4, max_size=60).filter(
    lambda rows: 0 < sum(label for label, _ in rows) < len(rows)
)


@given(tied)
@settings(max_examples=60, deadline=None)
def test_figures_equal_scikit_learn_on_any_ties(rows):
    """ROC AUC, average precision, Brier and log loss equal scikit-learn's, ties and all."""
    labels = np.array([label for label, _ in rows])
    scores = np.array([score / 5 for _, score in rows])
    assert metrics.roc_auc(labels, scores) == pytest.approx(peer.roc_auc_score(labels, scores))
    assert metrics.average_precision(labels, scores) == pytest.approx(
        peer.average_precision_score(labels, scores)
    )
    assert metrics.brier(labels, scores) == pytest.approx(peer.brier_score_loss(labels, scores))
    inner = np.clip(scores, 0.01, 0.99)
    assert metrics.log_loss(labels, inner) == pytest.approx(peer.log_loss(labels, inner))


@given(tied, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_weights_mean_repeated_rows(rows, seed):
    """A metric with counts as weights equals the metric on the rows repeated that often."""
    labels = np.array([label for label, _ in rows])
    scores = np.array([score / 5 for _, score in rows])
    counts = np.random.default_rng(seed).integers(0, 4, len(rows))
    for kind in metrics.METRICS.values():
        repeated = kind.function(np.repeat(labels, counts), np.repeat(scores, counts))
        assert kind.function(labels, scores, counts) == pytest.approx(repeated, nan_ok=True)


def test_precision_recall_curve_equals_scikit_learn():
    """The curve equals scikit-learn's without its appended end point."""
    labels, scores, _ = sample(digits=2)
    precision, recall, thresholds = metrics.precision_recall_curve(labels, scores)
    theirs = peer.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(precision, theirs[0][:-1])
    np.testing.assert_allclose(recall, theirs[1][:-1])
    np.testing.assert_allclose(thresholds, theirs[2])


def test_calibration_bins_hold_every_row_once():
    """Bins share the rows out, and their weighted rates give back the overall rates."""
    labels, scores, _ = sample()
    bins = metrics.calibration_bins(labels, scores, n_bins=8)
    sizes = np.array([entry.n_rows for entry in bins])
    assert sizes.sum() == len(labels) and len(bins) == 8 and sizes.max() - sizes.min() <= 1
    assert sizes @ [entry.observed for entry in bins] / sizes.sum() == pytest.approx(labels.mean())
    assert sizes @ [entry.predicted for entry in bins] / sizes.sum() == pytest.approx(scores.mean())


def test_equal_scores_share_one_calibration_bin():
    """A model that always says the same has one bin."""
    assert len(metrics.calibration_bins([0, 1, 1, 0], [0.5] * 4)) == 1


def test_wilson_limits_equal_scipy():
    """Wilson's limits equal scipy's."""
    theirs = stats.binomtest(7, 40).proportion_ci(0.95, method="wilson")
    assert metrics.wilson(7, 40) == pytest.approx((theirs.low, theirs.high))


def test_delong_variance_equals_its_definition():
    """The covariance by ranks equals the one by all pairs (DeLong 1988, equations 4 to 6)."""
    labels, first, second = sample(n_rows=120, digits=1)
    areas, covariance = metrics.delong_covariance(labels, np.stack([first, second]))
    placements = []
    for scores in (first, second):
        positives, negatives = scores[labels == 1][:, None], scores[labels == 0][None, :]
        wins = (positives > negatives) + 0.5 * (positives == negatives)
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    by_positive, by_negative = (np.stack([pair[side] for pair in placements]) for side in (0, 1))
    expected = np.cov(by_positive) / by_positive.shape[1] + np.cov(by_negative) / by_negative.shape[1]
    np.testing.assert_allclose(covariance, expected)
    np.testing.assert_allclose(areas, by_positive.mean(axis=1))


def test_delong_interval_covers_as_often_as_it_says():
    """Of 400 samples, the 95 % interval holds the true area in 92 to 98 %."""
    true_area = stats.norm.cdf(1 / np.sqrt(2))
    random, hits = np.random.default_rng(5), 0
    for _ in range(400):
        scores = stats.norm.cdf(np.concatenate([random.normal(1, 1, 60), random.normal(0, 1, 90)]))
        made = metrics.delong([1] * 60 + [0] * 90, scores)
        hits += made.low <= true_area <= made.high
    assert 0.92 <= hits / 400 <= 0.98


def test_delong_test_keeps_its_error_rate():
    """Two equally good models are told apart in about 5 % of samples."""
    random, alarms = np.random.default_rng(6), 0
    for _ in range(400):
        labels = random.integers(0, 2, 150)
        truth = labels + random.normal(size=150)
        first, second = (stats.norm.cdf(truth + random.normal(size=150)) for _ in range(2))
        alarms += metrics.delong_test(labels, first, second).p_two_sided < 0.05
    assert 0.02 <= alarms / 400 <= 0.08


def test_delong_agrees_with_the_paired_bootstrap():
    """DeLong's limits of a difference lie near those of the bootstrap."""
    labels, first, second = sample(n_rows=600)
    delong = metrics.delong_test(labels, first, second)
    by_rows = metrics.compare("roc_auc", labels, first, second, clusters=np.arange(600))
    assert delong.value == pytest.approx(by_rows.value)
    assert by_rows.low == pytest.approx(delong.low, abs=0.01) and by_rows.high == pytest.approx(
        delong.high, abs=0.01
    )


def test_perfect_separation_still_admits_doubt():
    """A perfect area on few rows has a lower limit well below 1."""
    made = metrics.delong([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert made.value == 1.0 and made.high == 1.0 and made.low < 0.6


def test_equal_models_do_not_differ():
    """A model compared with itself has difference 0 and p 1 or 1/2."""
    labels, first, _ = sample()
    for name in metrics.METRICS:
        made = metrics.compare(name, labels, first, first, n_resamples=50)
        assert (made.value, made.low, made.high, made.p_two_sided) == (0, 0, 0, 1)
        assert made.p_greater >= 0.5


def test_the_better_model_wins_on_every_metric():
    """The less noisy scores are better, with a small p, whichever way the metric points."""
    labels, first, second = sample(n_rows=3000)
    for name in metrics.METRICS:
        made = metrics.compare(name, labels, first, second, n_resamples=200)
        assert made.value > 0 and made.p_greater < 0.05 and made.p_less > 0.9, name


def test_bootstrap_of_a_mean_equals_scipy():
    """The percentile interval of Brier losses lies near scipy's."""
    labels, scores, _ = sample()
    losses = metrics.brier_losses(labels, scores)
    theirs = stats.bootstrap(
        (losses,), np.mean, method="percentile", n_resamples=2000, rng=1
    ).confidence_interval
    ours = metrics.estimate("brier", labels, scores, n_resamples=2000)
    assert ours.low == pytest.approx(theirs.low, abs=2e-3) and ours.high == pytest.approx(
        theirs.high, abs=2e-3
    )


def test_bootstrap_repeats_with_its_seed():
    """The same seed gives the same limits, another seed others."""
    labels, scores, _ = sample()
    first, again, other = (
        metrics.estimate("average_precision", labels, scores, n_resamples=50, seed=s) for s in (3, 3, 4)
    )
    assert first == again and (first.low, first.high) != (other.low, other.high)


def test_clusters_widen_the_interval_of_correlated_rows():
    """When rows repeat within groups, drawing groups gives a wider interval than drawing rows."""
    labels, scores, _ = sample(n_rows=60)
    labels, scores, days = np.repeat(labels, 20), np.repeat(scores, 20), np.repeat(np.arange(60), 20)
    for name in ("roc_auc", "brier"):
        rows = metrics.estimate(name, labels, scores, n_resamples=300)
        groups = metrics.estimate(name, labels, scores, clusters=days, n_resamples=300)
        assert groups.n_clusters == 60
        assert groups.high - groups.low > 2 * (rows.high - rows.low)


def test_one_class_gives_nan_and_not_a_guess():
    """ROC AUC of one class is nan, and so are its limits and tests."""
    made = metrics.delong([1, 1, 1], [0.1, 0.2, 0.3])
    assert math.isnan(made.value) and math.isnan(made.low) and not made.known
    assert not metrics.delong_test([1, 1], [0.1, 0.2], [0.2, 0.1]).known
    assert not metrics.estimate("roc_auc", [1, 1], [0.1, 0.2], clusters=["a", "b"]).known


def test_no_rows_give_nan():
    """Without rows every figure is nan."""
    for name in metrics.METRICS:
        assert not metrics.estimate(name, [], []).known


def test_shortfall_sees_a_bad_slice_only():
    """A slice with random scores falls short of the rest; a random slice does not."""
    labels, scores, _ = sample(n_rows=4000, signal=2.0)
    random = np.random.default_rng(1)
    bad, fair = np.arange(4000) < 800, random.random(4000) < 0.2
    spoiled = scores.copy()
    spoiled[bad] = random.permutation(spoiled[bad])
    for name in ("roc_auc", "brier", "log_loss"):
        assert metrics.shortfall(name, labels, spoiled, bad).p_greater < 1e-6
        assert metrics.shortfall(name, labels, scores, fair).p_greater > 0.01


def test_calibration_in_the_large_sees_a_shift():
    """Honest chances pass, chances that are too low do not."""
    random = np.random.default_rng(2)
    chances = random.random(5000) * 0.5
    labels = random.random(5000) < chances
    assert metrics.calibration_in_the_large(labels, chances).p_two_sided > 0.01
    shifted = metrics.calibration_in_the_large(labels, chances * 0.8)
    assert shifted.value > 0 and shifted.p_two_sided < 1e-6


def test_adjusted_p_values_equal_known_results():
    """Holm by hand; Benjamini-Hochberg by scipy."""
    given = [0.01, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(metrics.holm(given), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(metrics.benjamini_hochberg(given), stats.false_discovery_control(given))
    assert len(metrics.holm([])) == 0 and len(metrics.benjamini_hochberg([])) == 0


@pytest.mark.parametrize(
    ("labels", "scores"), [([0, 1], [0.1]), ([0, 2], [0.1, 0.2]), ([0, 1], [0.1, math.nan]), ([[0]], [[0.1]])]
)
def test_labels_and_scores_that_do_not_fit_are_refused(labels, scores):
    """Unequal lengths, labels beside 0 and 1, NaN scores and matrices are refused."""
    with pytest.raises(InputError):
        metrics.roc_auc(labels, scores)


def test_an_unknown_metric_names_the_nearest():
    """A typing error in a metric's name is answered with the right one."""
    with pytest.raises(UnknownNameError, match="roc_auc"):
        metrics.metric("roc_acu")


def test_the_table_of_wins_equals_drawing_the_rows():
    """ROC AUC of drawn groups by the table of wins equals the figure on the drawn rows, ties and all."""
    labels, scores, _ = sample(n_rows=300, digits=1)
    days = np.arange(300) % 13
    fast = metrics.estimate("roc_auc", labels, scores, clusters=days, n_resamples=25, seed=3)
    random, drawn = np.random.default_rng(3), []
    for _ in range(25):
        counts = np.bincount(random.integers(0, 13, 13), minlength=13)
        drawn.append(peer.roc_auc_score(np.repeat(labels, counts[days]), np.repeat(scores, counts[days])))
    assert (fast.low, fast.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
