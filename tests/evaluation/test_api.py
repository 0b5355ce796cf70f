"""Evaluating versions: verdicts, stored evidence, the report."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from tests.models.flights import fitted

from mainspring.errors import InputError, UnknownNameError
from mainspring.evaluation import check
from mainspring.lineage import AssetKind, Verdict


def test_each_check_stores_one_piece_of_evidence(graph, models, evaluation, linear, held_out):
    """Evidence hangs on the version, with figures, rows, dataset digest and trigger."""
    version = models.register("flight_delay", linear)
    checks = [
        check.metric("roc_auc", at_least=0.6),
        check.metric("brier", at_most=0.3),
        check.latency(p95_ms=500),
    ]
    report = evaluation.evaluate(version, held_out, checks, trigger="pipeline")
    stored = graph.evidence_for(version.asset_id)
    assert [entry.id for entry in stored] == [result.evidence_id for result in report.results]
    assert [entry.kind for entry in stored] == ["check.metric", "check.metric", "check.latency"]
    assert {entry.verdict for entry in stored} == {Verdict.PASS} and report.verdict is Verdict.PASS
    assert {entry.trigger for entry in stored} == {"pipeline"}
    assert (
        stored[0].figures["n_rows"] == 3000 and stored[0].figures["dataset_digest"] == report.dataset_digest
    )
    assert stored[0].figures["check"]["at_least"] == 0.6
    assert len(graph.find_assets(kind=AssetKind.REPORT)) == 1


def test_the_report_reads_in_a_terminal_a_notebook_and_a_program(models, evaluation, linear, held_out):
    """str, table, HTML and dict carry the same checks."""
    report = evaluation.evaluate(
        models.register("flight_delay", linear), held_out, [check.metric("roc_auc", at_least=0.6)]
    )
    assert "✓ pass" in str(report) and "roc_auc at least 0.6" in report._repr_html_()
    assert report.table.get_column("verdict").to_list() == ["pass"]
    assert report.to_dict()["verdict"] == "pass"
    assert report.overview["roc_auc"]["value"] == pytest.approx(report.results[0].figures["value"])
    assert sum(entry["n_rows"] for entry in report.overview["calibration"]) == 3000


def test_a_spoiled_model_fails_its_checks(models, evaluation, linear, spoiled, held_out):
    """Shuffled labels: the metric is too low and the baseline is not beaten."""
    baseline, version = models.register("flight_delay", linear), models.register("flight_delay", spoiled)
    report = evaluation.evaluate(
        version, held_out, [check.metric("roc_auc", at_least=0.7), check.beats(baseline)]
    )
    assert [result.verdict for result in report.results] == [Verdict.FAIL, Verdict.FAIL]
    assert report.verdict is Verdict.FAIL


def test_the_better_model_beats_the_worse_one(graph, models, evaluation, linear, spoiled, held_out):
    """The paired test passes, and its evidence is bound to the version it beat."""
    worse, better = models.register("flight_delay", spoiled), models.register("flight_delay", linear)
    for metric in ("roc_auc", "brier"):
        report = evaluation.evaluate(better, held_out, [check.beats(worse, metric=metric)])
        assert report.verdict is Verdict.PASS
    evidence = graph.evidence_for(better.asset_id, kind="check.beats")[0]
    assert evidence.bound["against"] == worse.asset_id
    assert evidence.figures["against_version"] == "flight_delay/1"


def test_nobody_to_beat_is_insufficient_data(models, evaluation, linear, held_out):
    """Without a champion, beating it is neither passed nor failed."""
    report = evaluation.evaluate(models.register("flight_delay", linear), held_out, [check.beats("champion")])
    assert report.verdict is Verdict.INSUFFICIENT_DATA and "champion" in report.results[0].summary


def test_a_version_does_not_beat_itself(models, evaluation, linear, held_out):
    """A version compared with itself shows nothing."""
    version = models.register("flight_delay", linear)
    assert evaluation.evaluate(version, held_out, [check.beats(version)]).verdict is Verdict.INSUFFICIENT_DATA


def test_too_few_rows_to_tell_is_insufficient_data(models, evaluation, linear, held_out):
    """A value beyond the bound whose interval reaches the other side is not shown."""
    version = models.register("flight_delay", linear)
    report = evaluation.evaluate(version, held_out.head(60), [check.metric("roc_auc", at_least=0.8)])
    assert report.results[0].figures["value"] > 0.8
    assert report.verdict is Verdict.INSUFFICIENT_DATA


def test_rows_without_a_label_are_left_out_and_counted(models, evaluation, linear, held_out):
    """Unlabelled rows do not count; without any labelled row nothing is shown."""
    version, checks = models.register("flight_delay", linear), [check.metric("roc_auc", at_least=0.6)]
    holes = held_out.with_columns(
        pl.when(pl.int_range(pl.len()) < 100).then(None).otherwise("late").alias("late")
    )
    report = evaluation.evaluate(version, holes, checks)
    assert (report.n_rows, report.n_unlabelled) == (2900, 100)
    bare = evaluation.evaluate(version, held_out.with_columns(late=pl.lit(None, pl.Boolean)), checks)
    assert bare.verdict is Verdict.INSUFFICIENT_DATA and bare.n_rows == 0


def test_a_collapsing_slice_fails_and_small_slices_are_named(models, evaluation, linear, held_out):
    """A slice with scrambled labels fails; a slice with few rows is listed, neither passed nor failed."""
    random = np.random.default_rng(0)
    rows = held_out.with_columns(
        region=pl.Series(
            np.where(np.arange(3000) < 600, "bad", np.where(np.arange(3000) < 640, "tiny", "good"))
        )
    ).with_columns(
        late=pl.when(pl.col("region") == "bad").then(pl.Series(random.random(3000) < 0.4)).otherwise("late")
    )
    version = models.register("flight_delay", linear)
    report = evaluation.evaluate(version, rows, [check.slice("region", max_drop=0.05)])
    statuses = {entry["slice"]: entry["status"] for entry in report.results[0].figures["slices"]}
    assert statuses == {"bad": "worse", "good": "holds", "tiny": "too few rows"}
    assert report.verdict is Verdict.FAIL and "tiny" in report.results[0].summary


def test_a_null_is_a_slice_of_its_own(models, evaluation, linear, held_out):
    """Rows whose slice column is null are looked at too."""
    report = evaluation.evaluate(
        models.register("flight_delay", linear), held_out, [check.slice("carrier", max_drop=0.2)]
    )
    assert {entry["slice"] for entry in report.results[0].figures["slices"]} == {"AA", "B6", "UA", "null"}
    assert report.verdict is Verdict.PASS


def test_only_small_slices_show_nothing(models, evaluation, linear, held_out):
    """When no slice has enough rows the check has insufficient data."""
    version = models.register("flight_delay", linear)
    report = evaluation.evaluate(version, held_out, [check.slice("carrier", max_drop=0.1, half_width=0.01)])
    assert report.verdict is Verdict.INSUFFICIENT_DATA


def test_a_latency_budget_can_be_missed(models, evaluation, linear, held_out):
    """A budget of less than any call takes fails, with its percentiles."""
    version = models.register("flight_delay", linear)
    report = evaluation.evaluate(version, held_out, [check.latency(p95_ms=1e-6, n_calls=100)])
    assert report.verdict is Verdict.FAIL and report.results[0].figures["n_calls"] == 100


def test_evidence_is_bound_to_its_dataset(graph, models, evaluation, linear, held_out):
    """A report on a dataset's split is found downstream of the dataset."""
    with graph.execution("make", "dataset") as work:
        asset = work.add(AssetKind.TRAINING_DATASET, "march")

    class Data:
        asset_id, digest = asset.id, asset.digest

    version = models.register("flight_delay", linear)
    report = evaluation.evaluate(version, held_out, [check.metric("roc_auc", at_least=0.6)], data=Data())
    downstream = graph.downstream(asset.id).assets
    assert report.asset_id in downstream and report.results[0].evidence_id in downstream


