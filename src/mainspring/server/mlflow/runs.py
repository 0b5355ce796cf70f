"""Routes of runs: begun, ended, resumed, deleted, restored, tagged, and what they used."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

from mainspring.server.mlflow.errors import INVALID, Refusal, invalid, missing
from mainspring.server.mlflow.limits import (
    MAX_TAG_VALUE,
    MAX_TIMESTAMP_MS,
    Entity,
    check_key,
    check_run_id,
    check_text,
    check_texts,
    read_experiment_id,
)
from mainspring.server.mlflow.metrics import told_point
from mainspring.server.mlflow.table import Route
from mainspring.server.mlflow.wire import Message, pairs, without_empty
from mainspring.tracking.remote import Remote
from mainspring.tracking.remote.log import DatasetTold
from mainspring.tracking.remote.spec import InputFound, RunFound
from mainspring.tracking.spec import RunStatus

MAX_DATASETS: Final = 1_000
MAX_NAME: Final = 1_000
_STATUSES: Final = {
    **{status.value: status for status in RunStatus},
    "1": RunStatus.RUNNING,
    "2": RunStatus.SCHEDULED,
    "3": RunStatus.FINISHED,
    "4": RunStatus.FAILED,
    "5": RunStatus.KILLED,
}
_DATASET_LIMITS: Final = {
    "name": 500,
    "digest": 36,
    "source_type": 500,
    "source": 65_535,
    "schema": 1_048_575,
    "profile": 16_777_215,
}
_INPUT_TAG_KEY: Final = 255
_INPUT_TAG_VALUE: Final = 500


class Create(Message):
    """What `runs/create` takes."""

    required: ClassVar = ("experiment_id",)
    experiment_id: str | None = None
    user_id: str | None = None
    run_name: str | None = None
    start_time: int | None = None
    tags: list[Entity] | None = None


class OfRun(Message):
    """What `runs/get`, `runs/delete`, `runs/restore` take."""

    run_id: str | None = None
    run_uuid: str | None = None


class Update(OfRun):
    """What `runs/update` takes."""

    status: str | int | None = None
    end_time: int | None = None
    run_name: str | None = None


class SetTag(OfRun):
    """What `runs/set-tag`, `runs/delete-tag` take."""

    required: ClassVar = ("key",)
    key: str | None = None
    value: str | None = None


class DatasetSent(Message):
    """A dataset as it is sent."""

    name: str | None = None
    digest: str | None = None
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None


class InputSent(Message):
    """That a run used a dataset, as it is sent."""

    dataset: DatasetSent | None = None
    tags: list[Entity] | None = None


class LogInputs(OfRun):
    """What `runs/log-inputs` takes."""

    datasets: list[InputSent] | None = None


def create(remote: Remote, given: Create) -> dict[str, Any]:
    """`POST runs/create`."""
    tags = check_texts(given.tags, "tags", 10_000, MAX_TAG_VALUE, once=False)
    start_ms = _time(given.start_time, "start_time") if given.start_time else None
    run_id = remote.runs.create(
        read_experiment_id(given.experiment_id or ""),
        name=check_text(given.run_name, "run_name", MAX_NAME),
        user=check_text(given.user_id, "user_id", MAX_NAME),
        start_ms=start_ms,
        tags=tags,
    )
    return {"run": told_run(remote.find.get(run_id))}


def get(remote: Remote, given: OfRun) -> dict[str, Any]:
    """`GET runs/get`."""
    return {"run": told_run(remote.find.get(run_of(given)))}


def update(remote: Remote, given: Update) -> dict[str, Any]:
    """`POST runs/update`."""
    run_id = run_of(given)
    status = None
    if given.status is not None:
        status = _STATUSES.get(str(given.status))
        if status is None:
            known = ", ".join(each.value for each in RunStatus)
            raise invalid("status", json.dumps(given.status), f"it is one of {known}")
    end_ms = None if given.end_time is None else _time(given.end_time, "end_time")
    name = check_text(given.run_name, "run_name", MAX_NAME) or None
    remote.runs.update(run_id, status=status, end_ms=end_ms, name=name)
    return {"run_info": _info(remote.find.get(run_id))}


def delete(remote: Remote, given: OfRun) -> dict[str, Any]:
    """`POST runs/delete`."""
    remote.runs.archive(run_of(given))
    return {}


def restore(remote: Remote, given: OfRun) -> dict[str, Any]:
    """`POST runs/restore`."""
    remote.runs.restore(run_of(given))
    return {}


def set_tag(remote: Remote, given: SetTag) -> dict[str, Any]:
    """`POST runs/set-tag`."""
    key = check_key(given.key, "key")
    remote.log.log(run_of(given), tags={key: check_text(given.value, "value", MAX_TAG_VALUE)})
    return {}


def delete_tag(remote: Remote, given: SetTag) -> dict[str, Any]:
    """`POST runs/delete-tag`."""
    remote.log.delete_tag(run_of(given), given.key or "")
    return {}


def log_inputs(remote: Remote, given: LogInputs) -> dict[str, Any]:
    """`POST runs/log-inputs`."""
    sent = given.datasets or []
    if len(sent) > MAX_DATASETS:
        raise Refusal(INVALID, f"A request can contain at most {MAX_DATASETS} datasets. Got {len(sent)}.")
    remote.log.use(run_of(given), [_input(each, f"datasets[{place}]") for place, each in enumerate(sent)])
    return {}


def _input(sent: InputSent, place: str) -> tuple[DatasetTold, dict[str, str]]:
    data = sent.dataset
    if data is None:
        raise missing(f"{place}.dataset")
    told: list[str | None] = []
    for name, limit in _DATASET_LIMITS.items():
        value, parameter = getattr(data, name), f"{place}.dataset.{name}"
        if not value and name not in {"schema", "profile"}:
            raise missing(parameter)
        if value is not None and (len(value) > limit or "\x00" in value):
            raise invalid(
                parameter, json.dumps(value), f"at most {limit} characters are allowed, none of them 0"
            )
        told.append(value)
    tags: dict[str, str] = {}
    for number, each in enumerate(sent.tags or ()):
        key, text = each.key or "", each.value or ""
        if not key:
            raise missing(f"{place}.tags[{number}].key")
        if len(key) > _INPUT_TAG_KEY or len(text) > _INPUT_TAG_VALUE or "\x00" in key + text:
            limits = (
                f"a key has {_INPUT_TAG_KEY} characters at most, a value {_INPUT_TAG_VALUE}, none of them 0"
            )
            raise invalid(f"{place}.tags[{number}]", json.dumps({key: text}), limits)
        tags[key] = text
    named, digest, source_type, source, schema, profile = told
    return (named or "", digest or "", source_type or "", source or "", schema, profile), tags


def run_of(given: OfRun) -> str:
    """The id of the run that a call is about, by either of its names."""
    run_id = given.run_id or given.run_uuid
    if not run_id:
        raise missing("run_id")
    return check_run_id(run_id)


def _time(value: int, parameter: str) -> int:
    if not 0 <= value <= MAX_TIMESTAMP_MS:
        raise invalid(parameter, str(value), "it is in milliseconds since 1970, and before the year 10000")
    return value


def told_run(found: RunFound) -> dict[str, Any]:
    """A run in the protocol's words."""
    data = {
        "metrics": [told_point(point) for point in found.metrics],
        "params": pairs(found.params),
        "tags": pairs(found.tags),
    }
    inputs = {"dataset_inputs": [_told_input(each) for each in found.inputs]}
    return {"info": _info(found), "data": without_empty(data), "inputs": without_empty(inputs)}


