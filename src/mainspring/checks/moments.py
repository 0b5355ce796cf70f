"""Moments of values that come in parts: count, mean and sums of central powers, merged without the values.

Central moments merge by Chan, Golub and LeVeque (1983) and Pébay (2008, Sandia report SAND2008-6212).
"""

from __future__ import annotations

import math
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from mainspring.checks.spec import Frozen

_CHUNK: Final = 1 << 13
"""Stays in the cache, and below what a dot product is given to threads for, which would only wait for each other."""


class Moments(Frozen):
    """Count, mean and sums of central powers of the finite values.

    Attributes:
        mean: 0.0 where there is no value.
        m2: sum of (x - mean)**2; m3 and m4 the third and fourth powers. None where they overflow a float.
    """

    count: int
    mean: float | None
    m2: float | None
    m3: float | None
    m4: float | None

    @classmethod
    def of(cls, values: NDArray[np.float64], counts: NDArray[np.int64] | None = None) -> Self:
        """The moments of finite values (k,), each of which occurs `counts` (k,) times; None = once."""
        n = len(values) if counts is None else int(counts.sum())
        if not n:
            return cls(count=0, mean=0.0, m2=0.0, m3=0.0, m4=0.0)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float((values if counts is None else values * counts).sum() / n)
            if not math.isfinite(mean):
                # The sum of large values overflows where their mean does not.
                mean = float((values / n if counts is None else values / n * counts).sum())
            m2 = m3 = m4 = 0.0
            for start in range(0, len(values), _CHUNK):
                away = values[start : start + _CHUNK] - mean
                squares = away * away
                weighted = squares if counts is None else squares * counts[start : start + _CHUNK]
                m2 += float(weighted.sum())
                m3 += float(np.dot(weighted, away))
                m4 += float(np.dot(weighted, squares))
        return cls(count=n, mean=_finite(mean), m2=_finite(m2), m3=_finite(m3), m4=_finite(m4))

    @property
    def variance(self) -> float | None:
        """The unbiased variance; None below two values."""
        return self.m2 / (self.count - 1) if self.m2 is not None and self.count > 1 else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation, the root of `variance`."""
        return None if self.variance is None else math.sqrt(self.variance)

    @property
    def skewness(self) -> float | None:
        """m3 / n over (m2 / n)**1.5; None where the values do not vary."""
        if not self.count or not self.m2 or self.m3 is None:
            return None
        return _finite(math.sqrt(self.count) * self.m3 / self.m2**1.5)

    def merge(self, *others: Self) -> Moments:
        """The moments of all sets of values together (Pébay 2008, equations 2.1 to 2.9)."""
        found: Moments = self
        for other in others:
            found = found._beside(other)
        return found

    def _beside(self, other: Moments) -> Moments:
        if not self.count or not other.count:
            return other if not self.count else self
        if None in (
            self.mean,
            self.m2,
            self.m3,
            self.m4,
            other.mean,
            other.m2,
            other.m3,
            other.m4,
        ):
            return Moments(count=self.count + other.count, mean=None, m2=None, m3=None, m4=None)
        return _merged(self, other)


def _merged(a: Any, b: Any) -> Moments:
    n = a.count + b.count
    share_a, share_b = a.count / n, b.count / n
    delta = b.mean - a.mean
    pairs = a.count * share_b
    m2 = a.m2 + b.m2 + delta * delta * pairs
    m3 = a.m3 + b.m3 + delta * delta * delta * pairs * (share_a - share_b)
    m3 += 3 * delta * (share_a * b.m2 - share_b * a.m2)
    m4 = (
        a.m4
        + b.m4
        + delta * delta * delta * delta * pairs * (share_a**2 - share_a * share_b + share_b**2)
        + 6 * delta * delta * (share_a**2 * b.m2 + share_b**2 * a.m2)
        + 4 * delta * (share_a * b.m3 - share_b * a.m3)
    )
    mean = a.mean + delta * share_b
    return Moments(count=n, mean=_finite(mean), m2=_finite(m2), m3=_finite(m3), m4=_finite(m4))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
