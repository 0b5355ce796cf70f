"""What is of the wrong kind is refused by its name, before anything is made of it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at

import mainspring as ms
from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.group import FeatureGroup

SCHEMA = {"a": int, "t": "datetime", "v": float}


@pytest.fixture
def group(features: Features) -> FeatureGroup:
    return features.group("g", keys=["a"], event_time="t", schema=SCHEMA)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("keys", {"keys": 5}),
        ("keys", {"keys": "a"}),
        ("keys", {"keys": ["a", 1]}),
        ("keys", {"keys": {"a", "v"}}),
        ("tags", {"tags": 5}),
        ("schema", {"schema": ["a"]}),
        ("schema", {"schema": {1: int}}),
        ("event_time", {"event_time": 5}),
        ("known_time", {"known_time": 5}),
        ("owner", {"owner": 5}),
        ("description", {"description": 5}),
        ("jurisdiction", {"jurisdiction": ["EU"]}),
    ],
)
def test_of_a_group(features: Features, name: str, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=name):
        features.group("g", **{"keys": ["a"], **given})
    assert not features.groups()


@pytest.mark.parametrize("given", [{"description": ["x"]}, {"owner": 5}, {"columns": ["v"]}, {"tags": 5}])
def test_of_a_description(group: FeatureGroup, given: dict[str, Any]) -> None:
    before = group.spec
    with pytest.raises(InputError, match=next(iter(given))):
        group.describe(**given)
    assert group.spec == before


@pytest.mark.parametrize("given", [{"keys": {"a"}}, {"keys": "a"}, {"schema": ["a"]}])
def test_of_a_next_version(group: FeatureGroup, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(given))):
        group.next_version(**given)


@pytest.mark.parametrize("given", [{"spine_time": 5}, {"description": 5}, {"on_demand": len}])
def test_of_a_view(features: Features, group: FeatureGroup, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(given))):
        features.view("v", **{"features": [group["v"]], "spine_time": "t", **given})


def test_of_rows(group: FeatureGroup) -> None:
    with pytest.raises(InputError, match="source"):
        group.insert(pl.DataFrame({"a": [1], "t": [at(0)], "v": [1.0]}), source=5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="event_id"):
        group.push([{"a": 1, "t": at(0), "v": 1.0}], event_id=5)  # type: ignore[arg-type]
    assert not group.commits()


@pytest.mark.once
def test_of_functions() -> None:
    with pytest.raises(InputError, match="request"):
        ms.request(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a function"):
        ms.on_demand(5)  # type: ignore[call-overload]
    with pytest.raises(InputError, match="lower"):
        ms.transform.clip("v", lower="a")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="keep"):
        ms.wrangle.deduplicate(pl.DataFrame({"a": [1]}), ["a"], keep="best")  # type: ignore[arg-type]
