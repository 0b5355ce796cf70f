"""A large append has no dictionaries that would be given up, and is read as it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from mainspring.ports.tables import open_tables
from mainspring.ports.tables._encoding import MIN_ROWS, writer_properties

N = MIN_ROWS
DRAWN = np.random.default_rng(7)
FLOATS = DRAWN.normal(size=N)
COLUMNS = {
    "floats": pl.Series(FLOATS),
    "floats with gaps": pl.Series(FLOATS).set(pl.Series(DRAWN.random(N) < 0.001), None),
    "numbers of rows": pl.int_range(N, eager=True),
    "times": pl.Series(DRAWN.integers(-(2**50), 2**50, N)).cast(pl.Datetime("us", "UTC")),
    "any whole numbers": pl.Series(DRAWN.integers(-(2**63), 2**63 - 1, N)),
}
FEW = {
    "a hundred": pl.Series(DRAWN.integers(0, 100, N)),
    "as many as a dictionary takes": pl.Series(DRAWN.integers(0, 100_000, N)),
    "mostly zero": pl.Series(np.where(DRAWN.random(N) < 0.5, 0.0, FLOATS)),
    "one": pl.Series([1.5]).extend_constant(1.5, N - 1),
    "null": pl.Series([None] * N, dtype=pl.Float64),
    "text": pl.Series([f"{number}" for number in range(N)]),
}


def encodings(folder: Path) -> dict[str, Any]:
    (file,) = folder.glob("t/*.parquet")
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = (group.column(at) for at in range(group.num_columns))
    return {column.path_in_schema: column.encodings for column in columns}


def test_a_dictionary_only_where_it_is_kept(tmp_path: Path) -> None:
    frame = pl.DataFrame({**COLUMNS, **FEW})
    tables = open_tables(tmp_path)
    tables.append("t", frame, token="1")
    found = encodings(tmp_path)
    assert {name for name in found if "RLE_DICTIONARY" in found[name]} == set(FEW)
    assert {name for name in found if "DELTA_BINARY_PACKED" in found[name]} == {
        "numbers of rows",
        "times",
        "any whole numbers",
    }
    assert tables.scan("t").collect().equals(frame)
    assert tables.without_digest("t") == []
    assert open_tables(tmp_path).damages("t", read=True) == []


@pytest.mark.parametrize("columns", [FEW, {"floats": COLUMNS["floats"].head(N - 1)}])
def test_the_writer_knows_best(columns: dict[str, pl.Series]) -> None:
    assert not writer_properties(pl.DataFrame(columns)).column_properties
