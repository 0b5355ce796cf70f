"""How rows are divided."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.features.conftest import at

from mainspring.errors import InputError
from mainspring.features.datasets import split
from mainspring.features.datasets.split import assign
from mainspring.types import canonical_bytes


def parts(spec: split.SplitSpec, hours: list[float], *, seed: int = 0) -> list[str]:
    """The parts of rows at these hours, with a key each."""
    frame = pl.DataFrame(
        {"k": list(range(len(hours))), "t": [at(hour) for hour in hours]},
        schema_overrides={"t": pl.Datetime("us", "UTC")},
    )
    return assign(frame, spec, seed, time="t", identity=["k", "t"]).to_list()


def test_time_bounds_belong_to_the_later_part() -> None:
    """From the very bound on a row is in the later part."""
    spec = split.by_time(validation_from=at(2), test_from=at(4))
    assert parts(spec, [1.9, 2, 3.9, 4, 9]) == ["train", "validation", "validation", "test", "test"]


def test_gap_leaves_rows_out() -> None:
    """Rows less than the gap before a bound are in no part."""
    spec = split.by_time(test_from=at(4), gap_s=3600)
    assert parts(spec, [2.9, 3, 3.1, 4]) == ["train", "train", "gap", "test"]


def test_dates_and_text_are_utc() -> None:
    """'2013-04-01', a date and a naive datetime mean midnight UTC."""
    assert split.by_time(test_from="2013-04-01") == split.by_time(test_from=date(2013, 4, 1))
    assert split.by_time(test_from="2013-04-01T02:00:00+02:00") == split.by_time(test_from="2013-04-01")


def test_random_split_depends_on_the_row_and_not_its_place() -> None:
    """Another order of rows gives each row the same part; another seed gives another split."""
    frame = pl.DataFrame({"k": list(range(400)), "t": [at(0)] * 400})
    spec = split.random(test=0.25, validation=0.25)

    def by_key(rows: pl.DataFrame, seed: int) -> dict[int, str]:
        return dict(zip(rows["k"], assign(rows, spec, seed, time="t", identity=["k", "t"]), strict=True))

    assert by_key(frame, 1) == by_key(frame.reverse(), 1)
    assert by_key(frame, 1) != by_key(frame, 2)
    counts = pl.Series(list(by_key(frame, 1).values())).value_counts()
    shares = dict(counts.iter_rows())
    assert shares["train"] == pytest.approx(200, abs=40)
    assert shares["test"] == pytest.approx(100, abs=35)


def test_entity_split_does_not_tear_an_entity() -> None:
    """All rows of one entity land together."""
    frame = pl.DataFrame({"k": [i % 20 for i in range(200)], "t": [at(i) for i in range(200)]})
    found = frame.with_columns(
        assign(frame, split.by_entity("k", test=0.4), 3, time="t", identity=["k", "t"])
    )
    assert found.group_by("k").agg(pl.col("split").n_unique())["split"].max() == 1
    assert found["split"].n_unique() == 2


_types: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "int": (pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    "float": (pl.Float64(), st.floats()),
    "text": (pl.String(), st.text(max_size=5)),
    "bool": (pl.Boolean(), st.booleans()),
    "date": (pl.Date(), st.dates()),
    "time": (pl.Datetime("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    "list": (pl.List(pl.Int64()), st.lists(st.integers(0, 300), max_size=3)),
}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Rows of any types, nulls and repetitions among them."""
    kinds = draw(st.lists(st.sampled_from(sorted(_types)), min_size=1, max_size=26))
    rows = draw(st.integers(1, 6))
    columns = []
    for place, kind in enumerate(kinds):
        dtype, values = _types[kind]
        drawn = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns.append(pl.Series(f"c{place}", drawn, dtype=dtype))
    return pl.DataFrame(columns)


def share_of(row: tuple[Any, ...], seed: int) -> float:
    """The definition, row by row, as released versions computed it."""
    plain = [value.isoformat() if isinstance(value, date) else value for value in row]
    key = hashlib.blake2b(canonical_bytes([seed, plain]), digest_size=8).digest()
    return (int.from_bytes(key, "big") >> 11) / (1 << 53)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(frames(), st.integers(-5, 2**40), st.floats(0.05, 0.45), st.floats(0.05, 0.45))
def test_rows_stay_in_the_part_that_released_versions_gave_them(
    frame: pl.DataFrame, seed: int, test: float, validation: float
) -> None:
    """Whatever the columns: the same part for the same values and seed, alone or among other rows."""
    spec = split.random(test=test, validation=validation)
    expected = []
    for row in frame.rows():
        share, bound = share_of(row, seed), 1 - test - validation
        expected.append("train" if share < bound else "validation" if share < bound + validation else "test")
    found = assign(frame, spec, seed, time="t", identity=frame.columns)
    assert found.to_list() == expected
    more = pl.concat([frame.tail(1), frame, frame])
    found = assign(more, spec, seed, time="t", identity=frame.columns)
    assert found.to_list() == [expected[-1], *expected * 2]


def test_entities_of_several_columns() -> None:
    """Composite keys are told apart, and other columns play no part."""
    frame = pl.DataFrame({"a": ["1", "12"] * 50, "b": ["23", "3"] * 50, "row": range(100)})
    spec = split.by_entity("a", "b", test=0.5)
    seeds = [assign(frame, spec, seed, time="t", identity=frame.columns) for seed in range(20)]
    assert all(parts[0::2].n_unique() == parts[1::2].n_unique() == 1 for parts in seeds)
    assert any(parts[0] != parts[1] for parts in seeds)
    again = assign(frame.drop("row"), spec, 3, time="t", identity=["a"])
    assert again.to_list() == seeds[3].to_list()
    with pytest.raises(InputError, match="got 'c'"):
        assign(frame, split.by_entity("a", "c", test=0.5), 0, time="t", identity=frame.columns)


