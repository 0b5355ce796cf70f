"""The nouns of the feature store, as frozen values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from mainspring.lineage.spec import Value

#: `known_time` of a group whose rows become known when their commit is published.
COMMIT_TIME = "commit"


Default = bool | int | float | str | None
"""What a column may have as default."""


class FeatureSpec(Value):
    """One column of a group.

    Attributes:
        type: a logical type: int64, float64, string, bool, datetime, date, binary, list[…], array[…,n].
        description: for people, and for search.
        personal: whether it says something of a person: direct, indirect or sensitive; None = it is not marked.
        default: the value of rows that were written before the column was there; None = null.
        absent_until: the ticket up to which rows were written without the column; 0 = it was there from the first.
    """

    name: str
    type: str
    description: str = ""
    personal: str | None = None
    default: Default = None
    absent_until: int = 0


class Deprecation(Value):
    """That a group is not to be used any more.

    Attributes:
        successor: `name@version` of what is to be used instead; None where there is nothing.
    """

    reason: str
    successor: str | None = None


class FeatureGroupSpec(Value):
    """A versioned table of features.

    Attributes:
        group_id: UUIDv7, 32 hex digits.
        version: a breaking change makes a new one.
        revision: counts additive changes (appended columns) within the version, from 1.
        keys: columns that name the entity.
        event_time: column that says when a row became true; None = a row is true until replaced.
        known_time: column that says when a row was learnt, or "commit"; None = no cut-off.
        online: whether `materialize` may write it to the keys store.
        ttl_s: a value older than this, at the moment asked about, is no value; None = never.
        source_delay_s: a row can be used this long after its event time at the earliest.
        on_failure: what an insert does with rows that break critical expectations.
        columns: the schema; None until the first insert.
        expectations: as their own `to_dict`-like plain form.
        tags: words that people find it by.
        jurisdiction: whose law its rows are under, such as `EU`; None = nobody said.
        deprecation: that it is not to be used any more; None = it is.
        called: what it is called now; empty while that is `name`, the lasting one, which views, pins and the table
            are made of.
    """

    group_id: str
    name: str
    version: int
    revision: int
    keys: tuple[str, ...]
    event_time: str | None
    known_time: str | None
    online: bool
    ttl_s: float | None
    source_delay_s: float
    on_failure: str
    columns: tuple[FeatureSpec, ...] | None
    expectations: tuple[dict[str, Any], ...]
    description: str
    owner: str | None
    created_at: datetime
    tags: tuple[str, ...] = ()
    jurisdiction: str | None = None
    deprecation: Deprecation | None = None
    called: str = Field(default="", exclude=True)

    @property
    def label(self) -> str:
        """`name@version`: what people and reports call it now."""
        return f"{self.called or self.name}@{self.version}"

    @property
    def pin(self) -> str:
        """`name@version` for ever: what pins call it."""
        return f"{self.name}@{self.version}"

    @property
    def system_columns(self) -> frozenset[str]:
        """Columns that are not features: keys and times."""
        times = (
            name for name in (self.event_time, self.known_time) if name is not None and name != COMMIT_TIME
        )
        return frozenset((*self.keys, *times))

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that are neither keys nor times, in order; () before the first insert."""
        return tuple(item.name for item in self.columns or () if item.name not in self.system_columns)

    def type_of(self, column: str) -> str:
        """The logical type of a column that exists."""
        return next(item.type for item in self.columns or () if item.name == column)


class CommitSpec(Value):
    """One insert of a group.

    Attributes:
        ticket: what its rows carry as `_commit`; drawn before they are written.
        number: its place in the order of becoming visible, from 1; None while it is staged.
        token: the idempotency key.
        digest: of the rows as given, in order, with their operation.
        n_failed: rows that broke at least one critical or warning expectation.
        verdict: of the expectations; None where the group has none.
        min_event_at, max_event_at: the span of event times; None without event time.
        published_at: the project clock; the known time of its rows in a group with known_time="commit".
    """

    group_id: str
    ticket: int
    number: int | None
    token: str
    digest: str
    asset_id: str | None
    n_rows: int
    n_deletes: int
    n_failed: int
    verdict: str | None
    min_event_at: datetime | None
    max_event_at: datetime | None
    published_at: datetime | None


class EditionSpec(Value):
    """The rows of a commit that an erasure leaves.

    Attributes:
        ticket: of the commit.
        execution_id: the erasure.
        n_rows: rows that are left.
        digest: of the rows that are left, in order, with their operation.
        is_done: whether the erasure ended; before that the rows may be those from before it.
    """

    group_id: str
    ticket: int
    execution_id: str
    n_rows: int
    digest: str
    is_done: bool
    made_at: datetime


class Push(Value):
    """Rows of a stream that no commit holds yet.

    Attributes:
        batch_id: of the batch that becomes one commit; the asset id that the commit will have.
        ordinal: the place of the first row in the batch.
        is_closed: no more rows come into the batch.
        pushed_at: the project clock.
        rows: as Arrow's file format.
    """

    group_id: str
    batch_id: str
    ordinal: int
    n_rows: int
    is_closed: bool
    pushed_at: datetime
    rows: bytes


class PushedEvent(Value):
    """An event whose row was pushed, remembered for ever.

    Attributes:
        batch_id: the commit's asset id.
        ordinal: the row's place in it.
    """

    group_id: str
    event_id: str
    batch_id: str
    ordinal: int


