"""The nouns of tracking, as frozen values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mainspring import notebook
from mainspring.lineage.spec import Code, ExecutionState, Value


class Experiment(Value):
    """A named series of runs, numbered from 1.

    Attributes:
        number: counts the project's experiments from 1.
    """

    id: str
    number: int
    name: str
    created_at: datetime


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
        logged_at: the machine's clock.
    """

    seq: int | None
    run_id: str
    key: str
    step: int
    value: float
    logged_at: datetime


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
    """What is written when a run begins."""

    id: str
    number: int
    experiment: str
    name: str
    parent_id: str | None
    asset_id: str
    tags: dict[str, str]
    environment: Environment
    created_at: datetime


class Run(Value):
    """A tracked run, as it stands.

    Attributes:
        id: its execution's id.
        number: counts the experiment's runs from 1.
        parent_id: the execution that it was a part of; None at the top.
        asset_id: its asset, which exists once it has finished cleanly.
        metrics: the last logged value of each metric.
        finished_at: None while it runs, and for a run whose process died.
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
    environment: Environment
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
