"""Online reads from Redis: one round trip, and what is lost is materialised again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import redis
from hypothesis import HealthCheck, settings
from tests.features.conftest import at
from tests.features.online.test_api import HISTORIES, live, reader_of, weather_group, weather_rows
from tests.redis_servers import OwnRedis

from mainspring.errors import UnavailableError
from mainspring.features.api import Features
from mainspring.lineage import Graph
from mainspring.ports.keys import open_keys
from mainspring.ports.tables import open_tables


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnRedis]:
    """A server that writes nothing to disk: killed, it has lost everything."""
    server = OwnRedis(tmp_path / "redis")
    yield server
    server.close()


@pytest.fixture
def features(graph: Graph, server: OwnRedis, tmp_path: Path) -> Iterator[Features]:
    """A feature store whose online side is that server."""
    keys = open_keys(server.url, namespace=graph.project_id)
    yield Features(graph, open_tables(f"file:{tmp_path}/tables"), lambda: keys)
    keys.close()


def test_several_groups_in_one_command(features: Features, server: OwnRedis) -> None:
    """A request's rows of all its groups come with one command."""
    weather = weather_group(features)
    weather.insert(weather_rows(("JFK", 1, 1, 10.0)))
    planes = features.group("planes", keys=["tailnum"], online=True)
    planes.insert(pl.DataFrame({"tailnum": ["N1"], "year": [1999]}))
    view = features.view("v", features=[weather["temp"], planes["year"].static()], spine_time="t")
    reader = view.online()
    for group in (weather, planes):
        group.materialize(at(2))
    with redis.Redis.from_url(server.url) as client:
        client.config_resetstat()
        vector = reader.read({"origin": "JFK", "tailnum": "N1"}, {}, at(2))
        calls = {name: facts["calls"] for name, facts in client.info("commandstats").items()}
    assert vector.values == {"temp": 10.0, "year": 1999}
    assert calls.pop("cmdstat_config|resetstat") == 1
    assert calls == {"cmdstat_hmget": 1}


def test_lost_and_materialised_again(features: Features, server: OwnRedis) -> None:
    """A server that comes back empty is filled again by the process that filled it before."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0), ("LGA", 2, 2, 20.0)))
    _, reader = reader_of(features, group)
    assert group.materialize(at(3)) == 2
    server.kill()
    with pytest.raises(UnavailableError):
        reader.read({"origin": "JFK"}, {}, at(3))
    with pytest.raises(UnavailableError):
        group.materialize(at(4))
    server.start()
    assert reader.read({"origin": "JFK"}, {}, at(3)).status == {"weather": "missing"}
    assert group.materialize(at(4)) == 2
    assert reader.read({"origin": "LGA"}, {}, at(4)).values == {"temp": 20.0}
    assert group.materialize(at(5)) == 0


def test_lost_in_silence(features: Features, server: OwnRedis) -> None:
    """Rows that were lost between two materialisations, without an error in this process, are written again."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    group.materialize(at(3))
    server.kill()
    server.start()
    assert group.materialize(at(3)) == 1


def test_late_commit_lost(features: Features, server: OwnRedis) -> None:
    """A late commit's rows, alone lost of what was written, are written again."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    group.materialize(at(3))
    with redis.Redis.from_url(server.url) as client:
        (name,) = client.keys()
        before = client.dump(name)
        group.insert(weather_rows(("LGA", 1, 1, 30.0)))
        assert group.materialize(at(3)) == 1
        client.restore(name, 0, before, replace=True)
    assert group.materialize(at(3)) == 1


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@HISTORIES
def test_reader_equals_the_join(
    features: Features, batches: Any, moments: Any, ttl: int | None, delay: int, cutoff: bool
) -> None:
    """What is read from Redis at any moment of a history is what the join of that moment says (R20)."""
    live(features, batches, moments, ttl, delay, cutoff)