def _info(found: RunFound) -> dict[str, Any]:
    info = {
        "run_uuid": found.id,
        "experiment_id": str(found.experiment),
        "run_name": found.name,
        "user_id": found.user,
        "status": found.status,
        "start_time": found.start_ms,
        "artifact_uri": found.artifact_uri,
        "lifecycle_stage": "active" if found.is_active else "deleted",
        "run_id": found.id,
    }
    if found.end_ms is not None:
        info["end_time"] = found.end_ms
    return info


def _told_input(found: InputFound) -> dict[str, Any]:
    data = found.dataset
    told = {
        "name": data.name,
        "digest": data.digest,
        "source_type": data.source_type,
        "source": data.source,
        "schema": data.schema_text,
        "profile": data.profile,
    }
    return without_empty({"tags": pairs(found.tags), "dataset": without_empty(told)})


ROUTES = [
    Route("POST", "runs/create", Create, create),
    Route("GET", "runs/get", OfRun, get),
    Route("POST", "runs/update", Update, update),
    Route("POST", "runs/delete", OfRun, delete),
    Route("POST", "runs/restore", OfRun, restore),
    Route("POST", "runs/set-tag", SetTag, set_tag),
    Route("POST", "runs/delete-tag", SetTag, delete_tag),
    Route("POST", "runs/log-inputs", LogInputs, log_inputs),
]
