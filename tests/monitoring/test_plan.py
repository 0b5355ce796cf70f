"""What one window shows: the verdicts, and what must be there before one is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mainspring.checks.drift import DriftVerdict
from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage import Verdict
from mainspring.monitoring import plan
from mainspring.monitoring.spec import Finding, MonitorSpec, Window
from tests.monitoring.worlds import START, days, month

REFERENCE = days(1, 90, start=START - timedelta(days=90)).with_columns(
    held_out=pl.col("now") >= START - timedelta(days=21)
)
FEATURES = ["temp", "carrier"]


def _spec(
    reference: pl.DataFrame = REFERENCE, features: Sequence[str] = FEATURES, **changes: object
) -> MonitorSpec:
    made = plan.reference_of(reference, features=features)
    settings: dict[str, object] = {
        "id": "0" * 32,
        "name": "rate",
        "revision": 1,
        "deployment": "delay",
        "false_alarms_per_year": 0.05,
        "looks_per_year": 12,
        "min_effect": plan.min_effect_of(made),
        "min_effect_source": "",
        "label_delay_s": 86_400,
        "min_coverage": 0.9,
        "min_clusters": 20,
        "min_events": 30,
        "time_zone": "UTC",
        "cluster": None,
        "reference": made,
        "dataset_id": None,
        "created_at": START,
    }
    return MonitorSpec.model_validate(settings | changes)


SPEC = _spec()
WINDOW = Window(start_at=START, end_at=month(1), as_of_at=month(1) + timedelta(days=2))


def test_reference_is_taken_from_held_out_rows() -> None:
    """Skill comes from rows that the model was not fitted on, the days of its fit from the others."""
    held_out = REFERENCE.filter(pl.col("held_out"))
    found = SPEC.reference
    assert (found.n_rows, found.n_held_out, found.n_fit_clusters) == (90 * 60, 21 * 60, 69)
    errors = (held_out["prediction"] - held_out["outcome"]).to_numpy()
    assert found.brier == pytest.approx(np.mean(errors**2))
    assert found.observed == pytest.approx(held_out["outcome"].mean())


def test_smallest_effect_costs_a_tenth_of_the_skill() -> None:
    """Predictions off by the smallest effect lose a tenth of what the model is worth; no skill, no threshold."""
    assert plan.min_effect_of(SPEC.reference) ** 2 == pytest.approx(0.1 * SPEC.reference.skill)
    useless = plan.reference_of(REFERENCE.with_columns(prediction=pl.lit(0.9)), features=[])
    assert plan.min_effect_of(useless) == 0.0


def test_nothing_changed_passes() -> None:
    """A month like the reference passes, with its figures."""
    found = plan.judge(days(2, 31), SPEC, WINDOW)
    assert found.verdict is Verdict.PASS
    assert (found.n_rows, found.n_known, found.test.n_clusters) == (31 * 60, 31 * 60, 31)
    assert found.observed is not None and found.predicted is not None
    assert found.test.gap == pytest.approx(found.observed - found.predicted)
    assert found.brier.low is not None and found.brier.value is not None and found.brier.high is not None
    assert found.brier.low < found.brier.value < found.brier.high
    assert found.roc_auc.method == "cluster bootstrap"
    assert found.versions == {"1": 31 * 60}


@pytest.mark.parametrize("extra", [0.12, -0.25])
def test_concept_drift_fails_either_way(extra: float) -> None:
    """When chances move and predictions do not, the verdict says by how much and which way."""
    found = plan.judge(days(3, 31, extra=extra), SPEC, WINDOW)
    assert found.verdict is Verdict.FAIL
    assert ("above" if extra > 0 else "below") in found.reason


def test_real_but_small_gaps_pass() -> None:
    """A significant gap below the smallest effect is said to be real, and raises nothing."""
    found = plan.judge(days(3, 31, extra=0.12), _spec(min_effect=0.5), WINDOW)
    assert found.verdict is Verdict.PASS
    assert "is real" in found.reason


def test_input_drift_informs_without_failing() -> None:
    """A moved feature is named; alerts are for predictions that went wrong."""
    found = plan.judge(days(4, 31, shift=2.0), SPEC, WINDOW)
    assert {drift.column: drift.verdict for drift in found.drifts}["temp"] is DriftVerdict.DRIFT
    assert {drift.column: drift.verdict for drift in found.drifts}["carrier"] is DriftVerdict.OK
    assert found.verdict is Verdict.PASS


def test_features_shared_by_a_day_count_as_one_witness() -> None:
    """A feature with one value a day differs between any two months; its design effect says how little that means."""

    def daily(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
        n_days = frame.height // 60
        values = np.repeat(np.random.default_rng(seed).normal(size=n_days), 60)
        return frame.with_columns(temp=pl.Series(values))

    spec = _spec(daily(REFERENCE, 5))
    assert spec.reference.design_effects["temp"] == pytest.approx(60, rel=0.1)
    assert spec.reference.design_effects["carrier"] < 1.5
    found = {drift.column: drift for drift in plan.judge(daily(days(6, 31), 7), spec, WINDOW).drifts}
    assert found["temp"].verdict is not DriftVerdict.DRIFT


def test_rows_outside_the_window_and_shadows_are_left_out() -> None:
    """Start is included, end is not; only the arm that answered counts."""
    year = days(8, 60)
    shadow = year.with_columns(arm=pl.lit("shadow"), prediction=pl.lit(0.99))
    found = plan.judge(pl.concat([year, shadow]), SPEC, WINDOW)
    assert found.n_rows == 31 * 60
    alone = plan.judge(days(8, 60).filter(pl.col("now") < month(1)), SPEC, WINDOW)
    assert alone.test.gap == found.test.gap


def test_outcomes_learnt_later_are_not_known_yet() -> None:
    """As of the window's middle, half of the outcomes are unknown; and the window is not due."""
    early = WINDOW.model_copy(update={"as_of_at": START + timedelta(days=15)})
    found = plan.judge(days(9, 31), SPEC, early)
    assert found.n_known == 15 * 60
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert "due at 2020-02-02" in found.reason


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (days(10, 31).clear(), "no predictions"),
        (days(10, 31).with_columns(outcome=pl.lit(None)), "0 of 1860"),
        (days(10, 10), "10 clusters"),
        (days(10, 31).with_columns(outcome=pl.lit(0.0)), "0 rows of the rarer class"),
    ],
)
def test_missing_data_is_no_pass(frame: pl.DataFrame, reason: str) -> None:
    """Without predictions, outcomes, days or events the answer is insufficient_data, with the reason."""
    found = plan.judge(frame, SPEC, WINDOW)
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert reason in found.reason


