"""Synthetic years of predictions and outcomes, day by day. Nothing in them is taken from real data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2020, 1, 1, tzinfo=UTC)


def month(number: int) -> datetime:
    """The start of the month `number` months after START, as aware UTC."""
    return datetime(2020 + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def days(
    seed: int,
    n_days: int,
    *,
    start: datetime = START,
    n_each: int = 60,
    extra: float = 0.0,
    shift: float = 0.0,
    n_fit: int = 90,
) -> pl.DataFrame:
    """Scored rows of `n_days` days.

    Args:
        seed: of everything random.
        n_each: rows a day.
        extra: added to every row's true chance and not to its prediction: concept drift.
        shift: added to the feature `temp`, whose effect the model knows: input drift.
        n_fit: days that the model's claim was learnt from; sets the noise of its intercept.

    Returns:
        `prediction_id, now, arm, revision, model_version, prediction, outcome, outcome_known_at, temp, carrier`.
        True chances vary by day (standard deviation about 0.09, skewed), predictions know only the row's part.
    """
    random = np.random.default_rng(seed)
    n = n_days * n_each
    stormy = 0.09 * (random.gamma(2.4, size=n_days) - 2.4) / np.sqrt(2.4)
    known = 0.15 + 0.2 * random.beta(2, 2, size=n)
    claim = 0.09 / np.sqrt(n_fit) * np.random.default_rng(seed + 1_000_003).normal()
    chance = np.clip(known + np.repeat(stormy, n_each) + extra, 0.0, 1.0)
    outcome = (random.random(n) < chance).astype(float)
    at = [start + timedelta(days=i // n_each, seconds=3_600 + 60 * (i % n_each)) for i in range(n)]
    return pl.DataFrame(
        {
            "prediction_id": [f"{seed}-{i}" for i in range(n)],
            "now": at,
            "arm": "champion",
            "revision": 1,
            "model_version": 1,
            "prediction": known + claim,
            "outcome": outcome,
            "outcome_known_at": [time + timedelta(hours=4) for time in at],
            "temp": random.normal(shift, 1, n),
            "carrier": random.choice(["AA", "UA", "DL"], n),
        }
    )
