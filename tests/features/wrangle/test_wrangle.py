"""Wrangling: what holds for all rows, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.errors import InputError, UnknownNameError
from mainspring.features import wrangle
from mainspring.features.spec import FeatureSpec
from mainspring.types import canonical_bytes

KEY = b"0123456789abcdef"
FRACTIONS = st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf))
LETTERS = st.one_of(st.none(), st.sampled_from("abcd"))


def column(values: list[Any], dtype: Any = pl.Float64) -> pl.DataFrame:
    return pl.DataFrame({"x": pl.Series(values, dtype=dtype)})


# --- duplicates


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(LETTERS, st.one_of(st.none(), st.integers(0, 3))), max_size=12), st.booleans())
def test_one_row_of_each_key_stays_in_place(rows: list[tuple[str | None, int | None]], last: bool) -> None:
    """Of equal keys the row that is first or last by (order, place) stays, where it stood."""
    schema = {"k": pl.String, "by": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_row_index("place")
    found = wrangle.deduplicate(frame, ["k"], by=["by"], keep="last" if last else "first")
    best: dict[str | None, tuple[int, int]] = {}
    for place, (key, by) in enumerate(rows):
        rank = (-1 if by is None else by, place)
        if key not in best or (rank > best[key] if last else rank < best[key]):
            best[key] = rank
    assert found["place"].to_list() == sorted(place for _, place in best.values())


def test_no_keys_is_one_row() -> None:
    """Without keys all rows are the same thing."""
    assert wrangle.deduplicate(column([3.0, 1.0]), [], by=["x"]).rows() == [(3.0,)]


# --- outliers


def test_bounds_are_those_of_the_sources() -> None:
    """Tukey's fences and the modified z-score, by hand."""
    frame = column([1.0, 2.0, 3.0, 4.0, 100.0, None, math.nan, math.inf])
    assert wrangle.fit_bounds(frame, ["x"]).columns == {"x": (-1.0, 7.0)}
    low, high = wrangle.fit_bounds(frame, ["x"], rule="mad").columns["x"]
    assert (low, high) == pytest.approx((3 - 3.5 * 1.4826, 3 + 3.5 * 1.4826), rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.lists(FRACTIONS, max_size=10))
def test_clipped_values_are_no_outliers(values: list[float | None]) -> None:
    """What was clipped lies within; what was within is as it was; null and NaN stay and are no outliers."""
    bounds = wrangle.Bounds(rule="iqr", factor=1.5, columns={"x": (-5.0, 5.0)})
    frame = column(values)
    assert not bounds.flag(bounds.clip(frame))["x_outlier"].any()
    flagged = bounds.flag(frame)["x_outlier"].to_list()
    for before, after, is_out in zip(values, bounds.clip(frame)["x"], flagged, strict=True):
        if before is None or math.isnan(before):
            assert not is_out
            assert after is None if before is None else math.isnan(after)
        else:
            assert is_out == (not -5 <= before <= 5)
            assert after == min(max(before, -5.0), 5.0)


def test_whole_numbers_stay_whole() -> None:
    """They move to the nearest whole number within the bounds; bounds without one are refused."""
    frame = column([-9, 0, 9, None], pl.Int64)
    clipped = wrangle.Bounds(rule="iqr", factor=1.5, columns={"x": (-1.5, 2.5)}).clip(frame)
    assert clipped["x"].to_list() == [-1, 0, 2, None]
    with pytest.raises(InputError, match="a whole number between"):
        wrangle.Bounds(rule="iqr", factor=1.5, columns={"x": (0.2, 0.8)}).clip(frame)


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (column([1.0, 1.0, 1.0, 9.0]), {"rule": "mad"}, "spread is zero"),
        (column([None, math.nan]), {}, "no finite value"),
        (column([1.0, 2.0]), {"factor": 0.0}, "a factor above 0"),
        (column(["a"], pl.String), {}, "a column of numbers"),
        (pl.DataFrame({"y": [1.0]}), {}, "a known column"),
    ],
)
def test_bounds_that_cannot_be_fitted(frame: pl.DataFrame, options: Any, message: str) -> None:
    with pytest.raises((InputError, UnknownNameError), match=message):
        wrangle.fit_bounds(frame, ["x"], **options)


