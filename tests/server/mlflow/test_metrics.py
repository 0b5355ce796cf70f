"""Metrics and parameters over the protocol: limits, what is idempotent, what is latest, histories."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.server.mlflow.conftest import Api


def metric(key: str, value: Any, timestamp: int = 1, step: int = 0) -> dict[str, Any]:
    return {"key": key, "value": value, "timestamp": timestamp, "step": step}


def history(api: Api, run: str, key: str, **fields: Any) -> list[tuple[int, int, Any]]:
    found = api.get("metrics/get-history", run_id=run, metric_key=key, **fields).get("metrics", [])
    return [(each["step"], each["timestamp"], each["value"]) for each in found]


def test_nan_and_infinities(api: Api) -> None:
    """NaN is a text both ways; infinities come back as the largest doubles."""
    run = api.run()
    api.post(
        "runs/log-batch",
        run_id=run,
        metrics=[metric("nan", "NaN"), metric("up", "Infinity"), metric("down", "-Infinity")],
    )
    assert api.run_data(run)["metrics"] == {
        "nan": "NaN",
        "up": 1.7976931348623157e308,
        "down": -1.7976931348623157e308,
    }
    assert math.isnan(api.project.tracking.get_run(run).metrics["nan"])
    assert api.project.tracking.get_run(run).metrics["up"] == math.inf


def test_the_same_point_again_is_the_same_point(api: Api) -> None:
    """Clients send again what they heard no answer to; another value, time or step is another point."""
    run = api.run()
    for value in (0.5, 0.5, "NaN", "NaN", 0.25):
        api.post("runs/log-metric", run_id=run, **metric("m", value, 5, 1))
    api.post("runs/log-batch", run_id=run, metrics=[metric("m", 0.5, 5, 1)] * 3 + [metric("m", 0.5, 6, 1)])
    assert len(history(api, run, "m")) == 4


def test_the_latest_is_the_highest_and_not_the_last(api: Api) -> None:
    """By step, then time, then value."""
    run = api.run()
    for value, timestamp, step in ((1.0, 9, 3), (2.0, 5, 3), (3.0, 99, 2), (0.5, 9, 3), (7.0, 1, -4)):
        api.post("runs/log-metric", run_id=run, **metric("m", value, timestamp, step))
    assert api.run_data(run)["metrics"]["m"] == 1.0
    api.post("runs/log-metric", run_id=run, **metric("m", "NaN", 9, 3))
    assert api.run_data(run)["metrics"]["m"] == 1.0
    (found,) = api.get("runs/get", run_id=run)["run"]["data"]["metrics"]
    assert (found["step"], found["timestamp"]) == (3, 9)


def test_histories_and_their_pages(api: Api) -> None:
    """In the order of step and time, however they were logged."""
    run = api.run()
    points = [metric("m", n / 10, 1000 + n, n % 50) for n in range(120)]
    api.post("runs/log-batch", run_id=run, metrics=points[::-1])
    whole = history(api, run, "m")
    assert [(step, timestamp) for step, timestamp, _ in whole] == sorted(
        (each["step"], each["timestamp"]) for each in points
    )
    seen: list[Any] = []
    token = None
    for _ in range(3):
        fields = {"page_token": token} if token else {}
        reply = api.get("metrics/get-history", run_id=run, metric_key="m", max_results=50, **fields)
        seen += [(each["step"], each["timestamp"], each["value"]) for each in reply["metrics"]]
        token = reply.get("next_page_token")
    assert seen == whole
    assert token is None
    assert history(api, run, "other") == []


@pytest.mark.parametrize("size", [0, -1, 25_001])
def test_pages_of_histories_that_are_refused(api: Api, size: int) -> None:
    refused = api.refused(
        "metrics/get-history", method="GET", run_id=api.run(), metric_key="m", max_results=size
    )
    assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_histories_of_many_runs(api: Api) -> None:
    """For pages, under the prefix of pages."""
    runs = [api.run(), api.run()]
    for run in runs:
        api.post("runs/log-batch", run_id=run, metrics=[metric("m", n, n, n) for n in range(10)])
    reply = api.reply(
        "GET",
        "metrics/get-history-bulk",
        prefix="/ajax-api",
        params={"run_id": runs, "metric_key": "m", "max_results": 15},
    )
    found = reply.json()["metrics"]
    assert [each["run_id"] for each in found] == [runs[0]] * 10 + [runs[1]] * 5
    reply = api.reply(
        "GET",
        "metrics/get-history-bulk-interval",
        params={"run_ids": runs, "metric_key": "m", "start_step": 2, "end_step": 8, "max_results": 3},
    )
    assert [each["step"] for each in reply.json()["metrics"]] == [2, 5, 8] * 2
    half = {"run_ids": runs, "metric_key": "m", "start_step": 2}
    assert api.reply("GET", "metrics/get-history-bulk-interval", params=half).status_code == 400
    many = {"run_id": [f"{n:032x}" for n in range(101)], "metric_key": "m"}
    assert api.reply("GET", "metrics/get-history-bulk", params=many).status_code == 400


def test_parameters_are_written_once(api: Api) -> None:
    """The same value again is fine; another is refused, and nothing of its batch is applied."""
    run = api.run()
    for _ in range(2):
        api.post("runs/log-parameter", run_id=run, key="depth", value="6")
    batch = {
        "params": [{"key": "new", "value": "1"}, {"key": "depth", "value": "7"}],
        "metrics": [metric("m", 1)],
        "tags": [{"key": "t", "value": "v"}],
    }
    status, code, message = api.refused("runs/log-batch", run_id=run, **batch)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith("Changing param values is not allowed")
    data = api.run_data(run)
    assert (data["params"], data["metrics"], "t" in data["tags"]) == ({"depth": "6"}, {}, False)
    twice = [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]
    assert api.refused("runs/log-batch", run_id=run, params=twice)[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_values_are_cut_off_at_their_limits(api: Api) -> None:
    run = api.run()
    api.post("runs/log-parameter", run_id=run, key="long", value="x" * 7_000)
    api.post("runs/log-parameter", run_id=run, key="long", value="x" * 7_000)
    api.post("runs/set-tag", run_id=run, key="long", value="x" * 9_000)
    api.post("runs/log-parameter", run_id=run, key="empty", value="")
    data = api.run_data(run)
    assert (len(data["params"]["long"]), len(data["tags"]["long"])) == (6_000, 8_000)
    assert data["params"]["empty"] == ""


@pytest.mark.parametrize("key", ["a/b.c-d_e f:g", "é", "x" * 250])
def test_keys(api: Api, key: str) -> None:
    run = api.run()
    pair = {"key": key, "value": "1"}
    api.post("runs/log-batch", run_id=run, metrics=[metric(key, 1)], params=[pair], tags=[pair])
    data = api.run_data(run)
    assert data["params"][key] == data["tags"][key] == "1"
    assert data["metrics"][key] == 1.0


@pytest.mark.parametrize(
    "key", ["../up", "/top", "a//b", "a/../b", ".", "x" * 251, "a\nb", "a#b", "a\x00b", "a/"]
)
def test_keys_that_are_refused(api: Api, key: str) -> None:
    run = api.run()
    calls = [
        api.refused("runs/log-metric", run_id=run, **metric(key, 1)),
        api.refused("runs/log-parameter", run_id=run, key=key, value="1"),
        api.refused("runs/set-tag", run_id=run, key=key, value="1"),
        api.refused("runs/log-batch", run_id=run, params=[{"key": key, "value": "1"}]),
    ]
    assert [each[:2] for each in calls] == [(400, "INVALID_PARAMETER_VALUE")] * 4


@pytest.mark.parametrize(
    ("n_metrics", "n_params", "n_tags"), [(1001, 0, 0), (0, 101, 0), (0, 0, 101), (950, 51, 0)]
)
def test_batches_that_are_too_large(api: Api, n_metrics: int, n_params: int, n_tags: int) -> None:
    batch = {
        "metrics": [metric("m", 1, 1, n) for n in range(n_metrics)],
        "params": [{"key": f"p{n}", "value": "1"} for n in range(n_params)],
        "tags": [{"key": f"t{n}", "value": "1"} for n in range(n_tags)],
    }
    run = api.run()
    assert api.refused("runs/log-batch", run_id=run, **batch)[:2] == (400, "INVALID_PARAMETER_VALUE")
    data = api.run_data(run)
    assert (data["metrics"], data["params"], len(data["tags"])) == ({}, {}, 1)


def test_a_batch_as_large_as_may_be(api: Api) -> None:
    run = api.run()
    api.post("runs/log-batch", run_id=run, metrics=[metric("m", n, n, n) for n in range(1000)])
    assert len(history(api, run, "m")) == 1000
    api.post("runs/log-batch", run_id=run)


def test_tags_are_set_and_taken_away(api: Api) -> None:
    run = api.run()
    for value in ("1", "2"):
        api.post("runs/set-tag", run_id=run, key="a.b c", value=value)
    assert api.run_data(run)["tags"]["a.b c"] == "2"
    api.post("runs/delete-tag", run_id=run, key="a.b c")
    assert "a.b c" not in api.run_data(run)["tags"]
    status, code, message = api.refused("runs/delete-tag", run_id=run, key="a.b c")
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert message.startswith("No tag with name: a.b c")
