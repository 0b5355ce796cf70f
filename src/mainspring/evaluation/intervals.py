"""With how much doubt a figure is known: estimates with confidence limits.

`labels`, `scores` and `clusters` are as in `metrics` and `bootstrap`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit, ndtri

from mainspring.evaluation.bootstrap import (
    RESAMPLES,
    bootstrap_name,
    figure_draws,
    groups_of,
    mean_draws,
    percentiles,
)
from mainspring.evaluation.delong import delong_covariance
from mainspring.evaluation.metrics import checked, mean, metric


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its confidence interval.

    Attributes:
        value: the figure on all rows; nan where the rows cannot give it.
        low, high: limits of the two-sided interval at `level`; nan where they cannot be had.
        level: confidence, such as 0.95.
        method: how the limits were made: "delong", "bootstrap", "cluster bootstrap", "wilson".
        n_rows: rows used.
        n_positives: rows with label 1.
        n_clusters: groups drawn, None when rows were taken as independent.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n_rows: int
    n_positives: int
    n_clusters: int | None = None

    @property
    def known(self) -> bool:
        """Whether the figure and both limits could be computed."""
        return math.isfinite(self.value) and math.isfinite(self.low) and math.isfinite(self.high)


def estimate(
    name: str,
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The metric called `name` with its interval: DeLong for ROC AUC of independent rows, bootstrap else.

    The bootstrap's limits are percentiles (Efron 1979). With `clusters`, whole groups are drawn with
    replacement (Davison and Hinkley 1997, 3.8). Draws in which the figure is nan are left out; the limits are
    nan when that is more than half of them, or with fewer than `bootstrap.MIN_GROUPS` groups.
    """
    marks, values, _ = checked(labels, scores, None)
    if name == "roc_auc" and clusters is None:
        return delong(marks, values, level)
    kind = metric(name)
    if kind.losses is not None:
        return bootstrap_mean(
            kind.losses(marks, values),
            clusters=clusters,
            level=level,
            n_resamples=n_resamples,
            seed=seed,
            n_positives=int(marks.sum()),
        )
    groups, n_groups = groups_of(clusters, len(marks))
    draws = figure_draws(kind, marks, values, groups, n_groups, n_resamples, seed)
    low, high = percentiles(draws, level)
    return Estimate(
        float(kind.function(marks, values)),
        low,
        high,
        level,
        bootstrap_name(clusters),
        len(marks),
        int(marks.sum()),
        None if clusters is None else n_groups,
    )


def bootstrap_mean(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
    n_positives: int = 0,
) -> Estimate:
    """Percentile interval of the mean of `values` (n,), rows or whole groups drawn with replacement."""
    values = np.asarray(values, dtype=np.float64)
    draws, n_groups = mean_draws(values, clusters, n_resamples, seed)
    low, high = percentiles(draws, level)
    return Estimate(mean(values, None), low, high, level, bootstrap_name(clusters), len(values), n_positives,
                    None if clusters is None else n_groups)  # fmt: skip


def delong(labels: ArrayLike, scores: ArrayLike, level: float = 0.95) -> Estimate:
    """ROC AUC with DeLong's variance (1988) by Sun and Xu's ranks (2014), rows independent.

    The interval is symmetric on the logit scale and so stays inside 0 and 1. Where the variance is 0 (perfect
    separation) the limits are Wilson's on the smaller class: the variance of an AUC never exceeds
    AUC (1 - AUC) / min(m, n) (Birnbaum and Klose 1957).
    """
    marks, values, _ = checked(labels, scores, None)
    areas, covariance = delong_covariance(marks, values[None, :])
    area, variance = float(areas[0]), float(covariance[0, 0])
    n_positives = int(marks.sum())
    n_smaller = min(n_positives, len(marks) - n_positives)
    if not math.isfinite(variance):
        low = high = math.nan
    elif variance <= 0 or area in (0.0, 1.0):
        low, high = wilson(area * n_smaller, n_smaller, level)
    else:
        half = float(ndtri(0.5 + level / 2)) * math.sqrt(variance) / (area * (1 - area))
        low, high = float(expit(logit(area) - half)), float(expit(logit(area) + half))
    return Estimate(area, low, high, level, "delong", len(marks), n_positives)


def wilson(n_positives: float, n_rows: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score limits of a rate (1927); (nan, nan) without rows."""
    if n_rows <= 0:
        return math.nan, math.nan
    z = float(ndtri(0.5 + level / 2))
    rate, spread = n_positives / n_rows, z * z / n_rows
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / n_rows + spread / (4 * n_rows)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
