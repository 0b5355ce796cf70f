"""Profiles against numpy, and their merge."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.checks.profile import ColumnKind, Moments, Profile, profile
from mainspring.errors import InputError, UnknownNameError

ROWS = st.lists(
    st.tuples(
        st.one_of(
            st.none(),
            st.floats(-1e3, 1e3),
            st.sampled_from([math.nan, math.inf, -math.inf]),
        ),
        st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d"])),
    ),
    max_size=40,
)
SCHEMA = {"x": pl.Float64, "s": pl.String}


def _frame(rows: list[tuple[float | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _assert_same(a: Profile, b: Profile) -> None:
    """Counts exactly, moments to rounding."""
    for left, right in zip(a.columns, b.columns, strict=True):
        assert left.model_copy(update={"moments": None}) == right.model_copy(update={"moments": None})
        if left.moments is not None and right.moments is not None:
            assert left.moments.count == right.moments.count
            scale = 1.0
            for power, name in ((1, "mean"), (2, "m2"), (3, "m3"), (4, "m4")):
                scale = 1e-9 * max(1, left.moments.count) * 1e3**power
                assert getattr(left.moments, name) == pytest.approx(getattr(right.moments, name), abs=scale)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS, ROWS)
def test_merge_equals_the_profile_of_all_rows(a: list, b: list, c: list) -> None:
    """Parts merged in any grouping equal the profile of the whole."""
    reference = profile(_frame(a), n_bins=4, n_levels=2)
    parts = [profile(_frame(rows), edges_from=reference) for rows in (a, b, c)]
    whole = profile(_frame([*a, *b, *c]), edges_from=reference)
    _assert_same(parts[0].merge(parts[1]).merge(parts[2]), whole)
    _assert_same(parts[2].merge(parts[0].merge(parts[1])), whole)


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_every_row_is_in_one_bin_and_json_keeps_all(a: list, b: list) -> None:
    """Bins, own bins included, add up to the rows; JSON text brings the profile back."""
    reference = profile(_frame(a), n_bins=4, n_levels=2)
    found = profile(_frame(b), edges_from=reference)
    for column in found.columns:
        assert sum(column.vector) == len(b)
        assert len(column.vector) == len(column.labels)
    text = json.dumps(found.model_dump(mode="json"), allow_nan=False)
    assert Profile.model_validate_json(text) == found


def test_histogram_and_moments_equal_numpy() -> None:
    """Counts are numpy's on right-closed bins; moments are the plain sums."""
    values = np.random.default_rng(1).gamma(2.0, size=1_000)
    (column,) = profile(pl.DataFrame({"x": values})).columns
    at = np.searchsorted(column.edges, values, side="left")
    assert column.counts == tuple(np.bincount(at, minlength=len(column.edges) + 1))
    assert column.moments is not None
    for power in (2, 3, 4):
        assert getattr(column.moments, f"m{power}") == pytest.approx(
            np.sum((values - values.mean()) ** power)
        )
    assert column.moments.variance == pytest.approx(values.var(ddof=1))


def test_ties_keep_bins_apart_and_constants_have_one() -> None:
    """Many equal values give fewer bins, never two of the same edge; integers and booleans are taken."""
    frame = pl.DataFrame(
        {
            "rain": [0.0] * 95 + [1.0, 2.0, 3.0, 4.0, 5.0],
            "five": [5] * 100,
            "flag": [True] * 100,
        }
    )
    found = profile(frame)
    assert found["rain"].edges == (0.0,)
    assert found["rain"].counts == (95, 5)
    assert found["five"].counts == (100, 0)
    assert found["flag"].levels == ("true",)


def test_levels_are_the_most_frequent_and_the_rest_is_counted() -> None:
    """Ties break by name; unseen categories and nulls have bins of their own."""
    reference = profile(pl.DataFrame({"s": ["b", "a", "c", "c"]}), n_levels=2)
    assert reference["s"].levels == ("c", "a")
    assert reference["s"].vector == (2, 1, 1, 0)
    assert profile(pl.DataFrame({"s": ["z", None, "c"]}), edges_from=reference)["s"].vector == (1, 0, 1, 1)


def test_times_and_nested_columns_are_counted_without_bins() -> None:
    """A time keeps its range as text; a list column only its nulls."""
    frame = pl.DataFrame({"t": [datetime(2013, 1, 1, tzinfo=UTC), None], "l": [[1], None]})
    found = profile(frame)
    assert (found["t"].kind, found["t"].minimum, found["t"].n_null) == (
        ColumnKind.TIME,
        "2013-01-01T00:00:00+00:00",
        1,
    )
    assert (found["l"].kind, found["l"].n_null) == (ColumnKind.OTHER, 1)
    assert found.merge(found)["t"].n_rows == 4


def test_column_of_nulls_fits_any_reference() -> None:
    """A column without a single value is profiled on the reference's bins, not refused."""
    reference = profile(pl.DataFrame({"x": [1.0, 2.0]}))
    found = profile(pl.DataFrame({"x": [None, None]}), edges_from=reference)
    assert found["x"].vector == (0,) * (len(found["x"].vector) - 1) + (2,)
    back = profile(pl.DataFrame({"x": [1.0, None]}), edges_from=profile(pl.DataFrame({"x": [None]})))
    assert (back["x"].kind, back["x"].n_null) == (ColumnKind.OTHER, 1)


def test_overflowing_moments_are_unknown_not_infinite() -> None:
    """Fourth powers of 1e300 do not fit; the profile says None and still goes into JSON."""
    found = profile(pl.DataFrame({"x": [1e300, -1e300]}))
    assert found["x"].moments is not None
    assert found["x"].moments.m4 is None
    json.dumps(found.merge(found).model_dump(mode="json"), allow_nan=False)


def test_wrong_merges_and_columns_are_refused() -> None:
    """Other bins, other columns, another kind: an error each, with the fix."""
    a, b = (
        profile(pl.DataFrame({"x": [1.0, 2.0]})),
        profile(pl.DataFrame({"x": [8.0, 9.0]})),
    )
    with pytest.raises(InputError, match="edges_from"):
        a.merge(b)
    with pytest.raises(InputError):
        a.merge(profile(pl.DataFrame({"y": [1.0]})))
    with pytest.raises(InputError, match="Cast it"):
        profile(pl.DataFrame({"x": ["a"]}), edges_from=a)
    with pytest.raises(UnknownNameError):
        profile(pl.DataFrame({"y": [1.0]}), edges_from=a)


def test_merging_nothing_changes_nothing() -> None:
    """The moments of no values are the neutral element."""
    nothing = Moments(count=0, mean=0.0, m2=0.0, m3=0.0, m4=0.0)
    one = Moments(count=1, mean=3.0, m2=0.0, m3=0.0, m4=0.0)
    assert nothing.merge(one) == one
    assert one.merge(nothing) == one
