"""Types of columns: lists, arrays, decimals, defaults."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.errors import InputError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.schema import STORAGE, cast, infer, type_name

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once

EMBEDDING = pl.Series("e", [[1.0, 2.0], None])


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (pl.List(pl.Float32), "list[float32]"),
        (pl.Array(pl.Float32, 3), "array[float32,3]"),
        (pl.Array(pl.Int16, 3), "array[int64,3]"),
        ("array[float32, 8]", "array[float32,8]"),
        (list[float], "list[float64]"),
        (pl.Int32, "int64"),
    ],
)
def test_types_have_one_name_each(given: object, kind: str) -> None:
    """Names, Python types and polars types."""
    assert type_name(given, "here") == kind
    assert kind in STORAGE


def test_embeddings_are_inferred_and_kept(features: Features) -> None:
    """A fixed size belongs to the column; doubles are rounded where float32 was declared, and come back as lists."""
    group = features.group("texts", keys=["k"])
    group.insert(pl.DataFrame({"k": [1], "e": pl.Series([[0.5, 0.25]], dtype=pl.Array(pl.Float32, 2))}))
    group.insert(pl.DataFrame({"k": [2, 3], "e": [[1.5, 2.5], None]}))
    assert group.spec.type_of("e") == "array[float32,2]"
    found = group.read().to_polars()
    assert found.schema["e"] == pl.List(pl.Float32)
    assert found["e"].to_list() == [[0.5, 0.25], [1.5, 2.5], None]
    with pytest.raises(InputError, match="2 items in every row.*3 items, 0 of them null, in row 1"):
        group.insert(pl.DataFrame({"k": [4, 5], "e": [[1.0, 2.0], [1.0, 2.0, 3.0]]}))


@pytest.mark.parametrize(
    ("series", "kind", "message"),
    [
        (pl.Series("e", [[1.0, None]]), "array[float32,2]", "1 of them null, in row 0"),
        (pl.Series("e", [[1e300]]), "list[float32]", "range of float32"),
        (pl.Series("e", [["a"]]), "list[float32]", "expected type list"),
        (pl.Series("e", [[1.5]]), "list[int64]", "expected type list"),
        (pl.Series("e", ["1.23456789012345678901"]).cast(pl.Decimal(38, 20)), "float64", "at most 15 digits"),
        (pl.Series("e", [0, 2**53 + 1]), "float64", r"at most 2\*\*53.*got 9007199254740993 in row 1"),
        (pl.Series("e", [-(2**63)]), "float64", r"at most 2\*\*53"),
        (pl.Series("e", [[1], None, [2**53 + 1]]), "list[float64]", r"at most 2\*\*53"),
        (pl.Series("e", [time(12)]), "string", "seconds since midnight"),
        (pl.Series("e", [timedelta(1)]), "float64", "number of seconds"),
    ],
)
def test_what_would_change_a_value_is_refused(series: pl.Series, kind: str, message: str) -> None:
    """Nulls in an array, out of range, other items, too many digits; times of day and spans say what to store."""
    with pytest.raises(InputError, match=message):
        cast(series, kind, "here")


def test_what_can_be_given_back_is_taken() -> None:
    """Doubles as float32, empty lists, arrays as lists, decimals of few digits."""
    assert cast(EMBEDDING, "array[float32,2]", "here").to_list() == [[1.0, 2.0], None]
    assert cast(pl.Series("e", [[], None]), "list[int64]", "here").to_list() == [[], None]
    assert cast(pl.Series("e", [[1, 2]], dtype=pl.Array(pl.Int64, 2)), "list[float64]", "here").to_list() == [
        [1.0, 2.0]
    ]
    assert cast(pl.Series("e", [2**53, -(2**53), None]), "float64", "here").to_list() == [
        2.0**53,
        -(2.0**53),
        None,
    ]
    assert cast(pl.Series("e", ["1.23"]).cast(pl.Decimal(10, 2)), "float64", "here").to_list() == [1.23]


def test_a_time_of_day_is_refused_with_what_to_store() -> None:
    """It is no type of a group."""
    with pytest.raises(InputError, match="seconds since midnight"):
        infer(pl.DataFrame({"t": [time(12)]}), [], "here")


@pytest.mark.parametrize(
    "column",
    [
        lambda: ms.column("int64", default=1.5),
        lambda: ms.column("bool", default=1),
        lambda: ms.column("datetime", default="2024"),
        lambda: ms.column("string", personal="yes"),
        ms.column,
        lambda: "array[float32,0]",
    ],
)
def test_bad_columns_are_refused(features: Features, column: Any) -> None:
    """A default of another type, a mark that is none, no type, no length."""
    with pytest.raises((InputError, UnknownNameError)):
        features.group("g", keys=["k"], schema={"k": "int64", "x": column()})
    assert not features.groups()


@pytest.mark.parametrize(
    "series",
    [
        pl.Series("t", [0, 2**62]).cast(pl.Datetime("us", "UTC")),
        pl.Series("t", [0, -(2**60)]).cast(pl.Datetime("us")),
        pl.Series("t", [0, 2**30], dtype=pl.Int32).cast(pl.Date),
    ],
)
def test_times_that_no_calendar_has_are_refused(series: pl.Series) -> None:
    """Numbers of another unit, taken for microseconds or days, are far away; nobody could show or compare them."""
    kind = "date" if series.dtype == pl.Date else "datetime"
    with pytest.raises(InputError, match=r"years 1 to 9999.* in row 1"):
        cast(series, kind, "here")
    assert cast(series.head(1), kind, "here").null_count() == 0


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("int64", 2**63),
        ("int64", 1.5),
        ("float64", float("nan")),
        ("float64", 2**63),
        ("datetime", at(0)),
        ("list[int64]", [1]),
        ("bool", 1),
    ],
)
def test_a_default_is_a_value_of_its_column(features: Features, kind: str, default: Any) -> None:
    """Refused when the group is defined: rows that have it are read for ever."""
    column = ms.column(kind, default=default)
    with pytest.raises(InputError, match="default"):
        features.group("g", keys=["k"], schema={"k": "int64", "x": column})
    assert features.groups() == []


def test_a_whole_default_of_fractions_is_a_fraction(features: Features) -> None:
    """So that it is the same online and offline."""
    group = features.group("g", keys=["k"], schema={"k": "int64", "x": ms.column(float, default=3)})
    assert [repr(item.default) for item in group.spec.columns or ()] == ["None", "3.0"]


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
def test_whole_numbers_with_gaps_are_whole_numbers(dtype: Any) -> None:
    """Pandas has them as fractions; up to 2**53 nothing is lost."""
    assert cast(pl.Series("n", [1.0, None, -3.0, -0.0], dtype=dtype), "int64", "here").to_list() == [
        1,
        None,
        -3,
        0,
    ]
    assert cast(pl.Series("n", [float(2**53)]), "int64", "here").to_list() == [2**53]


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf"), -(2.0**60)])
def test_other_fractions_are_no_whole_numbers(value: float) -> None:
    with pytest.raises(
        InputError, match=r"type int64, or fractions that are whole.*in row 1.*Round explicitly"
    ):
        cast(pl.Series("n", [1.0, value]), "int64", "here")
