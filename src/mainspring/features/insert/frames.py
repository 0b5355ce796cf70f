"""Rows as people have them: frames of any library, Arrow streams, files, queries. One polars frame comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from mainspring.errors import InputError, MissingExtraError
from mainspring.features.insert.files import find_paths, read_files, with_times
from mainspring.features.insert.sql import SqlQuery, read_query, with_flags
from mainspring.frames import find_frame
from mainspring.log.progress import Progress, silent


def frame_of(
    data: object, where: str, types: Mapping[str, str] | None = None, progress: Progress = silent
) -> pl.DataFrame:
    """A polars frame from polars, pandas, anything with the Arrow C stream, files, or a query.

    Args:
        data: a frame, a list of Arrow batches, a path, a pattern, a list of paths, or what `ms.sql` made.
        where: what it is for, for error messages.
        types: logical types that are known already; files and databases do not tell all of them.
        progress: told of each file, or of each chunk of a query.

    Raises:
        InputError: nothing of these, a column that mixes types, a file that cannot be read as what its name says, a
            query that fails.
        AccessError: the operating system refuses to read a file.
        UnavailableError: a database cannot be reached.
    """
    if isinstance(data, SqlQuery):
        return with_times(with_flags(read_query(data, where, progress), types or {}), types or {})
    found = find_frame(data, where)
    if found is not None:
        return found
    paths = find_paths(data, where)
    if paths is not None:
        return read_files(paths, where, types or {}, progress)
    raise InputError(
        expected="a polars or pandas frame, Arrow data, a path, or ms.sql(…)",
        got=type(data).__name__,
        where=where,
        hint="For rows as dictionaries pass polars.DataFrame(rows).",
    )


def to_arrow(frame: pl.DataFrame) -> Any:
    """The rows as a pyarrow table.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        return frame.to_arrow()
    except ImportError as error:
        raise MissingExtraError.of("pyarrow", "pandas", "to_arrow") from error


def to_pandas(frame: pl.DataFrame) -> Any:
    """The rows as a pandas frame.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        return frame.to_pandas()
    except ImportError as error:
        raise MissingExtraError.of("pandas", "pandas", "to_pandas") from error
