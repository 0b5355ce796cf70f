"""Routes by which runs log metrics and parameters, and by which histories are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from mainspring.errors import ConflictError
from mainspring.server.mlflow.errors import INVALID, Refusal, invalid, missing
from mainspring.server.mlflow.limits import (
    MAX_ENTRIES,
    MAX_METRICS,
    MAX_PARAM_VALUE,
    MAX_PARAMS,
    MAX_TAG_VALUE,
    MAX_TAGS,
    Entity,
    MetricSent,
    check_key,
    check_metric,
    check_page_size,
    check_run_id,
    check_text,
    check_texts,
)
from mainspring.server.mlflow.table import Route
from mainspring.server.mlflow.wire import Message, number, read_token, without_empty, write_token
from mainspring.tracking.points import Point
from mainspring.tracking.remote import Remote

MAX_HISTORY: Final = 25_000
MAX_BULK_RUNS: Final = 100
MAX_INTERVAL: Final = 2_500


class LogMetric(MetricSent):
    """What `runs/log-metric` takes."""

    run_id: str | None = None
    run_uuid: str | None = None


class LogParam(Message):
    """What `runs/log-parameter` takes."""

    required: ClassVar = ("key",)
    run_id: str | None = None
    run_uuid: str | None = None
    key: str | None = None
    value: str | None = None


class LogBatch(Message):
    """What `runs/log-batch` takes."""

    required: ClassVar = ("run_id",)
    run_id: str | None = None
    metrics: list[MetricSent] | None = None
    params: list[Entity] | None = None
    tags: list[Entity] | None = None


class History(Message):
    """What `metrics/get-history` takes."""

    required: ClassVar = ("metric_key",)
    run_id: str | None = None
    run_uuid: str | None = None
    metric_key: str | None = None
    max_results: int | None = None
    page_token: str | None = None


class Bulk(Message):
    """What `metrics/get-history-bulk` takes."""

    required: ClassVar = ("metric_key",)
    run_id: list[str] | None = None
    metric_key: str | None = None
    max_results: int | None = None


class Interval(Message):
    """What `metrics/get-history-bulk-interval` takes."""

    required: ClassVar = ("metric_key",)
    run_ids: list[str] | None = None
    metric_key: str | None = None
    start_step: int | None = None
    end_step: int | None = None
    max_results: int | None = None


def log_metric(remote: Remote, given: LogMetric) -> dict[str, Any]:
    """`POST runs/log-metric`."""
    run_id = _run_id(given.run_id or given.run_uuid)
    remote.log.log(run_id, points=[check_metric(given, "")])
    return {}


def log_param(remote: Remote, given: LogParam) -> dict[str, Any]:
    """`POST runs/log-parameter`."""
    run_id = _run_id(given.run_id or given.run_uuid)
    key = check_key(given.key, "key")
    _log(remote, run_id, [], {key: check_text(given.value, "value", MAX_PARAM_VALUE)}, {})
    return {}


def log_batch(remote: Remote, given: LogBatch) -> dict[str, Any]:
    """`POST runs/log-batch`."""
    run_id = _run_id(given.run_id)
    sent = given.metrics or []
    if len(sent) > MAX_METRICS:
        raise _too_many(MAX_METRICS, "metrics", len(sent))
    params = check_texts(given.params, "params", MAX_PARAMS, MAX_PARAM_VALUE, once=True)
    tags = check_texts(given.tags, "tags", MAX_TAGS, MAX_TAG_VALUE, once=False)
    n_entries = len(sent) + len(given.params or ()) + len(given.tags or ())
    if n_entries > MAX_ENTRIES:
        raise _too_many(MAX_ENTRIES, "metrics, params and tags together", n_entries)
    points = [check_metric(each, f"metrics[{place}].") for place, each in enumerate(sent)]
    _log(remote, run_id, points, params, tags)
    return {}


def _log(
    remote: Remote,
    run_id: str,
    points: Sequence[Point],
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    try:
        remote.log.log(run_id, points=points, params=params, tags=tags)
    except ConflictError as error:
        # Only what has a name of its own exists already; a parameter has another value.
        raise Refusal(INVALID, str(error)) from error


def history(remote: Remote, given: History) -> dict[str, Any]:
    """`GET metrics/get-history`."""
    run_id, key = _run_id(given.run_id or given.run_uuid), given.metric_key or ""
    if given.max_results is None:
        remote.log.check_there([run_id])
        return without_empty(
            {"metrics": [told_point(each) for each in remote.log.whole_history(run_id, key)]}
        )
    limit = check_page_size(given.max_results, MAX_HISTORY, MAX_HISTORY)
    after = read_token(given.page_token, tuple[int, int, int]) if given.page_token else None
    points, place = remote.log.history(run_id, key, after, limit)
    token = None if place is None else write_token(place)
    return without_empty({"metrics": [told_point(each) for each in points], "next_page_token": token})


def bulk(remote: Remote, given: Bulk) -> dict[str, Any]:
    """`GET metrics/get-history-bulk`."""
    run_ids = _some_runs(given.run_id, "run_id")
    left = check_page_size(given.max_results, MAX_HISTORY, MAX_HISTORY)
    found: list[dict[str, Any]] = []
    for run_id in run_ids:
        if left <= 0:
            break
        points, _ = remote.log.history(run_id, given.metric_key or "", None, left)
        found += _of_run(points, run_id)
        left -= len(points)
    return without_empty({"metrics": found})


def interval(remote: Remote, given: Interval) -> dict[str, Any]:
    """`GET metrics/get-history-bulk-interval`."""
    run_ids = _some_runs(given.run_ids, "run_ids")
    most = check_page_size(given.max_results, MAX_INTERVAL, MAX_INTERVAL)
    first, last = given.start_step, given.end_step
    if (first is None) != (last is None):
        raise Refusal(INVALID, "Give start_step and end_step, or neither of them.")
    if first is not None and last is not None and first > last:
        raise invalid("end_step", str(last), f"it is not before start_step, {first}")
    remote.log.check_there(run_ids)
    found: list[dict[str, Any]] = []
    for run_id in run_ids:
        points = [
            point
            for point in remote.log.whole_history(run_id, given.metric_key or "")
            if first is None or last is None or first <= point[1] <= last
        ]
        found += _of_run(spread(points, most), run_id)
    return without_empty({"metrics": found})


def spread(points: Sequence[Point], most: int) -> list[Point]:
    """At most so many points, evenly over all of them, the first and the last among them."""
    n = len(points)
    if n <= most:
        return list(points)
    if most == 1:
        return [points[-1]]
    return [points[place * (n - 1) // (most - 1)] for place in range(most)]


def told_point(point: Point) -> dict[str, Any]:
    """A metric point in the protocol's words."""
    key, step, value, logged_us = point
    return {"key": key, "value": number(value), "timestamp": logged_us // 1000, "step": step}


def _of_run(points: Iterable[Point], run_id: str) -> list[dict[str, Any]]:
    return [{**told_point(each), "run_id": run_id} for each in points]


def _some_runs(given: list[str] | None, parameter: str) -> list[str]:
    if not given:
        raise missing(parameter)
    if len(given) > MAX_BULK_RUNS:
        raise invalid(parameter, json.dumps(len(given)), f"at most {MAX_BULK_RUNS} runs at once")
    return [check_run_id(each) for each in dict.fromkeys(given)]


def _run_id(given: str | None) -> str:
    if not given:
        raise missing("run_id")
    return check_run_id(given)


def _too_many(most: int, what: str, n: int) -> Refusal:
    return Refusal(
        INVALID,
        f"A batch logging request can contain at most {most} {what}. Got {n}. "
        "Please split up the request and try again.",
    )


ROUTES = [
    Route("POST", "runs/log-metric", LogMetric, log_metric),
    Route("POST", "runs/log-parameter", LogParam, log_param),
    Route("POST", "runs/log-batch", LogBatch, log_batch),
    Route("GET", "metrics/get-history", History, history),
    Route("GET", "metrics/get-history-bulk", Bulk, bulk),
    Route("GET", "metrics/get-history-bulk-interval", Interval, interval),
]