# --- missing values


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.just(math.nan), st.floats(-1e3, 1e3)), min_size=1, max_size=10))
def test_filled_columns_have_no_gaps(values: list[float | None]) -> None:
    """Every gap has the mean of what is there, every other value stays, and the marks say which were gaps."""
    present = [value for value in values if value is not None and not math.isnan(value)]
    frame = column(values)
    if not present:
        with pytest.raises(InputError, match="at least one value"):
            wrangle.fit_fill(frame, {"x": "mean"})
        return
    filled = wrangle.fit_fill(frame, {"x": "mean"}).apply(frame, mark="_gap")
    assert filled["x_gap"].to_list() == [value is None or math.isnan(value) for value in values]
    assert filled.filter(~pl.col("x_gap"))["x"].to_list() == present
    mean = math.fsum(present) / len(present)
    assert all(value == pytest.approx(mean) for value in filled.filter("x_gap")["x"])


def test_ways_to_fill() -> None:
    """The median of whole numbers makes fractions where it is one; of the most frequent the smallest."""
    frame = pl.DataFrame({"n": [1, 2, None], "s": ["b", "a", None], "t": [True, None, True]})
    fill = wrangle.fit_fill(frame, {"n": "median", "s": "most_frequent", "t": "most_frequent"})
    assert fill.values == {"n": 1.5, "s": "a", "t": True}
    assert fill.apply(frame).row(2) == (1.5, "a", True)
    constant = wrangle.Fill(values={"n": 0})
    assert constant.apply(frame).schema["n"] == pl.Int64
    with pytest.raises(InputError, match="that type String can hold"):
        wrangle.Fill(values={"s": 0}).apply(frame)


# --- categories


def test_encodings_by_hand() -> None:
    """Ordinals are places in the sorted list; one-hot columns are named by category; null is none."""
    frame = pl.DataFrame({"s": ["b", "a", None], "n": [3, 1, 3]})
    assert wrangle.fit_ordinal(frame, ["s", "n"]).apply(frame).rows() == [(1, 1), (0, 0), (None, 1)]
    hot = wrangle.fit_one_hot(frame, ["s"])
    assert hot.outputs == ("s=a", "s=b")
    assert hot.apply(frame).rows() == [(3, 0, 1), (1, 1, 0), (3, 0, 0)]


def test_unknown_categories() -> None:
    """They are refused, or become what null becomes; True is not the category 1."""
    train, later = pl.DataFrame({"s": ["a", "b"]}), pl.DataFrame({"s": ["c", "a"]})
    with pytest.raises(InputError, match="one of the 2 categories"):
        wrangle.fit_ordinal(train, ["s"]).apply(later)
    assert wrangle.fit_ordinal(train, ["s"], unknown="null").apply(later)["s"].to_list() == [None, 0]
    assert wrangle.fit_one_hot(train, ["s"], unknown="null").apply(later).rows() == [(0, 0), (1, 0)]
    numbers = wrangle.fit_ordinal(pl.DataFrame({"s": [0, 1]}), ["s"], unknown="null")
    assert numbers.apply(pl.DataFrame({"s": [True, False]}))["s"].to_list() == [None, None]


def test_target_means_by_hand() -> None:
    """(n · mean + m · prior) / (n + m); null and unknown are the prior."""
    frame = pl.DataFrame({"s": ["a", "a", "b", None], "y": [1.0, 0.0, 1.0, 0.0]})
    means = wrangle.fit_target_means(frame, ["s"], "y", smoothing=2.0)
    assert means.prior == 0.5
    assert dict(means.columns["s"]) == {"a": (1 + 2 * 0.5) / 4, "b": (1 + 2 * 0.5) / 3}
    assert means.apply(pl.DataFrame({"s": ["b", None, "z"]}))["s"].to_list() == [2 / 3, 0.5, 0.5]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(LETTERS, st.booleans()), min_size=4, max_size=20), st.data())
def test_no_row_sees_its_own_target(rows: list[tuple[str | None, bool]], data: st.DataObject) -> None:
    """Changing one row's target does not change its own value out of fold; rows keep their order."""
    frame = pl.DataFrame(rows, schema={"s": pl.String, "y": pl.Boolean}, orient="row").with_row_index("place")
    place = data.draw(st.integers(0, len(rows) - 1))
    flipped = frame.with_columns(
        pl.when(pl.col("place") == place).then(~pl.col("y")).otherwise(pl.col("y")).alias("y")
    )
    one, other = (
        wrangle.target_means_out_of_fold(each, ["s"], "y", seed=3, folds=4) for each in (frame, flipped)
    )
    assert one["place"].to_list() == list(range(len(rows)))
    assert one["s"][place] == other["s"][place]


