"""decide(): a pure function from policy and evidence to a ruling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mainspring.gates.plan import decide
from mainspring.gates.spec import Policy, Requirement
from mainspring.lineage import Evidence, Verdict

NOW = datetime(2013, 4, 1, tzinfo=UTC)
AUC = Requirement(kind="check.metric", parameters={"metric": "roc_auc", "at_least": 0.7}, max_age_days=30)
BEATS = Requirement(kind="check.beats", parameters={"against": "champion"}, unless_first=True)


def policy(*require: Requirement) -> Policy:
    return Policy(environment="production", alias="champion", require=require)


def found(
    verdict: Verdict = Verdict.PASS,
    *,
    kind: str = "check.metric",
    days_old: float = 1,
    number: int = 1,
    bound: dict[str, str] | None = None,
    expires_at: datetime | None = None,
    rows: str = "held_out",
    **parameters: object,
) -> Evidence:
    # As evaluation stores it: with every parameter of the check, those left to their defaults too.
    given: dict[str, dict[str, object]] = {
        "check.metric": {"metric": "roc_auc", "at_least": 0.7, "level": 0.95, "cluster": None},
        "check.beats": {"metric": "roc_auc", "alpha": 0.05, "margin": 0.0, "cluster": None},
        "check.slice": {"metric": "roc_auc", "half_width": 0.1, "alpha": 0.05},
        "check.latency": {"n_calls": 1_000},
    }
    parameters = {**given.get(kind, {}), **parameters}
    return Evidence(
        id=f"{number:032x}",
        subject_id="version",
        kind=kind,
        name=kind,
        verdict=verdict,
        figures={
            "check": parameters,
            "summary": "what was found",
            "rows": {"origin": rows, "why": "as the test says"},
        },
        trigger="pipeline",
        bound=bound or {},
        actor="user:t",
        created_at=NOW - timedelta(days=days_old),
        expires_at=expires_at,
    )


def test_passing_evidence_for_every_requirement_passes():
    """All there, all passing: pass, each reason naming its evidence."""
    ruling = decide(policy(AUC), [found()], NOW)
    assert ruling.verdict is Verdict.PASS
    assert ruling.reasons[0].evidence_id == f"{1:032x}" and ruling.reasons[0].supply == ""


def test_missing_evidence_holds_and_says_how_to_get_it():
    """No evidence is not a pass; the reason holds the call that would make it."""
    ruling = decide(policy(AUC), [], NOW)
    assert ruling.verdict is Verdict.INSUFFICIENT_DATA
    assert "ms.check.metric('roc_auc', at_least=0.7)" in ruling.reasons[0].supply
    assert "`mainspring evaluate MODEL --metric roc_auc --at-least 0.7`" in ruling.reasons[0].supply


@pytest.mark.parametrize("verdict", [Verdict.INSUFFICIENT_DATA, Verdict.ERROR])
def test_inconclusive_evidence_holds(verdict):
    """Evidence that shows nothing, or failed to be made, holds."""
    assert decide(policy(AUC), [found(verdict)], NOW).verdict is Verdict.INSUFFICIENT_DATA


def test_one_failure_fails_whatever_else_passes():
    """A failed requirement outranks passes and missing evidence."""
    brier = Requirement(kind="check.metric", parameters={"metric": "brier", "at_most": 0.2})
    ruling = decide(policy(AUC, brier), [found(Verdict.FAIL)], NOW)
    assert ruling.verdict is Verdict.FAIL
    assert [reason.verdict for reason in ruling.reasons] == [Verdict.FAIL, Verdict.INSUFFICIENT_DATA]


def test_the_newest_evidence_counts_and_not_the_kindest():
    """An older pass does not outweigh a newer failure; a newer pass does outweigh an older failure."""
    older, newer = found(days_old=5, number=1), found(Verdict.FAIL, days_old=2, number=2)
    assert decide(policy(AUC), [newer, older], NOW).verdict is Verdict.FAIL
    assert decide(policy(AUC), [found(days_old=1, number=3), newer], NOW).verdict is Verdict.PASS


def test_old_and_expired_evidence_holds():
    """Evidence beyond the policy's age, or its own expiry, proves nothing."""
    assert decide(policy(AUC), [found(days_old=31)], NOW).verdict is Verdict.INSUFFICIENT_DATA
    assert decide(policy(AUC), [found(expires_at=NOW)], NOW).verdict is Verdict.INSUFFICIENT_DATA
    assert decide(policy(AUC), [found(expires_at=NOW + timedelta(seconds=1))], NOW).verdict is Verdict.PASS


