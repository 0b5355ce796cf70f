"""Decisions of monitors: pure functions from frames to values. Where each threshold comes from is written here.

* False alarms per year, 0.05 by default: one false alarm in twenty years of monthly looks. It is the usual
  family-wise level. Bonferroni's inequality divides it in halves between the two rules, and each half among the
  planned looks, whatever they depend on each other; with twelve looks that makes one look about as strict as
  Shewhart's three-sigma chart (1931).
* Two of three: a gap that is conspicuous in two of three consecutive windows on the same side is an alert too
  (Western Electric 1956, rule two). It has half of the budget of false alarms, and its level follows from that
  (`gap.repeated_level`).
* Smallest gap worth an alert: a gap g adds g^2 to the Brier score (the reliability term of Murphy 1973). The
  default is the gap whose cost is a tenth of the model's skill, the amount by which its Brier score beat that of
  the constant rate on held-out training data. Nothing of the monitored period enters.
* Label delay: when outcomes are normally known; a window is judged only after its last prediction's outcome is
  due, so that early, untypical outcomes do not decide.
* Coverage, 0.9 by default: if the missing tenth had another rate by a fifth, the observed rate would be off by 0.02.
* Twenty clusters: below about 20 to 50 clusters cluster-robust tests lose their level (Cameron and Miller 2015,
  JHR 50); a month has 28 or more days.
* Thirty events of each class: the normal approximation of a rate (np >= 30 in the rarer class).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mainspring.checks.column import ColumnKind, ColumnProfile
from mainspring.checks.drift import Drift, drift
from mainspring.checks.profile import Profile, profile
from mainspring.errors import InputError, UnknownNameError
from mainspring.evaluation.intervals import Estimate, estimate
from mainspring.evaluation.metrics import brier, roc_auc
from mainspring.lineage.spec import Verdict
from mainspring.monitoring.gap import GapTest, gap_test, repeated_level
from mainspring.monitoring.spec import Figure, Finding, MonitorSpec, Reference, Window

FALSE_ALARMS_PER_YEAR: Final = 0.05
LOOKS_PER_YEAR: Final = 12
LOSS_SHARE: Final = 0.1
MIN_COVERAGE: Final = 0.9
MIN_CLUSTERS: Final = 20
MIN_EVENTS: Final = 30
LABEL_DELAY: Final = timedelta(days=1)

_NOT_FEATURES: Final = frozenset(
    {"prediction", "outcome", "outcome_known_at", "now", "held_out", "prediction_id", "arm", "model_version"}
)
_CLUSTER: Final = "__cluster"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one window shows, before it is stored. Attributes as in `Finding`.

    Attributes:
        profile: of the features over the window's rows, on the reference's bins; None without features or rows.
    """

    n_rows: int
    n_known: int
    n_positives: int
    predicted_all: float | None
    observed: float | None
    predicted: float | None
    test: GapTest
    roc_auc: Figure
    brier: Figure
    drifts: tuple[Drift, ...]
    profile: Profile | None
    versions: dict[str, int]
    verdict: Verdict
    reason: str


def min_effect_of(reference: Reference, loss_share: float = LOSS_SHARE) -> float:
    """The gap that costs `loss_share` of the model's skill: sqrt(loss_share * skill), in rate units."""
    return math.sqrt(loss_share * reference.skill)