# --- unequal classes


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from("ab"), min_size=1, max_size=12).map(lambda some: [*some, "a", "b"]),
    st.sampled_from([0.5, 1.0]),
    st.integers(0, 3),
)
def test_classes_become_as_equal_as_asked(labels: list[str], ratio: float, seed: int) -> None:
    """Over: every row stays and small classes reach the ratio. Under: no row is new, and large classes come down."""
    frame = pl.DataFrame({"y": labels}).with_row_index("place")
    sizes = sorted(labels.count(label) for label in "ab")
    over = wrangle.resample(frame, "y", how="over", seed=seed, ratio=ratio)
    assert over.head(len(labels)).equals(frame)
    after = sorted(over["y"].to_list().count(label) for label in "ab")
    assert after[0] >= ratio * after[1]
    assert after[1] == sizes[1]
    under = wrangle.resample(frame, "y", how="under", seed=seed, ratio=ratio)
    assert under["place"].is_sorted()
    assert under["place"].n_unique() == under.height
    least, most = sorted(under["y"].to_list().count(label) for label in "ab")
    assert (least, most) == (sizes[0], min(sizes[1], math.floor(sizes[0] / ratio)))
    assert under.equals(wrangle.resample(frame, "y", how="under", seed=seed, ratio=ratio))


@pytest.mark.parametrize(("labels", "ratio"), [(["a", None], 1.0), (["a"], 1.0), (["a", "b"], 0.0)])
def test_classes_that_cannot_be_made_equal(labels: list[str | None], ratio: float) -> None:
    with pytest.raises(InputError, match="resample"):
        wrangle.resample(pl.DataFrame({"y": labels}), "y", how="over", seed=0, ratio=ratio)


# --- personal data


def test_keyed_hash_is_hmac_sha256() -> None:
    """Equal values are equal, other types and keys are not, null stays null, days can be hashed."""
    frame = pl.DataFrame({"s": ["1", "1", None], "n": [1, 2, None], "d": [date(2013, 1, 1)] * 3})
    hashed = wrangle.keyed_hash(frame, ["s", "n", "d"], KEY)
    expected = hmac.new(KEY, canonical_bytes("1"), hashlib.sha256).hexdigest()
    assert hashed["s"].to_list() == [expected, expected, None]
    assert hashed["n"][0] != expected
    assert hashed["d"].n_unique() == 1
    assert wrangle.keyed_hash(frame, ["s"], KEY[::-1])["s"][0] != expected
    with pytest.raises(InputError, match="at least 16 bytes"):
        wrangle.keyed_hash(frame, ["s"], b"short")


def test_personal_columns_are_coarsened_or_dropped() -> None:
    """Bands, leading characters, spans of time; what is dropped is gone; what is not named stays."""
    frame = pl.DataFrame(
        {
            "age": [-1, 39, 40], "pay": [0.5, 9.9, 10.0], "zip": ["10115", "1", None], "mail": ["a", "b", "c"],
            "born": [date(1990, 5, 17), None, date(1991, 1, 1)], "seen": [datetime(2013, 1, 31, 23, tzinfo=UTC)] * 3,
            "keep": [1, 2, 3],
        }
    )  # fmt: skip
    rules = wrangle.Anonymisation(
        coarsened={"age": 10, "pay": 2.5, "zip": 2, "born": "1y", "seen": "1mo"}, dropped=("mail",)
    )
    assert rules.apply(frame).to_dict(as_series=False) == {
        "age": [-10, 30, 40], "pay": [0.0, 7.5, 10.0], "zip": ["10", "1", None],
        "born": [date(1990, 1, 1), None, date(1991, 1, 1)], "seen": [datetime(2013, 1, 1, tzinfo=UTC)] * 3,
        "keep": [1, 2, 3],
    }  # fmt: skip
    with pytest.raises(InputError, match="for type String"):
        wrangle.generalise(frame, {"mail": "1y"})


def test_marks_of_personal_data_decide() -> None:
    """Each marked column is hashed, coarsened or dropped by its mark; one that would slip through is refused."""
    columns = [
        FeatureSpec(name=name, type="string", personal=mark)
        for name, mark in {"mail": "direct", "zip": "indirect", "ill": "sensitive", "city": None}.items()
    ]
    assert wrangle.anonymisation_of(columns, coarsened={"zip": 2}) == wrangle.Anonymisation(
        hashed=("mail",), coarsened={"zip": 2}, dropped=("ill",)
    )
    other = wrangle.anonymisation_of(columns, direct="drop", sensitive="hash", coarsened={"zip": 2})
    assert (other.hashed, other.dropped) == (("ill",), ("mail",))
    with pytest.raises(InputError, match="how to coarsen 'zip'"):
        wrangle.anonymisation_of(columns)
    with pytest.raises(UnknownNameError, match="'zap'"):
        wrangle.anonymisation_of(columns, coarsened={"zap": 2})


# --- plain data