def test_evidence_from_the_future_is_not_seen():
    """A ruling at a moment uses what existed at that moment."""
    assert decide(policy(AUC), [found(days_old=-1)], NOW).verdict is Verdict.INSUFFICIENT_DATA


def test_a_laxer_check_does_not_count_and_a_stricter_one_does():
    """A bound of 0.6 does not prove 0.7; a bound of 0.8 does."""
    assert decide(policy(AUC), [found(at_least=0.6)], NOW).verdict is Verdict.INSUFFICIENT_DATA
    assert decide(policy(AUC), [found(at_least=0.8)], NOW).verdict is Verdict.PASS
    quick = Requirement(kind="check.latency", parameters={"p95_ms": 5})
    assert decide(policy(quick), [found(kind="check.latency", p95_ms=2.0)], NOW).verdict is Verdict.PASS
    slow = decide(policy(quick), [found(kind="check.latency", p95_ms=9.0)], NOW)
    assert slow.verdict is Verdict.INSUFFICIENT_DATA and "laxer" in slow.reasons[0].text


@pytest.mark.parametrize(
    ("require", "made"),
    [
        (AUC, {"level": 0.01}),
        (Requirement(kind="check.beats", parameters={"against": "baseline"}), {"margin": 0.5}),
        (Requirement(kind="check.beats", parameters={"against": "baseline"}), {"alpha": 0.4}),
        (Requirement(kind="check.slice", parameters={"column": "c", "max_drop": 0.1}), {"half_width": 0.01}),
        (Requirement(kind="check.slice", parameters={"column": "c", "max_drop": 0.1}), {"alpha": 1e-9}),
        (Requirement(kind="check.latency", parameters={"p95_ms": 5}), {"n_calls": 3}),
    ],
)
def test_what_a_policy_leaves_open_may_not_be_laxer_than_the_default(require, made):
    """A check is not made to pass by a parameter that the policy does not name."""
    asked = {**require.parameters, **made}
    assert decide(policy(require), [found(kind=require.kind, **asked)], NOW).verdict is (
        Verdict.INSUFFICIENT_DATA
    )
    assert (
        decide(policy(require), [found(kind=require.kind, **require.parameters)], NOW).verdict is Verdict.PASS
    )


def test_failing_a_laxer_check_fails():
    """A newer failure at 0.6 is not outlived by an older pass at 0.7; failing at 0.6 is failing at 0.7."""
    older, newer = found(days_old=5, number=1), found(Verdict.FAIL, days_old=2, number=2, at_least=0.6)
    assert decide(policy(AUC), [older, newer], NOW).verdict is Verdict.FAIL


def test_what_is_laxer_in_one_and_stricter_in_another_parameter_shows_neither():
    """Neither its pass nor its failure counts, but it is named, with what would count."""
    for verdict in (Verdict.PASS, Verdict.FAIL):
        ruling = decide(policy(AUC), [found(verdict, at_least=0.8, level=0.5)], NOW, subject="late/4")
        (reason,) = ruling.reasons
        assert ruling.verdict is Verdict.INSUFFICIENT_DATA
        assert f"{verdict.value} of a check made with at_least=0.8 (stricter than 0.7)" in reason.text
        assert "level=0.5 (laxer than 0.95)" in reason.text
        assert "mainspring evaluate late/4 --metric roc_auc --at-least 0.7" in reason.supply
        assert "project.evaluation.evaluate(project.models.get('late', 4), held_out_rows" in reason.supply


def test_a_newer_failure_that_does_not_count_is_named_beside_the_pass_that_does():
    """The ruling rests on the pass; whoever reads it sees the failure."""
    pass_, failure = found(days_old=2), found(Verdict.FAIL, number=2, at_least=0.8, level=0.5)
    (reason,) = decide(policy(AUC), [pass_, failure], NOW).reasons
    assert (reason.verdict, reason.evidence_id) == (Verdict.PASS, pass_.id)
    assert "not counted: fail of a check made with at_least=0.8" in reason.text
    (reason,) = decide(
        policy(AUC), [found(), found(Verdict.FAIL, number=2, days_old=3, level=0.5)], NOW
    ).reasons
    assert "not counted" not in reason.text


