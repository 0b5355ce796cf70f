"""From figures to verdicts: pure decisions, one function a check.

Three answers: shown good (pass), shown bad (fail), not shown (insufficient data). A point value beyond a bound
whose interval still reaches the other side is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mainspring.evaluation.comparison import Difference, holm, shortfall, slice_half_width
from mainspring.evaluation.intervals import Estimate
from mainspring.evaluation.spec import BeatsCheck, Finding, LatencyCheck, MetricCheck, SliceCheck
from mainspring.lineage import Verdict

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SliceRows:
    """The rows of one slice.

    Attributes:
        name: the column's value; "null" for none.
        rows: booleans (n,).
    """

    name: str
    rows: NDArray[np.bool_]


def judge_metric(check: MetricCheck, found: Estimate) -> Finding:
    """Whether the metric and its confidence limit reach the bound."""
    figures = plain(asdict(found))
    if not found.known:
        return _not_shown(
            f"{check.metric} cannot be had from {found.n_rows} rows ({found.n_positives} positive)", figures
        )
    if check.at_least is not None:
        reached, shown = found.value >= check.at_least, found.low >= check.at_least
        bound = f"at least {check.at_least:g}"
    else:
        limit = check.at_most if check.at_most is not None else math.inf
        reached, shown, bound = found.value <= limit, found.high <= limit, f"at most {limit:g}"
    said = f"{check.metric} {found.value:.4f} [{found.low:.4f}, {found.high:.4f}], wanted {bound}, n {found.n_rows}"
    if not reached:
        return Finding(verdict=Verdict.FAIL, summary=said, figures=figures)
    if not shown:
        return _not_shown(f"{said}: the interval reaches the other side, more rows would tell", figures)
    return Finding(verdict=Verdict.PASS, summary=said, figures=figures)


def judge_beats(check: BeatsCheck, found: Difference) -> Finding:
    """Whether the version is shown better (or, with a margin, not worse) than the other one.

    `found` is how much better it is, tested against `-check.margin`.
    """
    figures = plain(asdict(found))
    if not found.known:
        return _not_shown(f"{check.metric} cannot be compared on {found.n_rows} rows", figures)
    said = (
        f"{check.metric} {found.first:.4f} against {found.second:.4f} of {check.against}: better by {found.value:+.4f} "
        f"[{found.low:+.4f}, {found.high:+.4f}], p {found.p_greater:.2g}, n {found.n_rows}"
    )
    if found.p_greater < check.alpha:
        return Finding(verdict=Verdict.PASS, summary=said, figures=figures)
    if found.value <= -check.margin:
        return Finding(verdict=Verdict.FAIL, summary=said, figures=figures)
    return _not_shown(f"{said}: not shown at alpha {check.alpha:g}", figures)


def judge_slices(check: SliceCheck, labels: Floats, scores: Floats, slices: Sequence[SliceRows]) -> Finding:
    """Whether any slice with enough rows is clearly worse than the rest by more than the tolerated drop.

    Each slice gets a status: `holds` (its drop is within the tolerance), `worse` (beyond it, Holm-adjusted p
    below alpha), `unclear` (beyond it, but noise cannot be excluded), `too few rows` (its interval would be wider
    than the check's half width; see `comparison.slice_half_width`).
    """
    table: list[dict[str, Any]] = []
    tested: list[tuple[dict[str, Any], Difference]] = []
    for part in slices:
        n_rows, n_positives = int(part.rows.sum()), int(labels[part.rows].sum())
        entry: dict[str, Any] = {"slice": part.name, "n_rows": n_rows, "n_positives": n_positives}
        table.append(entry)
        entry["half_width"] = slice_half_width(check.metric, labels, scores, part.rows)
        if not entry["half_width"] <= check.half_width:
            entry["status"] = "too few rows"
            continue
        found = shortfall(check.metric, labels, scores, part.rows, margin=check.max_drop)
        entry |= {
            "value": found.first,
            "rest": found.second,
            "drop": found.value,
            "low": found.low,
            "high": found.high,
        }
        if found.known:
            tested.append((entry, found))
        else:
            entry["status"] = "too few rows"
    for (entry, found), p_value in zip(
        tested, holm([found.p_greater for _, found in tested]).tolist(), strict=True
    ):
        entry["p_adjusted"] = p_value
        beyond = found.value > check.max_drop
        entry["status"] = "worse" if p_value < check.alpha else "unclear" if beyond else "holds"
    return _judged_slices(check, table)


def _judged_slices(check: SliceCheck, table: list[dict[str, Any]]) -> Finding:
    by_status = {
        status: [entry["slice"] for entry in table if entry["status"] == status]
        for status in ("holds", "worse", "unclear", "too few rows")
    }
    figures = plain({"slices": table, "counts": {status: len(names) for status, names in by_status.items()}})
    said = "; ".join(
        f"{len(names)} {status}" + (f" ({', '.join(names)})" if status != "holds" else "")
        for status, names in by_status.items()
        if names
    )
    said = f"{check.metric} by {check.column}, drop at most {check.max_drop:g}: {said or 'no slices'}"
    if by_status["worse"]:
        return Finding(verdict=Verdict.FAIL, summary=said, figures=figures)
    if by_status["unclear"]:
        return _not_shown(said, figures)
    if not by_status["holds"]:
        return _not_shown(
            f"{said}: no slice has rows enough to be known within {check.half_width:g} to each side", figures
        )
    return Finding(verdict=Verdict.PASS, summary=said, figures=figures)


def judge_latency(check: LatencyCheck, seconds: Floats) -> Finding:
    """Whether the 95th percentile of the measured calls keeps the budget."""
    if len(seconds) == 0:
        return _not_shown("no row to predict", {"n_calls": 0})
    p50, p95, p99 = (float(value) * 1_000 for value in np.quantile(seconds, [0.5, 0.95, 0.99]))
    figures = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "n_calls": len(seconds)}
    said = (
        f"p95 {p95:.3f} ms (p50 {p50:.3f}, p99 {p99:.3f}) of {len(seconds)} calls, budget {check.p95_ms:g} ms"
    )
    verdict = Verdict.PASS if p95 <= check.p95_ms else Verdict.FAIL
    return Finding(verdict=verdict, summary=said, figures=figures)


def insufficient(why: str) -> Finding:
    """A check that could not be made for want of rows, labels or a version to compare with."""
    return _not_shown(why, {})


def plain(value: Any) -> Any:
    """The same figures as JSON takes them: NaN and infinities become None, numpy's numbers Python's."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _not_shown(why: str, figures: dict[str, Any]) -> Finding:
    return Finding(verdict=Verdict.INSUFFICIENT_DATA, summary=why, figures=figures)
