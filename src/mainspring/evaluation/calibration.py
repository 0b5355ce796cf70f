"""Predicted against observed rate, bin by bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mainspring.evaluation.intervals import wilson
from mainspring.evaluation.metrics import checked


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows with scores from `low` to `high`: what was predicted and what happened.

    `observed_low` and `observed_high` are the Wilson limits (95 %) of the observed rate.
    """

    low: float
    high: float
    n_rows: int
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


def calibration_bins(labels: ArrayLike, scores: ArrayLike, n_bins: int = 10) -> list[CalibrationBin]:
    """Predicted against observed rate in bins of equal row count; equal scores are never torn apart."""
    marks, values, _ = checked(labels, scores, None)
    if len(marks) == 0:
        return []
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)[1:-1]))
    at = np.searchsorted(edges, values, side="left")
    made = []
    for number in np.unique(at):
        rows = at == number
        n_rows, n_positives = int(rows.sum()), float(marks[rows].sum())
        low, high = wilson(n_positives, n_rows)
        made.append(
            CalibrationBin(
                low=float(values[rows].min()),
                high=float(values[rows].max()),
                n_rows=n_rows,
                predicted=float(values[rows].mean()),
                observed=n_positives / n_rows,
                observed_low=low,
                observed_high=high,
            )
        )
    return made
