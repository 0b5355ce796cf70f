"""A real worker over HTTP."""

from __future__ import annotations

from tests.server.conftest import Running
from tests.serving.airport import KEYS, REQUEST


def test_predict(running: Running) -> None:
    """It answers."""
    reply = running.client.post("/v1/deployments/flights/predict", json={"keys": KEYS, "request": REQUEST})
    assert reply.status_code == 200, reply.text
    print(reply.json(), reply.headers)
    print(running.client.get("/health").json())
    log = running.airport.deployments.get("flights").log()
    assert log["prediction"].item() == reply.json()["prediction"]
    running.server.stop()
    print(running.airport.deployments.get("flights").log_counts())