class SelectionSpec(Value):
    """Columns of one group, as a view joins them.

    Attributes:
        group: name of the group.
        version: its version.
        columns: the columns that are taken.
        on: group key → spine column.
        prefix: put before every column's name.
        static: a group without event time was opted in.
        hidden: joined only as input of on-demand features.
    """

    group: str
    version: int
    columns: tuple[str, ...]
    on: dict[str, str] = Field(default_factory=dict)
    prefix: str = ""
    static: bool = False
    hidden: bool = False

    @property
    def side(self) -> str:
        """What reports, provenance and statuses call this join: the group's name, or prefix and name."""
        return f"{self.prefix}{self.group}"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns' names in the view."""
        return tuple(self.prefix + column for column in self.columns)


class RequestSpec(Value):
    """Spine columns that are features as they are: from the spine in training, from the request in serving.

    Attributes:
        columns: name → logical type; None where the type is whatever the spine holds.
    """

    columns: dict[str, str | None]


class OnDemandSpec(Value):
    """A function from columns to one column.

    Attributes:
        name: the output column.
        inputs: the argument names: columns of the view or of the request.
        kinds: their logical types, in the same order.
        reference: `module:qualname`, from which a worker loads it.
        digest: SHA-256 of its source.
        output: logical type of the result.
    """

    name: str
    inputs: tuple[str, ...]
    kinds: tuple[str, ...]
    reference: str
    digest: str
    output: str


class FeatureViewSpec(Value):
    """A selection of features and a label, joined point-in-time.

    Attributes:
        view_id: the view's asset.
        parts: selections and request columns, in the order of the features.
        label: one column of a group whose key names a spine row.
        spine_time: the spine's column that says at which moment each row asks.
        digest: of everything above, without the id.
        called: what it is called now; empty while that is `name`, the lasting one, which the digest is of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    view_id: str
    name: str
    version: int
    parts: tuple[SelectionSpec | RequestSpec, ...]
    label: SelectionSpec | None
    on_demand: tuple[OnDemandSpec, ...]
    spine_time: str
    description: str
    digest: str
    created_at: datetime
    called: str = Field(default="", exclude=True)

    @property
    def title(self) -> str:
        """`name@version`: what people and reports call it now."""
        return f"{self.called or self.name}@{self.version}"

    @property
    def selections(self) -> tuple[SelectionSpec, ...]:
        """The parts that are joined, in order."""
        return tuple(part for part in self.parts if isinstance(part, SelectionSpec))

    @property
    def requests(self) -> tuple[str, ...]:
        """Spine columns that are features, in order."""
        return tuple(name for part in self.parts if isinstance(part, RequestSpec) for name in part.columns)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features in order: parts as declared without the hidden ones, then on-demand."""
        names: list[str] = []
        for part in self.parts:
            if isinstance(part, RequestSpec):
                names += part.columns
            elif not part.hidden:
                names += part.outputs
        return (*names, *(function.name for function in self.on_demand))

    @property
    def origins(self) -> dict[str, str]:
        """Feature → where it comes from, in words: a group, the request, or the inputs of a function."""
        out = {function.name: f"function of {', '.join(function.inputs)}" for function in self.on_demand}
        for part in self.parts:
            if isinstance(part, RequestSpec):
                out |= dict.fromkeys(part.columns, "request")
            else:
                out |= dict.fromkeys(part.outputs, f"{part.group}@{part.version}")
        return {name: out[name] for name in self.features}

    @property
    def label_name(self) -> str | None:
        """The label's column; None for a view without label."""
        return self.label.outputs[0] if self.label else None

    @property
    def on_demand_requests(self) -> tuple[str, ...]:
        """Spine columns that only on-demand functions read, in order of first use."""
        known = {name for selection in self.selections for name in selection.outputs} | set(self.requests)
        out: list[str] = []
        for function in self.on_demand:
            out += [name for name in function.inputs if name not in known and name not in out]
            known.add(function.name)
        return tuple(out)


def is_strict(view: FeatureViewSpec, selection: SelectionSpec) -> bool:
    """Whether the selection's rows must be true strictly before the moment: those of the label's own group."""
    label = view.label
    return (
        label is not None
        and selection is not label
        and (selection.group, selection.version) == (label.group, label.version)
    )


class SplitSpec(Value):
    """How the rows of a training dataset are divided.

    Attributes:
        kind: none, time, random or entity.
        test_from, validation_from: instants; from the first on a row is test, from the second on validation.
        gap_s: rows of the earlier part whose spine time lies less than this before a bound are left out.
        test, validation: shares in (0, 1), for random and entity.
        column: what must not be torn apart, for entity.
    """

    kind: Literal["none", "time", "random", "entity"]
    test_from: datetime | None = None
    validation_from: datetime | None = None
    gap_s: float = 0.0
    test: float = 0.0
    validation: float = 0.0
    column: str | None = None


class TrainingDatasetSpec(Value):
    """A materialised, split, pinned read of a view; stored as the attributes of its asset.

    Attributes:
        row_key: columns that say which row it is: what the label is looked up by and the spine time; without
            label all columns of the spine.
        blob: SHA-256 of the parquet file.
        provenance: SHA-256 of the parquet file that says, row by row, which commit and event time answered each side.
        content: digest of the rows over their logical values.
        pins: `name@version` → the highest commit number that was read when it was made.
        as_of: labels that became known later were not used.
        counts: split → rows.
        n_unlabelled: spine rows that had no label at `as_of`, and were left out.
        n_gap: rows left out by the split's gap.
        profiles: SHA-256 of the profiles of the splits (`checks.kept`); None where they are computed when asked for.
        report: what the join reported, by side.
    """

    view: str
    view_version: int
    view_id: str
    features: tuple[str, ...]
    label: str | None
    spine_time: str
    row_key: tuple[str, ...]
    blob: str
    provenance: str
    content: str
    pins: dict[str, int]
    as_of: datetime | None
    split: SplitSpec
    seed: int
    counts: dict[str, int]
    n_unlabelled: int
    n_gap: int
    profiles: str | None = None
    report: dict[str, Any]
