"""Verdicts of checks: pure functions of labels and scores."""

from __future__ import annotations

import numpy as np

from mainspring.evaluation import check
from mainspring.evaluation.plan import SliceRows, judge_slices
from mainspring.lineage import Verdict


def test_a_drop_that_noise_may_explain_holds():
    """A slice beyond the tolerance, but with too few rows to show it, is no pass: more rows would tell."""
    random = np.random.default_rng(3)
    n = 4_000
    labels = (random.random(n) < 0.3).astype(float)
    scores = random.normal(size=n) + 2 * labels
    part = np.zeros(n, dtype=bool)
    part[:320] = True
    scores[:320] = random.normal(size=320) + 1.2 * labels[:320]
    slices = [SliceRows("few", part), SliceRows("many", ~part)]

    found = judge_slices(check.slice("carrier", max_drop=0.10), labels, scores, slices)
    (few, _) = found.figures["slices"]
    assert few["status"] == "unclear"
    assert few["drop"] > 0.10
    assert found.verdict is Verdict.INSUFFICIENT_DATA
    assert "1 unclear (few)" in found.summary

    shown = judge_slices(check.slice("carrier", max_drop=0.02, half_width=0.10), labels, scores, slices)
    assert shown.verdict is Verdict.FAIL
    assert judge_slices(check.slice("carrier", max_drop=0.3), labels, scores, slices).verdict is Verdict.PASS


def test_a_slice_is_judged_from_the_size_on_that_its_tolerance_asks_for():
    """65 rows of each class are enough for a drop of 0.10, 64 are not, nor are 20 negatives with 320 positives."""
    random = np.random.default_rng(5)
    statuses = {}
    for n_positives, n_negatives in ((64, 64), (65, 65), (320, 20)):
        labels = np.concatenate([np.ones(n_positives), np.zeros(n_negatives), random.random(4_000) < 0.5])
        scores = random.normal(size=len(labels)) + labels
        part = np.arange(len(labels)) < n_positives + n_negatives
        found = judge_slices(check.slice("carrier", max_drop=0.10), labels, scores, [SliceRows("it", part)])
        statuses[n_positives, n_negatives] = found.figures["slices"][0]["status"]
    assert statuses.pop((65, 65)) in ("holds", "unclear")
    assert set(statuses.values()) == {"too few rows"}
