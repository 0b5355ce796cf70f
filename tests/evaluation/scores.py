"""Labels and scores whose truth is known."""

from __future__ import annotations

import numpy as np


def sample(n_rows: int = 800, seed: int = 0, signal: float = 1.0, digits: int | None = None):
    """Labels and two correlated score columns, the second one noisier."""
    random = np.random.default_rng(seed)
    truth = random.normal(size=n_rows)
    labels = (random.random(n_rows) < 1 / (1 + np.exp(-signal * truth + 1))).astype(int)
    first = 1 / (1 + np.exp(-truth + 1))
    second = 1 / (1 + np.exp(-truth + 1 + random.normal(size=n_rows)))
    return (labels, first, second) if digits is None else (labels, first.round(digits), second.round(digits))
