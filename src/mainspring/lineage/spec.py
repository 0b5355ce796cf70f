"""The nouns of the asset graph, as frozen values."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value: compared by content, never changed, refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AssetKind(enum.StrEnum):
    """What can be a node of the graph. The list is closed: a new kind is a decision, not a string."""

    SOURCE = "source"
    COMMIT = "commit"
    REJECTS = "rejects"
    FEATURE_VIEW = "feature_view"
    TRAINING_DATASET = "training_dataset"
    ARTIFACT = "artifact"
    RUN = "run"
    MODEL_PACKAGE = "model_package"
    MODEL_VERSION = "model_version"
    EVIDENCE = "evidence"
    POLICY = "policy"
    DEPLOYMENT_REVISION = "deployment_revision"
    ROLLOUT = "rollout"
    REPORT = "report"


class Direction(enum.StrEnum):
    """How an asset hangs on an execution: used by it, made by it, or found instead of being made again."""

    INPUT = "input"
    OUTPUT = "output"
    FOUND = "found"


class ExecutionState(enum.StrEnum):
    """Where an execution stands. Only `running` can change, and only once."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CACHED = "cached"
    LOST = "lost"
    """Failed, and not by its own word: whoever did it ended, or did not renew its lease."""


EXECUTION_STARTED: Final = "execution.started"
"""The kind of event that says that a durable execution runs."""


def ended(state: ExecutionState) -> str:
    """The kind of event that says how an execution ended, where it says nothing else of itself."""
    return f"execution.{state.value}"


class Verdict(enum.StrEnum):
    """What a finding says. Missing data is its own answer and never a pass."""

    PASS = "pass"
    FAIL = "fail"
    INSUFFICIENT_DATA = "insufficient_data"
    ERROR = "error"


class Noun(enum.StrEnum):
    """What people archive, rename and delete, as commands and messages call it."""

    FEATURE_GROUP = "feature_group"
    FEATURE_VIEW = "feature_view"
    TRAINING_DATASET = "training_dataset"
    EXPERIMENT = "experiment"
    RUN = "run"
    MODEL = "model"
    MODEL_VERSION = "model_version"
    MONITOR = "monitor"
    DEPLOYMENT = "deployment"

    @property
    def words(self) -> str:
        """As people say it."""
        return self.value.replace("_", " ")


class MarkKind(enum.StrEnum):
    """What can be decided about a thing. Only `deleted` cannot be taken back."""

    ARCHIVED = "archived"
    PINNED = "pinned"
    DELETED = "deleted"


class Mark(Value):
    """A decision about a thing that stands until it is taken back.

    Attributes:
        subject_id: the id of the thing, or `noun:name` of one that has only a name.
        noun, name: what it is, and how people write it.
        part_of: `subject_id` of the thing that was meant, of which this one is a part; None = it was meant itself.
        reason: in the words of whoever decided; may be empty.
        marked_at: the project clock.
    """

    subject_id: str
    kind: MarkKind
    noun: Noun
    name: str
    part_of: str | None
    reason: str
    actor: str
    execution_id: str
    marked_at: datetime

    @property
    def title(self) -> str:
        """What it is and what it is called."""
        return f"{self.noun.words} {self.name}"


class Code(Value):
    """The code that an execution ran.

    Attributes:
        commit: the Git commit that was checked out; None outside a repository.
        dirty: whether the working tree differed from that commit; None outside a repository.
        digest: SHA-256 over the project's own source files, with or without Git.
    """

    commit: str | None
    dirty: bool | None
    digest: str


class Asset(Value):
    """A node: something that exists, unchanging, and knows which execution made it.

    Attributes:
        id: UUIDv7, 32 hex digits. Equal content published twice is two assets.
        kind: what it is.
        name: what people call it, without version.
        digest: SHA-256 of the content.
        attributes: what else describes it; plain JSON.
        execution_id: the execution that made it.
        created_at: the project clock's time of publication.
    """

    id: str
    kind: AssetKind
    name: str
    digest: str
    attributes: dict[str, Any]
    execution_id: str
    created_at: datetime


class Execution(Value):
    """An edge-maker: one piece of work that used assets and made assets.

    Attributes:
        parent_id: the execution that this one was a part of; None at the top.
        actor: who did it: `user:NAME` or `service:NAME`.
        on_behalf_of: for whom a service acted; None where it acted for itself.
        occurred_at: the project clock when it began (the replayed time in a replay).
        started_at: the machine's clock when it began.
        finished_at: the machine's clock when it ended; None while it runs.
        fence: raised by whoever takes the work over; a late worker holding an older fence publishes nothing.
        error: the failure in one line; None unless it failed.
    """

    id: str
    parent_id: str | None
    kind: str
    name: str
    state: ExecutionState
    actor: str
    on_behalf_of: str | None
    code_commit: str | None
    code_dirty: bool | None
    code_digest: str
    parameters: dict[str, Any]
    occurred_at: datetime
    started_at: datetime
    finished_at: datetime | None
    fence: int
    error: str | None

    @property
    def code(self) -> Code:
        """The code that it ran."""
        return Code(commit=self.code_commit, dirty=self.code_dirty, digest=self.code_digest)


