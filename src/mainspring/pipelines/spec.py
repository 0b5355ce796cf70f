"""The nouns of pipelines, as frozen values."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from mainspring.lineage.spec import Value


class StepState(enum.StrEnum):
    """What became of a step in a run."""

    EXECUTED = "executed"
    CACHED = "cached"
    FAILED = "failed"


class Port(Value):
    """A named, typed place where a step takes or gives a value.

    Attributes:
        type: the annotation, as people write it.
    """

    name: str
    type: str


class StepSpec(Value):
    """What a step takes and gives.

    Attributes:
        name: `module:qualified.name`, or the name given to `@ms.step`.
        inputs: results of other steps; positional arguments.
        parameters: plain values; keyword-only arguments.
        resources: what the project hands in; keyword-only arguments whose default is `ms.RESOURCE`.
        outputs: what it returns: none, one, or one for each part of a tuple.
        cache: whether results may be reused; None = yes, unless it takes a resource and does not say by
            `reads=` what it reads through it.
    """

    name: str
    inputs: tuple[Port, ...]
    parameters: tuple[Port, ...]
    resources: tuple[Port, ...]
    outputs: tuple[Port, ...]
    cache: bool | None

    @property
    def title(self) -> str:
        """The name without its module."""
        return self.name.rpartition(":")[2].rpartition(".")[2]


class PipelineSpec(Value):
    """A pipeline's name and typed parameters."""

    name: str
    parameters: tuple[Port, ...]


class Source(Value):
    """Where an argument comes from: an output of a node of the plan."""

    node: str
    output: str


class Node(Value):
    """One call of a step in a plan.

    Attributes:
        id: the step's title, numbered from the second call on: `train`, `train-2`.
        inputs: the sources of each argument that comes from other steps; a list argument has many.
        parameters: the plain arguments, defaults filled in, as JSON for people to read.
    """

    id: str
    step: StepSpec
    inputs: dict[str, list[Source]]
    parameters: dict[str, Any]


class Plan(Value):
    """What a pipeline will do with these parameters, in order; JSON through `model_dump_json`.

    Attributes:
        outputs: what the pipeline returns, by name.
    """

    pipeline: PipelineSpec
    parameters: dict[str, Any]
    nodes: tuple[Node, ...]
    outputs: dict[str, Source]


class Stored(Value):
    """How one output is kept.

    Attributes:
        materializer: name of the way it is stored.
        version: version of that way; another version does not read it.
        digest: SHA-256 of the content: what downstream cache keys see.
        blobs: `{"sha256": …, "size_bytes": …}` of each file.
        asset_id: the output's asset: made by the step, or an existing one that the value stands for.
        by_reference: whether the asset existed beforehand and holds the content.
        plugin: distribution, version and code of the plug-in that stored it; None for a way of ours or of a room.
    """

    name: str
    materializer: str
    version: int
    digest: str
    blobs: tuple[dict[str, Any], ...] = ()
    asset_id: str = ""
    by_reference: bool = False
    plugin: dict[str, str] | None = None


class Change(Value):
    """One field of a cache key that differs. `old` or `new` is None where the field is missing."""

    field: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.field} is new"
        if self.new is None:
            return f"{self.field} is gone"
        if self.field.startswith(("code ", "value ", "input ")):
            return f"{self.field} changed"
        return f"{self.field} changed from {self.old} to {self.new}"


class CacheEntry(Value):
    """A reusable result.

    Attributes:
        key: SHA-256 over `fields`.
        execution_id: the execution that made the outputs.
        fields: what the key is made of, flat, in words for people.
        created_at: the machine's clock.
    """

    execution_id: str
    key: str
    step: str
    fields: dict[str, str]
    outputs: list[Stored]
    created_at: datetime


class StepRun(Value):
    """One step of one run.

    Attributes:
        execution_id: its own execution.
        producer_id: the execution whose outputs a cached step reuses; None otherwise.
        reason: why it was executed or not, in words.
        key: the cache key; None for a step that is never cached.
        seconds: time of the step's function alone; 0 for a cached step.
        notes: what the cache key could not see: opaque values, code that cannot be traced.
    """

    run_id: str
    ordinal: int
    node: str
    step: str
    execution_id: str
    producer_id: str | None
    state: StepState
    reason: str
    key: str | None
    seconds: float
    outputs: list[Stored]
    notes: list[str]

    @property
    def name(self) -> str:
        """The node's name in the plan."""
        return self.node


class RunRow(Value):
    """A run's plan, kept from its first moment.

    Attributes:
        id: the run's execution.
        request_id: the request of a trigger that it answers; None otherwise.
        process: host and process that runs it, so that a dead one can be told.
    """

    id: str
    pipeline: str
    plan: dict[str, Any]
    request_id: str | None
    process: str
    created_at: datetime


class TriggerRow(Value):
    """Which events ask for which pipeline."""

    name: str
    event_kind: str
    pipeline: str

    @property
    def reader(self) -> str:
        """What its place in the event log is kept under."""
        return f"trigger:{self.name}"


class RequestState(enum.StrEnum):
    """Where a requested run stands."""

    REQUESTED = "requested"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Request(Value):
    """A run that an event asked for, exactly one for each trigger and event.

    Attributes:
        event_seq: the event.
        subject: what the event is about.
        run_id: the run that answers it, once it has begun.
        process: host and process that answers it, and the id of its claim; under the lease `request/ID`.
    """

    id: str
    trigger: str
    event_id: str
    event_seq: int
    subject: str
    pipeline: str
    state: RequestState
    run_id: str | None
    process: str | None
    error: str | None
    requested_at: datetime