def reference_of(
    frame: pl.DataFrame,
    *,
    time_zone: str = "UTC",
    cluster: str | None = None,
    features: Sequence[str] | None = None,
) -> Reference:
    """What a monitor compares with, from scored rows of the training dataset.

    Args:
        frame: columns `prediction` (the monitored model's), `outcome` (0 or 1, null where unknown), `now` (the
            time of each row; or the column `cluster`), optionally `held_out` (true where the model was not
            fitted on the row), and the features. Without `held_out` skill is taken from all rows, which
            flatters a model that was fitted on them, and makes the smallest gap worth an alert larger.
        time_zone: IANA name; its days are the clusters.
        cluster: a column whose values are the clusters instead.
        features: columns to watch for drift; all others by default.

    Raises:
        InputError: a needed column is missing or there is no labelled row.
    """
    rows = _with_clusters(frame, time_zone, cluster, where="reference")
    labelled = rows.filter(pl.col("outcome").is_not_null())
    if labelled.is_empty():
        raise InputError(
            expected="a reference with labelled rows",
            got=f"{frame.height} rows without any outcome",
            where="reference",
            hint="Give the training dataset with its labels as `outcome` and the model's `prediction`.",
        )
    split = "held_out" in labelled.columns
    held_out = labelled.filter(pl.col("held_out")) if split else labelled
    fitted = labelled.filter(~pl.col("held_out")) if split else labelled
    # A reference of held-out rows only still limits what is known of the rate by its own days.
    fit_clusters = (fitted if fitted.height else labelled)[_CLUSTER].n_unique()
    judged = held_out if held_out.height else labelled
    labels, scores = judged["outcome"].to_numpy(), judged["prediction"].to_numpy()
    rate = float(labels.mean())
    area = roc_auc(labels, scores)
    watched = _features(frame, features, cluster)
    profiled = profile(rows, columns=watched)
    return Reference(
        n_rows=labelled.height,
        n_fit_clusters=fit_clusters,
        n_held_out=held_out.height if split else 0,
        observed=rate,
        predicted=float(scores.mean()),
        brier=brier(labels, scores),
        brier_of_rate=rate * (1 - rate),
        roc_auc=area if math.isfinite(area) else None,
        profile=profiled,
        design_effects=design_effects(rows, profiled),
    )


def judge(
    frame: pl.DataFrame, spec: MonitorSpec, window: Window, earlier: Sequence[Finding] = ()
) -> Judgement:
    """What the served predictions of one window show.

    Args:
        frame: as `deployment.log` gives it: `now`, `prediction`, `outcome`, and where it has them `arm`,
            `outcome_known_at`, `model_version` and the features. Rows outside the window, shadows and outcomes
            known after `as_of_at` are left out here.
        earlier: findings of the monitor; decided ones of the two windows before, by the same revision, count.

    Raises:
        InputError: a needed column is missing.
        UnknownNameError: a feature of the reference is missing.
    """
    rows = _with_clusters(in_window(frame, window), spec.time_zone, spec.cluster, where="monitored frame")
    labelled = rows.filter(pl.col("outcome").is_not_null())
    labels, scores = labelled["outcome"].to_numpy(), labelled["prediction"].to_numpy()
    days = labelled[_CLUSTER].to_numpy()
    test = gap_test(labels - scores, days, spec.reference.n_fit_clusters)
    n_positives = int(labels.sum()) if len(labels) else 0
    verdict, reason = _verdict(spec, window, rows.height, len(labels), n_positives, test, earlier)
    drifts, profiled = _drifts(rows, spec.reference)
    return Judgement(
        n_rows=rows.height,
        n_known=len(labels),
        n_positives=n_positives,
        predicted_all=_mean(rows["prediction"]),
        observed=_mean(labelled["outcome"]),
        predicted=_mean(labelled["prediction"]),
        test=test,
        roc_auc=_figure("roc_auc", labels, scores, days),
        brier=_figure("brier", labels, scores, days),
        drifts=tuple(drifts),
        profile=profiled,
        versions=_versions(rows),
        verdict=verdict,
        reason=reason,
    )


def _verdict(
    spec: MonitorSpec,
    window: Window,
    n_rows: int,
    n_known: int,
    n_positives: int,
    test: GapTest,
    earlier: Sequence[Finding],
) -> tuple[Verdict, str]:
    missing = _missing(spec, window, n_rows, n_known, n_positives, test)
    if missing:
        return Verdict.INSUFFICIENT_DATA, missing
    size, level = abs(test.gap), f"p {test.p_value:.2g}"
    side = f"observed rate is {size:.3f} {'above' if test.gap > 0 else 'below'} the predicted"
    repeated = repeated_level(test.n_clusters, spec.reference.n_fit_clusters, spec.alpha)
    again = _repeats(spec, window, test, earlier, repeated)
    if test.p_value > spec.alpha and not again:
        return Verdict.PASS, (
            f"a gap of {test.gap:+.3f} is conspicuous ({level} is at most {repeated:.2g}), for the first time"
            if test.p_value <= repeated
            else f"a gap of {test.gap:+.3f} is within noise: {level} is above {spec.alpha:.2g}"
        )
    if size < spec.min_effect:
        return Verdict.PASS, f"a gap of {test.gap:+.3f} is real ({level}) but below {spec.min_effect:.3f}"
    if test.p_value > spec.alpha:
        return Verdict.FAIL, (
            f"{side}: {level} is at most {repeated:.2g}, for the second time in three windows, "
            f"and the gap at least {spec.min_effect:.3f}"
        )
    return Verdict.FAIL, (
        f"{side}: {level} is at most {spec.alpha:.2g}, and the gap at least {spec.min_effect:.3f}"
    )


