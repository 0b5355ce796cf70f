"""Draws repeat with their seed, and take whole groups."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer
from tests.evaluation.scores import sample

from mainspring.evaluation.comparison import compare
from mainspring.evaluation.intervals import estimate


def test_bootstrap_repeats_with_its_seed():
    """The same seed gives the same limits, another seed others."""
    labels, scores, _ = sample()
    first, again, other = (
        estimate("average_precision", labels, scores, n_resamples=50, seed=s) for s in (3, 3, 4)
    )
    assert first == again and (first.low, first.high) != (other.low, other.high)


def test_clusters_widen_the_interval_of_correlated_rows():
    """When rows repeat within groups, drawing groups gives a wider interval than drawing rows."""
    labels, scores, _ = sample(n_rows=60)
    labels, scores, days = np.repeat(labels, 20), np.repeat(scores, 20), np.repeat(np.arange(60), 20)
    for name in ("roc_auc", "brier"):
        rows = estimate(name, labels, scores, n_resamples=300)
        groups = estimate(name, labels, scores, clusters=days, n_resamples=300)
        assert groups.n_clusters == 60
        assert groups.high - groups.low > 2 * (rows.high - rows.low)


def test_the_table_of_wins_equals_drawing_the_rows():
    """ROC AUC of drawn groups by the table of wins equals the figure on the drawn rows, ties and all."""
    labels, scores, _ = sample(n_rows=300, digits=1)
    days = np.arange(300) % 13
    fast = estimate("roc_auc", labels, scores, clusters=days, n_resamples=25, seed=3)
    random, drawn = np.random.default_rng(3), []
    for _ in range(25):
        counts = np.bincount(random.integers(0, 13, 13), minlength=13)
        drawn.append(peer.roc_auc_score(np.repeat(labels, counts[days]), np.repeat(scores, counts[days])))
    assert (fast.low, fast.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_four_groups_have_too_few_draws_for_limits():
    """Two stormy days prove nothing by being drawn a thousand times; five groups are the fewest."""
    labels, scores, other = sample(n_rows=200)
    for n_groups, known in ((4, False), (5, True)):
        days = np.arange(200) % n_groups
        for name in ("roc_auc", "average_precision", "brier"):
            assert estimate(name, labels, scores, clusters=days, n_resamples=50).known is known
            made = compare(name, labels, scores, other, clusters=days, n_resamples=50)
            assert made.known is known
