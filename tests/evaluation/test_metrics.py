"""Metrics agree with scikit-learn, ties and weights and all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer
from tests.evaluation.scores import sample

from mainspring.errors import InputError, UnknownNameError
from mainspring.evaluation.metrics import (
    METRICS,
    average_precision,
    brier,
    log_loss,
    metric,
    precision_recall_curve,
    roc_auc,
)

tied = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=4, max_size=60).filter(
    lambda rows: 0 < sum(label for label, _ in rows) < len(rows)
)


@given(tied)
@settings(max_examples=60, deadline=None)
def test_figures_equal_scikit_learn_on_any_ties(rows):
    """ROC AUC, average precision, Brier and log loss equal scikit-learn's, ties and all."""
    labels = np.array([label for label, _ in rows])
    scores = np.array([score / 5 for _, score in rows])
    assert roc_auc(labels, scores) == pytest.approx(peer.roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(peer.average_precision_score(labels, scores))
    assert brier(labels, scores) == pytest.approx(peer.brier_score_loss(labels, scores))
    inner = np.clip(scores, 0.01, 0.99)
    assert log_loss(labels, inner) == pytest.approx(peer.log_loss(labels, inner))


@given(tied, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_weights_mean_repeated_rows(rows, seed):
    """A metric with counts as weights equals the metric on the rows repeated that often."""
    labels = np.array([label for label, _ in rows])
    scores = np.array([score / 5 for _, score in rows])
    counts = np.random.default_rng(seed).integers(0, 4, len(rows))
    for kind in METRICS.values():
        repeated = kind.function(np.repeat(labels, counts), np.repeat(scores, counts))
        assert kind.function(labels, scores, counts) == pytest.approx(repeated, nan_ok=True)


def test_precision_recall_curve_equals_scikit_learn():
    """The curve equals scikit-learn's without its appended end point."""
    labels, scores, _ = sample(digits=2)
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    theirs = peer.precision_recall_curve(labels, scores)
    np.testing.assert_allclose(precision, theirs[0][:-1])
    np.testing.assert_allclose(recall, theirs[1][:-1])
    np.testing.assert_allclose(thresholds, theirs[2])


@pytest.mark.parametrize(
    ("labels", "scores"), [([0, 1], [0.1]), ([0, 2], [0.1, 0.2]), ([0, 1], [0.1, math.nan]), ([[0]], [[0.1]])]
)
def test_labels_and_scores_that_do_not_fit_are_refused(labels, scores):
    """Unequal lengths, labels beside 0 and 1, NaN scores and matrices are refused."""
    with pytest.raises(InputError):
        roc_auc(labels, scores)


def test_an_unknown_metric_names_the_nearest():
    """A typing error in a metric's name is answered with the right one."""
    with pytest.raises(UnknownNameError, match="roc_auc"):
        metric("roc_acu")
