"""How good scores are, with how much doubt: pure functions over labels and scores.

Everywhere `labels` is an array (n,) of 0 and 1 (or booleans) and `scores` an array (n,) of probabilities of
label 1. `weights` (n,) counts rows; the bootstrap is a draw of such counts, so that one sort serves all draws.
`clusters` (n,) names the group that a row belongs to, such as its day: rows of one group are drawn together,
because flights of one stormy day are not independent witnesses.

A figure that the rows cannot give (ROC AUC with one class only) is `nan`, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr, ndtri, xlogy

from mainspring.errors import InputError, UnknownNameError

Floats = NDArray[np.float64]
MetricFunction = Callable[..., float]

RESAMPLES: Final = 1_000
"""Draws of a bootstrap: the Monte-Carlo error of a 95 % limit is then a few hundredths of its width."""

_SMALLEST_PROBABILITY: Final = 1e-15

_MAX_PAIRED_GROUPS: Final = 512
"""Up to so many groups a table of wins between every two of them is quicker than a pass over rows a draw."""


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


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second on the same rows, or slice minus rest, with its interval and tests.

    Attributes:
        value: the difference of the figures.
        low, high: two-sided limits at `level`.
        p_two_sided: p of "no difference".
        p_greater: p of "the difference is at most `margin`": small when it is larger than that.
        p_less: p of "the difference is at least `margin`": small when it is smaller than that.
        margin: the difference that the one-sided tests compare with.
        first, second: the two figures.
    """

    value: float
    low: float
    high: float
    level: float
    p_two_sided: float
    p_greater: float
    p_less: float
    margin: float
    first: float
    second: float
    method: str
    n_rows: int
    n_clusters: int | None = None

    @property
    def known(self) -> bool:
        """Whether the difference and its tests could be computed."""
        return math.isfinite(self.value) and math.isfinite(self.p_greater)


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


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure: its function `(labels, scores, weights=None) -> float` and its good direction."""

    name: str
    function: MetricFunction
    higher_is_better: bool


# ---------------------------------------------------------------------------------------------------- figures


def roc_auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The chance that a random positive scores above a random negative, ties counted half.

    Returns:
        0 to 1, or nan when one of the classes is absent.
    """
    positives, negatives, _ = _tallies(*_checked(labels, scores, weights))
    return _area(positives, negatives)