def _repeats(
    spec: MonitorSpec, window: Window, test: GapTest, earlier: Sequence[Finding], level: float
) -> bool:
    """Whether this window is conspicuous, and one of the two before it was on the same side."""
    if test.p_value > level:
        return False
    # Half a window of slack, because months are not equally long.
    since = window.start_at - 2.5 * (window.end_at - window.start_at)
    return any(
        found.monitor_revision == spec.revision
        and found.verdict in (Verdict.PASS, Verdict.FAIL)
        and since <= found.start_at
        and found.end_at <= window.start_at
        and found.p_value is not None
        and found.p_value <= level
        and found.gap.value is not None
        and found.gap.value * test.gap > 0
        for found in earlier
    )


def _missing(
    spec: MonitorSpec, window: Window, n_rows: int, n_known: int, n_positives: int, test: GapTest
) -> str:
    """Why the window cannot be judged; empty where it can."""
    due = window.end_at + timedelta(seconds=spec.label_delay_s)
    n_rarer = min(n_positives, n_known - n_positives)
    if window.as_of_at < due:
        return f"outcomes are due at {due.isoformat()}"
    if not n_rows:
        return "no predictions"
    if n_known < spec.min_coverage * n_rows:
        return f"outcomes of {n_known} of {n_rows} predictions are known, {spec.min_coverage:.0%} are needed"
    if test.n_clusters < spec.min_clusters:
        return f"{test.n_clusters} clusters, {spec.min_clusters} are needed"
    if n_rarer < spec.min_events:
        return f"{n_rarer} rows of the rarer class, {spec.min_events} are needed"
    return "" if math.isfinite(test.p_value) else "residuals do not vary between clusters"