class Link(Value):
    """An edge: `asset_id` was an input or an output of `execution_id`, in the given role."""

    execution_id: str
    direction: Direction
    role: str
    asset_id: str
    attributes: dict[str, Any]


class Event(Value):
    """An entry of the append-only log. `seq` is the order in which entries became visible.

    Attributes:
        seq: counts up; gaps are possible; None until it is written.
        subject: the id of what it is about.
        occurred_at: the project clock.
        recorded_at: the machine's clock.
        sha256: over this entry and the `sha256` of the one before it in the project, so that a changed or
            removed entry shows.
    """

    seq: int | None
    id: str
    kind: str
    schema_version: int
    subject: str
    execution: str
    actor: str
    on_behalf_of: str | None
    occurred_at: datetime
    recorded_at: datetime
    payload: dict[str, Any]
    sha256: str


class EventFilter(Value):
    """Which entries of the log are wanted; what is None does not count.

    Attributes:
        subject: the id of what they are about.
        since: this time or later, by the project clock.
    """

    kinds: tuple[str, ...] | None = None
    subject: str | None = None
    actor: str | None = None
    since: datetime | None = None


class Cursor(Value):
    """How far a reader has read the log.

    Attributes:
        reader: who reads: `trigger:NAME`, `openlineage:URL` …
        place: `seq` of the last event that it is done with; 0 before the first.
    """

    reader: str
    place: int


class Lease(Value):
    """Who is at work on something, and gave a sign of life when.

    Times are of the one clock that all who write to the database share: the server's on PostgreSQL, the machine's on
    SQLite. The project clock, which may be replayed, has no part in it.

    Attributes:
        subject: the execution's id, the role: `server/HOST:PORT`, `server/HOST:PORT/worker-1`, or the request of a
            trigger that is answered: `request/ID`.
        holder: the process: see `process_name`. None = nobody has the role.
        token: the fencing number: greater for each holder of a subject than for the one before.
        ttl_s: as the holder promised: it renews four times in so long, and is not called lost before.
        taken_at: when the holder took it.
        renewed_at: its last sign of life.
        suspected_at: when somebody saw it overdue; None since it was renewed.
    """

    subject: str
    holder: str | None
    token: int
    ttl_s: float
    taken_at: datetime
    renewed_at: datetime
    suspected_at: datetime | None


class Standing(enum.StrEnum):
    """What is to be thought of a lease."""

    FREE = "free"
    HELD = "held"
    OVERDUE = "overdue"
    SUSPECTED = "suspected"
    LOST = "lost"


class Evidence(Value):
    """A stored finding about an asset.

    Attributes:
        id: the id of the evidence asset.
        subject_id: the asset that it is about.
        kind: what was looked at: `check.metric`, `expectations`, `latency` …
        figures: the numbers behind the verdict; plain JSON.
        trigger: what asked for it: person, ci, pipeline, schedule or gate.
        bound: further assets that it holds for (dataset, baseline …), by role.
        created_at: the project clock.
        expires_at: from then on it proves nothing; None = it does not expire.
    """

    id: str
    subject_id: str
    kind: str
    name: str
    verdict: Verdict
    figures: dict[str, Any]
    trigger: str
    bound: dict[str, str]
    actor: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class Subgraph:
    """What a walk reached: assets by id (the roots included), their executions, and the links between.

    Attributes:
        root_ids: where the walk began.
        depth: hops from the nearest root, by asset id; a root has 0.
    """

    root_ids: tuple[str, ...]
    assets: Mapping[str, Asset]
    executions: Mapping[str, Execution]
    links: tuple[Link, ...]
    depth: Mapping[str, int] = field(default_factory=dict)

    def of_kind(self, kind: AssetKind) -> list[Asset]:
        """The reached assets of one kind, in the order they were created."""
        found = [asset for asset in self.assets.values() if asset.kind is kind]
        return sorted(found, key=lambda asset: (asset.created_at, asset.id))

    def __iter__(self) -> Iterator[Asset]:
        return iter(self.assets.values())

    def __len__(self) -> int:
        return len(self.assets)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, for `--json`."""
        return {
            "root_ids": list(self.root_ids),
            "assets": [asset.model_dump(mode="json") for asset in self.assets.values()],
            "executions": [execution.model_dump(mode="json") for execution in self.executions.values()],
            "links": [link.model_dump(mode="json") for link in self.links],
        }
