"""Routes of experiments."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from mainspring.server.mlflow.errors import invalid
from mainspring.server.mlflow.limits import (
    MAX_EXPERIMENT_NAME,
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_TAGS,
    Entity,
    check_key,
    check_page_size,
    check_text,
    check_texts,
    read_experiment_id,
)
from mainspring.server.mlflow.table import Route
from mainspring.server.mlflow.views import read_shown
from mainspring.server.mlflow.wire import Message, pairs, read_offset, without_empty, write_token
from mainspring.tracking.remote import Remote
from mainspring.tracking.remote.spec import ExperimentFound, Query

MAX_PAGE = 50_000


class Create(Message):
    """What `experiments/create` takes."""

    required: ClassVar = ("name",)
    name: str | None = None
    artifact_location: str | None = None
    tags: list[Entity] | None = None


class OfId(Message):
    """What `experiments/get`, `experiments/delete`, `experiments/restore` take."""

    required: ClassVar = ("experiment_id",)
    experiment_id: str | None = None


class OfName(Message):
    """What `experiments/get-by-name` takes."""

    required: ClassVar = ("experiment_name",)
    experiment_name: str | None = None


class Update(Message):
    """What `experiments/update` takes."""

    required: ClassVar = ("experiment_id", "new_name")
    experiment_id: str | None = None
    new_name: str | None = None


class SetTag(Message):
    """What `experiments/set-experiment-tag`, `experiments/delete-experiment-tag` take."""

    required: ClassVar = ("experiment_id", "key")
    experiment_id: str | None = None
    key: str | None = None
    value: str | None = None


class Search(Message):
    """What `experiments/search` takes."""

    max_results: int | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] | None = None
    view_type: str | int | None = None


def create(remote: Remote, given: Create) -> dict[str, Any]:
    """`POST experiments/create`."""
    name = _name(given.name, "name")
    tags = check_texts(given.tags, "tags", MAX_TAGS, MAX_EXPERIMENT_TAG_VALUE, once=False)
    made = remote.experiments.create(name, _location(remote, given.artifact_location), tags)
    return {"experiment_id": str(made)}


def search(remote: Remote, given: Search) -> dict[str, Any]:
    """`POST experiments/search`, `GET experiments/search`."""
    limit = check_page_size(given.max_results, 1000, MAX_PAGE)
    offset = read_offset(given.page_token)
    shown = read_shown(given.view_type)
    query = Query(shown, given.filter or "", tuple(given.order_by or ()), limit, offset)
    found, is_more = remote.experiments.search(query)
    token = write_token({"offset": offset + limit}) if is_more else None
    return without_empty({"experiments": [_told(each) for each in found], "next_page_token": token})


def get(remote: Remote, given: OfId) -> dict[str, Any]:
    """`GET experiments/get`."""
    return {"experiment": _told(remote.experiments.get(read_experiment_id(given.experiment_id or "")))}


def get_by_name(remote: Remote, given: OfName) -> dict[str, Any]:
    """`GET experiments/get-by-name`."""
    return {"experiment": _told(remote.experiments.get_by_name(given.experiment_name or ""))}


def delete(remote: Remote, given: OfId) -> dict[str, Any]:
    """`POST experiments/delete`."""
    remote.experiments.archive(read_experiment_id(given.experiment_id or ""))
    return {}


def restore(remote: Remote, given: OfId) -> dict[str, Any]:
    """`POST experiments/restore`."""
    remote.experiments.restore(read_experiment_id(given.experiment_id or ""))
    return {}


def update(remote: Remote, given: Update) -> dict[str, Any]:
    """`POST experiments/update`."""
    name = _name(given.new_name, "new_name")
    remote.experiments.rename(read_experiment_id(given.experiment_id or ""), name)
    return {}


def set_tag(remote: Remote, given: SetTag) -> dict[str, Any]:
    """`POST experiments/set-experiment-tag`."""
    key = check_key(given.key, "key")
    if len(given.value or "") > MAX_EXPERIMENT_TAG_VALUE:
        raise invalid(
            "value", json.dumps(given.value), f"at most {MAX_EXPERIMENT_TAG_VALUE} characters are allowed"
        )
    value = check_text(given.value, "value", MAX_EXPERIMENT_TAG_VALUE)
    remote.experiments.set_tags(read_experiment_id(given.experiment_id or ""), {key: value})
    return {}


def delete_tag(remote: Remote, given: SetTag) -> dict[str, Any]:
    """`POST experiments/delete-experiment-tag`."""
    remote.experiments.set_tags(read_experiment_id(given.experiment_id or ""), {given.key or "": None})
    return {}


def _name(given: str | None, parameter: str) -> str:
    name = check_text(given, parameter, MAX_EXPERIMENT_NAME + 1)
    if not name.strip():
        raise invalid(parameter, json.dumps(name), "it needs a character that is no blank")
    if len(name) > MAX_EXPERIMENT_NAME:
        raise invalid(parameter, json.dumps(name), f"at most {MAX_EXPERIMENT_NAME} characters are allowed")
    return name


def _location(remote: Remote, given: str | None) -> str | None:
    return remote.artifacts.location(given) if given else None


def _told(found: ExperimentFound) -> dict[str, Any]:
    return without_empty(
        {
            "experiment_id": str(found.number),
            "name": found.name,
            "artifact_location": found.location,
            "lifecycle_stage": "active" if found.is_active else "deleted",
            "last_update_time": found.changed_ms,
            "creation_time": found.made_ms,
            "tags": pairs(found.tags),
        }
    )


ROUTES = [
    Route("POST", "experiments/create", Create, create),
    Route("POST", "experiments/search", Search, search),
    Route("GET", "experiments/search", Search, search),
    Route("GET", "experiments/get", OfId, get),
    Route("GET", "experiments/get-by-name", OfName, get_by_name),
    Route("POST", "experiments/delete", OfId, delete),
    Route("POST", "experiments/restore", OfId, restore),
    Route("POST", "experiments/update", Update, update),
    Route("POST", "experiments/set-experiment-tag", SetTag, set_tag),
    Route("POST", "experiments/delete-experiment-tag", SetTag, delete_tag),
]
