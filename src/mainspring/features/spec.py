"""The nouns of the feature store, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from mainspring.features.condition import Condition
from mainspring.features.treatment import TreatedColumn
from mainspring.lineage.spec import Value

#: What a part of a view is: a feature, a further label, or a column that is there in training or in serving alone.
Role = Literal["feature", "label", "training_only", "inference_only"]


def _is_feature(role: str) -> bool:
    return role == "feature"


def _is_nothing(given: object) -> bool:
    return not given


def _is_none(given: object) -> bool:
    return given is None


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


class DriftReference(Value):
    """Which batches a batch is compared with. Make it with `ms.drift`, which checks its arguments.

    Attributes:
        batches: the latest so many.
        season_s: only those that lie where it does in a season of so many seconds; None = any.
    """

    batches: int = 8
    season_s: float | None = None


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
        on_failure: what an insert does with rows that break critical expectations: alert, block or quarantine.
        columns: the schema; None until the first insert.
        expectations: as their own `to_dict`-like plain form.
        tags: words that people find it by.
        jurisdiction: whose law its rows are under, such as `EU`; None = nobody said.
        deprecation: that it is not to be used any more; None = it is.
        treated: columns of personal data, with what becomes of them before anything is written.
        drift: which batches a batch is compared with; None = the last eight.
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
    treated: tuple[TreatedColumn, ...] = ()
    drift: DriftReference | None = None
    called: str = Field(default="", exclude=True)

    @field_validator("on_failure", mode="before")
    @classmethod
    def _policy(cls, given: object) -> object:
        # What 0.1.0 stored.
        return {"warn": "alert", "refuse": "block"}.get(given, given) if isinstance(given, str) else given

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

    @property
    def hidden(self) -> frozenset[str]:
        """Columns that name a person, or that the law protects most: what is said of rows shows no value of them."""
        marked = ("direct", "sensitive")
        return frozenset(item.name for item in self.columns or () if item.personal in marked)

    @property
    def given_types(self) -> dict[str, str]:
        """Column → logical type in which rows and keys are given; with what is dropped, as far as it is known."""
        stored = {item.name: item.type for item in self.columns or ()}
        return {**stored, **{item.name: item.type for item in self.treated}}

    def type_of(self, column: str) -> str:
        """The logical type of a column that exists."""
        return next(item.type for item in self.columns or () if item.name == column)


class CommitSpec(Value):
    """One insert of a group.

    Attributes:
        ticket: what its rows carry as `_commit`; drawn before they are written.
        number: its place in the order of becoming visible, from 1; None while it is staged.
        token: the idempotency key.
        digest: of its rows, in order, with their operation.
        given_digest: of what was given, where that had more rows or fewer columns; None = as `digest`.
        n_failed: rows that broke at least one critical or warning expectation.
        verdict: of the expectations; None where the group has none.
        min_event_at, max_event_at: the span of event times; None without event time.
        early_event_at, late_event_at: between them lie four fifths of the event times: see `reference.bulk_of`. None
            where the commit is too small to be a reference, or of a version before them.
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
    given_digest: str | None = None
    early_event_at: datetime | None = None
    late_event_at: datetime | None = None

    @property
    def content(self) -> str:
        """The digest by which the same rows are known again when they are sent again."""
        return self.given_digest or self.digest


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
    """An event whose row was pushed, remembered for ever, or for as long as `retention.event_ids_days` says.

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
        renames: column → its name in the view, before the prefix; what is not named keeps its name.
        role: what the columns are in the view.

    What has its default is left out of the stored form, whose digest is that of versions that did not have it.
    """

    group: str
    version: int
    columns: tuple[str, ...]
    on: dict[str, str] = Field(default_factory=dict)
    prefix: str = ""
    static: bool = False
    hidden: bool = False
    renames: dict[str, str] = Field(default_factory=dict, exclude_if=_is_nothing)
    role: Role = Field(default="feature", exclude_if=_is_feature)

    @property
    def side(self) -> str:
        """What reports, provenance and statuses call this join: prefix, the group's name, and a role of its own."""
        helps = self.role in ("training_only", "inference_only")
        return f"{self.prefix}{self.group}" + (f"_{self.role}" if helps else "")

    def spine_keys(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The spine's columns that these keys of the group are looked up by."""
        return tuple(self.on.get(key, key) for key in keys)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns' names in the view."""
        return tuple(self.prefix + self.renames.get(column, column) for column in self.columns)

    @property
    def table(self) -> tuple[str, int]:
        """Name and version of the group."""
        return self.group, self.version


class RequestSpec(Value):
    """Spine columns that are features as they are: from the spine in training, from the request in serving.

    Attributes:
        columns: name → logical type; None where the type is whatever the spine holds.
        role: a feature; or a column that only training's spine, or only a request, must carry.
    """

    columns: dict[str, str | None]
    role: Role = Field(default="feature", exclude_if=_is_feature)


class OnDemandSpec(Value):
    """A function from columns to one column.

    Attributes:
        name: the output column.
        inputs: the argument names: columns of the view or of the request.
        kinds: their logical types, in the same order.
        reference: `module:qualname`, from which a worker loads it.
        digest: SHA-256 of its source.
        output: logical type of the result.
        helpers: digest of the first-party code and values that it reaches, or was made with (closure, computed
            defaults), beside its own source; None where there are none, and in views of versions that did not look.
    """

    name: str
    inputs: tuple[str, ...]
    kinds: tuple[str, ...]
    reference: str
    digest: str
    output: str
    helpers: str | None = Field(default=None, exclude_if=_is_none)


class FunctionSpec(Value):
    """A function of the user.

    Attributes:
        reference: `module:qualname`, from which a worker loads it.
        digest: SHA-256 of its source.
        helpers: digest of the first-party code and values that it reaches, or was made with (closure, computed
            defaults), beside it; None where there are none.
    """

    reference: str
    digest: str
    helpers: str | None = Field(default=None, exclude_if=_is_none)


class TransformSpec(Value):
    """A transformation that depends on the model, as it is declared.

    Attributes:
        columns: features that it reads.
        options: plain JSON; which there are depends on the kind.
        fit, apply: the functions of a custom one.
    """

    kind: Literal["impute", "clip", "standardise", "one_hot", "ordinal", "custom"]
    columns: tuple[str, ...]
    options: dict[str, Any] = Field(default_factory=dict)
    fit: FunctionSpec | None = Field(default=None, exclude_if=_is_none)
    apply: FunctionSpec | None = Field(default=None, exclude_if=_is_none)


class FittedStep(Value):
    """A transformation with what it learnt from the training rows, as plain JSON."""

    transform: TransformSpec
    fitted: dict[str, Any]


class Transformations(Value):
    """Fitted transformations in their order: frozen with the training dataset, shipped with the model.

    Attributes:
        inputs: features, untransformed.
        kinds: their logical types in training, in the same order.
        outputs: what a model's estimator gets.
    """

    inputs: tuple[str, ...]
    kinds: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[FittedStep, ...]


class FeatureViewSpec(Value):
    """A selection of features and labels, joined point-in-time.

    Attributes:
        view_id: the view's asset.
        parts: selections and request columns, in the order of the features; with further labels and helper columns.
        label: columns of a group whose key names a spine row.
        spine_time: the spine's column that says at which moment each row asks.
        digest: of everything above and of the condition, without the id.
        condition: the rows of a spine that the view is about; None = all.
        transforms: what is fitted on the part `train` of its datasets, in order; None = nothing.
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
    condition: Condition | None = Field(default=None, exclude_if=_is_none)
    transforms: tuple[TransformSpec, ...] | None = Field(default=None, exclude_if=_is_none)
    called: str = Field(default="", exclude=True)

    @property
    def title(self) -> str:
        """`name@version`: what people and reports call it now."""
        return f"{self.called or self.name}@{self.version}"

    def _selections(self, *roles: Role) -> tuple[SelectionSpec, ...]:
        return tuple(part for part in self.parts if isinstance(part, SelectionSpec) and part.role in roles)

    def _requests(self, *roles: Role) -> tuple[str, ...]:
        requests = [part for part in self.parts if isinstance(part, RequestSpec) and part.role in roles]
        return tuple(name for part in requests for name in part.columns)

    @property
    def selections(self) -> tuple[SelectionSpec, ...]:
        """What is looked up for a prediction, in order: features, hidden ones, and inference-only columns."""
        return self._selections("feature", "inference_only")

    @property
    def labels(self) -> tuple[SelectionSpec, ...]:
        """The selections that labels come from; the first names the rows of a training dataset."""
        return (*([self.label] if self.label else []), *self._selections("label"))

    @property
    def everything(self) -> tuple[SelectionSpec, ...]:
        """Every selection, whatever it is for."""
        return (*self._selections("feature", "training_only", "inference_only"), *self.labels)

    def joined(self, *, inference: bool) -> tuple[SelectionSpec, ...]:
        """What is joined to a spine: for inference no labels and nothing that is for training only."""
        if inference:
            return self.selections
        return (*self._selections("feature", "training_only"), *self.labels)

    @property
    def requests(self) -> tuple[str, ...]:
        """Spine columns that are features, in order."""
        return self._requests("feature")

    def needed(self, *, inference: bool) -> tuple[str, ...]:
        """Spine columns beside keys and time that a join cannot do without."""
        helpers = self._requests("inference_only" if inference else "training_only")
        read = self.condition.columns if self.condition is not None else ()
        return tuple(dict.fromkeys([*self.requests, *helpers, *self.on_demand_requests, *read]))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features in order: parts as declared without the hidden ones, then on-demand."""
        names: list[str] = []
        for part in self.parts:
            if part.role == "feature":
                names += (
                    part.columns if isinstance(part, RequestSpec) else () if part.hidden else part.outputs
                )
        return (*names, *(function.name for function in self.on_demand))

    @property
    def training_only(self) -> tuple[str, ...]:
        """Columns of a training dataset that are no features."""
        return self._helpers("training_only")

    @property
    def inference_only(self) -> tuple[str, ...]:
        """Columns of a prediction that are no features."""
        return self._helpers("inference_only")

    def _helpers(self, role: Role) -> tuple[str, ...]:
        joined = (name for part in self._selections(role) for name in part.outputs)
        return (*joined, *self._requests(role))

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
    def label_names(self) -> tuple[str, ...]:
        """The labels' columns in order; () for a view without label."""
        return tuple(name for item in self.labels for name in item.outputs)

    @property
    def label_name(self) -> str | None:
        """The first label's column; None for a view without label."""
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


def is_late(view: FeatureViewSpec, selection: SelectionSpec) -> bool:
    """Whether the selection is read as it is known when a dataset is made, and not at each row's moment.

    That are the labels, and what is for training only and comes from a label's own group, such as how late a flight
    was beside whether it was.
    """
    return selection in view.labels or (
        selection.role == "training_only" and selection.table in {label.table for label in view.labels}
    )


def is_strict(view: FeatureViewSpec, selection: SelectionSpec) -> bool:
    """Whether the selection's rows must be true strictly before the moment: those of a label's own group."""
    return not is_late(view, selection) and selection.table in {label.table for label in view.labels}


class SplitSpec(Value):
    """How the rows of a training dataset are divided.

    Attributes:
        kind: none, time, random, entity or column.
        test_from, validation_from: instants; from the first on a row is test, from the second on validation.
        gap_s: rows of the earlier part whose spine time lies less than this before a bound are left out.
        test, validation: shares in (0, 1), for random and entity.
        column: what must not be torn apart, for entity; what says the part, for column.
        columns: what names an entity together, where that takes several.
    """

    kind: Literal["none", "time", "random", "entity", "column"]
    test_from: datetime | None = None
    validation_from: datetime | None = None
    gap_s: float = 0.0
    test: float = 0.0
    validation: float = 0.0
    column: str | None = None
    columns: tuple[str, ...] = Field(default=(), exclude_if=_is_nothing)


class ReadSpec(Value):
    """A read of a group.

    Attributes:
        number: of the latest commit that it reads; 0 = none.
        start, end: only rows with an event time in [start, end); None = open.
        n_filters: predicates that rows had to satisfy beside; they are not stored.
    """

    group: str
    version: int
    number: int
    start: datetime | None = None
    end: datetime | None = None
    n_filters: int = 0


class ErasedRows(Value):
    """Rows that an erasure took out of a training dataset.

    Attributes:
        execution_id: the erasure.
        receipt_id: its report in the graph; None until it has ended, or another of the same entities has for it.
        digest: of the dataset when it had these rows.
    """

    execution_id: str
    receipt_id: str | None
    digest: str
    n_rows: int
    erased_at: datetime


class TrainingDatasetSpec(Value):
    """A materialised, split, pinned read of a view; stored as the attributes of its asset.

    Attributes:
        row_key: columns that say which row it is: what the label is looked up by and the spine time; without
            label all columns of the spine.
        blob: SHA-256 of the parquet file.
        provenance: SHA-256 of the parquet file that says, row by row, which commit and event time answered each side.
        content: digest of the rows over their logical values.
        pins: `name@version` → the highest commit number that was read when it was made, of the view's groups and of
            the one that the spine was a read of.
        spine: the read of a group that the rows that asked were; None where they came from elsewhere, and in datasets
            of versions that did not say.
        as_of: labels that became known later were not used.
        counts: split → rows.
        n_unlabelled: spine rows that had no label at `as_of`, and were left out.
        n_gap: rows left out by the split's gap.
        profiles: SHA-256 of the profiles of the splits (`checks.kept`); None where they are computed when asked for.
        report: what the join reported, by side.
        labels: where there are several; `label` is the first.
        training_only: columns that are neither features nor labels.
        n_filtered: spine rows that the view is not about.
        transformations: fitted on the part `train`; None where the view has none, or `unfitted` says why.
        unfitted: why transformations could not be fitted on what an erasure left; empty where they were.
        erasures: what erasures took, oldest first; everything else here is then of the rows that are left.
        edition: digest of the dataset with the rows that are left; None = none were erased.
        superseded: SHA-256 of what earlier editions had, until the erasure that is to delete it has ended.
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
    labels: tuple[str, ...] = Field(default=(), exclude_if=_is_nothing)
    training_only: tuple[str, ...] = Field(default=(), exclude_if=_is_nothing)
    n_filtered: int = Field(default=0, exclude_if=_is_nothing)
    transformations: Transformations | None = Field(default=None, exclude_if=_is_none)
    unfitted: str = Field(default="", exclude_if=_is_nothing)
    erasures: tuple[ErasedRows, ...] = Field(default=(), exclude_if=_is_nothing)
    edition: str | None = Field(default=None, exclude_if=_is_none)
    superseded: tuple[str, ...] = Field(default=(), exclude_if=_is_nothing)
    spine: ReadSpec | None = Field(default=None, exclude_if=_is_none)
