"""Shapes at a glance."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from mainspring.checks.outline import outline, spark
from mainspring.checks.profile import profile


def test_bars_have_all_rows_and_the_shape_of_the_data() -> None:
    """A normal has its highest bars in the middle, whatever one outlier says."""
    values = np.append(np.random.default_rng(1).normal(size=5_000), 1e9)
    shape = outline(profile(pl.DataFrame({"x": values}))["x"], n_bars=9)
    assert sum(shape.counts) == len(values)
    assert np.argmax(shape.counts) == 4
    assert shape.high is not None and shape.high < 5


def test_categories_show_their_values_and_count_the_rest() -> None:
    """The most frequent ones, in that order."""
    shape = outline(profile(pl.DataFrame({"s": ["a", "b", "b", "c", None]}))["s"], n_bars=2)
    assert (shape.labels, shape.counts, shape.n_rest) == (("b", "a"), (2.0, 1.0), 1)


def test_nothing_is_drawn_of_nothing() -> None:
    """Columns of nulls, private ones and lists have no bars; a constant has one."""
    frame = pl.DataFrame(
        {"n": pl.Series([None, None], dtype=pl.Float64), "k": ["a", "b"], "l": [[1], [2]], "one": [5, 5]}
    )
    found = profile(frame, private=["k"])
    assert [outline(column).counts for column in found.columns] == [(), (), (), (2.0,)]


def test_sparks_grow_with_the_counts() -> None:
    """One character a bar; an empty one is a space."""
    assert spark([0, 1, 4, 8]) == " ▂▅█"
    assert spark([]) == spark([0.0]) == ""


def test_ends_say_whether_more_lies_beyond() -> None:
    """An outlier is in the last bar, and the scale does not end there."""
    values = pl.DataFrame({"x": [*range(1_000), 1_000_000]})
    shape = outline(profile(values)["x"])
    assert shape.is_open == (True, True)
    assert sum(shape.counts) == pytest.approx(1_001)
    assert outline(profile(pl.DataFrame({"x": [1, 2] * 500}))["x"]).is_open == (False, False)