def in_window(frame: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Rows that answered within the window, with the outcomes that were known at its `as_of_at`."""
    _require(frame, ["now", "prediction", "outcome"], where="monitored frame")
    now = _utc("now", frame)
    rows = frame.filter((now >= window.start_at) & (now < window.end_at))
    if "arm" in rows.columns:
        rows = rows.filter(pl.col("arm") == "champion")
    if "outcome_known_at" in rows.columns:
        # An outcome without a known time cannot be placed before the cut.
        seen = (_utc("outcome_known_at", rows) <= window.as_of_at).fill_null(value=False)
        rows = rows.with_columns(pl.when(seen).then(pl.col("outcome")).alias("outcome"))
    return rows


def _utc(column: str, frame: pl.DataFrame) -> pl.Expr:
    dtype = frame.schema[column]
    if dtype == pl.Null:
        return pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    if not isinstance(dtype, pl.Datetime):
        raise InputError(
            expected=f"times in column {column!r}",
            got=f"type {dtype}",
            where="monitored frame",
            hint="Parse them first, in UTC.",
        )
    if dtype.time_zone is None:
        return pl.col(column).dt.replace_time_zone("UTC")
    return pl.col(column).dt.convert_time_zone("UTC")


def _with_clusters(frame: pl.DataFrame, time_zone: str, cluster: str | None, where: str) -> pl.DataFrame:
    """The frame with its clusters, and predictions and outcomes as floats."""
    _require(frame, ["prediction", "outcome", cluster or "now"], where)
    key = pl.col(cluster) if cluster else _utc("now", frame).dt.convert_time_zone(time_zone).dt.date()
    numbered = key.cast(pl.String).rank("dense").fill_null(0).cast(pl.Int64)
    rows = frame.with_columns(
        numbered.alias(_CLUSTER), pl.col("prediction").cast(pl.Float64), pl.col("outcome").cast(pl.Float64)
    )
    return rows.filter(pl.col("prediction").is_not_null())


def _require(frame: pl.DataFrame, columns: Sequence[str], where: str) -> None:
    for column in columns:
        if column not in frame.columns:
            raise UnknownNameError.of("column", column, frame.columns, where=where)


def _features(frame: pl.DataFrame, features: Sequence[str] | None, cluster: str | None) -> list[str]:
    if features is not None:
        return list(features)
    return [name for name in frame.columns if name not in _NOT_FEATURES and name != cluster]


def _drifts(rows: pl.DataFrame, reference: Reference) -> tuple[list[Drift], Profile | None]:
    names = [column.name for column in reference.profile.columns]
    _require(rows, names, where="monitored frame")
    if not names or rows.is_empty():
        return [], None
    # A column without a single value has lost its type on the way, and still drifted: to nothing.
    empty = [name for name in names if rows[name].null_count() == rows.height]
    rows = rows.with_columns(pl.lit(None).alias(name) for name in empty)
    current = profile(rows, edges_from=reference.profile)
    own = design_effects(rows, current)
    n, m = reference.profile.n_rows, current.n_rows
    joint = {name: (reference.design_effects[name] / n + own[name] / m) / (1 / n + 1 / m) for name in own}
    return drift(reference.profile, current, design_effects=joint), current


def design_effects(rows: pl.DataFrame, profiled: Profile) -> dict[str, float]:
    """By binned column, the mean factor by which clusters widen the variance of its shares; at least 1.

    The generalised design effect of Rao and Scott (1981): over the bins b with share p_b, the cluster-robust
    variance of p_b divided by p_b (1 - p_b) / n, averaged with weights 1 - p_b.

    Args:
        rows: frame with the clusters; as many rows as `profiled` counted.
        profiled: whose bins are used.
    """
    clusters = rows[_CLUSTER].to_numpy()
    _, at = np.unique(clusters, return_inverse=True)
    return {
        column.name: _design_effect(_bins(rows[column.name], column), at)
        for column in profiled.columns
        if column.kind in (ColumnKind.NUMERIC, ColumnKind.CATEGORY)
    }


def _design_effect(bins: NDArray[Any], clusters: NDArray[Any]) -> float:
    if not len(bins):
        return 1.0
    n_clusters, n_bins = int(clusters.max()) + 1, int(bins.max()) + 1
    table = np.bincount(clusters * n_bins + bins, minlength=n_clusters * n_bins).reshape(n_clusters, n_bins)
    shares = table.sum(axis=0) / len(bins)
    used = (shares > 0) & (shares < 1)
    if n_clusters < 2 or not used.any():
        return 1.0
    sizes = table.sum(axis=1, keepdims=True)
    robust = np.sum((table - sizes * shares) ** 2, axis=0) * n_clusters / (n_clusters - 1) / len(bins) ** 2
    plain = shares * (1 - shares) / len(bins)
    effect = np.average(robust[used] / plain[used], weights=1 - shares[used])
    return max(1.0, float(effect))


def _bins(values: pl.Series, column: ColumnProfile) -> NDArray[Any]:
    """The number of each row's bin, in the order of `ColumnProfile.vector`."""
    if column.kind is ColumnKind.NUMERIC:
        numbers = values.cast(pl.Float64)
        plain = numbers.to_numpy()
        bins = np.searchsorted(np.asarray(column.edges), plain, side="left")
        for offset, mask in enumerate((plain == -np.inf, plain == np.inf, np.isnan(plain))):
            bins[mask] = len(column.edges) + 1 + offset
        bins[numbers.is_null().to_numpy()] = len(column.edges) + 4
        return np.asarray(bins)
    numbered = {level: number for number, level in enumerate(column.levels)}
    text = values.cast(pl.String)
    found = text.replace_strict(numbered, default=len(numbered), return_dtype=pl.Int64) if numbered else None
    bins = np.full(len(values), len(numbered)) if found is None else found.fill_null(0).to_numpy().copy()
    bins[text.is_null().to_numpy()] = len(numbered) + 1
    return np.asarray(bins)


def _figure(name: str, labels: NDArray[Any], scores: NDArray[Any], days: NDArray[Any]) -> Figure:
    if not len(labels):
        return Figure(value=None, low=None, high=None, method="none")
    found: Estimate = estimate(name, labels, scores, clusters=days)
    return Figure(value=known(found.value), low=known(found.low), high=known(found.high), method=found.method)


def gap_figure(test: GapTest) -> Figure:
    """The gap as it is stored."""
    return Figure(
        value=known(test.gap), low=known(test.low), high=known(test.high), method="cluster-robust t"
    )


def known(value: float) -> float | None:
    """A figure as JSON can hold it: None where it is nan or infinite."""
    return value if math.isfinite(value) else None


def _mean(values: pl.Series) -> float | None:
    return float(values.to_numpy().mean()) if len(values) else None


def _versions(rows: pl.DataFrame) -> dict[str, int]:
    if "model_version" not in rows.columns:
        return {}
    counted = rows.group_by("model_version").len().sort("model_version")
    return {str(version): int(count) for version, count in counted.iter_rows()}
