"""The nouns of evaluation, as frozen values."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from pydantic import Field

from mainspring.lineage import Verdict
from mainspring.lineage.spec import Value
from mainspring.models.spec import ModelVersion


class MetricCheck(Value):
    """A metric must reach a bound, and so must its confidence limit.

    Attributes:
        metric: `roc_auc`, `average_precision`, `brier`, `log_loss`, or one that a plug-in adds.
        at_least: the smallest good value, for metrics that are better when higher.
        at_most: the largest good value, for metrics that are better when lower.
        level: confidence of the two-sided interval.
        cluster: a column whose equal values are drawn together (a day); None = rows are independent.
    """

    kind: Literal["metric"] = "metric"
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    level: float = 0.95
    cluster: str | None = None


class BeatsCheck(Value):
    """A paired test on the same rows must show the version better than another one.

    Attributes:
        against: an alias of the same model, such as `champion`, or a model version.
        metric: what is compared.
        alpha: the one-sided error rate: how often an equally good version may pass.
        margin: 0 asks for better; a positive margin asks only for "not worse by that much".
        cluster: a column whose equal values are drawn together; None = rows are independent.
    """

    kind: Literal["beats"] = "beats"
    against: str | ModelVersion
    metric: str = "roc_auc"
    alpha: float = 0.05
    margin: float = 0.0
    cluster: str | None = None


class SliceCheck(Value):
    """No slice of the rows may be served clearly worse than the rest.

    Attributes:
        column: its values make the slices; null is one of them.
        metric: `roc_auc`, `brier`, `log_loss`, or a plug-in's that is the mean of a loss of each row.
        max_drop: how much worse than the rest a slice may be.
        half_width: a slice is judged if the 95 % interval of its own figure reaches at most so far to each side;
            a slice with too few rows for that is named, and neither passes nor fails.
        alpha: the chance of one false alarm among all slices together (Holm).
    """

    kind: Literal["slice"] = "slice"
    column: str
    metric: str = "roc_auc"
    max_drop: float
    half_width: float
    alpha: float = 0.05


class LatencyCheck(Value):
    """One prediction must be quick enough.

    Attributes:
        p95_ms: the budget of the 95th percentile, milliseconds, in this process on this machine.
        n_calls: predictions measured, over the rows in turn.
    """

    kind: Literal["latency"] = "latency"
    p95_ms: float
    n_calls: int = 1_000


Check = Annotated[MetricCheck | BeatsCheck | SliceCheck | LatencyCheck, Field(discriminator="kind")]


class RowsOrigin(enum.StrEnum):
    """Where evaluated rows stand to the rows that the version learnt from."""

    HELD_OUT = "held_out"
    TRAINING = "training"
    UNKNOWN = "unknown"


class EvaluatedRows(Value):
    """Whether the evaluated rows were held out.

    Attributes:
        origin: held out: none of them was learnt from; training: at least one was; unknown: it cannot be told.
        n_training: how many were learnt from; None where it cannot be told.
        why: how it is known, or why not.
    """

    origin: RowsOrigin
    n_training: int | None
    why: str


class Finding(Value):
    """What a check came to, before it is stored.

    Attributes:
        summary: one line for people.
        figures: the numbers behind it, plain JSON.
    """

    verdict: Verdict
    summary: str
    figures: dict[str, Any]


class CheckResult(Value):
    """A stored finding of a report.

    Attributes:
        name: the check in words.
        evidence_id: the evidence that keeps it.
    """

    name: str
    check: Check
    verdict: Verdict
    summary: str
    figures: dict[str, Any]
    evidence_id: str


def words(check: Check) -> str:
    """The check in words: the name of its evidence."""
    if isinstance(check, MetricCheck):
        bound = f"at least {check.at_least:g}" if check.at_least is not None else f"at most {check.at_most:g}"
        return f"{check.metric} {bound}"
    if isinstance(check, BeatsCheck):
        margin = f" (margin {check.margin:g})" if check.margin else ""
        return f"beats {check.against} on {check.metric}{margin}"
    if isinstance(check, SliceCheck):
        return f"{check.metric} by {check.column} drops at most {check.max_drop:g}"
    return f"p95 latency at most {check.p95_ms:g} ms"


def evidence_kind(check: Check) -> str:
    """The kind of evidence that the check writes: `check.metric`, `check.beats` and so on."""
    return f"check.{check.kind}"


def parameters(check: Check) -> dict[str, Any]:
    """The check as plain JSON, as its evidence keeps it and gates read it; a version is named `model/number`."""
    plain = check.model_dump(mode="json")
    if isinstance(check, BeatsCheck):
        plain["against"] = str(check.against)
    return plain
