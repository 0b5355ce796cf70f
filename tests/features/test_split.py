"""How rows are divided."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from tests.features.conftest import at

from mainspring.errors import InputError
from mainspring.features import split
from mainspring.features.split import assign


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


@pytest.mark.parametrize(
    "make",
    [
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
