"""How requests may be written, and how replies are: prefixes, spellings, numbers, pages, what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.mlflow.conftest import Api

from mainspring.server.mlflow import Mlflow
from mainspring.server.mlflow.errors import Refusal
from mainspring.server.mlflow.metrics import LogBatch, spread
from mainspring.server.mlflow.wire import number, read_json, read_offset, write_token
from mainspring.tracking.points import FilePoints, TablePoints

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_both_prefixes(api: Api, prefix: str) -> None:
    reply = api.reply("GET", "experiments/get", prefix=prefix, params={"experiment_id": "0"})
    assert (reply.status_code, reply.json()["experiment"]["name"]) == (200, "Default")
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/2.0/mlflow/nothing"),
        ("POST", "/api/2.0/mlflow/traces"),
        ("GET", "/api/9.9/mlflow/runs/get"),
        ("POST", "/v1/traces"),
        ("GET", "/api/2.0/mlflow/registered-models/search"),
    ],
)
def test_unknown_routes_are_a_clean_404(api: Api, method: str, path: str) -> None:
    reply = api.send(method, path)
    assert (reply.status_code, reply.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_a_known_route_with_another_method_is_405(api: Api) -> None:
    reply = api.send("GET", "/api/2.0/mlflow/runs/log-metric")
    assert (reply.status_code, reply.json()["error_code"]) == (405, "ENDPOINT_NOT_FOUND")


def test_version_asks_for_no_spans(api: Api) -> None:
    """Clients send spans to servers of 3.4 and later."""
    reply = api.send("GET", "/version")
    assert reply.status_code == 200
    assert tuple(map(int, reply.text.split("."))) < (3, 4)
    assert reply.headers["content-type"].startswith("text/plain")


def test_server_info_and_health(api: Api) -> None:
    info = api.send("GET", "/api/3.0/mlflow/server-info").json()
    assert (info["store_type"], info["workspaces_enabled"]) == ("SqlStore", False)
    assert api.send("GET", "/health").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"run_id": "RUN", "key": "m", "value": 0.5, "timestamp": 12, "step": 3},
        {"runId": "RUN", "key": "m", "value": 0.5, "timestamp": "12", "step": "3"},
        {"run_uuid": "RUN", "key": "m", "value": 0.5, "timestamp": 12.0, "step": 3, "news": {"a": [1]}},
        {"run_id": "RUN", "key": "m", "value": "0.5", "timestamp": "12", "step": 3, "model_id": None},
    ],
)
def test_spellings_of_one_message(api: Api, body: dict[str, Any]) -> None:
    """Snake or camel case, numbers or texts, fields that nobody knows."""
    run = api.run()
    sent = {name: run if value == "RUN" else value for name, value in body.items()}
    assert api.post("runs/log-metric", **sent) == {}
    (found,) = api.get("metrics/get-history", run_id=run, metric_key="m")["metrics"]
    assert found == {"key": "m", "value": 0.5, "timestamp": 12, "step": 3}


def test_a_body_encoded_twice(api: Api) -> None:
    """As clients of old versions do."""
    run = api.run()
    body = json.dumps(json.dumps({"run_id": run, "key": "k", "value": "v"}))
    assert api.reply("POST", "runs/set-tag", content=body, headers=JSON).status_code == 200
    assert api.run_data(run)["tags"]["k"] == "v"


def test_a_get_may_have_its_message_in_the_body(api: Api) -> None:
    reply = api.send(
        "GET", "/api/2.0/mlflow/experiments/get", content=b'{"experiment_id": "0"}', headers=JSON
    )
    assert reply.json()["experiment"]["experiment_id"] == "0"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "BAD_REQUEST"),
        (b"[1]", "BAD_REQUEST"),
        (b"12", "BAD_REQUEST"),
        (b"\xff\xfe", "BAD_REQUEST"),
        (b'"not json"', "BAD_REQUEST"),
        (b'{"run_id": "a", "runId": "a"}', "BAD_REQUEST"),
        (b'{"a":' * 3000, "BAD_REQUEST"),
        (b"", "INVALID_PARAMETER_VALUE"),
        (b"{}", "INVALID_PARAMETER_VALUE"),
    ],
)
def test_malformed_bodies(api: Api, body: bytes, code: str) -> None:
    reply = api.reply("POST", "runs/log-batch", content=body, headers=JSON)
    assert (reply.status_code, reply.json()["error_code"]) == (400, code)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_content_types(api: Api, kind: str) -> None:
    """What a page of another site may send without asking is refused."""
    reply = api.reply(
        "POST", "experiments/create", content=b'{"name": "forged"}', headers={"content-type": kind}
    )
    assert (reply.status_code, reply.json()["error_code"]) == (400, "BAD_REQUEST")
    assert (
        api.reply("GET", "experiments/get-by-name", params={"experiment_name": "forged"}).status_code == 404
    )


def test_a_charset_may_follow_the_content_type(api: Api) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    reply = api.reply("POST", "experiments/search", content=b'{"max_results": 1}', headers=headers)
    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ({"value": 1, "timestamp": 1}, "Missing value for required parameter 'metrics[1].key'"),
        ({"key": "m", "timestamp": 1}, "Missing value for required parameter 'metrics[1].value'"),
        ({"key": "m", "value": 1}, "Missing value for required parameter 'metrics[1].timestamp'"),
        (
            {"key": "m", "value": "high", "timestamp": 1},
            "Invalid value \"high\" for parameter 'metrics[1].value' supplied",
        ),
        (
            {"key": "m", "value": 1, "timestamp": "now"},
            "Invalid value \"now\" for parameter 'metrics[1].timestamp' supplied",
        ),
        (
            {"key": "m", "value": 1, "timestamp": 1, "step": 1.5},
            "Invalid value 1.5 for parameter 'metrics[1].step' supplied",
        ),
        (
            {"key": "m", "value": 1, "timestamp": -1},
            "Invalid value -1 for parameter 'metrics[1].timestamp' supplied",
        ),
        (
            {"key": "m", "value": 1, "timestamp": 1, "step": 2**63},
            f"Invalid value {2**63} for parameter 'metrics[1].step' supplied",
        ),
        ({"key": 5, "value": 1, "timestamp": 1}, "Invalid value 5 for parameter 'metrics[1].key' supplied"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(api: Api, metric: dict[str, Any], said: str) -> None:
    """And nothing of the batch is written."""
    run = api.run()
    good = {"key": "good", "value": 1, "timestamp": 1}
    status, code, message = api.refused("runs/log-batch", run_id=run, metrics=[good, metric])
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(said)
    assert api.run_data(run)["metrics"] == {}


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("experiments/create", {}, "name"),
        ("experiments/create", {"name": ""}, "name"),
        ("experiments/update", {"experiment_id": "0"}, "new_name"),
        ("runs/create", {}, "experiment_id"),
        ("runs/update", {"status": "FINISHED"}, "run_id"),
        ("runs/log-metric", {"key": "m", "value": 1, "timestamp": 1}, "run_id"),
        ("runs/log-parameter", {"run_id": "a"}, "key"),
        ("runs/set-tag", {"run_id": "a", "value": "v"}, "key"),
        ("runs/log-inputs", {}, "run_id"),
    ],
)
def test_required_fields(api: Api, path: str, fields: dict[str, Any], name: str) -> None:
    status, code, message = api.refused(path, **fields)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(f"Missing value for required parameter '{name}'")


@pytest.mark.parametrize("token", ["garbage", "e30=", "eyJvZmZzZXQiOi0xfQ==", "🦉"])
def test_page_tokens_of_somebody_else(api: Api, token: str) -> None:
    for path in ("experiments/search", "runs/search"):
        status, code, _ = api.refused(path, page_token=token, max_results=1)
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    status, code, _ = api.refused(
        "metrics/get-history", method="GET", run_id=api.run(), metric_key="m", max_results=5, page_token=token
    )
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")


def test_what_nobody_foresaw_is_told_in_the_protocols_words(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not what went wrong inside: that is in the log, under the request's id."""
    run = api.run()

    def fail(*_: object) -> None:
        raise RuntimeError("the disk fell out")

    monkeypatch.setattr(FilePoints, "_write", fail)
    monkeypatch.setattr(TablePoints, "_write", fail)
    status, code, message = api.refused("runs/log-metric", run_id=run, key="m", value=1, timestamp=1)
    assert (status, code) == (500, "INTERNAL_ERROR")
    assert "disk" not in message
    assert "the disk fell out" in caplog.text