@pytest.mark.parametrize(
    "fitted",
    [
        wrangle.Bounds(rule="mad", factor=3.5, columns={"x": (-0.1, 1e300)}),
        wrangle.Fill(values={"f": 0.1, "i": 2, "w": 2.0, "s": "1", "b": True}),
        wrangle.Ordinal(columns={"s": ("1", "é"), "n": (0, 1), "b": (False, True)}, unknown="null"),
        wrangle.OneHot(columns={"s": ("a",)}),
        wrangle.TargetMeans(columns={"s": (("a", 0.1),), "b": ((True, 1.0),)}, prior=0.3),
        wrangle.Anonymisation(hashed=("a",), coarsened={"n": 10, "f": 0.5, "t": "1mo"}, dropped=("b",)),
    ],
    ids=lambda fitted: type(fitted).__name__,
)
def test_what_is_fitted_round_trips_through_json(fitted: Any) -> None:
    """Values and their types come back as they were."""
    again = type(fitted).model_validate_json(fitted.model_dump_json())
    assert again == fitted
    assert repr(again) == repr(fitted)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20),
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 3.3, 1e-3, 10.0]),
)
def test_what_begins_a_band_stays_where_it_is(values: list[float], width: float) -> None:
    """So that rows which were read can be inserted again, and a next version has the same bands."""
    once = wrangle.generalise(column(values, pl.Float64), {"x": width})
    assert wrangle.generalise(once, {"x": width})["x"].to_list() == once["x"].to_list()
    far = once["x"] - pl.Series(values)
    assert (far.abs() <= width * (1 + 1e-9)).all()


def test_a_whole_number_of_widths_begins_its_band() -> None:
    given = column([0.3, 0.29, -21.9, float("inf"), float("nan"), None], pl.Float64)
    found = wrangle.generalise(given, {"x": 0.1})["x"].to_list()
    assert found[:3] == pytest.approx([0.3, 0.2, -21.9]) and found[3] == float("inf")
    assert math.isnan(found[4]) and found[5] is None


def test_bands_of_narrow_numbers_and_of_times_with_a_zone() -> None:
    """A band may begin where the column's type has no number; a day begins at midnight UTC."""
    small = wrangle.generalise(column([-128, 127, None], pl.Int8), {"x": 100})
    assert small["x"].to_list() == [-200, 100, None]
    local = column([datetime(2020, 1, 1, 22, tzinfo=UTC)], pl.Datetime("us", "UTC")).with_columns(
        pl.col("x").dt.convert_time_zone("Asia/Tokyo")
    )
    assert wrangle.generalise(local, {"x": "1d"})["x"].to_list() == [datetime(2020, 1, 1, tzinfo=UTC)]


def test_both_zeros_have_one_hash() -> None:
    """Equal values stay equal."""
    one, other = (wrangle.keyed_hash(column([zero]), ["x"], KEY)["x"][0] for zero in (0.0, -0.0))
    assert one == other


def test_a_ratio_is_taken_as_it_is_written() -> None:
    """0.07 of 100 rows are 7, and 7 rows allow 100."""
    frame = column(["a"] * 100 + ["b"] * 7, pl.String)
    assert wrangle.resample(frame, "x", how="over", seed=1, ratio=0.07).height == 107
    assert wrangle.resample(frame, "x", how="under", seed=1, ratio=0.07).height == 107


@pytest.mark.parametrize("smoothing", [math.nan, math.inf, -1.0])
def test_smoothing_is_a_number_of_rows(smoothing: float) -> None:
    """With any other number every mean would be none."""
    frame = pl.DataFrame({"c": ["a", "b"], "y": [0.0, 1.0]})
    with pytest.raises(InputError, match="rows"):
        wrangle.fit_target_means(frame, ["c"], "y", smoothing=smoothing)


def test_ways_that_there_are_not() -> None:
    """Refused by name, not taken for another."""
    frame = pl.DataFrame({"y": [0, 1, 1], "x": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match="'over' or 'under'"):
        wrangle.resample(frame, "y", how="banana", seed=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one of iqr"):
        wrangle.fit_bounds(frame, ["x"], rule="z")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call",
    [
        lambda frame: wrangle.deduplicate(frame, "id"),
        lambda frame: wrangle.deduplicate(frame, ["i"], by="d"),
        lambda frame: wrangle.fit_bounds(frame, "i"),
        lambda frame: wrangle.fit_ordinal(frame, "i"),
        lambda frame: wrangle.keyed_hash(frame, "i", b"sixteen bytes and more"),
    ],
)
def test_text_is_no_list_of_its_letters(call: Callable[[pl.DataFrame], object]) -> None:
    with pytest.raises(InputError, match="a list of columns"):
        call(pl.DataFrame({"i": [1, 2], "d": [1, 1]}))
