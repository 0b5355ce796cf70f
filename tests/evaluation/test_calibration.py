"""Predicted against observed rate, bin by bin."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluation.scores import sample

from mainspring.evaluation.calibration import calibration_bins


def test_calibration_bins_hold_every_row_once():
    """Bins share the rows out, and their weighted rates give back the overall rates."""
    labels, scores, _ = sample()
    bins = calibration_bins(labels, scores, n_bins=8)
    sizes = np.array([entry.n_rows for entry in bins])
    assert sizes.sum() == len(labels) and len(bins) == 8 and sizes.max() - sizes.min() <= 1
    assert sizes @ [entry.observed for entry in bins] / sizes.sum() == pytest.approx(labels.mean())
    assert sizes @ [entry.predicted for entry in bins] / sizes.sum() == pytest.approx(scores.mean())


def test_equal_scores_share_one_calibration_bin():
    """A model that always says the same has one bin."""
    assert len(calibration_bins([0, 1, 1, 0], [0.5] * 4)) == 1