def test_a_column_says_the_part() -> None:
    """What a column says is the part; anything else is refused, and so is nothing to train on."""
    frame = pl.DataFrame({"fold": ["train", "test", "train", "validation"]})
    spec = split.by_column("fold")
    assert assign(frame, spec, 0, time="t", identity=["fold"]).to_list() == frame["fold"].to_list()
    for wrong in ("Train", None):
        with pytest.raises(InputError, match=f"got {wrong!r}"):
            assign(frame.with_columns(fold=pl.lit(wrong, pl.String)), spec, 0, time="t", identity=["fold"])
    with pytest.raises(InputError, match="rows for the part 'train'"):
        split.check_parts(pl.Series([at(0)]), pl.Series(["test"]), spec)


@pytest.mark.parametrize(
    "make",
    [
        lambda: split.by_entity(test=0.2),
        lambda: split.by_entity("a", "a", test=0.2),
        lambda: split.by_time(test_from="April"),
        lambda: split.by_time(test_from="2013-04-01", validation_from="2013-05-01"),
        lambda: split.by_time(test_from="2013-04-01", gap_s=-1),
        lambda: split.random(test=0.0),
        lambda: split.random(test=0.7, validation=0.3),
    ],
)
def test_bad_splits_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    """Bounds out of order, shares that leave nothing, and what is no time are named."""
    with pytest.raises(InputError):
        make()


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"test_from": "2034-01-01"}, "no rows at or after test_from; the last is at 2013-01-01T09:00:00"),
        ({"test_from": "2012-01-01"}, "no rows before test_from; the first is at 2013-01-01T00:00:00"),
        (
            {"validation_from": "2012-01-01", "test_from": "2013-01-01T05:00:00"},
            "no rows before validation_from; the first is at",
        ),
        (
            {"validation_from": "2013-01-01T01:00:00", "test_from": "2013-01-01T01:30:00"},
            "no rows from validation_from to test_from",
        ),
    ],
)
def test_a_part_without_rows_is_refused(bounds: dict[str, str], message: str) -> None:
    """A bound outside the rows' times is named with the row that lies nearest."""
    spec = split.by_time(**bounds)
    times = pl.Series([at(0), at(9)], dtype=pl.Datetime("us", "UTC"))
    with pytest.raises(InputError, match=message):
        split.check_parts(times, pl.Series(parts(spec, [0, 9])), spec)


@pytest.mark.parametrize("given", ["random", 0.2])
def test_what_is_no_division_is_refused(given: object) -> None:
    """With the way to write one."""
    with pytest.raises(InputError, match=r"ms.split.random\(test=0.2\)"):
        split.check_split(given, "here")
    split.check_split(None, "here")


@pytest.mark.parametrize(
    ("spec", "rows", "message"),
    [
        (
            split.by_entity("k", test=0.9),
            [1] * 4,
            "by_entity: expected rows for the part 'train', got none of 4",
        ),
        (split.random(test=0.5, validation=0.49), [1, 1, 1], "random: expected rows for the part 'train'"),
    ],
)
def test_a_draw_that_leaves_nothing_to_train_on_is_refused(
    spec: split.SplitSpec, rows: list[int], message: str
) -> None:
    """As bounds of time that do, with what to change."""
    frame = pl.DataFrame({"k": rows, "t": [at(0)] * len(rows)})
    drawn = assign(frame, spec, 0, time="t", identity=["k", "t"])
    with pytest.raises(InputError, match=f"{message}.*another seed"):
        split.check_parts(frame["t"], drawn, spec)


def test_a_draw_may_leave_another_part_empty() -> None:
    """Of few rows a small share is none: it is told."""
    spec = split.random(test=0.01)
    assert split.empty_parts({"train"}, spec) == ["test"]
    assert split.empty_parts({"train", "test"}, spec) == []
    assert split.empty_parts({"train"}, split.by_time(test_from=at(1))) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: split.random(test="0.2"), "shares as numbers, got '0.2'"),  # type: ignore[arg-type]
        (lambda: split.random(test=True), "shares as numbers, got True"),
        (lambda: split.by_entity(["k"], test=0.2), "names of columns"),  # type: ignore[arg-type]
        (lambda: split.by_column(5), "a column's name, got 5"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_share_and_no_column_is_refused(make: Callable[[], object], message: str) -> None:
    """At the call that makes the division."""
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("values", "equal"),
    [
        ([Decimal("1.10"), Decimal("2.20"), None], pl.Series(["1.1", "2.2", None]).cast(pl.Decimal(20, 5))),
        (
            [timedelta(1), timedelta(2), None],
            pl.Series([86_400_000, 172_800_000, None]).cast(pl.Duration("ms")),
        ),
        ([time(1), time(2), None], pl.Series([time(1), time(2), None])),
    ],
    ids=["decimal", "span", "time of day"],
)
def test_rows_of_any_column_are_divided(values: list[object], equal: pl.Series) -> None:
    """By what a value says, however it is stored."""
    first, second = pl.Series("c", values).to_frame(), equal.alias("c").to_frame()
    spec = split.random(test=0.5)
    drawn = [assign(frame, spec, 3, time="t", identity=["c"]).to_list() for frame in (first, second)]
    assert drawn[0] == drawn[1]
