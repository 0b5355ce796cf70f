"""A prediction server whose online features lie in Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.redis_servers import OwnRedis
from tests.server.conftest import Running, deployed, serving
from tests.serving.airport import KEYS, REQUEST, START

from mainspring.ports.clock import ReplayClock
from mainspring.project import open_project

pytestmark = pytest.mark.once


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[OwnRedis]:
    """A server that writes each command to disk before it answers."""
    server = OwnRedis(tmp_path / "redis", ["--appendonly", "yes", "--appendfsync", "always"])
    yield server
    server.close()


@pytest.fixture
def running(tmp_path: Path, records_url: str, redis_server: OwnRedis) -> Iterator[Running]:
    """A worker that reads from that server."""
    overrides = {
        "records.url": records_url,
        "keys.url": redis_server.url,
        "clock.kind": "replay",
        "actor.name": "user:test",
    }
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(tmp_path, overrides=overrides) as project:
        assert isinstance(project.clock, ReplayClock)
        project.clock.set(START)
        made = deployed(project)
        yield from serving(made)
        made.deployments.close()


def test_redis_goes_and_comes_back(running: Running, redis_server: OwnRedis) -> None:
    """Without Redis a request is refused with 503 and nothing else ends; when it is back requests are answered."""

    def ask() -> tuple[int, object]:
        answer = running.client.post(
            "/v1/deployments/flights/predict", json={"keys": KEYS, "request": REQUEST}
        )
        return answer.status_code, answer.json().get("prediction", answer.json())

    before = ask()
    assert before[0] == 200
    redis_server.kill()
    status, body = ask()
    assert status == 503
    assert body["code"] == "backend.unavailable"  # type: ignore[index]
    assert running.client.get("/health").status_code == 200
    redis_server.start()
    assert ask() == before
