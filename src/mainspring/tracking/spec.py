"""The nouns of tracking, as frozen values."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from pydantic import Field

from mainspring import notebook
from mainspring.lineage.spec import Code, ExecutionState, Value


class RunStatus(enum.StrEnum):
    """How a run stands, in the words of the protocol that other clients speak."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected of the run."""
        return self in {RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}


class Experiment(Value):
    """A named series of runs, numbered from 1.

    Attributes:
        number: counts the project's experiments from 1; 0 is the one that clients of other tools mean who name none.
        artifact_location: the URI below which its runs keep their artifacts; None = where the server keeps them.
        tags: texts by name.
        updated_at: when its name or its tags were changed last; None = never.
    """

    id: str
    number: int
    name: str
    created_at: datetime
    artifact_location: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    updated_at: datetime | None = None


class Param(Value):
    """A parameter of a run. It never changes.

    Attributes:
        value: plain JSON; NaN and infinities as their text.
        digest: SHA-256 of the typed value, so that 1, 1.0, "1" and True are different parameters.
    """

    run_id: str
    key: str
    value: Any
    digest: str


class MetricPoint(Value):
    """One logged value of a metric.

    Attributes:
        seq: the order of logging; None until it is written.
        value: may be NaN or infinite.
        logged_at: by the clock of the machine that logged it. A point with the same key, step, value and time again is
            the same point.
    """

    seq: int | None
    run_id: str
    key: str
    step: int
    value: float
    logged_at: datetime


class Dataset(Value):
    """Data that a run says it used, as its client describes it.

    Attributes:
        asset_id: its asset, of kind source.
        name, digest, source_type, source, schema_text, profile: as told; the last three are JSON or any other text.
        content: SHA-256 over all of that: the same description is one dataset.
    """

    asset_id: str
    name: str
    digest: str
    source_type: str
    source: str
    schema_text: str | None
    profile: str | None
    content: str


class RunInput(Value):
    """That a run used a dataset.

    Attributes:
        tags: what it is to the run, as `mlflow.data.context`.
    """

    run_id: str
    asset_id: str
    tags: dict[str, str]


class Artifact(Value):
    """A file of a run.

    Attributes:
        name: unique in the run; may have slashes.
        asset_id: its asset, which exists once the run has finished.
    """

    run_id: str
    name: str
    sha256: str
    size_bytes: int
    asset_id: str
    logged_at: datetime


class Environment(Value):
    """Where a run ran.

    Attributes:
        python: full version.
        platform: operating system and processor.
        packages_sha256: blob with the installed distributions, JSON name → version.
        seeds: seeds that the run declared, and PYTHONHASHSEED where it is set.
        process: host, process id and start time.
    """

    python: str
    platform: str
    packages_sha256: str
    seeds: dict[str, int]
    process: str


class RunRow(Value):
    """A run as its room keeps it.

    Attributes:
        environment: None for a run whose process is elsewhere: it says nothing of that.
        execution_id: the execution that it is now: the run's own id, or that of its latest resumption.
        status: of a run whose process is elsewhere, as that last said; None = as its execution stands.
        user_id: who runs it, as a process elsewhere said; None = as its execution says.
        begun_at, ended_at: by the clock of a process elsewhere; None = as its execution says.
    """

    id: str
    number: int
    experiment: str
    name: str
    parent_id: str | None
    asset_id: str
    tags: dict[str, str]
    environment: Environment | None
    created_at: datetime
    execution_id: str
    status: RunStatus | None = None
    user_id: str | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None


class Run(Value):
    """A tracked run, as it stands.

    Attributes:
        id: its execution's id.
        number: counts the experiment's runs from 1.
        parent_id: the execution that it was a part of; None at the top.
        asset_id: its asset, which exists once it has finished cleanly.
        metrics: of each metric the value at its highest step, the latest where there are several.
        environment: None for a run of another tool's client.
        started_at, finished_at: by the clock of the run's own process; `finished_at` is None while it runs, and for a
            run whose process died.
        error: why it failed; None unless it did.
    """

    id: str
    number: int
    experiment: str
    name: str
    state: ExecutionState
    parent_id: str | None
    asset_id: str
    tags: dict[str, str]
    params: dict[str, Any]
    metrics: dict[str, float]
    artifacts: tuple[Artifact, ...]
    environment: Environment | None
    actor: str
    code: Code
    started_at: datetime
    finished_at: datetime | None
    error: str | None

    @property
    def seconds(self) -> float | None:
        """How long it took; None unless it has finished."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()

    def _repr_html_(self) -> str:
        artifacts = [(item.name, item.size_bytes) for item in self.artifacts]
        return notebook.panel(
            f"run #{self.number} {self.name} of {self.experiment}: {self.state.value}",
            notebook.fields({"started at": self.started_at, "seconds": self.seconds, "actor": self.actor}),
            notebook.table(("parameter", "value"), self.params.items()),
            notebook.table(("metric", "last value"), self.metrics.items()),
            *([notebook.table(("artifact", "bytes"), artifacts)] if artifacts else []),
            *([notebook.note(self.error)] if self.error else []),
        )