def test_days_are_those_of_the_place() -> None:
    """Flights of one New York evening are one day there and two in UTC."""
    evening = [datetime(2020, 1, 5, 23, tzinfo=UTC), datetime(2020, 1, 6, 3, tzinfo=UTC)]
    frame = pl.DataFrame({"now": evening, "prediction": [0.1, 0.2], "outcome": [0.0, 1.0]})
    for zone, n_clusters in (("UTC", 2), ("America/New_York", 1)):
        assert plan.judge(frame, _spec(features=[], time_zone=zone), WINDOW).test.n_clusters == n_clusters


def test_clusters_may_be_a_column() -> None:
    """Any column can name the clusters."""
    spec = _spec(features=[], cluster="carrier")
    assert plan.judge(days(11, 31), spec, WINDOW).test.n_clusters == 3


def test_a_feature_that_vanished_has_drifted() -> None:
    """A column of nulls is compared, whatever type it has left."""
    frame = days(12, 31).with_columns(carrier=pl.lit(None, dtype=pl.Float64))
    found = {drift.column: drift.verdict for drift in plan.judge(frame, SPEC, WINDOW).drifts}
    assert found["carrier"] is DriftVerdict.DRIFT


def test_wrong_frames_are_refused() -> None:
    """Missing columns and references without labels are errors that name them."""
    with pytest.raises(UnknownNameError, match="outcome"):
        plan.judge(days(13, 31).drop("outcome"), SPEC, WINDOW)
    with pytest.raises(UnknownNameError, match="temp"):
        plan.judge(days(13, 31).drop("temp"), SPEC, WINDOW)
    with pytest.raises(InputError, match="labelled"):
        plan.reference_of(REFERENCE.with_columns(outcome=pl.lit(None)))
    with pytest.raises(InputError, match="times in column"):
        plan.judge(days(13, 31).with_columns(now=pl.lit("2020-01-01")), SPEC, WINDOW)


