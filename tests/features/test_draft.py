"""Drafts of schemas: types, limits of what lacks a value, and Python that is the same again."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import polars as pl
import pytest
from scipy import stats

import mainspring as ms
from mainspring.checks.profile import profile
from mainspring.errors import InputError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.schema import logical

pytestmark = pytest.mark.once

N = 400
ROWS = pl.DataFrame(
    {
        "who": [f"p{i}" for i in range(N)],
        "at": [datetime(2024, 1, 1, tzinfo=UTC)] * N,
        "day": [date(2024, 1, 1)] * N,
        "n": pl.Series([7] * N, dtype=pl.UInt8),
        "x": [None, float("nan"), *[1.0] * (N - 2)],
        "ok": [True] * N,
        "vector": pl.Series([[1.0, 2.0]] * N, dtype=pl.Array(pl.Float32, 2)),
    }
)
DTYPES = [
    # A set is in another order in every process, and parallel workers have to name the same tests.
    *sorted(pl.datatypes.group.INTEGER_DTYPES, key=str),
    *(pl.Float32, pl.Float64, pl.Decimal(10, 2), pl.String, pl.Categorical, pl.Enum(["a(b"])),
    *(pl.Boolean, pl.Date, pl.Binary, pl.Datetime("ns", "Europe/Berlin"), pl.Datetime("us")),
    *(pl.List(pl.Float32), pl.List(pl.Float64), pl.List(pl.Int8), pl.List(pl.String)),
    *(pl.Array(pl.Float32, 384), pl.Array(pl.Int64, 3), pl.Array(pl.Int64, (2, 3))),
    *(pl.List(pl.Datetime("us")), pl.List(pl.List(pl.Int8)), pl.List(pl.Null)),
    *(pl.Null, pl.Time, pl.Duration("us"), pl.Struct({"a": pl.Int8})),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_type_is_that_of_a_first_insert(dtype: pl.DataType) -> None:
    """A profile has types by name alone; they are those that a frame of these types would declare."""
    found = ms.draft_schema(pl.DataFrame({"x": pl.Series([None], dtype=dtype)}))
    assert found["x"].type == logical(pl.Series([None], dtype=dtype).dtype)


def test_what_lacks_a_value_has_an_upper_limit() -> None:
    """Null and NaN are counted; the limit is that of Clopper and Pearson, and never below it."""
    found = ms.draft_schema(profile(ROWS), confidence=0.9)
    assert found["who"].description == (
        "no row of 400 rows without a value: at most 0.58 % are (90 % confidence)"
    )
    share = stats.binomtest(2, N).proportion_ci(0.8, "exact").high
    said = math.ceil(share * 1e4) / 100
    assert (
        found["x"].description == f"2 of 400 rows without a value: at most {said:g} % are (90 % confidence)"
    )


def test_the_text_is_the_draft_as_python() -> None:
    """What is pasted is what was drafted."""
    found = ms.draft_schema(ROWS)
    assert eval(str(found), {"ms": ms}) == found
    assert str(found).startswith("{\n    'who': ms.column('string', description='no row of 400 rows")


def test_a_group_takes_the_draft(features: Features) -> None:
    """As it is: the rows fit what was drafted from them. A table keeps arrays as lists, and its profile says so."""
    group = features.group("g", keys=["who"], event_time="at", schema=ms.draft_schema(ROWS))
    assert group.insert(ROWS).n_rows == N
    drafted = ms.draft_schema(group.profile())
    kept = {**group.spec.given_types, "vector": "list[float32]"}
    assert {name: column.type for name, column in drafted.items()} == kept


def test_a_type_that_rows_do_not_tell_is_left_to_say(features: Features) -> None:
    """Of nulls alone, and of what groups do not have: no type is made up, and a group does not take it."""
    found = ms.draft_schema(pl.DataFrame({"k": [1], "empty": [None], "both": [{"a": 1}]}))
    assert (found["empty"].type, found["both"].type) == (None, None)
    assert found["empty"].description == "all of 1 rows without a value"
    assert str(found["both"].description).startswith(
        "Struct({'a': Int64}) is no type of a group; no row of 1"
    )
    with pytest.raises(UnknownNameError, match="empty"):
        features.group("g", keys=["k"], schema=found)
    assert ms.draft_schema(ROWS.clear())["x"].description == "no rows"


@pytest.mark.parametrize("confidence", [0.5, 1.0])
def test_what_is_no_confidence_is_refused(confidence: float) -> None:
    """In four parts, before anything is profiled."""
    with pytest.raises(InputError, match="draft_schema"):
        ms.draft_schema(ROWS, confidence=confidence)
