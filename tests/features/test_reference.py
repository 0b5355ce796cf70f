"""Which batches a batch is compared with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.errors import InputError
from mainspring.features import profiles
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup
from mainspring.features.profiles import KEPT_FROM_ROWS
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
    return [each.number for each in chosen(reference, DAYS, (at(first), at(first + hours)))]


def test_the_latest_batches_are_the_reference() -> None:
    """Without a season the last so many."""
    assert numbers(ms.drift(batches=3), 22 * DAY) == [19, 20, 21]
    assert numbers(ms.drift(), 22 * DAY) == list(range(14, 22))


def test_a_weekday_is_compared_with_its_like() -> None:
    """Also where the batch is a little late or short."""
    weekly = ms.drift(batches=2, season=timedelta(days=7))
    assert numbers(weekly, 22 * DAY) == [8, 15]
    assert numbers(weekly, 22 * DAY + 2, DAY - 4) == [8, 15]


def weather(features: Features) -> FeatureGroup:
    """A group of days, each of which is compared with that of the week before."""
    weekly = ms.drift(batches=1, season=timedelta(days=7))
    return features.group("weather", keys=["id"], event_time="t", drift=weekly)


def against(group: FeatureGroup, day: int, late: int = 0) -> tuple[int, ...]:
    """What a day's rows are compared with, of which two come so many days late and early."""
    hours = day * DAY + pl.int_range(KEPT_FROM_ROWS, eager=True) * DAY / KEPT_FROM_ROWS
    hours[0], hours[1] = hours[0] - late * DAY, hours[1] + late * DAY / 3
    times = [at(hour) for hour in hours]
    found = group.insert(pl.DataFrame({"id": range(KEPT_FROM_ROWS), "t": times, "x": 1.0})).drift
    assert found is not None
    return found.against


@pytest.mark.once
def test_a_straggler_moves_no_day(features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row of last month leaves a Monday a Monday; it is found however few commits are looked at together."""
    monkeypatch.setattr(profiles, "LOOKED_AT_ONCE", 3)
    group = weather(features)
    assert [against(group, day, late=31) for day in range(10)][6:] == [(), (1,), (2,), (3,)]


@pytest.mark.once
def test_what_is_looked_through_is_bounded(features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch whose like lies further back has no reference."""
    monkeypatch.setattr(profiles, "LOOKED_AT_ONCE", 2)
    monkeypatch.setattr(profiles, "MOST_LOOKED", 6)
    group = weather(features)
    assert [against(group, day) for day in range(8)][7] == ()
    monkeypatch.setattr(profiles, "MOST_LOOKED", 8)
    assert against(group, 8) == (2,)


def test_batches_as_long_as_the_season_are_all_alike() -> None:
    """A week has every weekday in it."""
    assert numbers(ms.drift(batches=2, season=timedelta(days=7)), 22 * DAY, WEEK) == [20, 21]


def test_without_times_nothing_is_of_the_same_season() -> None:
    """There is no reference then; without a season there is."""
    untimed = [DAYS[0].model_copy(update={"min_event_at": None, "max_event_at": None})]
    assert chosen(ms.drift(season=timedelta(days=7)), untimed, (at(0), at(1))) == []
    assert chosen(ms.drift(), untimed, None) == untimed


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
