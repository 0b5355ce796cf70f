"""A real worker over HTTP: what it answers, and what it refuses with which words."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running
from tests.server.load import PREDICT
from tests.serving.airport import KEYS, REQUEST

from mainspring.server.app import MAX_BODY_BYTES

OUTCOMES = "/v1/deployments/flights/outcomes"


@pytest.fixture
def client(shared: Running) -> httpx.Client:
    """A client of the shared worker."""
    return shared.client


def error(reply: httpx.Response, status: int) -> dict[str, Any]:
    """The error that a reply holds, complete."""
    assert reply.status_code == status, reply.text
    body: dict[str, Any] = reply.json()
    assert set(body) == {"code", "expected", "got", "where", "hint", "request_id"}
    assert all(body.values())
    return body


def test_predict_answers_as_in_process(shared: Running) -> None:
    """The reply has the prediction, the version and the id under which it is logged."""
    reply = shared.client.post(PREDICT, json={"keys": KEYS, "request": REQUEST})
    body = reply.json()
    here = shared.airport.deployments.get("flights")
    assert reply.status_code == 200
    assert body["prediction"] == here.predict(KEYS, REQUEST).prediction
    assert (body["model_version"], body["deployment"]) == (1, "flights")
    assert reply.headers["x-prediction-id"] == body["prediction_id"]
    logged = here.log()["prediction_id"].to_list()
    assert logged.count(body["prediction_id"]) == 1


def test_health_says_ready_and_what_is_served(client: httpx.Client) -> None:
    """Ready means loaded: arms, revision and epoch are those of the weight table."""
    body = client.get("/health").json()
    assert body["status"] == "ready"
    assert body["deployments"]["flights"]["arms"] == [["champion", "lateness", 1]]
    listed = client.get("/v1/deployments").json()["deployments"]
    assert listed["flights"]["revision"] == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b'{"keys": {}, "request"', "JSON"),
        (b"[]", "fields"),
        (b'{"keys": 3}', "fields"),
        (b'{"keys": {}, "surplus": 1}', "fields"),
        (b'{"keys": {}, "prediction_id": 7}', "fields"),
    ],
)
def test_malformed_bodies_are_400(client: httpx.Client, body: bytes, words: str) -> None:
    """Broken JSON, a wrong type and an unknown field are refused with the place of the fault."""
    assert words in error(client.post(PREDICT, content=body), 400)["expected"]


@pytest.mark.parametrize(
    ("keys", "request_values", "named"),
    [
        ({}, {}, "'origin', no 'carrier', no 'distance'"),
        ({"origin": "JFK"}, REQUEST, "carrier"),
        ({**KEYS, "colour": 1}, REQUEST, "colour"),
        (KEYS, {}, "distance"),
        (KEYS, {"distance": "far"}, "distance"),
        (KEYS, {"distance": 10**29}, "distance"),
        (KEYS, {"distance": -(2**63) - 1}, "distance"),
        (KEYS, {"distance": [1, [2**63]]}, "distance"),
    ],
)
def test_wrong_columns_are_400_and_named(
    client: httpx.Client, keys: dict[str, Any], request_values: dict[str, Any], named: str
) -> None:
    """A missing, unknown or ill-typed column is named in the refusal."""
    body = error(client.post(PREDICT, json={"keys": keys, "request": request_values}), 400)
    assert named in " ".join(body.values())


def test_unknown_places_are_404(client: httpx.Client) -> None:
    """An unknown deployment suggests a near one; an unknown path lists the routes."""
    body = error(client.post("/v1/deployments/flight/predict", json={"keys": KEYS}), 404)
    assert "Did you mean 'flights'" in body["hint"]
    assert "/health" in error(client.get("/healthy"), 404)["expected"]
    error(client.post("/v1/deployments/flights/erase", json={}), 404)


def test_wrong_method_is_405(client: httpx.Client) -> None:
    """Predictions are posted, the rest is asked with GET; the reply names the right one."""
    for reply, right in [
        (client.get(PREDICT), "POST"),
        (client.post("/health"), "GET"),
        (client.delete("/v1/deployments"), "GET"),
    ]:
        assert error(reply, 405)["expected"] == right
        assert reply.headers["allow"] == right


def test_too_large_a_body_is_413(client: httpx.Client) -> None:
    """One request may not fill the memory."""
    body = json.dumps({"keys": {"origin": "x" * (MAX_BODY_BYTES + 1)}}).encode()
    error(client.post(PREDICT, content=body), 413)


def test_the_same_id_is_answered_again_and_other_content_is_409(shared: Running) -> None:
    """A retry gets the first answer and is logged once."""
    first = shared.client.post(PREDICT, json={"keys": KEYS, "request": REQUEST, "prediction_id": "trip-1"})
    again = shared.client.post(PREDICT, json={"keys": KEYS, "request": REQUEST, "prediction_id": "trip-1"})
    other = shared.client.post(
        PREDICT, json={"keys": KEYS, "request": {"distance": 1.0}, "prediction_id": "trip-1"}
    )
    assert first.json() == again.json()
    error(other, 409)
    logged = shared.airport.deployments.get("flights").log()["prediction_id"].to_list()
    assert logged.count("trip-1") == 1


def test_outcomes_over_http(shared: Running) -> None:
    """Labels are posted in batches, and the reply counts what became of them."""
    ids = [
        shared.client.post(PREDICT, json={"keys": KEYS, "request": REQUEST}).json()["prediction_id"]
        for _ in range(3)
    ]
    rows = [{"prediction_id": item, "value": True, "known_at": "2013-01-01T05:00:00Z"} for item in ids]
    counts = shared.client.post(OUTCOMES, json={"outcomes": rows}).json()
    assert (counts["n_rows"], counts["n_stored"], counts["n_orphans"]) == (3, 3, 0)
    again = shared.client.post(OUTCOMES, json={"outcomes": rows}).json()
    assert again["n_duplicates"] == 3
    log = shared.airport.deployments.get("flights").log()
    assert log.filter(log["prediction_id"].is_in(ids))["outcome"].to_list() == [1.0] * 3


@pytest.mark.parametrize(
    "row",
    [
        {"prediction_id": "a", "value": "yes", "known_at": "2013-01-01T00:00:00Z"},
        {"prediction_id": "a", "value": 1, "known_at": "yesterday"},
        {"prediction_id": "a", "value": 1},
        {"prediction_id": "a", "value": 1, "known_at": "0001-01-01T00:00:00+05:00"},
        {"prediction_id": "a\0b", "value": 1, "known_at": "2013-01-01T00:00:00Z"},
        {"prediction_id": "", "value": 1, "known_at": "2013-01-01T00:00:00Z"},
        {"prediction_id": "a", "value": 2, "known_at": "2013-01-01T00:00:00Z"},
        {"prediction_id": "a", "value": 1, "known_at": "9999-01-01T00:00:00Z"},
    ],
)
def test_malformed_outcomes_are_400(client: httpx.Client, row: dict[str, Any]) -> None:
    """A wrong type, an unreadable time, a missing field and what cannot be stored are refused."""
    error(client.post(OUTCOMES, json={"outcomes": [row]}), 400)


@pytest.mark.parametrize("said", [b"", b'{"folder": '])
def test_a_worker_whose_orders_never_come_ends(said: bytes) -> None:
    """Its supervisor died before it had told everything."""
    command = [sys.executable, "-m", "mainspring.server.worker"]
    ended = subprocess.run(command, input=said, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_a_retired_deployment_is_gone_and_comes_back(shared: Running) -> None:
    """410 with who and why in place of an answer, and out of what is served; taken back, it answers again."""
    airport = shared.airport
    leaving = airport.deployments.create("leaving", airport.versions[0], airport.view)
    path = "/v1/deployments/leaving/predict"

    def asked(status: int) -> httpx.Response:
        until_s = time.monotonic() + 20
        while True:
            reply = shared.client.post(path, json={"keys": KEYS, "request": REQUEST})
            if reply.status_code == status or time.monotonic() > until_s:
                return reply
            time.sleep(0.02)

    known = asked(200).json()["prediction_id"]
    leaving.retire(reason="replaced")
    told = error(asked(410), 410)
    assert told["code"] == "deployment.retired"
    assert "by user:test (replaced)" in told["got"]
    assert "leaving" not in shared.client.get("/v1/deployments").json()["deployments"]
    label = {"prediction_id": known, "value": 1, "known_at": "2013-01-01T06:00:00Z"}
    posted = shared.client.post("/v1/deployments/leaving/outcomes", json={"outcomes": [label]})
    assert posted.json()["n_stored"] == 1
    leaving.resume()
    assert asked(200).status_code == 200
    assert shared.client.get("/v1/deployments").json()["deployments"]["leaving"]["epoch"] == 3