def average_precision(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Precision averaged over the recall gained at each threshold, without interpolation.

    Returns:
        0 to 1, or nan when there is no positive.
    """
    positives, negatives, _ = _tallies(*_checked(labels, scores, weights))
    return _mean_precision(positives, negatives)


def brier(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean squared distance of probability and label: 0 is perfect; nan without rows."""
    marks, values, mass = _checked(labels, scores, weights)
    return _mean(brier_losses(marks, values), mass)


def log_loss(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean negative log-likelihood in nats; scores are kept 1e-15 away from 0 and 1. nan without rows."""
    marks, values, mass = _checked(labels, scores, weights)
    return _mean(log_losses(marks, values), mass)


def brier_losses(labels: ArrayLike, scores: ArrayLike) -> Floats:
    """The squared distance of each row, (n,)."""
    marks, values, _ = _checked(labels, scores, None)
    return np.asarray(np.square(values - marks), dtype=np.float64)


def log_losses(labels: ArrayLike, scores: ArrayLike) -> Floats:
    """The negative log-likelihood of each row in nats, (n,)."""
    marks, values, _ = _checked(labels, scores, None)
    kept = np.clip(values, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    return np.asarray(-(xlogy(marks, kept) + xlogy(1 - marks, 1 - kept)), dtype=np.float64)


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and threshold, one entry a distinct score, thresholds rising.

    Row i says what flagging every score of at least `thresholds[i]` would give. Empty without positives.
    """
    positives, negatives, thresholds = _tallies(*_checked(labels, scores, None))
    n_positives = positives.sum()
    if n_positives == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    found = np.cumsum(positives[::-1])[::-1]
    flagged = found + np.cumsum(negatives[::-1])[::-1]
    return found / flagged, found / n_positives, thresholds


def calibration_bins(labels: ArrayLike, scores: ArrayLike, n_bins: int = 10) -> list[CalibrationBin]:
    """Predicted against observed rate in bins of equal row count; equal scores are never torn apart."""
    marks, values, _ = _checked(labels, scores, None)
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


def calibration_in_the_large(labels: ArrayLike, scores: ArrayLike) -> Difference:
    """Observed minus predicted rate, with the z test of "the scores are the true chances of each row".

    Under that hypothesis the number of positives has variance sum p(1-p) (Spiegelhalter 1986, its numerator's
    simplest form). The test takes rows as independent; for rows that share days use `bootstrap_mean`.
    """
    marks, values, _ = _checked(labels, scores, None)
    n_rows = len(marks)
    if n_rows == 0:
        return _unknown_difference(0, "calibration in the large")
    error = math.sqrt(float(np.sum(values * (1 - values)))) / n_rows
    return _normal_difference(
        float(marks.mean()), float(values.mean()), error, n_rows=n_rows, method="calibration in the large"
    )


def wilson(n_positives: float, n_rows: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score limits of a rate (1927); (nan, nan) without rows."""
    if n_rows <= 0:
        return math.nan, math.nan
    z = float(ndtri(0.5 + level / 2))
    rate, spread = n_positives / n_rows, z * z / n_rows
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / n_rows + spread / (4 * n_rows)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


METRICS: Final[Mapping[str, Metric]] = {
    "roc_auc": Metric("roc_auc", roc_auc, higher_is_better=True),
    "average_precision": Metric("average_precision", average_precision, higher_is_better=True),
    "brier": Metric("brier", brier, higher_is_better=False),
    "log_loss": Metric("log_loss", log_loss, higher_is_better=False),
}

LOSSES: Final[Mapping[str, Callable[[ArrayLike, ArrayLike], Floats]]] = {
    "brier": brier_losses,
    "log_loss": log_losses,
}
"""Metrics that are the mean of a loss of each row: their bootstraps need sums only."""


def metric(name: str) -> Metric:
    """The metric of that name; `UnknownNameError` with the nearest otherwise."""
    if name not in METRICS:
        raise UnknownNameError.of("metric", name, METRICS, where="metric")
    return METRICS[name]


# ------------------------------------------------------------------------------------------ DeLong's variance


def delong(labels: ArrayLike, scores: ArrayLike, level: float = 0.95) -> Estimate:
    """ROC AUC with DeLong's variance (1988) by Sun and Xu's ranks (2014), rows independent.

    The interval is symmetric on the logit scale and so stays inside 0 and 1. Where the variance is 0 (perfect
    separation) the limits are Wilson's on the smaller class: the variance of an AUC never exceeds
    AUC (1 - AUC) / min(m, n) (Birnbaum and Klose 1957).
    """
    marks, values, _ = _checked(labels, scores, None)
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


def delong_test(
    labels: ArrayLike, first: ArrayLike, second: ArrayLike, *, margin: float = 0.0, level: float = 0.95
) -> Difference:
    """ROC AUC of `first` minus that of `second` on the same rows: DeLong's paired test."""
    marks, a, _ = _checked(labels, first, None)
    _, b, _ = _checked(labels, second, None)
    areas, covariance = delong_covariance(marks, np.stack([a, b]))
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # Two equal score columns differ by rounding only.
    error = math.sqrt(variance) if variance > 1e-18 else (0.0 if math.isfinite(variance) else math.nan)
    return _normal_difference(
        float(areas[0]),
        float(areas[1]),
        error,
        n_rows=len(marks),
        method="delong",
        margin=margin,
        level=level,
    )


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


# --------------------------------------------------------------------------------------------------- bootstrap


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
    nan when that is more than half of them, or with one group.
    """
    marks, values, _ = _checked(labels, scores, None)
    if name == "roc_auc" and clusters is None:
        return delong(marks, values, level)
    if name in LOSSES:
        return bootstrap_mean(
            LOSSES[name](marks, values),
            clusters=clusters,
            level=level,
            n_resamples=n_resamples,
            seed=seed,
            n_positives=int(marks.sum()),
        )
    function = metric(name).function
    groups, n_groups = _groups(clusters, len(marks))
    draws = _ranking_draws(name, marks, values, groups, n_groups, n_resamples, seed)
    low, high = _percentiles(draws, level)
    return Estimate(
        function(marks, values),
        low,
        high,
        level,
        _bootstrap_name(clusters),
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
    draws, n_groups = _mean_draws(values, clusters, n_resamples, seed)
    low, high = _percentiles(draws, level)
    return Estimate(_mean(values, None), low, high, level, _bootstrap_name(clusters), len(values), n_positives,
                    None if clusters is None else n_groups)  # fmt: skip


def compare(
    name: str,
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    margin: float = 0.0,
    level: float = 0.95,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """How much better `first` is than `second` on the same rows: positive is better, whatever the metric.

    ROC AUC of independent rows by DeLong's paired test, everything else by the paired bootstrap. For a metric
    that is better when lower (Brier score) the difference is turned round; `first` and `second` of the result
    keep the plain figures.
    """
    marks, a, _ = _checked(labels, first, None)
    _, b, _ = _checked(labels, second, None)
    if name == "roc_auc" and clusters is None:
        return delong_test(marks, a, b, margin=margin, level=level)
    kind = metric(name)
    sign = 1.0 if kind.higher_is_better else -1.0
    if name in LOSSES:
        losses = LOSSES[name](marks, b) - LOSSES[name](marks, a)
        draws, n_groups = _mean_draws(losses, clusters, n_resamples, seed)
    else:
        groups, n_groups = _groups(clusters, len(marks))
        # The same seed draws the same groups for both: that is what pairs them.
        draws = sign * (
            _ranking_draws(name, marks, a, groups, n_groups, n_resamples, seed)
            - _ranking_draws(name, marks, b, groups, n_groups, n_resamples, seed)
        )
    figures = kind.function(marks, a), kind.function(marks, b)
    return _drawn_difference(
        sign * (figures[0] - figures[1]), figures, draws, margin=margin, level=level, n_rows=len(marks),
        method="paired " + _bootstrap_name(clusters), n_clusters=None if clusters is None else n_groups,
    )  # fmt: skip


def shortfall(
    name: str,
    labels: ArrayLike,
    scores: ArrayLike,
    rows: ArrayLike,
    *,
    margin: float = 0.0,
    level: float = 0.95,
) -> Difference:
    """How much worse the marked `rows` are served than the rest: positive is worse.

    The two sets share no row, so their variances add: DeLong's for ROC AUC, the sample variance for the mean
    losses.

    Args:
        name: "roc_auc", "brier" or "log_loss".
        rows: booleans (n,), True in the slice.
        margin: the shortfall that is tolerated; `p_greater` tests whether the true one is larger.
    """
    marks, values, _ = _checked(labels, scores, None)
    inside = np.asarray(rows, dtype=bool)
    if name == "roc_auc":
        (a, variance_a), (b, variance_b) = (
            (float(areas[0]), float(covariance[0, 0]))
            for areas, covariance in (
                delong_covariance(marks[part], values[None, part]) for part in (inside, ~inside)
            )
        )
        value, method = b - a, "delong, independent rows"
    else:
        if name not in LOSSES:
            raise UnknownNameError.of("slice metric", name, ["roc_auc", *LOSSES], where="slice")
        losses = LOSSES[name](marks, values)
        (a, variance_a), (b, variance_b) = (_mean_variance(losses[part]) for part in (inside, ~inside))
        value, method = a - b, "welch"
    error = math.sqrt(variance_a + variance_b) if math.isfinite(variance_a + variance_b) else math.nan
    made = _normal_difference(
        value, 0.0, error, n_rows=int(inside.sum()), method=method, margin=margin, level=level
    )
    return Difference(**{**_fields(made), "first": a, "second": b})


# ------------------------------------------------------------------------------------------------ many at once


def holm(p_values: ArrayLike) -> Floats:
    """P values adjusted by Holm's step-down (1979): the chance of any false alarm among all stays at alpha."""
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given)
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """P values adjusted by Benjamini and Hochberg (1995): of the alarms raised, the share alpha is false."""
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given)[::-1]
    scaled = given[order] * len(given) / np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return adjusted


# ----------------------------------------------------------------------------------------------------- insides


def _checked(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, Any]:
    marks = np.asarray(labels, dtype=np.float64)
    values = np.asarray(scores, dtype=np.float64)
    if marks.ndim != 1 or values.ndim != 1 or len(marks) != len(values):
        raise InputError(
            expected="labels and scores of one length, one dimension each",
            got=f"shapes {marks.shape} and {values.shape}",
            where="metrics",
            hint="Score the same rows that carry the labels.",
        )
    if not np.isfinite(values).all():
        raise InputError(
            expected="finite scores",
            got=f"{int((~np.isfinite(values)).sum())} of {len(values)} are NaN or infinite",
            where="metrics",
            hint="A model must answer every row; drop the rows it cannot answer explicitly and count them.",
        )
    if not ((marks == 0) | (marks == 1)).all():
        raise InputError(
            expected="labels of 0 and 1",
            got=f"other values, such as {marks[(marks != 0) & (marks != 1)][0]!r}",
            where="metrics",
            hint="Drop rows without a label explicitly and count them; encode the label as 0 and 1.",
        )
    return marks, values, None if weights is None else np.asarray(weights, dtype=np.float64)


def _tallies(labels: Floats, scores: Floats, weights: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Weight of positives and of negatives at each distinct score, scores rising; and the scores."""
    order = np.argsort(scores, kind="stable")
    marks, values = labels[order], scores[order]
    mass = np.ones_like(values) if weights is None else weights[order]
    starts = (
        np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        if len(values)
        else np.empty(0, int)
    )
    if len(values) == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    positives = np.add.reduceat(mass * marks, starts)
    return positives, np.add.reduceat(mass, starts) - positives, values[starts]


def _mean(values: Floats, weights: Floats | None) -> float:
    total = float(len(values)) if weights is None else float(weights.sum())
    if total == 0:
        return math.nan
    return (float(values.sum()) if weights is None else _dot(values, weights)) / total


def _mean_variance(values: Floats) -> tuple[float, float]:
    if len(values) < 2:
        return _mean(values, None), math.nan
    return float(values.mean()), float(values.var(ddof=1) / len(values))


def _dot(a: Floats, b: Floats) -> float:
    """The inner product on one thread: BLAS would wake a team for it, a thousand times a bootstrap."""
    return float(np.einsum("i,i", a, b))


def _area(positives: Floats, negatives: Floats) -> float:
    """ROC AUC from the weight of each class at each score, scores rising."""
    n_positives, n_negatives = positives.sum(), negatives.sum()
    if n_positives == 0 or n_negatives == 0:
        return math.nan
    below = np.cumsum(negatives) - negatives
    return _dot(positives, below + negatives / 2) / float(n_positives * n_negatives)


def _mean_precision(positives: Floats, negatives: Floats) -> float:
    """Average precision from the weight of each class at each score, scores rising."""
    n_positives = positives.sum()
    if n_positives == 0:
        return math.nan
    positives, negatives = positives[::-1], negatives[::-1]
    found = np.cumsum(positives)
    flagged = found + np.cumsum(negatives)
    precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
    return _dot(positives, precision) / float(n_positives)


_FROM_TALLIES: Final = {"roc_auc": _area, "average_precision": _mean_precision}


def _groups(clusters: ArrayLike | None, n_rows: int) -> tuple[NDArray[np.intp], int]:
    """Group number of each row, and how many groups there are."""
    if clusters is None:
        return np.arange(n_rows), n_rows
    names = np.asarray(clusters)
    if len(names) != n_rows:
        raise InputError(
            expected=f"one cluster name for each of {n_rows} rows",
            got=f"{len(names)} names",
            where="bootstrap",
            hint="Take the clusters from the same frame as the labels.",
        )
    _, groups = np.unique(names, return_inverse=True)
    return groups, int(groups.max()) + 1 if n_rows else 0


def _draws(n_groups: int, n_resamples: int, seed: int) -> Any:
    """How often each group was drawn, one array (n_groups,) a draw."""
    random = np.random.default_rng(seed)
    for _ in range(n_resamples):
        yield np.bincount(random.integers(0, n_groups, n_groups), minlength=n_groups).astype(np.float64)


def _mean_draws(
    values: Floats, clusters: ArrayLike | None, n_resamples: int, seed: int
) -> tuple[Floats, int]:
    groups, n_groups = _groups(clusters, len(values))
    if n_groups < 2:
        return np.empty(0), n_groups
    sums: Floats = np.bincount(groups, weights=values, minlength=n_groups).astype(np.float64)
    sizes = np.bincount(groups, minlength=n_groups).astype(np.float64)
    drawn = [_dot(sums, counts) / _dot(sizes, counts) for counts in _draws(n_groups, n_resamples, seed)]
    return np.asarray(drawn), n_groups


def _ranking_draws(
    name: str,
    labels: Floats,
    scores: Floats,
    groups: NDArray[np.intp],
    n_groups: int,
    n_resamples: int,
    seed: int,
) -> Floats:
    """The metric in each draw of groups; rows are sorted once."""
    if n_groups < 2:
        return np.empty(0)
    order = np.argsort(scores, kind="stable")
    marks, values, at = labels[order], scores[order], groups[order]
    if name == "roc_auc" and n_groups <= _MAX_PAIRED_GROUPS:
        return _area_draws(marks, values, at, n_groups, n_resamples, seed)
    starts = _starts(values)
    function = _FROM_TALLIES[name]
    drawn = np.empty(n_resamples)
    for number, counts in enumerate(_draws(n_groups, n_resamples, seed)):
        mass = counts[at]
        positives = np.add.reduceat(mass * marks, starts)
        drawn[number] = function(positives, np.add.reduceat(mass, starts) - positives)
    return drawn


def _area_draws(
    marks: Floats, values: Floats, at: NDArray[np.intp], n_groups: int, n_resamples: int, seed: int
) -> Floats:
    """ROC AUC in each draw, from how often each group's positives win against each group's negatives.

    Of a draw that has group k c_k times, the wins are the sum of c_k c_l wins[k, l]: a draw costs no pass over
    the rows.
    """
    starts = _starts(values)
    score = np.cumsum(np.isin(np.arange(len(values)), starts)) - 1
    is_positive = marks > 0
    positive_groups, positive_scores = at[is_positive], score[is_positive]
    wins = np.empty((n_groups, n_groups))
    for group in range(n_groups):
        negatives = np.bincount(score[(at == group) & ~is_positive], minlength=len(starts))
        beaten = np.cumsum(negatives) - negatives / 2
        wins[:, group] = np.bincount(positive_groups, weights=beaten[positive_scores], minlength=n_groups)
    n_positives = np.bincount(at, weights=marks, minlength=n_groups)
    n_negatives = np.bincount(at, minlength=n_groups) - n_positives
    counts = np.array(list(_draws(n_groups, n_resamples, seed)))
    pairs = (counts @ n_positives) * (counts @ n_negatives)
    won = np.einsum("rk,rk->r", counts @ wins, counts)
    drawn: Floats = np.divide(won, pairs, out=np.full(n_resamples, np.nan), where=pairs > 0)
    return drawn


def _starts(values: Floats) -> NDArray[np.intp]:
    """Where each distinct value begins in a sorted array."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))


def _percentiles(draws: Floats, level: float) -> tuple[float, float]:
    known = draws[np.isfinite(draws)]
    if len(known) == 0 or len(known) < len(draws) / 2:
        return math.nan, math.nan
    low, high = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def _bootstrap_name(clusters: ArrayLike | None) -> str:
    return "bootstrap" if clusters is None else "cluster bootstrap"


def _drawn_difference(
    value: float, figures: tuple[float, float], draws: Floats, *, margin: float, level: float, n_rows: int,
    method: str, n_clusters: int | None,
) -> Difference:  # fmt: skip
    """Limits and p values from bootstrap draws; one is added to counts, so that no p value is 0."""
    known = draws[np.isfinite(draws)]
    low, high = _percentiles(draws, level)
    if not math.isfinite(low):
        return _unknown_difference(n_rows, method)
    total = len(known) + 1
    below, above = (np.sum(known <= 0) + 1) / total, (np.sum(known >= 0) + 1) / total
    return Difference(
        value=value, low=low, high=high, level=level,
        p_two_sided=float(min(1.0, 2 * min(below, above))),
        p_greater=float((np.sum(known <= margin) + 1) / total),
        p_less=float((np.sum(known >= margin) + 1) / total),
        margin=margin, first=figures[0], second=figures[1], method=method, n_rows=n_rows, n_clusters=n_clusters,
    )  # fmt: skip


def _normal_difference(
    first: float,
    second: float,
    error: float,
    *,
    n_rows: int,
    method: str,
    margin: float = 0.0,
    level: float = 0.95,
) -> Difference:
    """Limits and p values of a difference with a known standard error."""
    value = first - second
    if not (math.isfinite(value) and math.isfinite(error)):
        return _unknown_difference(n_rows, method)
    half = float(ndtri(0.5 + level / 2)) * error
    return Difference(
        value=value, low=value - half, high=value + half, level=level,
        p_two_sided=float(min(1.0, 2 * ndtr(-abs(_z(value, error))))),
        p_greater=float(ndtr(-_z(value - margin, error))),
        p_less=float(ndtr(_z(value - margin, error))),
        margin=margin, first=first, second=second, method=method, n_rows=n_rows,
    )  # fmt: skip


def _z(value: float, error: float) -> float:
    if error > 0:
        return value / error
    return 0.0 if value == 0 else math.copysign(math.inf, value)


def _unknown_difference(n_rows: int, method: str) -> Difference:
    nan = math.nan
    return Difference(nan, nan, nan, 0.95, nan, nan, nan, 0.0, nan, nan, method, n_rows)


def _fields(made: Difference) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__slots__}
