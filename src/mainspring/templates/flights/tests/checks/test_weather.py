"""What the group `weather` expects of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from features import weather

import mainspring as ms

HOUR = datetime(2013, 6, 1, 14, tzinfo=UTC)
USUAL = dict.fromkeys(weather.COLUMNS, 1.0)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Any]:
    """The group, in a fresh home."""
    overrides = {"home.path": str(tmp_path), "clock.kind": "system"}
    with ms.open(Path(__file__).parents[2], overrides=overrides) as project:
        yield weather.define(project.features)


def _rows(**values: float | None) -> pl.DataFrame:
    row = {"origin": "JFK", "observed_at": HOUR, "reported_at": HOUR + timedelta(hours=1)}
    types = dict.fromkeys(weather.COLUMNS, pl.Float64)
    return pl.DataFrame([{**row, **USUAL, **values}], schema_overrides=types)


ELSEWHERE = _rows().with_columns(origin=pl.lit("LGA"))


def test_a_usual_hour_passes(group: Any) -> None:
    """All that is expected holds."""
    assert group.insert(_rows()).verdict == "pass"


def test_an_impossible_visibility_is_told(group: Any) -> None:
    """Instruments report up to ten miles."""
    (broken,) = group.failing_rows(_rows(visib=11.0))["_broken"][0]
    assert broken.startswith("between(visib")


def test_an_hour_that_cannot_have_been_is_kept_apart(group: Any) -> None:
    """The file has 1,048 mph at Newark; the other hours come in, and the row lies with its reason."""
    commit = group.insert(pl.concat([_rows(wind_speed=1048.36, wind_gust=None), ELSEWHERE]))
    assert (commit.n_rows, commit.n_rejected) == (1, 1)
    ((reason,),) = group.rejects(commit)["_broken"]
    assert reason.startswith("between(wind_speed")


def test_a_missing_wind_only_warns(group: Any) -> None:
    """Four hours of the year have none; the rows are taken."""
    commit = group.insert(pl.concat([_rows(wind_speed=None), ELSEWHERE]))
    assert (commit.verdict, commit.n_failed) == ("pass", 1)
