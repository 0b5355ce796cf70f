"""What a server and its workers say, and how a request is found in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running
from tests.server.load import PREDICT, wait_until
from tests.serving.airport import KEYS, REQUEST, Airport

pytestmark = pytest.mark.once

BODY = {"keys": KEYS, "request": REQUEST}


def test_server_and_workers_say_one_story(airport: Airport, tmp_path: Path) -> None:
    """One file of JSON: every line has the command's correlation id, a request's lines its own, a death its fields."""
    path = tmp_path / "logs" / "server.jsonl"
    config = airport.project.config
    environment = {
        **os.environ,
        "MAINSPRING_RECORDS_URL": config.records.url,
        "MAINSPRING_CLOCK_KIND": config.clock.kind,
        "MAINSPRING_LOG_FILE": str(path),
        "MAINSPRING_LOG_FORMAT": "json",
        "MAINSPRING_LOG_LEVEL": "debug",
        "MAINSPRING_LOG_CORRELATION_ID": "night-shift",
    }
    command = [sys.executable, "-m", "mainspring", "server", "--port", "0", "-p", str(config.folder)]

    def found(event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in lines if line["event"] == event]

    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as server:
        try:
            wait_until(lambda: bool(found("server.ready")) or server.poll() is not None)
            url = found("server.ready")[0]["url"]
            with httpx.Client(base_url=url, timeout=30) as client:
                answered = client.post(PREDICT, json=BODY, headers={"x-request-id": "mine-1"})
                client.post(PREDICT, json={"keys": {}}, headers={"x-request-id": "mine-2"})
            os.kill(found("deployment.taken_up")[0]["pid"], signal.SIGKILL)
            wait_until(lambda: len(found("deployment.taken_up")) == 2)
            server.terminate()
            assert (server.wait(60), server.stderr.read() if server.stderr else "") == (0, "")
        finally:
            server.kill()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["correlation_id"] for line in lines} == {"night-shift"}
    assert {line.get("worker") for line in lines if line["event"].startswith("request.")} == {"worker-1"}
    (first,) = found("request.answered")
    assert first["request_id"] == "mine-1" == answered.headers["x-request-id"]
    assert (first["deployment"], first["prediction_id"]) == ("flights", answered.json()["prediction_id"])
    (second,) = found("request.refused")
    assert (second["request_id"], second["status"]) == ("mine-2", 400)
    assert second["exception"]["code"] == "input.invalid"
    (died,) = found("worker.died")
    assert (died["worker"], died["exit_code"], died["level"]) == ("worker-1", -signal.SIGKILL, "warning")
    assert [line["event"] for line in lines][-1] == "server.stopped"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "caf\u00e9"])
def test_a_request_without_a_usable_id_is_given_one(shared: Running, given: str) -> None:
    """What cannot be an id is not sent back, nor said."""
    headers = {"x-request-id": given.encode("latin-1")}
    ids = {shared.client.post(PREDICT, json=BODY, headers=headers).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert given not in ids


@pytest.mark.parametrize(("path", "status"), [(PREDICT, 200), ("/health", 405), ("/nowhere", 404)])
def test_the_id_of_a_request_comes_back(shared: Running, path: str, status: int) -> None:
    """In the header of every reply, and in the body of a refusal."""
    reply = shared.client.post(path, json=BODY, headers={"x-request-id": "mine"})
    assert (reply.status_code, reply.headers["x-request-id"]) == (status, "mine")
    assert reply.json().get("request_id", "mine") == "mine"
