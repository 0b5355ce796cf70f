"""The nouns of monitoring, as frozen values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from mainspring import notebook
from mainspring.checks.drift import Drift
from mainspring.checks.profile import Profile
from mainspring.lineage.spec import Value, Verdict


class Figure(Value):
    """A measured number with its 95 % interval; None where the rows cannot give it."""

    value: float | None
    low: float | None
    high: float | None
    method: str

    def __str__(self) -> str:
        if self.value is None:
            return "unknown"
        if self.low is None or self.high is None:
            return f"{self.value:.4f}"
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


class Reference(Value):
    """What a monitor compares with, taken from the rows that the model was trained and tested on.

    Attributes:
        n_rows: labelled rows of the reference.
        n_fit_clusters: clusters (days) that the model was fitted on; how far its claim itself may be off.
        n_held_out: rows that the model was not fitted on; 0 = the frame did not say, and all rows were used.
        observed, predicted: rates over the held-out rows.
        brier: mean squared error of the predictions on the held-out rows.
        brier_of_rate: the same of always predicting the observed rate: observed * (1 - observed).
        roc_auc: on the held-out rows; None with one class.
        profile: of the features, on all rows.
        design_effects: by feature, how many times more its shares vary than those of independent rows.
    """

    n_rows: int
    n_fit_clusters: int
    n_held_out: int
    observed: float
    predicted: float
    brier: float
    brier_of_rate: float
    roc_auc: float | None
    profile: Profile
    design_effects: dict[str, float]

    @property
    def skill(self) -> float:
        """How much lower the model's Brier score is than that of the constant rate; at least 0."""
        return max(0.0, self.brier_of_rate - self.brier)


N_RULES: Final = 2
"""One window alone, and two of three windows: each has half of the false alarms."""


class MonitorSpec(Value):
    """A monitor of one deployment. A changed one is the next revision; earlier ones stay.

    Attributes:
        false_alarms_per_year: the chance of at least one alert in a year in which nothing changed, over all
            planned looks and both rules of `plan`.
        looks_per_year: windows that may be judged in any 365 days.
        min_effect: the smallest gap between observed and predicted rate that is worth an alert.
        min_effect_source: where that number comes from.
        label_delay_s: seconds from a prediction until its outcome is normally known.
        min_coverage: share of predictions whose outcome must be known.
        min_clusters: clusters (days) that a window must have.
        min_events: rows that each class must have.
        time_zone: IANA name; the days in it are the clusters.
        cluster: a column whose values are the clusters instead of days; None = days.
        dataset_id: asset id of the training dataset that the reference was made of; None = not told.
    """

    id: str
    name: str
    revision: int
    deployment: str
    false_alarms_per_year: float
    looks_per_year: int
    min_effect: float
    min_effect_source: str
    label_delay_s: int
    min_coverage: float
    min_clusters: int
    min_events: int
    time_zone: str
    cluster: str | None
    reference: Reference
    dataset_id: str | None
    created_at: datetime

    @property
    def alpha(self) -> float:
        """The two-sided level of one look under one rule: Bonferroni's share of the year's."""
        return self.false_alarms_per_year / N_RULES / self.looks_per_year


class Window(Value):
    """Predictions with start_at <= now < end_at, and the outcomes known until as_of_at."""

    start_at: datetime
    end_at: datetime
    as_of_at: datetime


class Finding(Value):
    """What a monitor found in one window.

    Attributes:
        id: the id of the evidence about the deployment revision.
        subject_id: that revision's asset.
        n_rows: predictions that answered (shadows are not counted).
        n_known: of these, with a known outcome.
        n_clusters: clusters (days) with a known outcome.
        n_positives: known outcomes that are 1.
        predicted_all: mean prediction over all rows, labelled or not; None without rows.
        observed, predicted: rates over the rows with a known outcome; None without any.
        gap: observed minus predicted, with the interval that allows for the days the model was fitted on.
        standard_error: of the gap; None where it cannot be had.
        p_value: two-sided, of "the predictions still tell the rate"; None where it cannot be had.
        alpha, min_effect: what p and the gap were compared with.
        roc_auc, brier: with intervals by cluster bootstrap; they inform and raise no alert.
        drifts: features against the reference; they inform and raise no alert.
        versions: predictions by model version.
        verdict: `fail` if |gap| >= min_effect and either p <= alpha or the gap is conspicuous for the second
            time in three windows (`plan`); `insufficient_data` if the window cannot be judged yet or at all;
            else `pass`.
        reason: the verdict in words.
        alerted: whether this finding raised the alert of its window.
    """

    id: str
    monitor: str
    monitor_revision: int
    deployment: str
    subject_id: str
    start_at: datetime
    end_at: datetime
    as_of_at: datetime
    n_rows: int
    n_known: int
    n_clusters: int
    n_positives: int
    predicted_all: float | None
    observed: float | None
    predicted: float | None
    gap: Figure
    standard_error: float | None
    p_value: float | None
    alpha: float
    min_effect: float
    roc_auc: Figure
    brier: Figure
    drifts: tuple[Drift, ...]
    versions: dict[str, int]
    verdict: Verdict
    reason: str
    alerted: bool
    created_at: datetime

    @property
    def coverage(self) -> float | None:
        """Share of predictions with a known outcome; None without predictions."""
        return self.n_known / self.n_rows if self.n_rows else None

    def figures(self) -> dict[str, Any]:
        """What evidence and the alert's event keep: all numbers but the drifts, which are named only."""
        plain = self.model_dump(mode="json", exclude={"drifts", "id", "subject_id", "created_at", "alerted"})
        return plain | {
            "coverage": self.coverage,
            "drifted": [found.column for found in self.drifts if found.verdict == "drift"],
        }

    def _repr_html_(self) -> str:
        days = f"{self.start_at:%Y-%m-%d} to {self.end_at:%Y-%m-%d}"
        told = ("reason", "n_rows", "n_known", "observed", "predicted", "gap", "roc_auc", "brier", "p_value")
        drifts = [(found.column, found.verdict, found.js_distance, found.reason) for found in self.drifts]
        return notebook.panel(
            f"{self.monitor}, {days}: {self.verdict.value}",
            notebook.fields({name.replace("_", " "): getattr(self, name) for name in told}),
            notebook.table(("feature", "verdict", "JS distance", "finding"), drifts),
        )


class Alert(Value):
    """Raised once for each monitor and window; the event `alert.raised` carries it to triggers.

    Attributes:
        id: the id of the finding's evidence.
        subject_id: the deployment revision.
        message: one line for people.
    """

    id: str
    monitor: str
    deployment: str
    subject_id: str
    start_at: datetime
    end_at: datetime
    message: str
    raised_at: datetime
