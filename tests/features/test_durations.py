"""Spans of time as callers give them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.features.test_personal import rows

import mainspring as ms
from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.durations import find_seconds, seconds


def test_a_span_is_seconds_or_a_timedelta() -> None:
    assert seconds(timedelta(hours=1.5), "ttl_s", "here") == 5400.0
    assert seconds(7, "ttl_s", "here") == 7
    assert find_seconds(None, "ttl_s", "here") is None


@pytest.mark.parametrize("given", ["1h", True, None, [1]])
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(InputError, match=r"gap_s as a number of seconds or a timedelta"):
        seconds(given, "gap_s", "here")


@pytest.mark.once
def test_every_door_takes_both(features: Features) -> None:
    """Groups, their next versions, and splits; what is neither is refused there."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    group = features.group("g", keys=["name"], event_time="t", ttl_s=day, source_delay_s=hour)
    assert (group.spec.ttl_s, group.spec.source_delay_s) == (86_400.0, 3_600.0)
    group.insert(rows())
    newer = group.next_version(ttl_s=2 * day)
    assert newer.spec.ttl_s == 172_800.0
    assert ms.split.by_time(test_from="2013-01-02", gap_s=hour).gap_s == 3_600.0
    with pytest.raises(InputError, match="ttl_s as"):
        features.group("h", keys=["name"], event_time="t", ttl_s="1h")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="source_delay_s as"):
        group.next_version(source_delay_s="1h")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="gap_s as"):
        ms.split.by_time(test_from="2013-01-02", gap_s="1h")  # type: ignore[arg-type]
