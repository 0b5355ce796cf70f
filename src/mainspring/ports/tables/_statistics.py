"""What the log of a Delta table says of the rows of its files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import polars as pl
from deltalake import DeltaTable

from mainspring.ports.tables._base import FileStatistics

_BOUNDED: Final = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Boolean, pl.Date, pl.Datetime)
_CUT: Final = timedelta(microseconds=999)
"""Times are written cut to milliseconds: the last one may be later by so much."""


def statistics_of(table: DeltaTable) -> list[FileStatistics] | None:
    """Of each of the table's files; None where one has none, or where rows of files are marked as deleted."""
    if "deletionVectors" in (table.protocol().reader_features or ()):
        return None
    actions = table.get_add_actions(flatten=True)
    if len(set(actions.column_names)) < len(actions.column_names):
        # A column `a.b` beside the field b of a struct a.
        return None
    told = pl.DataFrame(actions)
    if "num_records" not in told.columns or told["num_records"].null_count():
        return None
    columns = pl.Schema(table.schema().to_arrow())
    return [_of_file(row, columns) for row in told.iter_rows(named=True)]


def _of_file(told: dict[str, Any], columns: pl.Schema) -> FileStatistics:
    n_rows = int(told["num_records"])
    n_null = {name: n for name in columns if (n := told.get(f"null_count.{name}")) is not None}
    low, high = {}, {}
    for name, n in n_null.items():
        least, greatest = told.get(f"min.{name}"), told.get(f"max.{name}")
        is_said = least is not None and greatest is not None
        if isinstance(columns[name], _BOUNDED) and (is_said or n == n_rows):
            low[name], high[name] = least, greatest
            if greatest is not None and isinstance(columns[name], pl.Datetime):
                high[name] = greatest + _CUT
    return FileStatistics(n_rows, n_null, low, high)