def test_before_and_after_it_is_ready_clients_try_again(api: Api) -> None:
    asked = {"type": "http", "method": "GET", "path": "/api/2.0/mlflow/experiments/get", "headers": []}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    mlflow = Mlflow(lambda: api.project.tracking.remote(""))
    api.loop.run_until_complete(mlflow.answer(asked, receive, send, is_open=False))
    assert (sent[0]["status"], json.loads(sent[1]["body"])["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


@given(st.integers(0, 2**63 - 1))
def test_page_tokens_come_back(offset: int) -> None:
    assert read_offset(write_token({"offset": offset})) == offset


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_no_body_breaks_the_reader(body: bytes) -> None:
    """It is a message, or it is refused."""
    found: object
    try:
        found = read_json(LogBatch, body)
    except Refusal as refused:
        found = refused.status
    assert found == 400 or isinstance(found, LogBatch)


@given(st.floats())
def test_numbers_are_json_for_everybody(value: float) -> None:
    found = number(value)
    json.dumps(found, allow_nan=False)
    assert found == "NaN" if math.isnan(value) else math.isfinite(float(found))


@given(st.integers(0, 50), st.integers(1, 20))
def test_a_spread_has_both_ends(n: int, most: int) -> None:
    points = [("m", step, 0.0, 0) for step in range(n)]
    found = spread(points, most)
    assert len(found) == min(n, most)
    assert found == sorted(set(found))
    if n:
        assert found[-1] == points[-1]
    if n and most > 1:
        assert found[0] == points[0]
