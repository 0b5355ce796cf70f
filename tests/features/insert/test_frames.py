"""Rows as people have them: every library's frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.insert.frames import frame_of

ROWS = pl.DataFrame({"k": [1, 2, 3], "name": ["a", None, "c"]})
TABLE = pa.table({"k": [1, 2, 3], "name": ["a", None, "c"]})


class Stream:
    """Whatever else speaks the Arrow C stream."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "given",
    [
        lambda: ROWS,
        ROWS.lazy,
        ROWS.to_pandas,
        lambda: TABLE,
        lambda: TABLE.to_batches()[0],
        lambda: TABLE.to_batches(max_chunksize=2),
        lambda: pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches(max_chunksize=1)),
        Stream,
    ],
    ids=["polars", "lazy", "pandas", "table", "batch", "batches", "reader", "stream"],
)
def test_every_kind_of_frame_gives_the_same_rows(given: Callable[[], Any]) -> None:
    """Polars eager and lazy, pandas, and all that speaks Arrow."""
    assert frame_of(given(), "rows").equals(ROWS)


@pytest.mark.parametrize("given", [7, None, [], [{"k": 1}], [TABLE, 7]])
def test_what_is_no_frame_is_refused(given: Any) -> None:
    """Rows as dictionaries are told what to do."""
    with pytest.raises(InputError):
        frame_of(given, "rows")


def test_batches_of_two_schemas_are_refused() -> None:
    """They would not be one table."""
    with pytest.raises(InputError, match="batches of one schema"):
        frame_of([TABLE.to_batches()[0], pa.record_batch({"k": ["1"]})], "rows")


def test_a_read_of_a_group_is_its_own_origin(features: Features) -> None:
    """The commits that were read are what the new commit was made of."""
    first = features.group("first", keys=["k"])
    commits = [first.insert(ROWS), first.insert(ROWS)]
    made = features.group("second", keys=["k"]).insert(first.read())
    graph = features._stores.graph
    (work,) = graph.works([graph.get_asset(made.asset_id).execution_id])
    assert [tie.asset.id for tie in work.inputs()] == sorted(commit.asset_id for commit in commits)


def test_a_pandas_column_of_several_types_is_refused_in_four_parts() -> None:
    """The value that is not like the first is named with its row."""
    with pytest.raises(InputError, match="got 'n/a' in row 1") as refused:
        frame_of(pd.DataFrame({"x": [1, "n/a"]}), "rows")
    assert refused.value.where == "rows, column 'x'"
