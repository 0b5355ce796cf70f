"""Two metrics: the mean of a loss of each row, and a figure that is none."""

import math

import numpy as np

from mainspring.evaluation.metrics import Metric


def _losses(labels, scores):
    return np.abs(np.asarray(labels, dtype=float) - np.asarray(scores, dtype=float))


def _absolute_error(labels, scores, weights=None):
    losses = _losses(labels, scores)
    return float(np.average(losses, weights=weights)) if len(losses) else math.nan


def _top_precision(labels, scores, weights=None):
    """The share of positives among the rows that score at least 0.5."""
    flagged = np.asarray(scores) >= 0.5
    mass = (np.ones(len(flagged)) if weights is None else np.asarray(weights)) * flagged
    return float((mass * np.asarray(labels)).sum() / mass.sum()) if mass.sum() else math.nan


absolute_error = Metric("absolute_error", _absolute_error, higher_is_better=False, losses=_losses)
top_precision = Metric("top_precision", _top_precision, higher_is_better=True)
