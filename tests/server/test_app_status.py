"""Refusals over HTTP: which status an error has, and what becomes of one that nobody foresaw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from mainspring.errors import AccessError, ConflictError, InputError, MainspringError, UnavailableError
from mainspring.server import app


@pytest.mark.parametrize(
    ("kind", "status"), [(AccessError, 503), (UnavailableError, 503), (ConflictError, 409), (InputError, 400)]
)
def test_what_keeps_the_server_from_logging_is_503(kind: type[MainspringError], status: int) -> None:
    """A folder that may not be written is the operator's matter, not the caller's and no failure of the model."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app._refuse(send, kind(expected="a", got="b", where="c", hint="d"), "flights"))
    assert sent[0]["status"] == status


class Broken(dict[str, Any]):
    """Predictors of which every use fails."""

    def items(self) -> Any:
        raise RuntimeError("the map is broken")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/deployments/flights/outcomes"),
        ("GET", "/health"),
        ("POST", "/v1/deployments/flights/predict"),
    ],
)
def test_an_unforeseen_failure_is_500_in_four_parts(
    method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """On every route: the caller hears what and where to look, the operator finds the traceback in the log."""

    def post(name: str, rows: object) -> Any:
        raise RuntimeError("the disk fell out")

    made = app.App(Broken(flights=None), post, "worker-7")
    made.ready = True
    sent: list[MutableMapping[str, Any]] = []
    row = {"prediction_id": "a", "value": 1, "known_at": "2013-01-01T00:00:00Z"}
    body = {"outcomes": [row]} if path.endswith("outcomes") else {"keys": {}}

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(made({"type": "http", "method": method, "path": path, "headers": []}, receive, send))
    assert sent[0]["status"] == 500
    said = json.loads(sent[1]["body"])
    assert set(said) == {"code", "expected", "got", "where", "hint", "request_id"}
    assert (said["where"], "worker-7" in said["hint"]) == (f"{method} {path}", True)
    (line,) = caplog.records
    fields = line.mainspring  # type: ignore[attr-defined]
    assert fields["exception"]["traceback"].startswith("Traceback")
    assert fields["request_id"] == said["request_id"] != ""
    assert made.n_waiting == 0
