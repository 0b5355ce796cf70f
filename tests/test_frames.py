"""One door for frames of any library, wherever a frame is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mainspring as ms
from mainspring.errors import InputError
from mainspring.frames import find_frame, frame_in_memory
from mainspring.testing.frames import assert_frames_equal, check_feature_function

ROWS = pl.DataFrame(
    {"id": [1, 2, 3, 4], "x": [1.0, 2.0, None, 4.0], "c": ["a", "b", "a", None], "y": [0, 1, 0, 1]}
)
KINDS: list[Callable[[], object]] = [
    lambda: ROWS,
    ROWS.lazy,
    ROWS.to_pandas,
    ROWS.to_arrow,
    lambda: ROWS.to_arrow().to_batches(),
]


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_every_library_are_the_same_rows(kind: Callable[[], object]) -> None:
    assert frame_in_memory(kind(), "here").equals(ROWS)


def test_what_is_no_frame_is_refused() -> None:
    """In four parts, and a path is none here: what is in memory is not read."""
    assert find_frame("rows.csv", "here") is None
    with pytest.raises(
        InputError, match=r"expected a polars or pandas frame.*got list.*polars\.DataFrame\(rows\)"
    ):
        frame_in_memory([{"x": 1}], "here")


def test_two_columns_of_one_name_are_refused() -> None:
    """Pandas has them; so are 1 and "1", which are one name here."""
    for names in (["x", "x"], [1, "1"]):
        with pytest.raises(InputError, match=r"a name of its own.*2 times.*duplicated"):
            frame_in_memory(pd.DataFrame([[1, 2]], columns=names), "here")


@pytest.mark.parametrize(
    "take",
    [
        lambda given: ms.suite("s", [ms.expect.not_null("id")]).check(given).n_rows,
        lambda given: len(ms.expect.infer(given)),
        lambda given: ms.wrangle.deduplicate(given, ["c"]).rows(),
        lambda given: ms.wrangle.fit_bounds(given, ["x"]).flag(given).rows(),
        lambda given: ms.wrangle.fit_bounds(given, ["x"]).clip(given).rows(),
        lambda given: ms.wrangle.fit_fill(given, {"x": "mean"}).apply(given).rows(),
        lambda given: ms.wrangle.fit_ordinal(given, ["c"]).apply(given).rows(),
        lambda given: ms.wrangle.fit_one_hot(given, ["c"]).apply(given).rows(),
        lambda given: ms.wrangle.fit_target_means(given, ["c"], "y").apply(given).rows(),
        lambda given: ms.wrangle.target_means_out_of_fold(given, ["c"], "y", seed=1, folds=2).rows(),
        lambda given: ms.wrangle.resample(given, "y", how="under", seed=1).rows(),
        lambda given: ms.wrangle.keyed_hash(given, ["c"], b"sixteen bytes key").rows(),
        lambda given: ms.wrangle.generalise(given, {"x": 2.0}).rows(),
        lambda given: ms.wrangle.Anonymisation(dropped=("c",)).apply(given).rows(),
        lambda given: assert_frames_equal(given, ROWS),
    ],
)
def test_whatever_takes_a_frame_takes_them_all(take: Callable[[Any], object]) -> None:
    """What is made of pandas is what is made of polars; what is no frame is refused."""
    found = [take(kind()) for kind in KINDS]
    assert found == [found[0]] * len(KINDS)
    with pytest.raises(InputError, match="expected a polars or pandas frame"):
        take([{"id": 1}])


def test_a_feature_function_of_pandas_is_tried_with_pandas() -> None:
    """It gets frames of the library that the rows are of, and may give back any."""
    seen = set()

    def doubled(rows: Any) -> Any:
        seen.add(type(rows).__module__.split(".")[0])
        return pd.DataFrame({"id": rows["id"], "z": rows["x"] * 2.0})

    found = check_feature_function(doubled, ROWS.to_pandas(), keys=["id"], nullable=["x"])
    assert found["z"].to_list() == [2.0, 4.0, None, 8.0] and seen == {"pandas"}
    made = check_feature_function(lambda rows: pa.table(rows.select("id")), ROWS, keys=["id"])
    assert made.columns == ["id"]
