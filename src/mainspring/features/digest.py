"""The digest of a table: over its logical values in order, never over the bytes of a file.

The order of rows and of columns counts, and so do names and types; null, NaN and every value differ. How the
frame is chunked, which slots lie under a null, or how a dictionary is encoded does not count.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring.errors import InputError
from mainspring.types import canonical_bytes, digest

SCHEME: Final = "frame/1"
AT_ONCE: Final = min(4, os.cpu_count() or 1)
ROWS_FOR_THREADS: Final = 50_000


def frame_digest(frame: pl.DataFrame) -> str:
    """SHA-256 (64 hex digits) of the logical values of `frame`.

    Args:
        frame: any number of rows and columns.

    Raises:
        InputError: a column has a type without a logical encoding (Python objects).
    """
    outer = hashlib.sha256()
    outer.update(canonical_bytes([SCHEME, frame.height, frame.width]))
    for series, inner in zip(frame.get_columns(), _column_digests(frame), strict=True):
        outer.update(canonical_bytes([series.name, _type_name(series.dtype, series.name), inner]))
    return outer.hexdigest()


def commit_digest(op: int, rows: pl.DataFrame) -> str:
    """The digest of a commit: of its rows in order, in the group's columns, and whether they were put or deleted."""
    return digest([op, frame_digest(rows)])


def _column_digests(frame: pl.DataFrame) -> Iterable[bytes]:
    """Of each column in order; of a large frame several at a time, because hashing leaves the interpreter free."""
    columns = frame.get_columns()
    if frame.height < ROWS_FOR_THREADS:
        return [_column_digest(series) for series in columns]
    with ThreadPoolExecutor(min(AT_ONCE, len(columns) or 1)) as pool:
        return list(pool.map(_column_digest, columns))


def _column_digest(series: pl.Series) -> bytes:
    inner = hashlib.sha256()
    _feed(inner, series)
    return inner.digest()


def _type_name(dtype: pl.DataType, where: str) -> str:
    """The logical type; storage variants of one logical type share a name."""
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return "string"
    if isinstance(dtype, pl.Datetime):
        kind = "instant" if dtype.time_zone else "wall_time"
        return f"{kind}_ns" if dtype.time_unit == "ns" else kind
    if isinstance(dtype, pl.List):
        return f"list[{_type_name(_inner(dtype), where)}]"
    if isinstance(dtype, pl.Array):
        return f"array{list(dtype.shape)}[{_type_name(_leaf(dtype), where)}]"
    if isinstance(dtype, pl.Struct):
        return (
            "struct["
            + ",".join(f"{f.name!r}:{_type_name(_typed(f.dtype), where)}" for f in dtype.fields)
            + "]"
        )
    return str(dtype).lower()


def _typed(dtype: Any) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def _inner(dtype: pl.List) -> pl.DataType:
    return _typed(dtype.inner)


def _leaf(dtype: pl.Array) -> pl.DataType:
    leaf = _typed(dtype.inner)
    return _leaf(leaf) if isinstance(leaf, pl.Array) else leaf


def _feed(sink: Any, series: pl.Series) -> None:
    """Feed validity, then values; slots under a null are fed as zero."""
    dtype = series.dtype
    sink.update(len(series).to_bytes(8, "little"))
    if dtype == pl.Null:
        return
    sink.update(_validity(series))
    if isinstance(dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
        dtype = pl.String()
    if dtype == pl.String:
        filled = series.fill_null("")
        _numbers(sink, filled.str.len_bytes())
        sink.update((filled.str.join("").item() if len(filled) else "").encode())
    elif dtype == pl.Binary:
        filled = series.fill_null(b"")
        _numbers(sink, filled.bin.size())
        sink.update(b"".join(filled.to_list()))
    elif isinstance(dtype, pl.Array):
        _feed(sink, series.arr.to_list())
    elif isinstance(dtype, pl.List):
        _numbers(sink, series.list.len().fill_null(0))
        _feed(sink, series.drop_nulls().explode(empty_as_null=False))
    elif isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            _feed(sink, series.struct.field(field.name))
    elif dtype.is_float():
        _floats(sink, series)
    elif dtype.is_integer() or dtype.is_temporal() or dtype == pl.Boolean:
        _integers(sink, series)
    elif isinstance(dtype, pl.Decimal):
        _feed(sink, series.cast(pl.String))
    else:
        raise _unencodable(dtype, series.name)


def _validity(series: pl.Series) -> bytes:
    """One bit a value, the first one highest, padded with zeros: set where there is one."""
    if series.null_count():
        return np.packbits(series.is_not_null().to_numpy()).tobytes()
    whole, rest = divmod(len(series), 8)
    return b"\xff" * whole + (bytes([0xFF << (8 - rest) & 0xFF]) if rest else b"")


def _numbers(sink: Any, lengths: pl.Series) -> None:
    _values(sink, lengths.cast(pl.Int64).to_numpy())


def _values(sink: Any, values: np.ndarray) -> None:
    """The values' own bytes, little-endian, without a copy where they are so in memory."""
    sink.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).data)


def _integers(sink: Any, series: pl.Series) -> None:
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_unit == "ms":
        series = series.dt.cast_time_unit("us")
    series = series.to_physical()
    if series.null_count():
        series = series.fill_null(False if series.dtype == pl.Boolean else 0)
    _values(sink, series.to_numpy())


def _floats(sink: Any, series: pl.Series) -> None:
    values = (series.fill_null(0.0) if series.null_count() else series).to_numpy()
    if series.is_nan().any():
        # Every NaN is one logical value, whatever its payload bits.
        values = np.where(np.isnan(values), np.array(np.nan, dtype=values.dtype), values)
    _values(sink, values)


def _unencodable(dtype: pl.DataType, where: str) -> InputError:
    return InputError(
        expected="numbers, booleans, strings, bytes, dates or times",
        got=f"type {dtype}",
        where=f"column {where!r}",
        hint="Cast the column first.",
    )
