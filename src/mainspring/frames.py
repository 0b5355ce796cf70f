"""Frames of any library that lie in memory, as polars frames: one door for all that takes a frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from mainspring.errors import InputError, MissingExtraError
from mainspring.types import utc


def frame_in_memory(data: object, where: str) -> pl.DataFrame:
    """A polars frame from polars, pandas, Arrow data, or what has a `to_polars`, such as a read of a group.

    Raises:
        InputError: nothing of these, a column that mixes types, two columns of one name.
    """
    found = find_frame(data, where)
    if found is None:
        raise InputError(
            expected="a polars or pandas frame, or Arrow data",
            got=type(data).__name__,
            where=where,
            hint="For rows as dictionaries pass polars.DataFrame(rows).",
        )
    return found


def find_frame(data: object, where: str) -> pl.DataFrame | None:
    """The same; None where it is nothing of these.

    Raises:
        InputError: a column that mixes types, two columns of one name.
    """
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if hasattr(data, "to_polars"):
        return find_frame(data.to_polars(), where)
    if type(data).__module__.split(".")[0] == "pandas" and hasattr(data, "columns"):
        return _from_pandas(data, where)
    return _from_arrow(data, where) if _is_arrow(data) else None


def _is_arrow(data: object) -> bool:
    if isinstance(data, list | tuple):
        return bool(data) and all(_is_arrow(item) for item in data)
    return hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")


def _from_arrow(data: Any, where: str) -> pl.DataFrame:
    parts = data if isinstance(data, list | tuple) else [data]
    frames = [
        pl.DataFrame(part) if hasattr(part, "__arrow_c_stream__") else pl.Series(part).struct.unnest()
        for part in parts
    ]
    for frame in frames:
        if frame.schema != frames[0].schema:
            raise InputError(
                expected=f"batches of one schema: {dict(frames[0].schema)}",
                got=str(dict(frame.schema)),
                where=where,
                hint="Give batches of different schemas one by one.",
            )
    return pl.concat(frames)


def _from_pandas(data: Any, where: str) -> pl.DataFrame:
    _check_names([str(name) for name in data.columns], where)
    mixed = [name for name in data.columns if data[name].dtype == object]
    times = {name: _mixed_times(data[name]) for name in mixed}
    keep = data.drop(columns=[name for name, values in times.items() if values is not None])
    try:
        frame = pl.from_pandas(keep) if keep.shape[1] else pl.DataFrame()
    except ImportError as error:
        raise MissingExtraError.of("pyarrow", "pandas", where) from error
    except (TypeError, ValueError) as error:
        raise _mixed(data, [name for name in mixed if times[name] is None], error, where) from error
    added = [pl.Series(str(name), values) for name, values in times.items() if values is not None]
    return frame.with_columns(added).select([str(name) for name in data.columns]) if added else frame


def _check_names(names: Sequence[str], where: str) -> None:
    twice = [name for at, name in enumerate(names) if name in names[:at]]
    if twice:
        raise InputError(
            expected="a name of its own for every column",
            got=f"{twice[0]!r} {names.count(twice[0])} times",
            where=where,
            hint="Rename or drop one of them: frame.loc[:, ~frame.columns.duplicated()] keeps the first.",
        )


def _mixed(data: Any, names: Sequence[Any], error: Exception, where: str) -> InputError:
    """The refusal of a pandas column that holds values of more than one type."""
    for name in names:
        missing = data[name].isna()
        present = [(row, value) for row, value in enumerate(data[name]) if not missing.iloc[row]]
        for row, value in present:
            if type(value) is not type(present[0][1]):
                return InputError(
                    expected=f"values of one type, as the first one: {present[0][1]!r:.80}",
                    got=f"{value!r:.80} in row {row}",
                    where=f"{where}, column {str(name)!r}",
                    hint="Repair that value, or make the whole column text with .astype(str).",
                )
    return InputError(
        expected="columns that Arrow can hold",
        got=str(error).splitlines()[0],
        where=where,
        hint="Give every column one type, for example with .astype(...).",
    )


def _mixed_times(column: Any) -> list[Any] | None:
    """Python datetimes of several zones as UTC, or None where the column is not made of datetimes."""
    values = [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
    if not any(isinstance(value, datetime) for value in values):
        return None
    return [utc(value) if isinstance(value, datetime) else value for value in values]
