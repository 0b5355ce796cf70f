"""DeLong's variance of ROC AUC, rows independent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mainspring.evaluation.metrics import Floats


def delong_covariance(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """ROC AUC of k score columns on the same rows and their covariance.

    Args:
        labels: (n,).
        scores: (k, n).

    Returns:
        Areas (k,) and covariance (k, k); nan where a class has fewer than 2 rows (areas: fewer than 1).
    """
    marks = np.asarray(labels, dtype=bool)
    columns = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    positives, negatives = columns[:, marks], columns[:, ~marks]
    k, m, n = len(columns), positives.shape[1], negatives.shape[1]
    if m == 0 or n == 0:
        return np.full(k, np.nan), np.full((k, k), np.nan)
    over_negatives = np.empty((k, m))
    over_positives = np.empty((k, n))
    for number in range(k):
        among_positives = _midranks(positives[number])
        among_negatives = _midranks(negatives[number])
        among_all = _midranks(np.concatenate([positives[number], negatives[number]]))
        over_negatives[number] = (among_all[:m] - among_positives) / n
        over_positives[number] = 1 - (among_all[m:] - among_negatives) / m
    areas = over_negatives.mean(axis=1)
    if m < 2 or n < 2:
        return areas, np.full((k, k), np.nan)
    covariance = np.atleast_2d(np.cov(over_negatives)) / m + np.atleast_2d(np.cov(over_positives)) / n
    return areas, covariance


def _midranks(values: Floats) -> Floats:
    """Ranks from 1, tied values sharing their mean rank."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[at], dtype=np.float64)
