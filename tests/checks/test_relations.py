"""Correlations against numpy, and where in time values are missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mainspring.checks.relations import correlations, missing_over_time
from mainspring.errors import InputError

START = datetime(2013, 1, 1, tzinfo=UTC)


def test_correlations_are_numpys_over_the_rows_that_have_both() -> None:
    """Gaps of one column do not cost the others their rows; large and small numbers are as good."""
    random = np.random.default_rng(1)
    values = random.normal(size=(300, 3)) @ random.normal(size=(3, 3))
    values[:, 1] = 1e9 + 1e3 * values[:, 1]
    values[:, 2] *= 1e-20
    values[random.random(values.shape) < 0.2] = np.nan
    found = correlations(pl.DataFrame(values, schema=["a", "b", "c"], orient="row"), ["a", "b", "c"])
    for row in range(3):
        for column in range(3):
            both = np.isfinite(values[:, row]) & np.isfinite(values[:, column])
            wanted = np.corrcoef(values[both, row], values[both, column])[0, 1]
            assert found[row, column] == pytest.approx(wanted, abs=1e-6)


def test_what_does_not_vary_or_is_not_there_has_no_correlation() -> None:
    """nan, and no warning."""
    frame = pl.DataFrame(
        {"x": [1.0, 2.0, 4.0], "one": [7.0] * 3, "none": [None] * 3, "two": [1.0, None, 3.0]}
    )
    found = correlations(frame.cast(pl.Float64), frame.columns)
    assert found[0, 0] == pytest.approx(1)
    assert np.isnan(found[1:]).all()


def test_gaps_are_found_where_they_are() -> None:
    """Stretches are equally long; null and NaN are missing; a stretch without rows has no share."""
    times = [START + timedelta(hours=hour) for hour in (0, 1, 2, 3, 9)]
    frame = pl.DataFrame({"t": [*times, None], "x": [1.0, None, float("nan"), 2.0, 3.0, None]})
    found = missing_over_time(frame, "t", ["x"], n_stretches=5)
    assert found.n_rows.tolist() == [2, 2, 0, 0, 1]
    assert found.shares["x"][[0, 1, 4]].tolist() == [0.5, 0.5, 0.0]
    assert np.isnan(found.shares["x"][2:4]).all()
    assert found.starts[0] == START
    assert missing_over_time(frame.clear(), "t", ["x"]).starts == ()
    with pytest.raises(InputError, match="a column of times"):
        missing_over_time(frame, "x", ["x"])
