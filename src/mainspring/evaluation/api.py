"""Evaluation as users call it: score once, make each check, store what was found."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mainspring.errors import InputError, UnknownNameError
from mainspring.evaluation import plan
from mainspring.evaluation.calibration import calibration_bins
from mainspring.evaluation.comparison import compare
from mainspring.evaluation.intervals import estimate
from mainspring.evaluation.metrics import METRICS, find_plugin, precision_recall_curve
from mainspring.evaluation.report import Comparison, Report
from mainspring.evaluation.rows import judge_rows
from mainspring.evaluation.spec import (
    BeatsCheck,
    Check,
    CheckResult,
    EvaluatedRows,
    Finding,
    LatencyCheck,
    MetricCheck,
    SliceCheck,
    evidence_kind,
    parameters,
    words,
)
from mainspring.features.datasets.learnt import find_learnt
from mainspring.features.digest import frame_digest
from mainspring.lineage import AssetKind, Graph
from mainspring.models.api import DatasetReference, Models, check_dataset
from mainspring.models.encoding import as_frame
from mainspring.models.package import LoadedModel
from mainspring.models.spec import ModelVersion, Task, check_version

MAX_SLICES: Final = 200
CURVE_POINTS: Final = 100
OVERVIEW_RESAMPLES: Final = 200
"""Fewer draws than a check takes: the overview is for reading, no verdict hangs on it."""
_WARM_UP_CALLS: Final = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """A labelled frame and one version's scores of it.

    Attributes:
        frame: rows with a label only, (n).
        labels, scores: (n,).
    """

    frame: pl.DataFrame
    labels: Floats
    scores: Floats
    loaded: LoadedModel
    n_unlabelled: int


class Evaluation:
    """Evaluates versions of the registry. Threads may share it."""

    def __init__(self, graph: Graph, models: Models) -> None:
        self._graph = graph
        self._models = models

    def evaluate(
        self,
        version: ModelVersion,
        rows: object,
        checks: Sequence[Check] = (),
        *,
        data: DatasetReference | None = None,
        time: str | None = None,
        trigger: str = "person",
    ) -> Report:
        """Score the rows once, make every check, and store one piece of evidence a check.

        The evidence says whether the rows were held out from those that the version learnt from: gates ask for that.

        Args:
            version: what to evaluate.
            rows: a frame with the features, the label and the columns that checks name. Rows without a
                label are left out and counted.
            checks: from `ms.check`.
            data: the dataset that the rows are a split of; the evidence is then bound to it.
            time: the column with the moment at which each row was asked, for rows without the columns that name a
                row of the training dataset: rows after its last training row are held out. None = its spine time.
            trigger: what asked for it: person, ci, pipeline, schedule or gate.

        Raises:
            UnknownNameError: a column is missing.
            InputError: what is no model version or check, a label that is not 0 or 1, or a model that gives no
                probability.
        """
        check_version(version, "evaluation.evaluate")
        _check_made(checks)
        check_dataset(data, "evaluation.evaluate(data=)")
        scored = self._score(version, as_frame(rows, "evaluate"))
        _check_columns(checks, scored.frame)
        if time is not None and time not in scored.frame.columns:
            raise UnknownNameError.of("column", time, scored.frame.columns, where="evaluate(time=)")
        learnt = None if version.dataset_id is None else find_learnt(self._graph, version.dataset_id)
        origin = judge_rows(scored.frame, learnt, time)
        rivals = self._rivals(version, checks)
        findings = [self._make(check, scored, rivals) for check in checks]
        return self._publish(version, checks, findings, scored, origin, rivals, data, trigger)

    def compare(
        self, first: ModelVersion, second: ModelVersion, rows: object, *, cluster: str | None = None
    ) -> Comparison:
        """Both versions, the first and the second, on the same rows, every metric, paired.

        Reads only; `check.beats` stores evidence.

        Args:
            cluster: a column whose equal values are drawn together; None = rows are independent.

        Raises:
            UnknownNameError, InputError: as for `evaluate`.
        """
        for version in (first, second):
            check_version(version, "evaluation.compare")
        frame = as_frame(rows, "compare")
        a, b = self._score(first, frame), self._score(second, frame)
        clusters = _clusters(cluster, a.frame)
        differences = {
            name: plan.plain(asdict(compare(name, a.labels, a.scores, b.scores, clusters=clusters)))
            for name in METRICS
        }
        return Comparison(
            first=first,
            second=second,
            n_rows=a.frame.height,
            n_unlabelled=a.n_unlabelled,
            differences=differences,
        )

    def _score(self, version: ModelVersion, frame: pl.DataFrame) -> Scored:
        loaded = self._models.load(version)
        label = loaded.signature.label
        if loaded.signature.task is not Task.BINARY:
            raise InputError(
                expected="a classifier, whose predictions are probabilities",
                got=f"a {loaded.signature.task.value} model",
                where=f"evaluate {version}",
                hint="Evaluation has metrics of probabilities only.",
            )
        if label not in frame.columns:
            raise UnknownNameError.of("column", label, frame.columns, where=f"label of {version}")
        labelled = frame.filter(pl.col(label).is_not_null())
        labels = labelled.get_column(label).cast(pl.Float64).to_numpy()
        return Scored(labelled, labels, loaded.predict(labelled), loaded, frame.height - labelled.height)

    def _rivals(self, version: ModelVersion, checks: Sequence[Check]) -> dict[str, ModelVersion]:
        """The versions to beat, by the words of the check; an alias that nobody carries is left out."""
        found = {}
        for check in checks:
            if not isinstance(check, BeatsCheck):
                continue
            against = check.against
            rival = self._models.find(version.name, against) if isinstance(against, str) else against
            if rival is not None:
                found[str(check.against)] = rival
        return found

    def _make(self, check: Check, scored: Scored, rivals: Mapping[str, ModelVersion]) -> Finding:
        if scored.frame.is_empty():
            return plan.insufficient("no row has a label")
        if isinstance(check, MetricCheck):
            clusters = _clusters(check.cluster, scored.frame)
            found = estimate(check.metric, scored.labels, scored.scores, clusters=clusters, level=check.level)
            return plan.judge_metric(check, found)
        if isinstance(check, BeatsCheck):
            return self._make_beats(check, scored, rivals)
        if isinstance(check, SliceCheck):
            return plan.judge_slices(check, scored.labels, scored.scores, _slices(check.column, scored.frame))
        return plan.judge_latency(check, _measure(check, scored))

    def _make_beats(self, check: BeatsCheck, scored: Scored, rivals: Mapping[str, ModelVersion]) -> Finding:
        rival = rivals.get(str(check.against))
        if rival is None:
            return plan.insufficient(f"no version carries the alias {str(check.against)!r} yet")
        if rival.package_digest == scored.loaded.digest:
            return plan.insufficient(f"{rival} is the very same package")
        other = self._score(rival, scored.frame)
        found = compare(
            check.metric,
            scored.labels,
            scored.scores,
            other.scores,
            clusters=_clusters(check.cluster, scored.frame),
            margin=-check.margin,
        )
        return plan.judge_beats(check, found)

    def _publish(
        self,
        version: ModelVersion,
        checks: Sequence[Check],
        findings: Sequence[Finding],
        scored: Scored,
        origin: EvaluatedRows,
        rivals: Mapping[str, ModelVersion],
        data: DatasetReference | None,
        trigger: str,
    ) -> Report:
        digest = frame_digest(scored.frame)
        overview = _overview(scored)
        with self._graph.execution("evaluate", str(version), parameters={"trigger": trigger}) as work:
            work.use(version.asset_id, role="subject")
            results = []
            for check, finding in zip(checks, findings, strict=True):
                bound = {} if data is None else {"dataset": data.asset_id}
                rival = rivals.get(str(check.against)) if isinstance(check, BeatsCheck) else None
                if rival is not None:
                    bound["against"] = rival.asset_id
                stored = work.evidence(
                    version.asset_id,
                    evidence_kind(check),
                    name=words(check),
                    verdict=finding.verdict,
                    figures={
                        "check": parameters(check),
                        "found": finding.figures,
                        "summary": finding.summary,
                        "n_rows": scored.frame.height,
                        "n_unlabelled": scored.n_unlabelled,
                        "rows": origin.model_dump(mode="json"),
                        "dataset_digest": digest,
                        "package_id": version.package_id,
                        "against_version": None if rival is None else str(rival),
                        **_plugin(check),
                    },
                    trigger=trigger,
                    bound=bound,
                )
                results.append(
                    CheckResult(
                        name=words(check),
                        check=check,
                        verdict=finding.verdict,
                        summary=finding.summary,
                        figures=finding.figures,
                        evidence_id=stored.id,
                    )
                )
            asset = work.add(
                AssetKind.REPORT,
                f"evaluation of {version}",
                attributes={
                    "version": str(version),
                    "dataset_digest": digest,
                    "n_rows": scored.frame.height,
                    "n_unlabelled": scored.n_unlabelled,
                    "rows": origin.model_dump(mode="json"),
                    "evidence": [result.evidence_id for result in results],
                    "overview": overview,
                },
            )
            report = Report(
                asset_id=asset.id,
                version=version,
                dataset_digest=digest,
                n_rows=scored.frame.height,
                n_unlabelled=scored.n_unlabelled,
                rows=origin,
                results=tuple(results),
                overview=overview,
            )
            work.event(
                "model_version.evaluated", version.asset_id, {"verdict": report.verdict, "report": asset.id}
            )
        return report


def _check_made(checks: object) -> None:
    hint = 'Write checks=[ms.check.metric("roc_auc", at_least=0.70)].'
    if not isinstance(checks, Sequence) or isinstance(checks, str):
        raise InputError.of_kind("a list of checks", checks, "evaluation.evaluate(checks=)", hint)
    for check in checks:
        if not isinstance(check, MetricCheck | BeatsCheck | SliceCheck | LatencyCheck):
            raise InputError.of_kind(
                "checks that ms.check makes", check, "evaluation.evaluate(checks=)", hint
            )


def _check_columns(checks: Sequence[Check], frame: pl.DataFrame) -> None:
    for check in checks:
        named = check.column if isinstance(check, SliceCheck) else getattr(check, "cluster", None)
        if named is not None and named not in frame.columns:
            raise UnknownNameError.of("column", named, frame.columns, where=f"check {words(check)!r}")
        if isinstance(check, SliceCheck) and frame.get_column(check.column).n_unique() > MAX_SLICES:
            raise InputError(
                expected=f"at most {MAX_SLICES} slices",
                got=f"{frame.get_column(check.column).n_unique()} values of {check.column!r}",
                where="check.slice",
                hint="Bin the column first, or slice by one with fewer values.",
            )


def _plugin(check: Check) -> dict[str, Any]:
    """Whose metric it was, for evidence; empty for one of ours."""
    found = None if isinstance(check, LatencyCheck) else find_plugin(check.metric)
    return {} if found is None else {"plugin": found.origin()}


def _clusters(column: str | None, frame: pl.DataFrame) -> NDArray[np.int64] | None:
    if column is None:
        return None
    if column not in frame.columns:
        raise UnknownNameError.of("column", column, frame.columns, where="cluster")
    return frame.get_column(column).rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _slices(column: str, frame: pl.DataFrame) -> list[plan.SliceRows]:
    series = frame.get_column(column)
    values = series.drop_nulls().unique().sort()
    slices = [plan.SliceRows(str(value), (series == value).fill_null(False).to_numpy()) for value in values]
    return [*slices, plan.SliceRows("null", series.is_null().to_numpy())] if series.null_count() else slices


def _measure(check: LatencyCheck, scored: Scored) -> Floats:
    """Seconds of each of `n_calls` single predictions, over the first rows in turn, after a warm-up."""
    predict_row = scored.loaded.predict_row
    rows = scored.frame.select(scored.loaded.signature.features).head(check.n_calls).to_dicts()
    seconds = []
    for call in range(_WARM_UP_CALLS + check.n_calls):
        values = rows[call % len(rows)]
        started = time.perf_counter()
        predict_row(values)
        seconds.append(time.perf_counter() - started)
    return np.array(seconds[_WARM_UP_CALLS:])


def _overview(scored: Scored) -> dict[str, Any]:
    labels, scores = scored.labels, scored.scores
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    kept = np.unique(np.linspace(0, max(len(thresholds) - 1, 0), CURVE_POINTS).astype(int))
    overview: dict[str, Any] = {
        name: asdict(estimate(name, labels, scores, n_resamples=OVERVIEW_RESAMPLES)) for name in METRICS
    }
    overview["calibration"] = [asdict(entry) for entry in calibration_bins(labels, scores)]
    overview["precision_recall"] = [
        {"threshold": thresholds[at], "precision": precision[at], "recall": recall[at]}
        for at in (kept if len(thresholds) else [])
    ]
    made: dict[str, Any] = plan.plain(overview)
    return made
