"""Expectations that a profile suggests, for a person to edit. Every bound says how sure the rows make it.

What n rows never showed may still happen: of a rate that was seen k times in n, the upper limit is that of Clopper and
Pearson (1934); for k = 0 and 95 % that is 3 / n, the "rule of three". The range of n rows holds at least a share b of
all rows to come, with confidence c, for b the 1 - c point of Beta(n - 1, 2), whatever the distribution (Wilks 1941). A
batch varies around its rate, so that what is allowed in a batch of m rows is the c point of the binomial distribution
at the upper limit. In short: a batch of the same process breaks a suggestion in fewer than 1 - c of all cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import polars as pl
from scipy.special import bdtr, bdtrik, betaincinv

from mainspring.checks.column import ColumnKind, ColumnProfile
from mainspring.checks.kinds.nulls import not_null
from mainspring.checks.kinds.ranges import between
from mainspring.checks.kinds.sets import in_set
from mainspring.checks.kinds.uniqueness import unique
from mainspring.checks.profile import Profile
from mainspring.checks.profile import profile as profile_of
from mainspring.checks.spec import Expectation
from mainspring.errors import InputError
from mainspring.frames import frame_in_memory

CONFIDENCE: Final = 0.95
MIN_ROWS: Final = 100
"""Values on which a range, a set or uniqueness must rest."""
MIN_SUPPORT: Final = 5
"""Rows of the rarest level of a set: one that was seen once suggests that others were not."""

_INTEGERS: Final = frozenset(str(kind) for kind in pl.datatypes.group.INTEGER_DTYPES)


def infer(
    profile: object,
    *,
    confidence: float = CONFIDENCE,
    batch_rows: int | None = None,
    severity: str = "warning",
) -> list[Expectation]:
    """What held in the profiled rows, as expectations of batches to come: a draft that somebody looks through.

    A column gives `not_null`, a number `between`, a category of few levels with enough rows each `in_set`, and texts or
    whole numbers that never repeat `unique`. Of a private column only nulls are known. Times give no range, since
    they go on, nor do columns with whole numbers beyond 2**53, such as ids.

    Args:
        profile: of rows that are known to be good; or those rows: a polars or pandas frame, or Arrow data.
        confidence: of each expectation by itself, in (0.5, 1).
        batch_rows: how many rows the batches to be checked will have; fewer vary more. None = as many as were profiled.
        severity: of all of them.

    Raises:
        InputError: an argument is out of range.
    """
    check_confidence(confidence, "infer")
    _check_batch(batch_rows)
    if not isinstance(profile, Profile):
        profile = profile_of(frame_in_memory(profile, "infer"))
    n_batch = batch_rows or profile.n_rows
    found: list[Expectation] = []
    for column in profile.columns:
        if column.n_rows:
            found += _of_column(column, confidence, max(n_batch, 1), severity)
    return found


def check_confidence(confidence: float, where: str) -> None:
    """Refuses what is no confidence, in (0.5, 1)."""
    if not isinstance(confidence, int | float) or not 0.5 < confidence < 1:
        raise InputError(
            expected="confidence in (0.5, 1)",
            got=f"confidence={confidence!r}",
            where=where,
            hint=f"Leave it out for {CONFIDENCE}.",
        )


def _check_batch(batch_rows: int | None) -> None:
    if batch_rows is not None and batch_rows < 1:
        raise InputError(
            expected="batch_rows of 1 or more",
            got=f"batch_rows={batch_rows!r}",
            where="infer",
            hint="Leave it out for as many as were profiled.",
        )


def _of_column(
    column: ColumnProfile, confidence: float, n_batch: int, severity: str
) -> Iterable[Expectation]:
    n_values = column.n_rows - column.n_null
    if column.n_missing < column.n_rows:
        mostly = _mostly(upper_limit(column.n_missing, column.n_rows, confidence), confidence, n_batch)
        if mostly > 0:
            yield not_null(column.name, mostly=mostly, severity=severity)
    if n_values < MIN_ROWS:
        return
    # Only rows with a value are judged by the others.
    n_judged = max(1, round(n_batch * n_values / column.n_rows))
    if column.kind is ColumnKind.NUMERIC and isinstance(column.minimum, float) and not column.inexact:
        n_finite = 0 if column.moments is None else column.moments.count
        beyond = 1 - float(betaincinv(n_finite - 1, 2, 1 - confidence)) if n_finite > 1 else 1.0
        n_other = n_values - n_finite
        outside = beyond + (upper_limit(n_other, n_values, confidence) if n_other else 0.0)
        mostly = _mostly(outside, confidence, n_judged)
        if mostly > 0:
            low, high = _bound(column, column.minimum), _bound(column, column.maximum)
            yield between(column.name, low, high, mostly=mostly, severity=severity)
    elif column.kind is ColumnKind.CATEGORY and column.dtype != str(pl.Boolean):
        yield from _of_levels(column, n_values, confidence, n_judged, severity)
    if column.dtype in {*_INTEGERS, str(pl.String)} and _never_repeats(column):
        yield unique(column.name, severity=severity)


def _of_levels(
    column: ColumnProfile, n_values: int, confidence: float, n_judged: int, severity: str
) -> Iterable[Expectation]:
    top = column.most_frequent
    if top is None or not top.is_complete or min(entry.low for entry in top.values) < MIN_SUPPORT:
        return
    # No level was seen once: by Good and Turing (1953) the share of unseen ones is estimated as 0 of n.
    mostly = _mostly(upper_limit(0, n_values, confidence), confidence, n_judged)
    levels = sorted(str(entry.value) for entry in top.values)
    yield in_set(column.name, levels, mostly=mostly, severity=severity)


def _never_repeats(column: ColumnProfile) -> bool:
    top = column.most_frequent
    return top is not None and top.unlisted <= 1 and all(entry.high == 1 for entry in top.values)


def _bound(column: ColumnProfile, value: object) -> float:
    assert isinstance(value, int | float)
    return int(value) if column.dtype in _INTEGERS else float(value)


def upper_limit(count: int, n: int, confidence: float) -> float:
    """The upper limit of a rate that was seen `count` times in `n` (Clopper and Pearson 1934)."""
    return 1.0 if count >= n else float(betaincinv(count + 1, n - count, confidence))


def _mostly(rate: float, confidence: float, n_batch: int) -> float:
    """The share of `n_batch` rows that holds with that confidence where a row breaks it at that rate."""
    if rate >= 1:
        return 0.0
    n_broken = max(0, math.ceil(float(bdtrik(confidence, n_batch, rate)) - 1e-9)) if rate > 0 else 0
    if n_broken and bdtr(n_broken - 1, n_batch, rate) >= confidence:
        n_broken -= 1
    share = 1 - n_broken / n_batch
    # Down to six digits that people read; a batch of that size allows the same number of rows.
    return max(0.0, math.floor(share * 1e6) / 1e6) if n_broken else 1.0


def as_python(expectations: Iterable[Expectation]) -> str:
    """Expectations as the text of a Python list that can be pasted into the definition of a group, and edited."""
    lines = [f"    {_call(expectation)},\n" for expectation in expectations]
    return "[\n" + "".join(lines) + "]\n"


def _call(expectation: Expectation) -> str:
    columns = expectation.columns
    words = [repr(columns[0])] if len(columns) == 1 else [repr(list(columns))] if columns else []
    for name, value in expectation.parameters.items():
        words.append(f"{name}={list(value) if isinstance(value, tuple) else value!r}")
    if expectation.severity != "critical":
        words.append(f"severity={expectation.severity.value!r}")
    if expectation.mostly < 1.0:
        words.append(f"mostly={expectation.mostly!r}")
    if expectation.row_condition is not None:
        words.append(f"row_condition={expectation.row_condition!r}")
    if expectation.environment is not None:
        words.append(f"environment={expectation.environment.value!r}")
    return f"ms.expect.{expectation.kind}({', '.join(words)})"
