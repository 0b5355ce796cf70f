"""Small synthetic flights: numbers, categories, nulls, and a label that depends on them."""

from __future__ import annotations

import numpy as np
import polars as pl

from mainspring.models.model import Model

FEATURES = ["wind", "hour", "cold", "carrier", "stand"]
CATEGORICAL = ["carrier", "stand"]


def make_flights(n_rows: int = 600, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    wind, hour = random.normal(10, 4, n_rows), random.integers(0, 24, n_rows)
    cold, carrier = random.random(n_rows) < 0.3, random.choice(["AA", "B6", "UA"], n_rows)
    risk = (wind - 10) / 4 + (hour > 15) + cold + (carrier == "B6") - 1.5
    frame = pl.DataFrame(
        {
            "wind": wind,
            "hour": hour,
            "cold": cold,
            "carrier": carrier,
            "stand": random.integers(1, 6, n_rows),
            "day": hour % 7,
            "late": random.random(n_rows) < 1 / (1 + np.exp(-1.5 * risk)),
        }
    )
    holes = [
        pl.when(pl.Series(random.random(n_rows) < 0.06)).then(None).otherwise(pl.col(name)).alias(name)
        for name in FEATURES
    ]
    return frame.with_columns(holes)


def fitted(estimator: object, frame: pl.DataFrame) -> Model:
    return Model(estimator, FEATURES, categorical=CATEGORICAL, label="late").fit(frame)