def _verdicts(year: pl.DataFrame) -> list[Verdict]:
    windows = [
        Window(start_at=month(i), end_at=month(i + 1), as_of_at=month(i + 1) + timedelta(days=2))
        for i in range(12)
    ]
    return [plan.judge(year, SPEC, window).verdict for window in windows]


def test_a_year_with_a_bad_month_fails_there_and_shuffled_nowhere() -> None:
    """A changed sixth month is found; the same days in random order raise nothing."""
    parts = [
        days(
            100 + i, (month(i + 1) - month(i)).days, start=month(i), n_each=30, extra=0.12 if i == 5 else 0.0
        )
        for i in range(12)
    ]
    year = pl.concat(parts)
    assert [i for i, verdict in enumerate(_verdicts(year)) if verdict is Verdict.FAIL] == [5]
    order = np.random.default_rng(0).permutation(366)
    moved = np.repeat((order - np.arange(366)) * 86_400, 30)
    shift = pl.duration(seconds=pl.Series(moved))
    shuffled = year.with_columns(pl.col("now") + shift, pl.col("outcome_known_at") + shift)
    assert _verdicts(shuffled) == [Verdict.PASS] * 12


def test_figures_without_finite_value_are_none() -> None:
    """JSON holds no nan."""
    assert plan.known(math.nan) is None
    assert plan.known(0.5) == 0.5


def _shifted(number: int, extra: float) -> pl.DataFrame:
    return days(4, 31, start=month(number), extra=extra)


def _finding(judgement: plan.Judgement, number: int, **changes: object) -> Finding:
    none = {"value": None, "low": None, "high": None, "method": "none"}
    settings: dict[str, object] = {
        "id": "0" * 32,
        "monitor": "rate",
        "monitor_revision": 1,
        "deployment": "delay",
        "subject_id": "0" * 32,
        "start_at": month(number),
        "end_at": month(number + 1),
        "as_of_at": month(number + 1) + timedelta(days=2),
        "n_rows": judgement.n_rows,
        "n_known": judgement.n_known,
        "n_clusters": judgement.test.n_clusters,
        "n_positives": judgement.n_positives,
        "predicted_all": judgement.predicted_all,
        "observed": judgement.observed,
        "predicted": judgement.predicted,
        "gap": plan.gap_figure(judgement.test),
        "standard_error": judgement.test.standard_error,
        "p_value": judgement.test.p_value,
        "alpha": 0.0042,
        "min_effect": 0.0,
        "roc_auc": none,
        "brier": none,
        "drifts": (),
        "versions": {},
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "alerted": False,
        "created_at": START,
    }
    return Finding.model_validate(settings | changes)


def test_conspicuous_twice_in_three_windows_is_an_alert() -> None:
    """A gap too small for an alert of its own is one when it is there again, on the same side, soon enough."""
    spec = _spec(min_effect=0.0)
    extra = next(
        extra
        for extra in np.arange(0.0, 0.2, 0.005)
        if spec.alpha < plan.judge(_shifted(0, extra), spec, WINDOW).test.p_value < 0.02
        and plan.judge(_shifted(0, extra), spec, WINDOW).test.gap > 0
    )
    first = plan.judge(_shifted(0, extra), spec, WINDOW)
    assert first.verdict is Verdict.PASS and "for the first time" in first.reason
    window = Window(start_at=month(2), end_at=month(3), as_of_at=month(3) + timedelta(days=2))
    frame = _shifted(2, extra)

    def again(number: int, **changes: object) -> Verdict:
        return plan.judge(frame, spec, window, [_finding(first, number, **changes)]).verdict

    assert plan.judge(frame, spec, window).verdict is Verdict.PASS
    assert again(0) is Verdict.FAIL
    assert again(1) is Verdict.FAIL
    assert again(0, monitor_revision=2) is Verdict.PASS
    assert again(0, p_value=0.2) is Verdict.PASS
    assert again(0, verdict=Verdict.INSUFFICIENT_DATA) is Verdict.PASS
    assert again(0, gap={"value": -0.05, "low": -0.1, "high": 0.0, "method": ""}) is Verdict.PASS
    assert again(0, start_at=month(0) - timedelta(days=40), end_at=month(0)) is Verdict.PASS