def test_a_report_without_checks_passes_nothing(models, evaluation, linear, held_out):
    """No checks, no pass."""
    report = evaluation.evaluate(models.register("flight_delay", linear), held_out)
    assert report.verdict is Verdict.INSUFFICIENT_DATA


def test_compare_is_paired_and_symmetric(graph, models, evaluation, linear, boosted, held_out):
    """Comparing the other way round turns every difference; nothing is stored."""
    first, second = models.register("flight_delay", linear), models.register("flight_delay", boosted)
    there = evaluation.compare(first, second, held_out)
    back = evaluation.compare(second, first, held_out)
    for name, found in there.differences.items():
        assert found["value"] == pytest.approx(-back.differences[name]["value"])
    assert there.table.height == 4 and "flight_delay/1" in there._repr_html_()
    assert graph.evidence_for(first.asset_id) == []


def test_clusters_are_read_from_the_frame(models, evaluation, linear, held_out):
    """A check may name the column whose rows belong together."""
    report = evaluation.evaluate(
        models.register("flight_delay", linear),
        held_out,
        [check.metric("roc_auc", at_least=0.5, cluster="day")],
    )
    assert report.results[0].figures["n_clusters"] == held_out.get_column("day").n_unique()


@pytest.mark.parametrize(
    ("made", "column"),
    [
        (check.slice("carier", max_drop=0.1), "carrier"),
        (check.metric("roc_auc", at_least=0.5, cluster="dya"), "day"),
        (check.beats("champion", cluster="dya"), "day"),
    ],
)
def test_an_unknown_column_names_the_nearest(graph, models, evaluation, linear, held_out, made, column):
    """A typing error in a check's column is answered, and nothing is stored."""
    version = models.register("flight_delay", linear)
    with pytest.raises(UnknownNameError, match=column):
        evaluation.evaluate(version, held_out, [made])
    assert graph.evidence_for(version.asset_id) == []


