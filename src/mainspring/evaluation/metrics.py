"""How good scores are: pure functions over labels and scores.

Everywhere `labels` is an array (n,) of 0 and 1 (or booleans) and `scores` an array (n,) of probabilities of
label 1. `weights` (n,) counts rows; a bootstrap is a draw of such counts, so that one sort serves all draws.

A figure that the rows cannot give (ROC AUC with one class only) is `nan`, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from mainspring.errors import InputError, UnknownNameError
from mainspring.plugins import Group, Plugin

Floats = NDArray[np.float64]

MetricFunction: TypeAlias = Callable[..., float]
LossFunction: TypeAlias = Callable[[ArrayLike, ArrayLike], Floats]

_SMALLEST_PROBABILITY: Final = 1e-15


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure of labels and scores.

    Attributes:
        name: what checks call it.
        function: `(labels, scores, weights=None) -> float`; weights count rows, nan where the rows cannot give it.
        higher_is_better: its good direction.
        losses: for the mean of a loss of each row: `(labels, scores) -> (n,)`. Its bootstraps need sums only, and
            slices can be compared by it.
        of_tallies: for a figure of a ranking: from the weight of positives and of negatives at each distinct score,
            scores rising. Its bootstraps sort once.
    """

    name: str
    function: MetricFunction
    higher_is_better: bool
    losses: LossFunction | None = None
    of_tallies: Callable[[Floats, Floats], float] | None = None


def roc_auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The chance that a random positive scores above a random negative, ties counted half.

    Returns:
        0 to 1, or nan when one of the classes is absent.
    """
    positives, negatives, _ = _tallies(*checked(labels, scores, weights))
    return _area(positives, negatives)


def average_precision(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Precision averaged over the recall gained at each threshold, without interpolation.

    Returns:
        0 to 1, or nan when there is no positive.
    """
    positives, negatives, _ = _tallies(*checked(labels, scores, weights))
    return _mean_precision(positives, negatives)


def brier(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean squared distance of probability and label: 0 is perfect; nan without rows."""
    marks, values, mass = checked(labels, scores, weights)
    return mean(brier_losses(marks, values), mass)


def log_loss(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean negative log-likelihood in nats; scores are kept 1e-15 away from 0 and 1. nan without rows."""
    marks, values, mass = checked(labels, scores, weights)
    return mean(log_losses(marks, values), mass)


def brier_losses(labels: ArrayLike, scores: ArrayLike) -> Floats:
    """The squared distance of each row, (n,)."""
    marks, values, _ = checked(labels, scores, None)
    return np.asarray(np.square(values - marks), dtype=np.float64)


def log_losses(labels: ArrayLike, scores: ArrayLike) -> Floats:
    """The negative log-likelihood of each row in nats, (n,)."""
    marks, values, _ = checked(labels, scores, None)
    kept = np.clip(values, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    return np.asarray(-(xlogy(marks, kept) + xlogy(1 - marks, 1 - kept)), dtype=np.float64)


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and threshold, one entry a distinct score, thresholds rising.

    Row i says what flagging every score of at least `thresholds[i]` would give. Empty without positives.
    """
    positives, negatives, thresholds = _tallies(*checked(labels, scores, None))
    n_positives = positives.sum()
    if n_positives == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    found = np.cumsum(positives[::-1])[::-1]
    flagged = found + np.cumsum(negatives[::-1])[::-1]
    return found / flagged, found / n_positives, thresholds


def checked(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, Any]:
    """Labels, scores and weights as floats (n,); weights None as they came.

    Raises:
        InputError: other shapes, a label that is not 0 or 1, or a score that is not finite.
    """
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


def mean(values: Floats, weights: Floats | None) -> float:
    """The mean of `values` (n,), weighted if there are weights; nan without rows."""
    total = float(len(values)) if weights is None else float(weights.sum())
    if total == 0:
        return math.nan
    return (float(values.sum()) if weights is None else dot(values, weights)) / total


def dot(a: Floats, b: Floats) -> float:
    """The inner product on one thread: BLAS would wake a team for it, a thousand times a bootstrap."""
    return float(np.einsum("i,i", a, b))


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


def _area(positives: Floats, negatives: Floats) -> float:
    """ROC AUC from the weight of each class at each score, scores rising."""
    n_positives, n_negatives = positives.sum(), negatives.sum()
    if n_positives == 0 or n_negatives == 0:
        return math.nan
    below = np.cumsum(negatives) - negatives
    return dot(positives, below + negatives / 2) / float(n_positives * n_negatives)


def _mean_precision(positives: Floats, negatives: Floats) -> float:
    """Average precision from the weight of each class at each score, scores rising."""
    n_positives = positives.sum()
    if n_positives == 0:
        return math.nan
    positives, negatives = positives[::-1], negatives[::-1]
    found = np.cumsum(positives)
    flagged = found + np.cumsum(negatives)
    precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
    return dot(positives, precision) / float(n_positives)


METRICS: Final[Mapping[str, Metric]] = {
    each.name: each
    for each in (
        Metric("roc_auc", roc_auc, higher_is_better=True, of_tallies=_area),
        Metric("average_precision", average_precision, higher_is_better=True, of_tallies=_mean_precision),
        Metric("brier", brier, higher_is_better=False, losses=brier_losses),
        Metric("log_loss", log_loss, higher_is_better=False, losses=log_losses),
    )
}
"""Ours."""


def metric(name: str) -> Metric:
    """The metric of that name, ours or a plug-in's.

    Raises:
        UnknownNameError: there is none; a plug-in may not be installed.
        PluginError: the plug-in cannot be used.
    """
    plugin = find_plugin(name)
    if plugin is not None:
        return plugin.value
    if name not in METRICS:
        raise UnknownNameError.of(
            "metric",
            name,
            [*METRICS, *PLUGINS.names()],
            where="metric",
            otherwise="Name one that exists, or install the plug-in that adds it.",
        )
    return METRICS[name]


def find_plugin(name: str) -> Plugin[Metric] | None:
    """The plug-in that adds a metric; None for one of ours, and where there is no such metric."""
    return PLUGINS.find(name)


def _misfit(name: str, value: object) -> str | None:
    """Asks a plug-in's metric about four rows: weights must count like rows that come as often."""
    if not isinstance(value, Metric):
        return f"a {type(value).__name__}"
    if value.name != name:
        return f"a metric called {value.name!r}"
    if value.of_tallies is not None:
        return "a Metric with `of_tallies`, which is ours alone"
    labels, scores = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.2, 0.7, 0.4, 0.5])
    counts = np.array([1, 2, 1, 1])
    repeated = np.repeat(np.arange(4), counts)
    weighted = float(value.function(labels, scores, counts.astype(np.float64)))
    wanted = float(value.function(labels[repeated], scores[repeated]))
    losses = None if value.losses is None else np.asarray(value.losses(labels, scores))
    if not math.isclose(weighted, wanted, rel_tol=1e-9) and not (math.isnan(weighted) and math.isnan(wanted)):
        return f"{weighted:g} where a row counts twice and {wanted:g} where it is there twice"
    if losses is not None and losses.shape != labels.shape:
        return f"losses of shape {losses.shape} for 4 rows"
    return None


PLUGINS: Final[Group[Metric]] = Group(
    name="mainspring.metrics",
    noun="metric",
    contract="a mainspring.evaluation.metrics.Metric of the entry point's name, whose weights count rows",
    misfit=_misfit,
    builtin=lambda: METRICS,
)
