"""How the rows of a training dataset are divided: by what a row is, never by where it stands."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Final

import polars as pl

from mainspring.errors import InputError
from mainspring.features.schema import instant
from mainspring.features.spec import SplitSpec
from mainspring.types import canonical_bytes

TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
GAP: Final = "gap"


def by_time(
    *,
    test_from: str | date | datetime,
    validation_from: str | date | datetime | None = None,
    gap_s: float = 0.0,
) -> SplitSpec:
    """Rows are divided by their spine time into [.., validation_from), [validation_from, test_from), [test_from, ..).

    Args:
        test_from: ISO text, date or datetime; without zone it is UTC.
        validation_from: None = no validation part.
        gap_s: rows of an earlier part that lie less than this before the next part's start are left out.
    """
    test = instant(test_from, "split.by_time, test_from")
    validation = (
        None if validation_from is None else instant(validation_from, "split.by_time, validation_from")
    )
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
    """Rows are divided by a hash of their keys, spine time and the seed: equal rows always land together."""
    _check_shares(test, validation, "split.random")
    return SplitSpec(kind="random", test=test, validation=validation)


def by_entity(column: str, *, test: float, validation: float = 0.0) -> SplitSpec:
    """Rows are divided by a hash of `column` and the seed: all rows of one entity land together."""
    _check_shares(test, validation, "split.by_entity")
    return SplitSpec(kind="entity", test=test, validation=validation, column=column)


def _check_shares(test: float, validation: float, where: str) -> None:
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
    columns = identity
    if spec.kind == "entity":
        if spec.column not in frame.columns:
            raise InputError(
                expected=f"one of the columns {', '.join(frame.columns)}",
                got=repr(spec.column),
                where="split.by_entity",
                hint="Name a column of the spine.",
            )
        columns = [str(spec.column)]
    shares = [_share(values, seed) for values in frame.select(columns).iter_rows()]
    bound = 1 - spec.test - spec.validation
    parts = [TRAIN if x < bound else VALIDATION if x < bound + spec.validation else TEST for x in shares]
    return pl.Series("split", parts, dtype=pl.String)


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


def check_parts(times: pl.Series, parts: pl.Series, spec: SplitSpec) -> None:
    """Refuses a division by time that leaves nothing to train on, or nothing for a part that it names.

    Args:
        times: of the rows that a dataset would have, aware UTC.
        parts: of the same rows.

    Raises:
        InputError: a part has no rows.
    """
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


def _share(values: tuple[object, ...], seed: int) -> float:
    """A number in [0, 1) that depends on the values and the seed only."""
    plain = [value.isoformat() if isinstance(value, date) else value for value in values]
    key = hashlib.blake2b(canonical_bytes([seed, plain]), digest_size=8).digest()
    # 53 bits are what a float holds.
    return (int.from_bytes(key, "big") >> 11) / (1 << 53)
