"""Which batches a batch is compared with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.reference import chosen
from mainspring.features.spec import CommitSpec

DAY, WEEK = 24.0, 7 * 24.0


def commit(number: int, first: float, hours: float = DAY) -> CommitSpec:
    """A published commit of rows from one hour of the year to another."""
    return CommitSpec(
        group_id="g",
        ticket=number,
        number=number,
        token=str(number),
        digest="",
        asset_id="",
        n_rows=2_000,
        n_deletes=0,
        n_failed=0,
        verdict=None,
        min_event_at=at(first),
        max_event_at=at(first + hours),
        published_at=at(first + hours),
    )


DAYS = [commit(number, number * DAY) for number in range(1, 22)]


def numbers(reference: Any, first: float, hours: float = DAY) -> list[int | None]:
    return [each.number for each in chosen(reference, DAYS, at(first), at(first + hours))]


def test_the_latest_batches_are_the_reference() -> None:
    """Without a season the last so many."""
    assert numbers(ms.drift(batches=3), 22 * DAY) == [19, 20, 21]
    assert numbers(ms.drift(), 22 * DAY) == list(range(14, 22))


def test_a_weekday_is_compared_with_its_like() -> None:
    """Also where the batch is a little late or short."""
    weekly = ms.drift(batches=2, season=timedelta(days=7))
    assert numbers(weekly, 22 * DAY) == [8, 15]
    assert numbers(weekly, 22 * DAY + 2, DAY - 4) == [8, 15]


def test_batches_as_long_as_the_season_are_all_alike() -> None:
    """A week has every weekday in it."""
    assert numbers(ms.drift(batches=2, season=timedelta(days=7)), 22 * DAY, WEEK) == [20, 21]


def test_without_times_nothing_is_of_the_same_season() -> None:
    """There is no reference then; without a season there is."""
    untimed = [DAYS[0].model_copy(update={"min_event_at": None, "max_event_at": None})]
    assert chosen(ms.drift(season=timedelta(days=7)), untimed, at(0), at(1)) == []
    assert chosen(ms.drift(), untimed, None, None) == untimed


@pytest.mark.parametrize(
    "given", [{"batches": 0}, {"batches": True}, {"batches": 101}, {"season": 7}, {"season": timedelta()}]
)
def test_what_is_no_reference_is_refused(given: dict[str, Any]) -> None:
    """Numbers out of range, other kinds, no length."""
    with pytest.raises(InputError, match=r"ms\.drift"):
        ms.drift(**given)


def test_a_group_refuses_what_it_cannot_compare(features: Features) -> None:
    """Another kind of value, and a season of rows that have no time."""
    with pytest.raises(InputError, match="made by ms.drift"):
        features.group("weather", keys=["origin"], drift=8)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="an event time beside a season"):
        features.group("weather", keys=["origin"], drift=ms.drift(season=timedelta(days=7)))
