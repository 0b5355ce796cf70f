"""How the rows of a training dataset are divided: by what a row is, never by where it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import polars as pl

from mainspring.errors import InputError
from mainspring.features.durations import Seconds, seconds
from mainspring.features.iso8601 import Moment, find_instant, instant
from mainspring.features.spec import SplitSpec
from mainspring.types import canonical_bytes

TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
GAP: Final = "gap"


def by_time(
    *,
    test_from: Moment,
    validation_from: Moment | None = None,
    gap_s: Seconds = 0.0,
) -> SplitSpec:
    """Rows are divided by their spine time into [.., validation_from), [validation_from, test_from), [test_from, ..).

    Args:
        test_from: ISO text, date or datetime; without zone it is UTC.
        validation_from: None = no validation part.
        gap_s: seconds: rows of an earlier part that lie less than this before the next part's start are left out.

    Raises:
        InputError: validation_from is not before test_from, or the gap is negative.
    """
    test = instant(test_from, "split.by_time, test_from")
    validation = find_instant(validation_from, "split.by_time, validation_from")
    gap_s = seconds(gap_s, "gap_s", "split.by_time")
    if validation is not None and validation >= test:
        raise InputError(
            expected="validation_from before test_from",
            got=f"{validation.isoformat()} and {test.isoformat()}",
            where="split.by_time",
            hint="Train comes first, then validation, then test.",
        )
    if not gap_s >= 0:
        raise InputError(
            expected="a gap of 0 s or more", got=str(gap_s), where="split.by_time", hint="Drop the gap."
        )
    return SplitSpec(kind="time", test_from=test, validation_from=validation, gap_s=gap_s)


def random(*, test: float, validation: float = 0.0) -> SplitSpec:
    """Rows are divided by a hash of all of the spine's columns and the seed: equal rows always land together.

    A row never moves when others are added; it does when the spine gains a column. `by_entity` with the columns that
    name a row depends on nothing else.

    Args:
        test, validation: shares in (0, 1) that leave something to train on; validation 0 = no such part.

    Raises:
        InputError: shares of another size.
    """
    _check_shares(test, validation, "split.random")
    return SplitSpec(kind="random", test=test, validation=validation)


def by_entity(*columns: str, test: float, validation: float = 0.0) -> SplitSpec:
    """Rows are divided by a hash of these columns and the seed: all rows of one entity, or group, land together.

    Whole entities are drawn, so parts have about their shares of the entities, and of the rows where no entity has
    many of them. An entity never moves when rows or columns are added.

    Args:
        columns: of the spine; several name an entity together.
        test, validation: shares in (0, 1) that leave something to train on; validation 0 = no such part.

    Raises:
        InputError: no column, one twice, or shares of another size.
    """
    _check_shares(test, validation, "split.by_entity")
    if not columns or not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise InputError(
            expected="the names of columns, at least one, each once",
            got=", ".join(map(repr, columns)) or "none",
            where="split.by_entity",
            hint="Write split.by_entity('customer', test=0.2).",
        )
    if len(columns) == 1:
        return SplitSpec(kind="entity", test=test, validation=validation, column=columns[0])
    return SplitSpec(kind="entity", test=test, validation=validation, columns=columns)


def by_column(column: str) -> SplitSpec:
    """Rows are divided by what a column of the spine says: "train", "validation" or "test".

    Raises:
        InputError: it is no column's name.
    """
    if not isinstance(column, str):
        raise InputError.of_kind(
            "a column's name", column, "split.by_column", "Write split.by_column('part')."
        )
    return SplitSpec(kind="column", column=column)


def _check_shares(test: float, validation: float, where: str) -> None:
    for share in (test, validation):
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise InputError.of_kind(
                "shares as numbers", share, where, "For example test=0.2, validation=0.1."
            )
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise InputError(
            expected="shares between 0 and 1 that leave something to train on",
            got=f"test={test}, validation={validation}",
            where=where,
            hint="For example test=0.2, validation=0.1.",
        )


def assign(frame: pl.DataFrame, spec: SplitSpec, seed: int, *, time: str, identity: list[str]) -> pl.Series:
    """The part of every row: train, validation, test or gap.

    Args:
        frame: the rows, with the columns named below.
        seed: changes random and entity splits only.
        time: column of the spine time, aware UTC microseconds.
        identity: columns that say which row it is, whatever its place.
    """
    if spec.kind == "none":
        return pl.Series("split", [TRAIN] * frame.height, dtype=pl.String)
    if spec.kind == "time":
        return _by_time(frame.get_column(time), spec)
    if spec.kind == "column":
        return _by_column(_named(frame, [str(spec.column)], "split.by_column").to_series())
    columns = identity
    if spec.kind == "entity":
        columns = list(spec.columns or [str(spec.column)])
    shares = _shares(_named(frame, columns, "split.by_entity"), seed)
    bound = 1 - spec.test - spec.validation
    parts = np.where(shares < bound, 0, np.where(shares < bound + spec.validation, 1, 2))
    return pl.Series("split", [TRAIN, VALIDATION, TEST]).gather(pl.Series(parts, dtype=pl.Int64))


def _named(frame: pl.DataFrame, columns: list[str], where: str) -> pl.DataFrame:
    for name in columns:
        if name not in frame.columns:
            raise InputError(
                expected=f"one of the columns {', '.join(frame.columns)}",
                got=repr(name),
                where=where,
                hint="Name a column of the spine.",
            )
    return frame.select(columns)


def _by_column(given: pl.Series) -> pl.Series:
    said = given.cast(pl.String) if isinstance(given.dtype, pl.Categorical | pl.Enum) else given
    others = [value for value in said.unique(maintain_order=True) if value not in (TRAIN, VALIDATION, TEST)]
    if others:
        raise InputError(
            expected="'train', 'validation' or 'test' in every row",
            got=", ".join(map(repr, others[:5])),
            where=f"split.by_column, column {given.name!r}",
            hint="Map the column to these words in the spine; leave out the rows that belong to none.",
        )
    return said.cast(pl.String).alias("split")


def _by_time(times: pl.Series, spec: SplitSpec) -> pl.Series:
    bounds = [(spec.validation_from, VALIDATION), (spec.test_from, TEST)]
    part = pl.lit(TRAIN)
    gap = pl.duration(microseconds=round(spec.gap_s * 1_000_000))
    for bound, name in bounds:
        if bound is None:
            continue
        start = pl.lit(bound, dtype=pl.Datetime("us", "UTC"))
        part = pl.when(pl.col("t") >= start).then(pl.lit(name)).otherwise(part)
        if spec.gap_s:
            part = (
                pl.when((pl.col("t") < start) & (pl.col("t") > start - gap)).then(pl.lit(GAP)).otherwise(part)
            )
    return times.alias("t").to_frame().select(part.alias("split")).get_column("split")


def check_split(given: object, where: str) -> None:
    """Refuses what is no division; None is one.

    Raises:
        InputError: it was not made by this module.
    """
    if given is not None and not isinstance(given, SplitSpec):
        hint = "Write split=ms.split.random(test=0.2), or ms.split.by_time(test_from='2013-04-01')."
        raise InputError.of_kind("a division made by ms.split", given, where, hint)


def check_parts(times: pl.Series, parts: pl.Series, spec: SplitSpec) -> None:
    """Refuses a division that leaves nothing to train on; by time also one with nothing for a part that it names.

    Args:
        times: of the rows that a dataset would have, aware UTC.
        parts: of the same rows.

    Raises:
        InputError: a part has no rows.
    """
    if spec.kind == "column" and TRAIN not in set(parts):
        raise InputError(
            expected="rows for the part 'train'",
            got="none",
            where="split.by_column",
            hint="Rows without a label do not count.",
        )
    if TRAIN in empty_parts(set(parts), spec):
        what = "entities" if spec.kind == "entity" else "rows"
        raise InputError(
            expected="rows for the part 'train'",
            got=f"none of {times.len()}, by this seed",
            where="split.by_entity" if spec.kind == "entity" else "split.random",
            hint=f"Give more {what}, smaller shares of test and validation, or another seed; rows without a label do "
            "not count.",
        )
    if spec.kind != "time" or not times.len():
        return
    first, last = times.min(), times.max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    found = set(parts)
    begin = "test_from" if spec.validation_from is None else "validation_from"
    empty = {
        TRAIN: f"no rows before {begin}; the first is at {first.isoformat()}",
        VALIDATION: f"no rows from validation_from to test_from; they lie between {first.isoformat()} "
        f"and {last.isoformat()}",
        TEST: f"no rows at or after test_from; the last is at {last.isoformat()}",
    }
    for part in (TRAIN, TEST) if spec.validation_from is None else (TRAIN, VALIDATION, TEST):
        if part not in found:
            raise InputError(
                expected=f"rows for the part {part!r}",
                got=empty[part],
                where="split.by_time",
                hint="Choose bounds inside the rows' times, or a smaller gap; rows without a label do not count.",
            )


def empty_parts(found: Collection[str], spec: SplitSpec) -> list[str]:
    """Parts that a draw names and gave no row to, as one of few rows or entities may; [] for other divisions.

    Args:
        found: the parts that have rows.
        spec: the division.
    """
    if spec.kind not in ("random", "entity"):
        return []
    shares = {TRAIN: 1 - spec.test - spec.validation, VALIDATION: spec.validation, TEST: spec.test}
    return [part for part, share in shares.items() if share and part not in found]


def _shares(frame: pl.DataFrame, seed: int) -> np.ndarray:
    """A number in [0, 1) for each row, (n,), that depends on its values and the seed only.

    The hash is of the canonical bytes of [seed, values]. They are put together from the bytes of each value, because
    an array's bytes are its head and those of its elements (RFC 8949, section 3).
    """
    # null takes one byte, so what is before the nulls is the head of an array of as many elements.
    head = canonical_bytes([seed, []])[:-1] + canonical_bytes([None] * frame.width)[: -frame.width or None]
    rows = zip(*(_encoded(series) for series in frame), strict=True)
    keys: Iterable[bytes] = map(b"".join, rows)
    if frame.width == 1:
        found: dict[bytes, bytes] = {}
        hashes = [found.get(key) or found.setdefault(key, _hash(head, key)) for key in keys]
    else:
        hashes = [_hash(head, key) for key in keys]
    numbers = np.frombuffer(b"".join(hashes), dtype=">u8").astype(np.uint64)
    # 53 bits are what a float holds.
    shares: np.ndarray = (numbers >> np.uint64(11)).astype(np.float64) / (1 << 53)
    return shares


def _hash(head: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(head + key, digest_size=8).digest()


def _encoded(series: pl.Series) -> list[bytes]:
    """The canonical bytes of each value; times and dates as text."""
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone == "UTC":
        series = _as_text(series)
    values = series.to_list()
    if series.dtype.is_float() or series.dtype.is_nested():
        # Equal floats need not have equal bytes (0.0 and -0.0), and lists are no keys.
        return [canonical_bytes(value) for value in values]
    known: dict[object, bytes] = {}
    out = []
    for value in values:
        found = known.get(value)
        if found is None:
            found = known[value] = canonical_bytes(_plain(value))
        out.append(found)
    return out


def _plain(value: object) -> object:
    """A value as JSON has it: times and dates as text, a span as its microseconds, a decimal without its last zeros."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return ["span", value // timedelta(microseconds=1)]
    if isinstance(value, Decimal):
        return ["decimal", str(value.normalize())]
    return value


def _as_text(times: pl.Series) -> pl.Series:
    """Times in UTC as `datetime.isoformat` writes them: with six digits of a second's fraction, or with none."""
    # Python's years have four digits, and nothing else need be known of how other years are written.
    if times.is_empty() or not times.dt.year().is_between(1000, 9999).all():
        return times
    whole = times.dt.to_string("%Y-%m-%dT%H:%M:%S+00:00")
    parts = times.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    return parts.zip_with(times.dt.microsecond().fill_null(0) != 0, whole)
