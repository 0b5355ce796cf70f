"""The test behind an alert: do the predictions still tell the rate at which the event happens?

The statistic is the gap, the observed minus the predicted rate of a window (calibration in the large). Rows of
one day share weather and crews, so days are drawn, not rows: with z_d the contribution of day d to the gap and s
their standard deviation over G days (the cluster-robust variance of Liang and Zeger 1986), the gap of a window
with nothing changed has variance

    s^2 (1 / G + 1 / F)

where F is the number of days that the model was fitted on. The second term is the noise of the model's own claim:
a model that saw F days has learnt their mean, which is off by s / sqrt(F); without it, a model fitted on 90 days
would be accused too often by windows of 30. s comes from the window, because residuals of fitted rows are
smaller than those of new days.

The days' contributions are skewed: a few stormy days make most of the lateness. At the far ends where alerts are
decided, Student's t then raises several times too many alerts for low rates and too few for high ones. Hall's
transformation (1992, JRSS B 54, 221-228) takes the skewness out: with S = gap / standard error / sqrt(G) and g
the sample skewness,

    T = sqrt(G) (S + g S^2 / 3 + g^2 S^3 / 27 + g / (6 G))

is compared with Student's t of G - 1 degrees of freedom. Simulations in the tests hold it to its level.

A shift that stays is seen sooner by two windows than by one. The second of Western Electric's rules (Statistical
Quality Control Handbook, 1956) is therefore kept beside the first: two of three consecutive windows that are
conspicuous on the same side raise an alert, though neither would alone. Windows judged against one fit share the
noise of its claim, so their statistics correlate by rho = (1 / F) / (1 / G + 1 / F). `repeated_level` solves for
the level at which the rule keeps its half of the false alarms: two sides, two earlier windows, and the chance
that both of a pair with that correlation lie beyond it.

What this takes for granted: clusters are independent of each other. Weather that lasts for days makes alerts
likelier than stated; choose wider clusters (weeks) where that matters and windows are long enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class GapTest:
    """The gap of one window.

    Attributes:
        gap: mean of outcome - prediction.
        standard_error: with both terms above; nan with fewer than two clusters.
        low, high: the 95 % interval, gap -+ t * standard_error.
        p_value: two-sided; nan where it cannot be had.
        n_clusters: clusters in the window.
    """

    gap: float
    standard_error: float
    low: float
    high: float
    p_value: float
    n_clusters: int


def gap_test(residuals: ArrayLike, clusters: ArrayLike, n_fit_clusters: float) -> GapTest:
    """Tests whether outcomes and predictions agree on average.

    Args:
        residuals: outcome - prediction (n,).
        clusters: the cluster of each row (n,).
        n_fit_clusters: clusters that the model was fitted on; math.inf if its claim is taken as exact.
    """
    values = np.asarray(residuals, dtype=np.float64)
    if not len(values):
        return GapTest(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    gap = float(values.mean())
    _, at = np.unique(np.asarray(clusters), return_inverse=True)
    n_clusters = int(at.max()) + 1
    # Each cluster's contribution, scaled so that their mean is the gap whatever the clusters' sizes.
    shares = np.bincount(at, weights=values - gap) * n_clusters / len(values)
    spread = math.sqrt(float(np.sum(shares**2)) / (n_clusters - 1)) if n_clusters > 1 else math.nan
    error = spread * math.sqrt(1 / n_clusters + 1 / n_fit_clusters)
    if not error > 0:
        return GapTest(gap, math.nan, math.nan, math.nan, math.nan, n_clusters)
    half = float(stdtrit(n_clusters - 1, 0.975)) * error
    skewness = float(np.mean(shares**3)) / float(np.mean(shares**2)) ** 1.5
    transformed = _without_skewness(gap / error, skewness, n_clusters)
    p_value = 2 * float(stdtr(n_clusters - 1, -abs(transformed)))
    return GapTest(gap, error, gap - half, gap + half, p_value, n_clusters)


def repeated_level(n_clusters: int, n_fit_clusters: float, false_alarms: float) -> float:
    """The two-sided level at which two of three consecutive windows on one side call for an alert.

    Args:
        n_clusters: clusters in each window.
        n_fit_clusters: clusters that the model was fitted on; math.inf if its claim is taken as exact.
        false_alarms: the chance for each window of being the second of such a pair with nothing changed.
    """
    from scipy.optimize import brentq
    from scipy.stats import multivariate_normal

    rho = (1 / n_fit_clusters) / (1 / n_clusters + 1 / n_fit_clusters)
    pair = multivariate_normal([0.0, 0.0], [[1.0, rho], [rho, 1.0]])

    def excess(bound: float) -> float:
        return 2 * 2 * float(pair.cdf([-bound, -bound])) - false_alarms

    # Below 1 sigma a window is not conspicuous whatever the budget, and 6 sigma is beyond every budget.
    bound = 1.0 if excess(1.0) <= 0 else float(brentq(excess, 1.0, 6.0, xtol=1e-6))
    return float(2 * ndtr(-bound))


def _without_skewness(t: float, skewness: float, n: int) -> float:
    """Hall's monotone cubic transformation of a studentised mean of n skewed values."""
    scaled = t / math.sqrt(n)
    cubic = scaled + skewness * scaled**2 / 3 + skewness**2 * scaled**3 / 27 + skewness / (6 * n)
    return math.sqrt(n) * cubic
