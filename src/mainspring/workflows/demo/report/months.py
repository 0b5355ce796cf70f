"""Month by month: what the monitor found in each, and the section of the page about it."""

from __future__ import annotations

import html
from datetime import datetime
from typing import Final

from mainspring.lineage import Verdict
from mainspring.monitoring.spec import Finding, MonitorSpec
from mainspring.workflows.demo import figures
from mainspring.workflows.demo.figures import Month
from mainspring.workflows.demo.page import Section, figure, note, paragraph, table, tag
from mainspring.workflows.demo.world import MONITOR, NEW_YORK, World

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def decided(world: World) -> list[Finding]:
    """The finding of each month that could be judged, or else the last word about it."""
    newest: dict[datetime, Finding] = {}
    if world.project.monitors.find(MONITOR) is None:
        return []
    for finding in world.project.monitors.findings(MONITOR):
        before = newest.get(finding.start_at)
        if before is None or before.verdict is Verdict.INSUFFICIENT_DATA:
            newest[finding.start_at] = finding
    return [newest[start] for start in sorted(newest)]


def month_name(finding: Finding) -> str:
    """Such as Jun."""
    return MONTHS[finding.start_at.astimezone(NEW_YORK).month - 1]


def months_of(findings: list[Finding]) -> list[Month]:
    """The findings as the figures take them; months without any outcome are left out."""
    return [month for finding in findings if (month := _find_month(finding)) is not None]


def _find_month(finding: Finding) -> Month | None:
    """One month for the figures; None where no outcome is known."""
    gap = finding.gap
    if finding.observed is None or finding.predicted is None or gap.value is None:
        return None
    answered = max(finding.versions, key=lambda version: finding.versions[version], default="?")
    return Month(
        label=month_name(finding),
        model=f"version {answered}",
        predicted=finding.predicted,
        observed=finding.observed,
        low=finding.predicted + (gap.value if gap.low is None else gap.low),
        high=finding.predicted + (gap.value if gap.high is None else gap.high),
        auc=_number(finding.roc_auc.value),
        auc_low=_number(finding.roc_auc.low),
        auc_high=_number(finding.roc_auc.high),
        brier=_number(finding.brier.value),
        brier_low=_number(finding.brier.low),
        brier_high=_number(finding.brier.high),
        alert=finding.alerted,
        warning="for the first time" in finding.reason,
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def section(world: World, findings: list[Finding]) -> Section:
    """How the predicted rate stood to the observed one, and how alerts came about."""
    return Section(
        "Month by month",
        [
            paragraph(
                "Each month is judged a day after its end, on the predictions that were served and the "
                "outcomes that had come in by then. The question is whether the predicted rate still tells the "
                "observed one. Days are the unit, not flights, because the flights of a day share its weather."
            ),
            *_figures(months_of(findings)),
            _table(findings),
            *(
                note(f"<b>{html.escape(month_name(finding))}.</b> {html.escape(finding.reason)}.")
                for finding in findings
                if finding.alerted
            ),
            paragraph(_rule(world.project.monitors.get(MONITOR).spec, findings)),
        ],
    )


def _figures(months: list[Month]) -> list[str]:
    if not months:
        return []
    return [
        figure(
            figures.months_figure(months),
            "Predicted and observed share of late flights among those asked about. Shading: which version answered.",
        ),
        figure(
            figures.performance_figure(months),
            "The same months by ROC AUC and Brier score, 95 % intervals by resampling days. They inform; alerts "
            "come from the rates.",
        ),
    ]


def _table(findings: list[Finding]) -> str:
    head = [
        "month",
        "version",
        "served",
        "with outcome",
        "predicted",
        "observed",
        "p",
        "inputs that drifted",
        "verdict",
    ]
    return table(head, [_row(finding) for finding in findings], [2, 3, 4, 5, 6])


def _row(finding: Finding) -> list[object]:
    return [
        month_name(finding),
        ", ".join(finding.versions),
        f"{finding.n_rows:,}",
        f"{finding.n_known:,}",
        "-" if finding.predicted is None else f"{finding.predicted:.3f}",
        "-" if finding.observed is None else f"{finding.observed:.3f}",
        "-" if finding.p_value is None else f"{finding.p_value:.4f}",
        ", ".join(found.column for found in finding.drifts if found.verdict == "drift") or "-",
        _verdict_tag(finding),
    ]


def _verdict_tag(finding: Finding) -> str:
    if finding.alerted:
        return tag("alert", "bad")
    if "for the first time" in finding.reason:
        return tag("conspicuous", "plain")
    return tag(
        finding.verdict.value.replace("_", " "), "good" if finding.verdict is Verdict.PASS else "plain"
    )


def _rule(spec: MonitorSpec, findings: list[Finding]) -> str:
    smallest = {finding.min_effect: finding.monitor_revision for finding in findings}
    gaps = ", then ".join(f"{gap:.3f}" for gap in sorted(smallest, key=lambda gap: smallest[gap]))
    return (
        f"An alert needs a gap that costs a tenth of the model's skill on held-out weeks ({gaps}), and "
        f"a p of at most {spec.alpha:.4f} in one month "
        "or a conspicuous one in two of three months on the same side. Together the two rules may cry "
        "wolf once in twenty years. These numbers follow from that budget and from the training data. But "
        "the year was known when the story was written: that the second rule is kept, how many flights are "
        "asked about, which features are used and how the trees grow were settled with 2013 in view. Take "
        "June's alert as a demonstration of the machinery, not as proof that it would have been raised unseen."
    )