def test_whole_days_are_stricter_than_single_rows():
    """A policy without cluster takes both; one that names a cluster takes that one alone."""
    by_day = Requirement(kind="check.metric", parameters={**AUC.parameters, "cluster": "day"})
    assert decide(policy(AUC), [found(cluster="day")], NOW).verdict is Verdict.PASS
    assert decide(policy(by_day), [found(cluster="day")], NOW).verdict is Verdict.PASS
    assert decide(policy(by_day), [found()], NOW).verdict is Verdict.INSUFFICIENT_DATA
    assert decide(policy(by_day), [found(cluster="week")], NOW).verdict is Verdict.INSUFFICIENT_DATA
    assert decide(policy(by_day), [found(Verdict.FAIL)], NOW).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("rows", "verdict", "ruled"),
    [
        ("held_out", Verdict.PASS, Verdict.PASS),
        ("training", Verdict.PASS, Verdict.INSUFFICIENT_DATA),
        ("unknown", Verdict.PASS, Verdict.INSUFFICIENT_DATA),
        # Who fails on rows that he learnt from fails.
        ("training", Verdict.FAIL, Verdict.FAIL),
        ("unknown", Verdict.FAIL, Verdict.INSUFFICIENT_DATA),
    ],
)
def test_only_rows_that_were_held_out_show_anything(rows, verdict, ruled):
    """Evidence of training rows passes nothing, and the reason says that it is there; unless any rows will do."""
    ruling = decide(policy(AUC), [found(verdict, rows=rows)], NOW)
    assert ruling.verdict is ruled
    if ruled is Verdict.INSUFFICIENT_DATA:
        words = "on training rows" if rows == "training" else "on rows not known to be held out"
        assert f"{words} (as the test says)" in ruling.reasons[0].text
    any_rows = AUC.model_copy(update={"rows": "any"})
    assert decide(policy(any_rows), [found(verdict, rows=rows)], NOW).verdict is verdict


def test_latency_may_be_measured_on_any_rows():
    """How quick an answer is does not depend on what was learnt."""
    quick = Requirement(kind="check.latency", parameters={"p95_ms": 5})
    seen = found(kind="check.latency", p95_ms=2.0, rows="training")
    assert decide(policy(quick), [seen], NOW).verdict is Verdict.PASS


def test_a_metric_that_is_left_open_is_the_checks_own():
    """`check.beats` compares ROC AUC unless it is told otherwise, and so does a policy that asks for it."""
    beats = Requirement(kind="check.beats", parameters={"against": "baseline"})
    other = found(kind="check.beats", against="baseline", metric="brier")
    assert decide(policy(beats), [other], NOW).verdict is Verdict.INSUFFICIENT_DATA


def test_another_metric_does_not_count():
    """Evidence about Brier says nothing about ROC AUC."""
    assert decide(policy(AUC), [found(metric="brier")], NOW).verdict is Verdict.INSUFFICIENT_DATA


def test_the_first_version_need_not_beat_a_champion_that_does_not_exist():
    """Waived in words while nobody carries the alias, asked for as soon as someone does."""
    first = decide(policy(AUC, BEATS), [found()], NOW)
    assert first.verdict is Verdict.PASS and "waived" in first.reasons[1].text
    later = decide(policy(AUC, BEATS), [found()], NOW, {"champion": "version-1"})
    assert later.verdict is Verdict.INSUFFICIENT_DATA


def test_a_comparison_with_a_former_champion_is_overtaken():
    """Beating version 1 does not count once version 2 is the champion."""
    evidence = [found(), found(kind="check.beats", against="champion", bound={"against": "version-1"})]
    assert decide(policy(AUC, BEATS), evidence, NOW, {"champion": "version-1"}).verdict is Verdict.PASS
    overtaken = decide(policy(AUC, BEATS), evidence, NOW, {"champion": "version-2"})
    assert overtaken.verdict is Verdict.INSUFFICIENT_DATA and "by now" in overtaken.reasons[1].text


def test_the_name_of_a_model_stands_for_any_of_its_versions():
    """A policy cannot know numbers: `baseline` is satisfied by having beaten `baseline/4`."""
    beats = Requirement(kind="check.beats", parameters={"against": "baseline"})
    assert (
        decide(policy(beats), [found(kind="check.beats", against="baseline/4")], NOW).verdict is Verdict.PASS
    )
    other = decide(policy(beats), [found(kind="check.beats", against="base/4")], NOW)
    assert other.verdict is Verdict.INSUFFICIENT_DATA


def test_evidence_of_any_kind_can_be_asked_for():
    """A requirement may name evidence that no check of ours makes; numbers of days may be more."""
    shadow = Requirement(kind="shadow", parameters={"min_days": 14})
    assert decide(policy(shadow), [found(kind="shadow", min_days=21)], NOW).verdict is Verdict.PASS
    held = decide(policy(shadow), [found(kind="shadow", min_days=7)], NOW)
    assert held.verdict is Verdict.INSUFFICIENT_DATA and "shadow" in held.reasons[0].supply
