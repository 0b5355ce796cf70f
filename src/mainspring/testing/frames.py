"""What unit tests of feature code need: rows to try it on, a comparison that says what differs, and the usual traps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from mainspring.errors import InputError
from mainspring.features.schema import STORAGE, type_name
from mainspring.frames import frame_in_memory

N_SHOWN: Final = 5
_START: Final = datetime(2013, 1, 1, tzinfo=UTC)
_TEXTS: Final = ("", "a", "A", "é", "0", "two words", "JFK", " padded ", "a,b", 'quo"te')
_NUMBERS: Final = (0.0, 1.0, -1.0, 0.5, 1e-9, -1e9, 1e9, 40.64, -73.78)


def assert_frames_equal(
    found: object,
    expected: object,
    *,
    keys: Sequence[str] | None = None,
    rel: float = 1e-9,
    abs_tol: float = 0.0,
) -> None:
    """Fail unless two frames have the same columns, types and values; the message says where they differ.

    Null, NaN and every value differ from each other, and each equals itself.

    Args:
        found, expected: polars or pandas frames, or Arrow data (n, …).
        keys: columns that name a row: rows are matched by them, in any order; None = by their position.
        rel, abs_tol: how far floats may be apart: abs_tol + rel * |expected|.

    Raises:
        AssertionError: they differ.
        InputError: a key is no column, or is there twice.
    """
    found, expected = (frame_in_memory(frame, "assert_frames_equal") for frame in (found, expected))
    _assert_same_columns(found, expected)
    if keys is not None:
        found, expected = (_by_keys(frame, keys) for frame in (found, expected))
        _assert_same_keys(found, expected, list(keys))
    elif found.height != expected.height:
        raise AssertionError(f"{found.height} rows instead of {expected.height}")
    told = [
        line
        for name in expected.columns
        if name not in (keys or ()) and (line := _difference(found, expected, name, keys, rel, abs_tol))
    ]
    if told:
        raise AssertionError("\n".join(told))


def _assert_same_columns(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    told = [f"column {name!r} is missing" for name in expected.columns if name not in found.columns]
    told += [f"column {name!r} should not be there" for name in found.columns if name not in expected.columns]
    told += [
        f"column {name!r} is {found.schema[name]} instead of {dtype}"
        for name, dtype in expected.schema.items()
        if name in found.columns and found.schema[name] != dtype
    ]
    if not told and found.columns != expected.columns:
        told.append(f"columns are in the order {found.columns} instead of {expected.columns}")
    if told:
        raise AssertionError("\n".join(told))


def _by_keys(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    missing = [name for name in keys if name not in frame.columns]
    if missing or not keys or frame.select(keys).is_duplicated().any():
        raise InputError(
            expected="keys that are columns and name each row once",
            got=f"no column {missing[0]!r}" if missing else f"{list(keys)}, which some rows share",
            where="assert_frames_equal, keys",
            hint="Name all columns of the key, or leave keys out to compare by position.",
        )
    return frame.sort(list(keys))


def _assert_same_keys(found: pl.DataFrame, expected: pl.DataFrame, keys: list[str]) -> None:
    missing = expected.join(found, on=keys, how="anti", nulls_equal=True).select(keys)
    extra = found.join(expected, on=keys, how="anti", nulls_equal=True).select(keys)
    told = [
        f"{len(rows)} rows {what}, such as {rows.head(N_SHOWN).rows()}"
        for rows, what in ((missing, "are missing"), (extra, "should not be there"))
        if len(rows)
    ]
    if told:
        raise AssertionError("\n".join(told))


def _difference(
    found: pl.DataFrame,
    expected: pl.DataFrame,
    name: str,
    keys: Sequence[str] | None,
    rel: float,
    abs_tol: float,
) -> str:
    """Where the values of a column differ, in a line; empty where they do not."""
    a, b = found[name], expected[name]
    differs = a.ne_missing(b)
    if a.dtype.is_float():
        near = ((a - b).abs() <= abs_tol + rel * b.abs()).fill_null(value=False)
        differs = differs & ~(near & a.is_not_nan().fill_null(value=False))
    at = differs.arg_true().to_list()
    if not at:
        return ""
    shown = []
    for row in at[:N_SHOWN]:
        place = (
            f"row {row}" if keys is None else str(dict(zip(keys, found.select(keys).row(row), strict=True)))
        )
        shown.append(f"{place}: {a[row]!r} instead of {b[row]!r}")
    return f"column {name!r} differs in {len(at)} of {len(a)} rows: " + "; ".join(shown)


def sample_frame(
    schema: Mapping[str, object], n: int = 50, *, seed: int = 0, null_share: float = 0.1
) -> pl.DataFrame:
    """Rows of every kind of value that a column of that type may have: zeros, empty and odd texts, nulls.

    Args:
        schema: column → type, as a feature group takes it: a name, a Python type or a polars type.
        n: rows.
        seed: the same one gives the same rows.
        null_share: of each column, in [0, 1); 0 = none.

    Raises:
        UnknownNameError: a type that no feature has.
        InputError: `n` or `null_share` is out of range.
    """
    if n < 0 or not 0 <= null_share < 1:
        raise InputError(
            expected="n of 0 or more, null_share in [0, 1)",
            got=f"n={n!r}, null_share={null_share!r}",
            where="sample_frame",
            hint="Leave them out for 50 rows of which a tenth is null.",
        )
    random = np.random.default_rng(seed)
    columns = []
    for name, given in schema.items():
        kind = type_name(given, f"sample_frame, column {name!r}")
        values = [_value(kind, random) for _ in range(n)]
        gaps = random.random(n) < null_share
        kept = [None if gap else value for gap, value in zip(gaps, values, strict=True)]
        columns.append(pl.Series(name, kept, dtype=STORAGE[kind]))
    return pl.DataFrame(columns)


def _value(kind: str, random: np.random.Generator) -> Any:
    if kind.startswith(("list[", "array[")):
        inner, _, size = kind[kind.index("[") + 1 : -1].partition(",")
        length = int(size) if size else int(random.integers(0, 4))
        return [_value(inner, random) for _ in range(length)]
    match kind:
        case "int64":
            return int(random.choice([0, 1, -1, 7, 1_000_000, int(random.integers(-1_000, 1_000))]))
        case "float64" | "float32":
            return float(random.choice([*_NUMBERS, random.normal(0, 10)]))
        case "bool":
            return bool(random.random() < 0.5)
        case "string":
            return str(random.choice(_TEXTS))
        case "binary":
            return str(random.choice(_TEXTS)).encode()
        case "date":
            return date(2013, 1, 1) + timedelta(days=int(random.integers(0, 730)))
        case _:
            return _START + timedelta(minutes=int(random.integers(0, 730 * 1440)))


def check_feature_function(
    function: Callable[[Any], Any],
    rows: object,
    *,
    keys: Sequence[str],
    nullable: Sequence[str] | None = None,
    by_row: bool = False,
    rel: float = 1e-9,
) -> pl.DataFrame:
    """Run a function from rows to features on given rows, and look for what usually goes wrong.

    It must give the same twice, leave its input as it is, take rows in any order, take no rows at all, and take nulls:
    each with the same columns and types.

    Args:
        function: from a frame to a frame that has the keys; it is given pandas frames where `rows` is one.
        rows: a handful that it should work on.
        keys: columns of its result that name a row; the order of the result is nobody's business.
        nullable: columns of `rows` that may be null, each tried by itself; None = all but the keys.
        by_row: whether every row is computed from itself alone: then one row at a time must give the same.
        rel: how far floats of equal meaning may be apart.

    Returns:
        What it gives for `rows`, to look at its values.

    Raises:
        AssertionError: one of these does not hold; the message says which.
        InputError: `rows` is empty, or a column of `nullable` is not there.
    """
    function, rows = _of_polars(function, rows)
    if not rows.height:
        raise InputError(
            expected="at least one row",
            got="an empty frame",
            where="check_feature_function",
            hint="Use sample_frame.",
        )
    tried = [name for name in rows.columns if name not in keys] if nullable is None else list(nullable)
    for name in tried:
        if name not in rows.columns:
            raise InputError(
                expected=f"columns of the rows: {', '.join(rows.columns)}",
                got=repr(name),
                where="check_feature_function, nullable",
                hint="Name columns that the function is given.",
            )
    before = rows.clone()
    found = function(rows)
    _told("it changed its input", assert_frames_equal, rows, before)
    _told(
        "called twice it gives something else", assert_frames_equal, function(rows), found, keys=keys, rel=rel
    )
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=7)
    for name, other in (("shuffled", shuffled), ("reversed", rows.reverse())):
        _told(
            f"with {name} rows it gives something else",
            assert_frames_equal,
            function(other),
            found,
            keys=keys,
            rel=rel,
        )
    _told("without rows it gives other columns", _assert_same_columns, _call(function, rows.clear()), found)
    for name in tried:
        gaps = rows.with_columns(pl.lit(None, dtype=rows.schema[name]).alias(name))
        told = f"where {name!r} is null it gives other columns"
        _told(told, _assert_same_columns, _call(function, gaps), found)
    if by_row:
        alone = pl.concat([function(rows[at]) for at in range(rows.height)])
        _told("row by row it gives something else", assert_frames_equal, alone, found, keys=keys, rel=rel)
    return found


def _of_polars(
    function: Callable[[Any], Any], rows: object
) -> tuple[Callable[[pl.DataFrame], pl.DataFrame], pl.DataFrame]:
    """The function and its rows as polars has them; what is written for pandas gets pandas."""
    where = "check_feature_function"
    is_pandas = type(rows).__module__.split(".")[0] == "pandas"

    def called(given: pl.DataFrame) -> pl.DataFrame:
        return frame_in_memory(function(given.to_pandas() if is_pandas else given), f"{where}, its result")

    return called, frame_in_memory(rows, where)


def _call(function: Callable[[pl.DataFrame], pl.DataFrame], rows: pl.DataFrame) -> pl.DataFrame:
    try:
        return function(rows)
    except Exception as error:
        what = "no rows" if not rows.height else "nulls"
        raise AssertionError(f"it does not take {what}: {type(error).__name__}: {error}") from error


def _told(what: str, check: Callable[..., None], *given: Any, **options: Any) -> None:
    try:
        check(*given, **options)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error
