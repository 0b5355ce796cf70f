"""DeLong's covariance agrees with its definition."""

from __future__ import annotations

import numpy as np
from tests.evaluation.scores import sample

from mainspring.evaluation.delong import delong_covariance


def test_delong_variance_equals_its_definition():
    """The covariance by ranks equals the one by all pairs (DeLong 1988, equations 4 to 6)."""
    labels, first, second = sample(n_rows=120, digits=1)
    areas, covariance = delong_covariance(labels, np.stack([first, second]))
    placements = []
    for scores in (first, second):
        positives, negatives = scores[labels == 1][:, None], scores[labels == 0][None, :]
        wins = (positives > negatives) + 0.5 * (positives == negatives)
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    by_positive, by_negative = (np.stack([pair[side] for pair in placements]) for side in (0, 1))
    expected = np.cov(by_positive) / by_positive.shape[1] + np.cov(by_negative) / by_negative.shape[1]
    np.testing.assert_allclose(covariance, expected)
    np.testing.assert_allclose(areas, by_positive.mean(axis=1))
