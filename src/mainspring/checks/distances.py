"""Distances and tests between two count vectors: pure functions, each with its formula and its paper.

Everywhere `reference` (k,) and `current` (k,) are rows per bin on the same bins, n and m their sums, p and q the
shares. Bins that are empty in both count for nothing. Where a sum is 0 there is no distance: `nan`.

How large a distance is when nothing drifted (the noise floor) follows from chi-square, because to second order it is
a multiple of Pearson's statistic: with B bins and v = 1/n + 1/m,

    JS divergence (base 2)  ~ v/(8 ln 2) chi2(B-1)   (nats: v/8)

so its 95 % point needs no simulation; a test of ours simulates it once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, chdtri, rel_entr

Floats = NDArray[np.float64]


def js_distance(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance, base 2: sqrt((KL(p || m) + KL(q || m)) / 2) with m = (p + q) / 2.

    0 for equal shares, 1 for disjoint ones; a metric (Lin 1991; Endres and Schindelin 2003). Needs no smoothing.
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    nats = float(rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2
    return math.sqrt(max(nats, 0.0) / math.log(2))


def psi(reference: ArrayLike, current: ArrayLike) -> float:
    """Population stability index: sum (q - p) ln(q / p) (Lewis 1994), in nats.

    Half a row is added to every bin (Haldane 1956), because an empty bin would make it infinite.
    """
    a, b = _pair(reference, current)
    p, q = _shares(a + 0.5, b + 0.5)
    return float(np.sum((q - p) * np.log(q / p)))


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Pearson's test that both vectors come from one distribution.

    Attributes:
        statistic: sum (observed - expected)^2 / expected over the 2 x B table.
        degrees: B - 1, B counting bins that are not empty in both.
        p_value: chance of at least that statistic when nothing drifted; 1.0 with one bin.
    """

    statistic: float
    degrees: int
    p_value: float


def chi_square(reference: ArrayLike, current: ArrayLike, *, design_effect: float = 1.0) -> ChiSquare:
    """The contingency (two-sample) test of Pearson (1900): both vectors are samples, neither is the truth.

    Args:
        design_effect: how many times more the shares vary than those of independent rows, 1 or more; the
            statistic is divided by it (first-order correction of Rao and Scott 1981).
    """
    a, b = _pair(reference, current)
    n, m = a.sum(), b.sum()
    if not n or not m:
        return ChiSquare(math.nan, 0, math.nan)
    both = a + b
    # 2 x B tables have this closed form of sum (observed - expected)^2 / expected.
    statistic = float(np.sum((a * m - b * n) ** 2 / both) / (n * m)) / design_effect
    degrees = len(a) - 1
    return ChiSquare(statistic, degrees, float(chdtrc(degrees, statistic)) if degrees else 1.0)


def js_noise(n_reference: float, n_current: float, n_bins: int, *, quantile: float = 0.95) -> float:
    """The JS distance (base 2) that `quantile` of windows stay below when nothing drifted.

    Args:
        n_reference, n_current: rows; for rows that share clusters their effective number.
        n_bins: bins that are not empty in both.
    """
    if n_reference <= 0 or n_current <= 0:
        return math.inf
    if n_bins <= 1:
        return 0.0
    spread = (1 / n_reference + 1 / n_current) * float(chdtri(n_bins - 1, 1 - quantile))
    return math.sqrt(spread / (8 * math.log(2)))


def merge_rare(reference: ArrayLike, current: ArrayLike, *, at_least: float = 5.0) -> tuple[Floats, Floats]:
    """Both vectors with rare bins put together until every expected count is `at_least` (Cochran 1954).

    Bins are joined from the rarest up by the pooled count, which does not look at how the vectors differ. The
    result may have a single bin.
    """
    a, b = _pair(reference, current)
    n, m = a.sum(), b.sum()
    if not n or not m:
        return a, b
    needed = at_least * (n + m) / min(n, m)
    order = np.argsort(a + b, kind="stable")
    rising = np.cumsum((a + b)[order])
    alone = (a + b)[order] >= needed
    # The fewest rarest bins that together are frequent enough, and at least all that are too rare alone.
    n_rare = int((~alone).sum())
    if n_rare == 0:
        return a, b
    n_joined = min(len(a), max(n_rare, int(np.searchsorted(rising, needed)) + 1))
    joined, kept = order[:n_joined], np.sort(order[n_joined:])
    return np.append(a[kept], a[joined].sum()), np.append(b[kept], b[joined].sum())


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """q-values, in the order given: q = min over larger p of p * count / rank (Benjamini and Hochberg 1995)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")[::-1]
    ranked = p[order] * len(p) / np.arange(len(p), 0, -1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(ranked), 1.0)
    return [float(value) for value in q]


def _pair(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    used = (a + b) > 0
    return a[used], b[used]


def _shares(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    a, b = _pair(reference, current)
    if not a.sum() or not b.sum():
        return np.full(len(a), math.nan), np.full(len(b), math.nan)
    return a / a.sum(), b / b.sum()
