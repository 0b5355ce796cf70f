"""Two sets of scores on the same rows, or a slice against the rest: differences with limits and tests.

`labels`, `scores` and `clusters` are as in `metrics` and `bootstrap`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from mainspring.errors import UnknownNameError
from mainspring.evaluation.bootstrap import (
    RESAMPLES,
    bootstrap_name,
    figure_draws,
    groups_of,
    mean_draws,
    percentiles,
)
from mainspring.evaluation.delong import delong_covariance
from mainspring.evaluation.metrics import METRICS, Floats, LossFunction, checked, mean, metric

NORMAL_CLASS_ROWS: Final = 8
"""From so many rows of each class on the rank statistic is near enough to normal (Mann and Whitney 1947)."""

_TWO_SIDED_95: Final = float(ndtri(0.975))


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
    marks, a, _ = checked(labels, first, None)
    _, b, _ = checked(labels, second, None)
    if name == "roc_auc" and clusters is None:
        return delong_test(marks, a, b, margin=margin, level=level)
    kind = metric(name)
    sign = 1.0 if kind.higher_is_better else -1.0
    if kind.losses is not None:
        losses = kind.losses(marks, b) - kind.losses(marks, a)
        draws, n_groups = mean_draws(losses, clusters, n_resamples, seed)
    else:
        groups, n_groups = groups_of(clusters, len(marks))
        # The same seed draws the same groups for both: that is what pairs them.
        draws = sign * (
            figure_draws(kind, marks, a, groups, n_groups, n_resamples, seed)
            - figure_draws(kind, marks, b, groups, n_groups, n_resamples, seed)
        )
    figures = float(kind.function(marks, a)), float(kind.function(marks, b))
    return _drawn_difference(
        sign * (figures[0] - figures[1]), figures, draws, margin=margin, level=level, n_rows=len(marks),
        method="paired " + bootstrap_name(clusters), n_clusters=None if clusters is None else n_groups,
    )  # fmt: skip


def delong_test(
    labels: ArrayLike, first: ArrayLike, second: ArrayLike, *, margin: float = 0.0, level: float = 0.95
) -> Difference:
    """ROC AUC of `first` minus that of `second` on the same rows: DeLong's paired test."""
    marks, a, _ = checked(labels, first, None)
    _, b, _ = checked(labels, second, None)
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
        name: "roc_auc", or a metric that is the mean of a loss of each row.
        rows: booleans (n,), True in the slice.
        margin: the shortfall that is tolerated; `p_greater` tests whether the true one is larger.
    """
    marks, values, _ = checked(labels, scores, None)
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
        losses = _losses(name)(marks, values)
        (a, variance_a), (b, variance_b) = (_mean_variance(losses[part]) for part in (inside, ~inside))
        value, method = a - b, "welch"
    error = math.sqrt(variance_a + variance_b) if math.isfinite(variance_a + variance_b) else math.nan
    made = _normal_difference(
        value, 0.0, error, n_rows=int(inside.sum()), method=method, margin=margin, level=level
    )
    return dataclasses.replace(made, first=a, second=b)


def slice_half_width(name: str, labels: ArrayLike, scores: ArrayLike, rows: ArrayLike) -> float:
    """How far the 95 % interval of a slice's figure reaches to each side, judged by its size before its result.

    For ROC AUC by the standard error of Hanley and McNeil (1982) at chance: that is where a slice stands whose
    ranking has collapsed, and no smaller slice may be called collapsed or sound. Below eight rows of a class the
    normal approximation does not serve (Mann and Whitney 1947). For a mean loss by the spread of the loss over all
    rows: a slice's own is least known where it is most needed.

    Args:
        name: "roc_auc", or a metric that is the mean of a loss of each row.
        rows: booleans (n,), True in the slice.

    Returns:
        The half width; infinite where the slice has too few rows for any.
    """
    marks, values, _ = checked(labels, scores, None)
    inside = np.asarray(rows, dtype=bool)
    n_rows, n_positives = int(inside.sum()), int(marks[inside].sum())
    if name == "roc_auc":
        if min(n_positives, n_rows - n_positives) < NORMAL_CLASS_ROWS:
            return math.inf
        return _TWO_SIDED_95 * area_error(0.5, n_positives, n_rows - n_positives)
    if n_rows < 2:
        return math.inf
    return _TWO_SIDED_95 * float(_losses(name)(marks, values).std(ddof=1)) / math.sqrt(n_rows)


def area_error(area: float, n_positives: int, n_negatives: int) -> float:
    """The standard error of a ROC AUC of that size on so many rows (Hanley and McNeil 1982, formula 1).

    It takes scores of both classes as exponentially distributed, so that the area alone gives it.
    """
    above_twice, below_twice = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area)
        + (n_positives - 1) * (above_twice - area**2)
        + (n_negatives - 1) * (below_twice - area**2)
    )
    return math.sqrt(variance / (n_positives * n_negatives))


def holm(p_values: ArrayLike) -> Floats:
    """P values adjusted by Holm's step-down (1979): the chance of any false alarm among all stays at alpha."""
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given)
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def check_slice_metric(name: str) -> None:
    """Refuse a metric by which sets of rows cannot be compared: average precision depends on a set's positives.

    Raises:
        UnknownNameError: it is neither ROC AUC nor the mean of a loss of each row.
    """
    if name != "roc_auc":
        _losses(name)


def _losses(name: str) -> LossFunction:
    found = metric(name).losses
    if found is None:
        known = ["roc_auc", *(kind.name for kind in METRICS.values() if kind.losses is not None)]
        raise UnknownNameError.of("slice metric", name, known, where="slice")
    return found


def _mean_variance(values: Floats) -> tuple[float, float]:
    if len(values) < 2:
        return mean(values, None), math.nan
    return float(values.mean()), float(values.var(ddof=1) / len(values))


def _drawn_difference(
    value: float, figures: tuple[float, float], draws: Floats, *, margin: float, level: float, n_rows: int,
    method: str, n_clusters: int | None,
) -> Difference:  # fmt: skip
    """Limits and p values from bootstrap draws; one is added to counts, so that no p value is 0."""
    known = draws[np.isfinite(draws)]
    low, high = percentiles(draws, level)
    if not math.isfinite(low):
        return _unknown_difference(n_rows, method, margin, level)
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
        return _unknown_difference(n_rows, method, margin, level)
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


def _unknown_difference(n_rows: int, method: str, margin: float, level: float) -> Difference:
    nan = math.nan
    return Difference(nan, nan, nan, level, nan, nan, nan, margin, nan, nan, method, n_rows)
