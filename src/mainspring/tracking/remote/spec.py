"""What is told of experiments and runs to those who ask call by call: plain, because pages of them are made at once."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from mainspring.tracking.points import Point
from mainspring.tracking.spec import Dataset

NAME_TAG: Final = "mlflow.runName"
"""The tag that says what a run is called, always the same as its name."""
PARENT_TAG: Final = "mlflow.parentRunId"
COMMIT_TAG: Final = "mlflow.source.git.commit"
DIRTY_TAG: Final = "mlflow.source.git.dirty"


class Shown(enum.Enum):
    """What is wanted of things that may be archived."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ExperimentFound:
    """An experiment as it stands.

    Attributes:
        id: its own, which no client of other tools sees.
        number: what those call it by.
        location: the URI below which its runs keep their artifacts.
        is_active: whether it is neither archived nor deleted.
        made_ms, changed_ms: milliseconds since 1970.
    """

    id: str
    number: int
    name: str
    location: str
    is_active: bool
    made_ms: int
    changed_ms: int
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class InputFound:
    """A dataset that a run used, and what it is to the run."""

    dataset: Dataset
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class RunFound:
    """A run as it stands.

    Attributes:
        experiment: its experiment's number.
        status: in the words of `RunStatus`.
        start_ms, end_ms: milliseconds since 1970, by the clock of its process; None while it runs.
        is_active: whether neither it nor its experiment is archived or deleted.
        params: by name, as text.
        metrics: the last point of each.
    """

    id: str
    name: str
    experiment: int
    user: str
    status: str
    start_ms: int
    end_ms: int | None
    artifact_uri: str
    tags: dict[str, str]
    is_active: bool
    params: list[tuple[str, str]] = field(default_factory=list)
    metrics: list[Point] = field(default_factory=list)
    inputs: list[InputFound] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Query:
    """One page of a search.

    Attributes:
        filter: in the language of `grammar`; empty = all.
        order: keys, the first counts most.
        limit: so many at most.
        offset: behind so many.
    """

    shown: Shown
    filter: str
    order: tuple[str, ...]
    limit: int
    offset: int
