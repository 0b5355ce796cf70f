"""Rows from files: one, a list of them, or all that a pattern finds."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from mainspring.errors import AccessError, InputError
from mainspring.features.iso8601 import PARSERS
from mainspring.features.schema import STORAGE, cast, logical
from mainspring.log.progress import Progress, silent
from mainspring.types import digest, digest_bytes

#: Text that a number would not give back: a code such as 007 or +49, not a quantity.
_CODE: Final = r"^\s*(\+|-?0\d)"
#: Whole numbers that a fraction cannot hold exactly.
_LONG: Final = r"^\s*-?\d{16,}$"
_PATTERN: Final = "*?["


def find_paths(data: object, where: str) -> list[Path] | None:
    """The files that are meant by a path, a pattern such as `days/*.parquet`, or a list of paths; None = no files.

    Files of a pattern are in the order of their names, those of a list in its order.

    Raises:
        InputError: a pattern finds nothing, a list is empty, or names a file twice.
    """
    if isinstance(data, list | tuple) and all(isinstance(item, str | Path) for item in data):
        paths = [path for item in data for path in _matches(str(item), where)]
        if not paths or len(set(paths)) < len(paths):
            raise InputError(
                expected="a list of different files",
                got="none" if not paths else f"{max(paths, key=paths.count)} twice",
                where=where,
                hint="Name each file once.",
            )
        return paths
    return _matches(str(data), where) if isinstance(data, str | Path) else None


def _matches(path: str, where: str) -> list[Path]:
    if not set(_PATTERN) & set(path) or Path(path).exists():
        return [Path(path)]
    found = sorted(Path(match) for match in glob.glob(path, recursive=True) if Path(match).is_file())
    if not found:
        raise InputError(
            expected="files that the pattern finds",
            got="none",
            where=f"{where}: {path}",
            hint="Check the folder and the pattern: * stands for any characters, ** for any folders.",
        )
    return found


def content_key(data: object) -> str | None:
    """A key that the same bytes have whatever their files are called; None where one of them is not there."""
    paths = find_paths(data, "files") or []
    if not paths or not all(path.is_file() for path in paths):
        return None
    digests = [digest_bytes(path.read_bytes()) for path in paths]
    return digests[0] if len(digests) == 1 else digest(digests)


def read_files(
    paths: Sequence[Path], where: str, types: Mapping[str, str], progress: Progress = silent
) -> pl.DataFrame:
    """The rows of all files, one after the other; columns may stand in another order in each.

    Args:
        progress: told of each file.

    Raises:
        InputError: a file cannot be read as what its name says, or has other columns or types than the first.
        AccessError: the operating system refuses to read one.
    """
    frames = []
    with progress(f"{where}: files read", len(paths)) as advance:
        for path in paths:
            frames.append(read_file(path, where, types))
            advance()
    if len(frames) == 1:
        return frames[0]
    return pl.concat(_alike(paths, frames, where))


def _alike(paths: Sequence[Path], frames: Sequence[pl.DataFrame], where: str) -> list[pl.DataFrame]:
    """The frames with the first one's columns, each in the widest type that it has in any of them."""
    first = frames[0]
    for path, frame in zip(paths, frames, strict=True):
        if set(frame.columns) != set(first.columns):
            raise _differs(paths[0], path, where, ", ".join(first.columns), ", ".join(frame.columns))
    kinds = {name: _widest(name, paths, frames, where) for name in first.columns}
    return [
        frame.select(
            frame.get_column(name) if kind is None else cast(frame.get_column(name), kind, where)
            for name, kind in kinds.items()
        )
        for frame in frames
    ]


def _widest(name: str, paths: Sequence[Path], frames: Sequence[pl.DataFrame], where: str) -> str | None:
    """The logical type that holds the column of every file; None where no file tells any."""
    widest: str | None = None
    for path, frame in zip(paths, frames, strict=True):
        dtype = frame.schema[name]
        kind = logical(dtype)
        if kind == widest or dtype == pl.Null:
            continue
        if widest is None or (widest, kind) in _WIDER:
            widest = kind
        elif (kind, widest) not in _WIDER:
            raise _differs(paths[0], path, where, f"{name!r} of type {widest}", f"type {kind or dtype}")
    return widest


_WIDER: Final = {("int64", "float64"), ("date", "datetime")}
"""What one file may have and another one, by the values that are in it, not: (narrow, wide)."""


def _differs(first: Path, path: Path, where: str, expected: str, got: str) -> InputError:
    return InputError(
        expected=f"files of one schema: {expected}, as in {first.name}",
        got=got,
        where=f"{where}: {path}",
        hint="Insert files of different schemas one by one, each into its group, or declare the types: "
        "features.group(..., schema=...).",
    )


