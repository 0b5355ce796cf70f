"""Which batches a batch is compared with: the latest ones, or those of the same season."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from mainspring.errors import InputError
from mainspring.features.spec import CommitSpec, DriftReference

MOST_BATCHES: Final = 100
"""Each is a profile that is read at every insert."""


def drift(*, batches: int = 8, season: timedelta | None = None) -> DriftReference:
    """What a group's batches are compared with, for `features.group(…, drift=…)`.

    Args:
        batches: the latest so many batches of 2,000 rows or more, 1 to 100.
        season: only batches that lie where this one does in a season of that length, by event time:
            `timedelta(days=7)` compares a Monday with Mondays. None = any.

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


def chosen(
    reference: DriftReference, before: Sequence[CommitSpec], first: datetime | None, last: datetime | None
) -> list[CommitSpec]:
    """Of the commits before a batch, oldest first, those that it is compared with.

    Two batches lie alike in a season when, moved by whole seasons, their middles are no further apart than half of the
    longer one's span of event times.

    Args:
        first, last: the batch's event times.
    """
    if reference.season_s is not None:
        before = [each for each in before if _is_alike(each, first, last, reference.season_s)]
    return list(before[-reference.batches :])


def _is_alike(commit: CommitSpec, first: datetime | None, last: datetime | None, season_s: float) -> bool:
    if first is None or last is None or commit.min_event_at is None or commit.max_event_at is None:
        return False
    spans_s = (last - first).total_seconds(), (commit.max_event_at - commit.min_event_at).total_seconds()
    starts_s = (first - commit.min_event_at).total_seconds()
    apart_s = starts_s + (spans_s[0] - spans_s[1]) / 2
    return abs(apart_s - round(apart_s / season_s) * season_s) <= max(spans_s) / 2


def _refused(expected: str, got: object, hint: str) -> InputError:
    return InputError(expected=expected, got=repr(got), where="ms.drift", hint=hint)
