"""How columns of a large append are encoded in its file: without a dictionary that would be given up half-way."""

from __future__ import annotations

from typing import Final

import polars as pl
from deltalake import ColumnProperties, WriterProperties

_WIDTH_BYTES: Final = 8
DICTIONARY_VALUES: Final = (1 << 20) // _WIDTH_BYTES
"""A Parquet writer gives a dictionary up when it has more than 1 MiB of values: looking each of them up was in vain,
and takes longer than all the rest of the writing."""
MIN_ROWS: Final = 2 * DICTIONARY_VALUES
N_SAMPLED: Final = 4_096
MAX_REPEATS: Final = N_SAMPLED**2 // (2 * 2 * DICTIONARY_VALUES)
"""Of `d` values that are equally frequent a sample of `k` repeats about k² / 2d: so many where there are twice as many
as a dictionary takes. Where some are more frequent than others it repeats more, and the column keeps its dictionary."""

_PLAIN: Final = ColumnProperties(dictionary_enabled=False)
#: Numbers of rows and times lie close together: their differences are a few bits each.
_DIFFERENCES: Final = ColumnProperties(dictionary_enabled=False, encoding="DELTA_BINARY_PACKED")


def writer_properties(frame: pl.DataFrame) -> WriterProperties:
    """How to write these rows (n, columns)."""
    if frame.height < MIN_ROWS:
        return WriterProperties()
    found = {
        column.name: _PLAIN if column.dtype.is_float() else _DIFFERENCES
        for column in frame.iter_columns()
        if column.dtype in (pl.Int64, pl.Float64, pl.Datetime) and _hardly_repeats(column)
    }
    return WriterProperties(column_properties=found)


def _hardly_repeats(column: pl.Series) -> bool:
    sample = column.gather_every(len(column) // N_SAMPLED).head(N_SAMPLED)
    return N_SAMPLED - sample.n_unique() <= MAX_REPEATS
