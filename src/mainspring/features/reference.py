"""Which batches a batch is compared with: the latest ones, or those of the same season."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, cast

import polars as pl

from mainspring.errors import InputError
from mainspring.features.spec import CommitSpec, DriftReference

MOST_BATCHES: Final = 100
"""Each is a profile that is read at every insert."""
BULK: Final = (0.1, 0.9)
"""The quantiles of a batch's event times between which its bulk lies."""
Bulk = tuple[datetime, datetime]


def drift(*, batches: int = 8, season: timedelta | None = None) -> DriftReference:
    """What a group's batches are compared with, for `features.group(…, drift=…)`.

    Args:
        batches: the latest so many batches of 2,000 rows or more, 1 to 100.
        season: only batches that lie where this one does in a season of that length, by event time:
            `timedelta(days=7)` compares a Monday with Mondays. Where a batch lies is said by its bulk, from the 10 %
            to the 90 % quantile of its event times: a few rows that come late or early do not move it. Such batches
            are looked for among the latest 5,000. None = any.

    Raises:
        InputError: an argument is of another kind or out of its range.
    """
    if isinstance(batches, bool) or not isinstance(batches, int) or not 1 <= batches <= MOST_BATCHES:
        raise _refused(f"batches from 1 to {MOST_BATCHES}", batches, "Leave it out for the last eight.")
    if season is not None and (not isinstance(season, timedelta) or season <= timedelta()):
        raise _refused("a season above zero, as a timedelta", season, "Write timedelta(days=7).")
    return DriftReference(batches=batches, season_s=None if season is None else season.total_seconds())


def check_reference(given: object, event_time: str | None, where: str) -> None:
    """Refuses what is no reference, and a season of rows that have no time.

    Raises:
        InputError: it is one of these.
    """
    if given is not None and not isinstance(given, DriftReference):
        raise InputError.of_kind(
            "a reference made by ms.drift", given, where, "Write drift=ms.drift(batches=4)."
        )
    if given is not None and given.season_s is not None and event_time is None:
        hint = "Name event_time, or leave the season out."
        raise InputError(expected="an event time beside a season", got="none", where=where, hint=hint)


def bulk_of(times: pl.Series) -> Bulk:
    """From where to where four fifths of the times lie: the 10 % and the 90 % quantile, each a time that is there.

    What stragglers are is not known beforehand. A tenth at either end is more than come late in a batch that is one,
    and what is left shows its middle and its length as the whole does.
    """
    # Of times quantiles are times, which polars does not tell type checkers.
    low, high = (cast("datetime", times.quantile(share, "nearest")) for share in BULK)
    return low, high


def chosen(reference: DriftReference, before: Sequence[CommitSpec], bulk: Bulk | None) -> list[CommitSpec]:
    """Of the commits before a batch, oldest first, those that it is compared with.

    Two batches lie alike in a season when, moved by whole seasons, the middles of their bulks are no further apart than
    half of the longer bulk.

    Args:
        bulk: of the batch's event times; None where it has none.
    """
    if reference.season_s is not None:
        before = [each for each in before if _is_alike(each, bulk, reference.season_s)]
    return list(before[-reference.batches :])


def _is_alike(commit: CommitSpec, bulk: Bulk | None, season_s: float) -> bool:
    # Of a commit from before there were bulks, all that it spans.
    first = commit.early_event_at or commit.min_event_at
    last = commit.late_event_at or commit.max_event_at
    if bulk is None or first is None or last is None:
        return False
    spans_s = (bulk[1] - bulk[0]).total_seconds(), (last - first).total_seconds()
    apart_s = (bulk[0] - first).total_seconds() + (spans_s[0] - spans_s[1]) / 2
    return abs(apart_s - round(apart_s / season_s) * season_s) <= max(spans_s) / 2


def _refused(expected: str, got: object, hint: str) -> InputError:
    return InputError(expected=expected, got=repr(got), where="ms.drift", hint=hint)