def read_file(path: Path, where: str, types: Mapping[str, str]) -> pl.DataFrame:
    """The rows of one file, by the end of its name.

    Args:
        types: logical types that are known already. A csv file has none of its own: its column of a known string
            is read as text, and an unknown one is text where a number would lose zeros, signs or digits.

    Raises:
        InputError: there is no such file, or it cannot be read as what its name says.
        AccessError: the operating system refuses to read it.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise InputError(
            expected=f"an existing file that ends with {', '.join(_READERS)}",
            got=f"the folder {path}" if path.is_dir() else str(path),
            where=where,
            hint=f"Name its files: {path}/*.parquet"
            if path.is_dir()
            else "Check the path; read other formats with polars and pass the frame.",
        )
    try:
        return reader(path, types)
    except PermissionError as error:
        raise AccessError(
            expected="a readable file", got=str(path), where=where, hint="Check the file's permissions."
        ) from error
    except pl.exceptions.NoDataError:
        return pl.DataFrame()
    except pl.exceptions.PolarsError as error:
        raise _unreadable(path, error, where) from error


def _unreadable(path: Path, error: pl.exceptions.PolarsError, where: str) -> InputError:
    """What is wrong with a file, and in which column and row as far as it can be told; `where` quotes no value."""
    text, place = str(error), f"{where}: {path}"
    misfit = _MISFIT.search(text)
    if misfit is None:
        row = _first_long_row(path) if path.suffix.lower() == ".csv" and "more fields" in text else None
        return InputError(
            expected=f"a well-formed {path.suffix[1:].lower()} file",
            got=text.splitlines()[0],
            where=place if row is None else f"{place}, row {row}",
            hint="Read it with polars and the right options (null spellings, types), then pass the frame.",
        )
    value, dtype, column = misfit.groups()
    row = _row_of(path, column, value)
    place += f", column {column!r}" + ("" if row is None else f", row {row}")
    if dtype.startswith(("date", "time")):
        return InputError(
            expected="one way of writing times in a column, such as 2024-02-01T10:00:00Z",
            got=f"{value!r}, and others before it",
            where=place,
            hint="Write all of them in ISO 8601; or read the file with polars, parse the column with "
            "pl.col(…).str.to_datetime(format), and pass the frame.",
        )
    return InputError(
        expected=f"values of type {dtype}, as the others of the column",
        got=repr(value),
        where=place,
        hint="Repair the value; or declare the column's type: features.group(..., schema=...).",
    )


_MISFIT: Final = re.compile(r"could not parse `(.*?)` as dtype `(.*?)` at column '(.*?)'", re.DOTALL)
"""How the reader of CSV says what it stumbled over."""


def _row_of(path: Path, column: str, value: str) -> int | None:
    """The first row, from 0, that has this text in a column; None where it cannot be told."""
    try:
        text = pl.read_csv(path, columns=[column], infer_schema=False).get_column(column)
    except pl.exceptions.PolarsError:
        return None
    found = (text.str.strip_chars() == value.strip()).fill_null(False)
    return found.arg_max() if found.any() else None


def _first_long_row(path: Path) -> int | None:
    """The first row, from 0, that has more fields than the header."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file)
        width = len(next(rows, []))
        return next((number for number, row in enumerate(rows) if len(row) > width), None)


def _csv(path: Path, types: Mapping[str, str]) -> pl.DataFrame:
    return with_times(_read_csv(path, types), types)


def _read_csv(path: Path, types: Mapping[str, str]) -> pl.DataFrame:
    as_text = {name: pl.String() for name, kind in types.items() if kind == "string"}
    try:
        frame = pl.read_csv(path, try_parse_dates=True, infer_schema_length=None, schema_overrides=as_text)
    except pl.exceptions.ComputeError:
        # Digits that no whole number holds, of whatever width: they can only be text.
        guess = pl.scan_csv(path, infer_schema_length=None).collect_schema()
        wide = [name for name, dtype in guess.items() if dtype.is_integer() and dtype != pl.Int64()]
        if not wide:
            raise
        as_text |= dict.fromkeys(wide, pl.String())
        frame = pl.read_csv(path, try_parse_dates=True, infer_schema_length=None, schema_overrides=as_text)
    guessed = [name for name, dtype in frame.schema.items() if dtype.is_numeric() and name not in types]
    if not guessed:
        return frame
    text = pl.read_csv(path, infer_schema=False)
    return frame.with_columns(
        text.get_column(name) for name in guessed if _is_code(text.get_column(name), frame.schema[name])
    )


def _is_code(text: pl.Series, guess: pl.DataType) -> bool:
    """Whether the number that was guessed would not give the text back."""
    if guess.is_integer() and guess != pl.Int64():
        return True
    pattern = f"{_CODE}|{_LONG}" if guess.is_float() else _CODE
    return bool(text.str.contains(pattern).any())


def _json(path: Path, types: Mapping[str, str]) -> pl.DataFrame:
    return with_times(pl.read_json(path, infer_schema_length=None), types)


def _json_lines(path: Path, types: Mapping[str, str]) -> pl.DataFrame:
    return with_times(pl.read_ndjson(path, infer_schema_length=None), types)


def with_times(frame: pl.DataFrame, types: Mapping[str, str]) -> pl.DataFrame:
    """Text of ISO 8601 as times, in columns that are known to be times; text that is none stays as it is.

    For rows from where there is no type for times. Without a zone it is UTC; each value may be written in its own way.
    """
    out = []
    for name, kind in types.items():
        if name not in frame.columns or frame.schema[name] != pl.String() or kind not in PARSERS:
            continue
        given = frame.get_column(name)
        try:
            if kind == "datetime":
                out.append(given.str.to_datetime(time_unit="us", time_zone="UTC"))
            else:
                out.append(given.str.to_date())
        except pl.exceptions.PolarsError:
            found = _each(given, kind)
            # The door says which value is no time.
            out += [] if found is None else [found]
    return frame.with_columns(out)


def _each(given: pl.Series, kind: str) -> pl.Series | None:
    """The times of a column that is not written in one way; None where one of them is none."""
    parse, different = PARSERS[kind], given.unique().drop_nulls()
    try:
        times = [parse(text) for text in different]
    except (ValueError, OverflowError):
        return None
    return given.replace_strict(different, times, default=None, return_dtype=STORAGE[kind])


_READERS: Final[Mapping[str, Callable[[Path, Mapping[str, str]], pl.DataFrame]]] = {
    ".csv": _csv,
    ".parquet": lambda path, _: pl.read_parquet(path),
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
