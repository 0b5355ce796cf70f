"""The protocol's limits, checked before anything is written."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Sequence
from typing import Final

from mainspring.server.mlflow.errors import INVALID, Refusal, invalid, missing
from mainspring.server.mlflow.wire import Message, check_int64
from mainspring.tracking.points import Point

MAX_KEY: Final = 250
MAX_PARAM_VALUE: Final = 6_000
MAX_TAG_VALUE: Final = 8_000
MAX_EXPERIMENT_TAG_VALUE: Final = 20_000
MAX_EXPERIMENT_NAME: Final = 500
MAX_METRICS: Final = 1_000
MAX_PARAMS: Final = 100
MAX_TAGS: Final = 100
MAX_ENTRIES: Final = 1_000
MAX_TIMESTAMP_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""
_KEY: Final = re.compile(r"[/\w.\- :]*\Z")
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][\w\-]{0,255}\Z")
_NUMBER: Final = re.compile(r"\d{1,18}\Z")


class Entity(Message):
    """A parameter or a tag as it is sent."""

    key: str | None = None
    value: str | None = None


class MetricSent(Message):
    """A metric point as it is sent. Those of models and datasets say more, which belongs to these."""

    key: str | None = None
    value: float | None = None
    timestamp: int | None = None
    step: int | None = None


def check_run_id(run_id: str) -> str:
    """What can be a run's id; whether there is such a run is another matter."""
    if not _RUN_ID.match(run_id):
        raise invalid("run_id", json.dumps(run_id), "it has letters, digits, _ and -, 256 at most")
    return run_id


def read_experiment_id(experiment_id: str) -> int:
    """The number of an experiment."""
    if not _NUMBER.match(experiment_id):
        raise invalid("experiment_id", json.dumps(experiment_id), "it is a whole number, as text")
    return int(experiment_id)


def check_key(key: str | None, parameter: str) -> str:
    """What a metric, parameter or tag may be called."""
    if not key:
        raise missing(parameter)
    if len(key) > MAX_KEY:
        raise invalid(
            parameter, json.dumps(key), f"it has {len(key)} characters, and {MAX_KEY} at most are allowed"
        )
    if not _KEY.match(key):
        raise invalid(parameter, json.dumps(key), "it may have letters, digits, _ - . / : and blanks only")
    if posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/")):
        raise invalid(
            parameter, json.dumps(key), "it must be a relative path without '.', '..' and empty parts"
        )
    return key


def check_text(value: str | None, parameter: str, limit: int) -> str:
    """A text that may be empty, cut off at its limit as the protocol's servers do."""
    text = value or ""
    if "\x00" in text:
        raise invalid(parameter, json.dumps(text), "no database keeps the character 0")
    return text[:limit]


def check_texts(
    given: Sequence[Entity] | None, parameter: str, most: int, limit: int, *, once: bool
) -> dict[str, str]:
    """Parameters or tags by name.

    Args:
        most: so many at most.
        limit: characters of a value.
        once: no name may come twice; else the last counts.
    """
    found: dict[str, str] = {}
    if given and len(given) > most:
        raise Refusal(
            INVALID,
            f"A batch logging request can contain at most {most} {parameter}. Got {len(given)} {parameter}. "
            "Please split up the request and try again.",
        )
    for place, each in enumerate(given or ()):
        key = check_key(each.key, f"{parameter}[{place}].key")
        if once and key in found:
            raise Refusal(INVALID, f"Duplicate parameter keys have been submitted: '{key}' comes twice.")
        found[key] = check_text(each.value, f"{parameter}[{place}].value", limit)
    return found


def check_metric(sent: MetricSent, before: str) -> Point:
    """A metric point as a row.

    Args:
        before: what stands before the names of its fields in messages: `metrics[3].`, or nothing.
    """
    key = check_key(sent.key, f"{before}key")
    if sent.value is None:
        raise missing(f"{before}value")
    if sent.timestamp is None:
        raise missing(f"{before}timestamp")
    if not 0 <= sent.timestamp <= MAX_TIMESTAMP_MS:
        raise invalid(
            f"{before}timestamp",
            str(sent.timestamp),
            "it is in milliseconds since 1970, not negative, and before the year 10000",
        )
    return key, check_int64(f"{before}step", sent.step or 0), sent.value, sent.timestamp * 1000


def check_page_size(value: int | None, default: int, most: int) -> int:
    """How many a page may have."""
    if value is None:
        return default
    if not 0 < value <= most:
        raise invalid("max_results", str(value), f"it is positive and at most {most}")
    return value