def test_rows_without_the_label_column_are_refused(models, evaluation, linear, held_out):
    """The label of the model must be in the frame."""
    with pytest.raises(UnknownNameError, match="late"):
        evaluation.evaluate(models.register("flight_delay", linear), held_out.drop("late"))


def test_a_model_without_probabilities_is_refused(models, evaluation, flights, held_out):
    """A regression has no ROC AUC."""
    numbers = fitted(HistGradientBoostingRegressor(max_iter=2), flights)
    with pytest.raises(InputError, match="classifier"):
        evaluation.evaluate(models.register("minutes", numbers), held_out)


def test_a_slice_column_with_too_many_values_is_refused(models, evaluation, linear, held_out):
    """Slicing by a continuous column is a mistake."""
    with pytest.raises(InputError, match="Bin"):
        evaluation.evaluate(
            models.register("flight_delay", linear), held_out, [check.slice("wind", max_drop=0.1)]
        )


@pytest.mark.parametrize(
    "make",
    [
        lambda: check.metric("roc_auc"),
        lambda: check.metric("roc_auc", at_most=0.5),
        lambda: check.metric("brier", at_least=0.1),
        lambda: check.metric("roc_auc", at_least=0.5, level=95),
        lambda: check.beats("champion", alpha=0),
        lambda: check.beats("champion", margin=-0.1),
        lambda: check.slice("carrier", max_drop=-0.1),
        lambda: check.slice("carrier", max_drop=0.0),
        lambda: check.latency(p95_ms=0),
    ],
)
def test_checks_that_mean_nothing_are_refused(make):
    """Bounds in the wrong direction, shares out of range and negative tolerances are refused when written."""
    with pytest.raises(InputError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda given: check.metric("roc_auc", at_least=given),
        lambda given: check.metric("roc_auc", at_least=0.5, level=given),
        lambda given: check.beats("champion", margin=given),
        lambda given: check.slice("carrier", max_drop=given),
        lambda given: check.latency(p95_ms=given),
    ],
)
def test_what_is_no_number_is_shown(make):
    """A value of another type is refused when the check is written, and shown."""
    with pytest.raises(InputError, match="a valid number.* got 'high'"):
        make("high")


def test_unknown_metrics_are_refused_when_the_check_is_written():
    """A typing error does not wait for the evaluation."""
    with pytest.raises(UnknownNameError):
        check.beats("champion", metric="roc")
    with pytest.raises(UnknownNameError):
        check.slice("carrier", "average_precision", max_drop=0.1)
