"""Profiles against numpy, and their merge."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.checks.column import ColumnKind
from mainspring.checks.distinct import ERROR
from mainspring.checks.moments import Moments
from mainspring.checks.profile import Profile, pooled, profile
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
        loose = {"moments": None, "lengths": None}
        assert left.model_copy(update=loose) == right.model_copy(update=loose)
        if left.moments is not None and right.moments is not None:
            assert left.moments.count == right.moments.count
            scale = 1.0
            for power, name in ((1, "mean"), (2, "m2"), (3, "m3"), (4, "m4")):
                scale = 1e-9 * max(1, left.moments.count) * 1e3**power
                assert getattr(left.moments, name) == pytest.approx(getattr(right.moments, name), abs=scale)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(ROWS, ROWS, ROWS)
def test_merge_equals_the_profile_of_all_rows(a: list, b: list, c: list) -> None:
    """Parts merged in any grouping equal the profile of the whole."""
    reference = profile(_frame(a), n_bins=4, n_levels=2)
    parts = [profile(_frame(rows), edges_from=reference) for rows in (a, b, c)]
    whole = profile(_frame([*a, *b, *c]), edges_from=reference)
    _assert_same(parts[0].merge(parts[1]).merge(parts[2]), whole)
    _assert_same(parts[2].merge(parts[0].merge(parts[1])), whole)


@settings(max_examples=60, deadline=None, derandomize=True)
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
    assert found["rain"].edges == (-5e-324, 0.0, 5.0)
    assert found["rain"].counts == (0, 95, 5, 0)
    assert found["rain"].labels[:4] == ("(-inf, 0)", "0", "(0, 5]", "(5, inf]")
    assert found["five"].counts == (0, 100, 0)
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
    assert (found["l"].kind, found["l"].n_null) == (ColumnKind.LIST, 1)
    assert found.merge(found)["t"].n_rows == 4


def _assert_pooled(whole: Profile, found: Profile) -> None:
    """What is exact is the same; moments to rounding; frequent values within what they say."""
    assert found.n_rows == whole.n_rows
    loose = {
        "moments": None,
        "lengths": None,
        "norms": None,
        "top": None,
        "levels": (),
        "counts": (),
        "n_unlisted": 0,
    }
    for a, b in zip(whole.columns, found.columns, strict=True):
        assert a.model_copy(update=loose) == b.model_copy(update=loose)
        if a.moments is not None and b.moments is not None:
            assert a.moments.count == b.moments.count
            assert b.moments.mean == pytest.approx(a.moments.mean, abs=1e-9 * 1e3)
            assert b.moments.m2 == pytest.approx(a.moments.m2, rel=1e-9, abs=1e-3)
        if a.kind is ColumnKind.NUMERIC or (b.top is not None and b.top.is_complete):
            assert (a.levels, a.vector) == (b.levels, b.vector)
        assert a.n_distinct == b.n_distinct


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_pooled_parts_are_the_whole_whatever_their_bins(parts: list[list]) -> None:
    """Each part laid bins of its own; together they give the profile of all rows, in any order."""
    whole = profile(_frame([row for rows in parts for row in rows]))
    profiles = [profile(_frame(rows)) for rows in parts]
    _assert_pooled(whole, pooled(profiles))
    _assert_pooled(whole, pooled(profiles[::-1]))
    _assert_pooled(whole, pooled([pooled(profiles[:1]), *profiles[1:]]))


def test_pooled_parts_of_nulls_alone_are_the_whole() -> None:
    """Equal parts are no single part."""
    part = profile(pl.DataFrame({"x": [None, None, None]}))
    assert (pooled([part, part])["x"].n_rows, pooled([part, part])["x"].n_null) == (6, 6)


def test_pooled_parts_are_the_whole_where_values_are_many() -> None:
    """Beyond what is kept exactly: the same buckets, registers, ranges, and limits of frequent values that hold."""
    random = np.random.default_rng(3)
    n = 6_000
    frame = pl.DataFrame(
        {
            "x": np.where(random.random(n) < 0.2, 0.0, random.normal(1_013, 20, n)),
            "y": random.integers(0, 5_000, n),
            "s": [f"k{number}" for number in random.zipf(1.4, n) % 900],
            "t": [datetime(2013, 1, 1, tzinfo=UTC)] * n,
        }
    ).with_columns(t=pl.col("t") + pl.duration(seconds=pl.col("y") * 977), e=pl.concat_list("x", "y"))
    parts = [profile(frame[start : start + 1_300]) for start in range(0, n, 1_300)]
    whole, found = profile(frame), pooled(parts)
    _assert_pooled(whole, found)
    assert whole["x"].quantiles is not None and not whole["x"].quantiles.is_exact
    for name in ("x", "y", "s"):
        top, true = found[name].most_frequent, frame[name].value_counts(name="n")
        assert top is not None
        for value, n_rows in true.iter_rows():
            entry = top.find(value)
            assert entry.low <= n_rows <= entry.high
    assert found["x"].most_frequent.values[0].value == 0.0  # type: ignore[union-attr]
    assert found["e"].norms is not None and whole["e"].norms is not None
    assert found["e"].norms.moments.mean == pytest.approx(whole["e"].norms.moments.mean)
    assert Profile.model_validate_json(json.dumps(found.model_dump(mode="json"), allow_nan=False)) == found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=2_000))
def test_quantiles_lie_where_they_say(values: list[float]) -> None:
    """The value of each rank is within the stated ends, and few values are known exactly."""
    found = profile(pl.DataFrame({"x": values}))["x"].quantiles
    assert found is not None
    ranked = np.sort(np.asarray(values) + 0.0)
    for share in (0.0, 0.01, 0.25, 0.5, 0.9, 1.0):
        low, high = found.bounds(share) or (math.nan, math.nan)
        true = ranked[math.floor(share * (len(ranked) - 1))]
        assert low <= true <= high
        assert low <= found.at(share) <= high
    if len(set(values)) <= 512:
        assert found.is_exact


def test_quantiles_are_close_on_usual_data() -> None:
    """Rank errors of at most 1.5 % at all sizes of numbers, and hardly any where they are interpolated."""
    random = np.random.default_rng(5)
    for values in (
        random.normal(size=40_000),
        random.normal(1_013, 20, 40_000),
        random.lognormal(3, 2, 40_000),
    ):
        found = profile(pl.DataFrame({"x": values}))["x"].quantiles
        assert found is not None
        for share in (0.05, 0.25, 0.5, 0.75, 0.95):
            low, high = found.bounds(share) or (math.nan, math.nan)
            assert np.mean(values <= high) - np.mean(values < low) < 0.03
            assert abs(np.mean(values <= found.at(share)) - share) < 0.004


@pytest.mark.parametrize("n", [700, 5_000, 60_000])
def test_distinct_values_are_estimated_within_four_errors(n: int) -> None:
    """Numbers, texts and times; their repetition does not count; merged registers are those of the whole."""
    numbers = np.arange(n) * 7.25
    frame = pl.DataFrame({"x": numbers, "s": [f"key-{i}" for i in range(n)]})
    frame = frame.with_columns(t=pl.datetime(2013, 1, 1) + pl.duration(seconds=pl.int_range(pl.len())))
    found = profile(pl.concat([frame, frame]))
    for column in found.columns:
        assert column.n_distinct_exact is None
        assert column.n_distinct == pytest.approx(n, rel=4 * ERROR)


def test_embeddings_keep_dimension_norms_and_gaps() -> None:
    """Lists of numbers: how long, how large, and how many items are missing."""
    frame = pl.DataFrame({"e": [[3.0, 4.0], [6.0, 8.0], [1.0, None], [math.nan, 0.0], [], None]})
    found = profile(frame)["e"]
    assert (found.n_null, found.n_missing_items) == (1, 2)
    assert found.lengths is not None and found.norms is not None
    assert (found.lengths.minimum, found.lengths.maximum, found.lengths.moments.count) == (0, 2, 5)
    assert (found.norms.minimum, found.norms.maximum, found.norms.moments.count) == (0, 10, 3)


def test_texts_have_lengths() -> None:
    """In characters, not bytes; empty ones count."""
    found = profile(pl.DataFrame({"s": ["", "äö", "abcd", None]}))["s"].lengths
    assert found is not None
    assert (found.minimum, found.maximum, found.moments.mean) == (0, 4, 2)


def test_a_private_column_keeps_no_value() -> None:
    """Neither in its own profile nor after pooling is any value to be found; what is counted still is."""
    frame = pl.DataFrame(
        {
            "who": ["ann@example.org", "bob@example.org", None],
            "n": [71234, 71235, 71234],
            "day": [datetime(1999, 5, 7)] * 3,
        }
    )
    found = profile(frame, private=["who", "n", "day"])
    text = pooled([found, found]).model_dump_json()
    assert not any(word in text for word in ("ann", "example", "7123", "1999"))
    assert [found[name].n_distinct for name in ("who", "n", "day")] == [2, 2, 1]
    assert found["who"].vector == (2, 1)
    with pytest.raises(InputError, match="private"):
        pooled([found, profile(frame)])
    with pytest.raises(UnknownNameError):
        profile(frame, private=["nobody"])


def test_columns_that_came_later_are_null_before() -> None:
    """A part without the column has nulls there; another kind is refused; so is nothing at all."""
    found = pooled([profile(pl.DataFrame({"a": [1]})), profile(pl.DataFrame({"a": [2, 3], "b": ["x", "y"]}))])
    assert found["b"].vector == (1, 1, 0, 1)
    nulls = profile(pl.DataFrame({"a": [None]}))
    assert pooled([nulls, profile(pl.DataFrame({"a": [1.5]}))])["a"].vector == (0, 1, 0, 0, 0, 0, 1)
    with pytest.raises(InputError, match="one schema"):
        pooled([profile(pl.DataFrame({"a": ["x"]})), profile(pl.DataFrame({"a": [1]}))])
    with pytest.raises(InputError, match="none"):
        pooled([])


def test_a_profile_of_the_first_scheme_is_still_a_reference() -> None:
    """What 0.1.0 stored has bins and no more: a frame can be counted on them."""
    stored = {
        "name": "x",
        "kind": "numeric",
        "dtype": "Float64",
        "n_rows": 3,
        "n_null": 0,
        "edges": [1.0],
        "counts": [1, 2],
    }
    old = Profile.model_validate({"scheme": 1, "n_rows": 3, "columns": [stored]})
    assert profile(pl.DataFrame({"x": [0.5, 1.0, 7.0, None]}), edges_from=old)["x"].vector == (
        2,
        1,
        0,
        0,
        0,
        1,
    )
    with pytest.raises(InputError, match="again"):
        pooled([old])


def test_it_shows_in_a_notebook() -> None:
    """One line a column, escaped."""
    shown = profile(pl.DataFrame({"<x>": [1.0, None], "s": ["a", "a"]}))._repr_html_()
    assert "&lt;x&gt;" in shown and "50.0%" in shown and "a (2)" in shown


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


def test_whole_numbers_that_doubles_cannot_hold_are_said_to_be_inexact() -> None:
    """Their range stays whole; how many differ, and which are frequent, is not claimed, nor by what they merge into."""
    ids = profile(pl.DataFrame({"x": [2**60 + 1, 2**60 + 2, 2**60 + 2]}))
    small = profile(pl.DataFrame({"x": [2**53, -7]}))
    assert (ids["x"].inexact, small["x"].inexact) == (True, False)
    for column in (ids["x"], pooled([ids, small])["x"], pooled([small, ids])["x"]):
        assert (column.maximum, column.inexact) == (2**60 + 2, True)
        assert (column.n_distinct_exact, column.n_distinct, column.most_frequent) == (None, None, None)
    assert pooled([ids, small])["x"].minimum == -7
    again = Profile.model_validate_json(json.dumps(ids.model_dump(mode="json")))
    assert (again, type(again["x"].maximum)) == (ids, int)
    hidden = profile(pl.DataFrame({"x": [2**60 + 1, 2**60 + 2]}), private=["x"])["x"]
    assert (hidden.minimum, hidden.n_distinct) == (None, None)


@pytest.mark.parametrize(
    "wrong", [{"columns": "ab"}, {"private": "ab"}, {"n_bins": "x"}, {"n_bins": 0}, {"n_levels": 0}]
)
def test_what_is_no_list_or_count_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        profile(pl.DataFrame({"a": [1], "b": [1]}), **wrong)


def test_different_values_are_never_more_than_values() -> None:
    """An estimate is not kept to what cannot be."""
    for seed in range(20):
        numbers = np.random.default_rng(seed).integers(0, 2**40, 5_000)
        column = profile(pl.DataFrame({"x": [*numbers, None, None]}))["x"]
        assert column.n_distinct is not None
        assert column.n_distinct <= 5_000


def test_frequent_values_are_of_the_columns_kind() -> None:
    """Whole numbers are whole, as text is text."""
    found = profile(pl.DataFrame({"n": [40, 40, 1], "x": [0.5, 0.5, 1.0], "s": ["a", "b", "b"]}))
    assert found["n"].frequent == [(40, 2), (1, 1)]
    assert isinstance(found["n"].frequent[0][0], int)
    assert (found["x"].frequent[0], found["s"].frequent[0]) == ((0.5, 2), ("b", 2))
