"""Draws of rows or of whole groups, with replacement (Efron 1979; Davison and Hinkley 1997, 3.8).

`clusters` (n,) names the group that a row belongs to, such as its day: rows of one group are drawn together,
because flights of one stormy day are not independent witnesses.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mainspring.errors import InputError
from mainspring.evaluation.metrics import Floats, Metric, dot

RESAMPLES: Final = 1_000
"""Draws of a bootstrap: the Monte-Carlo error of a 95 % limit is then a few hundredths of its width."""

_MAX_PAIRED_GROUPS: Final = 512
"""Up to so many groups a table of wins between every two of them is quicker than a pass over rows a draw."""

MIN_GROUPS: Final = 5
"""Five groups have 126 different draws, four have 35: a tail of 2.5 % would hold less than one of them."""


def groups_of(clusters: ArrayLike | None, n_rows: int) -> tuple[NDArray[np.intp], int]:
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


def mean_draws(values: Floats, clusters: ArrayLike | None, n_resamples: int, seed: int) -> tuple[Floats, int]:
    """The mean of `values` (n,) in each draw, and how many groups there are. Empty with too few groups."""
    groups, n_groups = groups_of(clusters, len(values))
    if n_groups < MIN_GROUPS:
        return np.empty(0), n_groups
    sums: Floats = np.bincount(groups, weights=values, minlength=n_groups).astype(np.float64)
    sizes = np.bincount(groups, minlength=n_groups).astype(np.float64)
    drawn = [dot(sums, counts) / dot(sizes, counts) for counts in _draws(n_groups, n_resamples, seed)]
    return np.asarray(drawn), n_groups


def figure_draws(
    kind: Metric,
    labels: Floats,
    scores: Floats,
    groups: NDArray[np.intp],
    n_groups: int,
    n_resamples: int,
    seed: int,
) -> Floats:
    """The metric in each draw of groups. Empty with too few groups."""
    if n_groups < MIN_GROUPS:
        return np.empty(0)
    if kind.of_tallies is None:
        draws = _draws(n_groups, n_resamples, seed)
        return np.array([float(kind.function(labels, scores, counts[groups])) for counts in draws])
    order = np.argsort(scores, kind="stable")
    marks, values, at = labels[order], scores[order], groups[order]
    if kind.name == "roc_auc" and n_groups <= _MAX_PAIRED_GROUPS:
        return _area_draws(marks, values, at, n_groups, n_resamples, seed)
    starts = _starts(values)
    drawn = np.empty(n_resamples)
    for number, counts in enumerate(_draws(n_groups, n_resamples, seed)):
        mass = counts[at]
        positives = np.add.reduceat(mass * marks, starts)
        drawn[number] = kind.of_tallies(positives, np.add.reduceat(mass, starts) - positives)
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


def percentiles(draws: Floats, level: float) -> tuple[float, float]:
    """The two-sided limits at `level`; nan where fewer than half of the draws have a figure."""
    known = draws[np.isfinite(draws)]
    if len(known) == 0 or len(known) < len(draws) / 2:
        return math.nan, math.nan
    low, high = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def bootstrap_name(clusters: ArrayLike | None) -> str:
    """What the method is called in estimates and differences."""
    return "bootstrap" if clusters is None else "cluster bootstrap"
