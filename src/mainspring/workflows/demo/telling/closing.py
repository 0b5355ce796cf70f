"""Chapters 6 and 7: where a prediction came from, what a correction touched, and the year."""

from __future__ import annotations

from mainspring.lineage import AssetKind
from mainspring.monitoring.spec import Finding
from mainspring.workflows.demo import chapters
from mainspring.workflows.demo.answers import answer_to
from mainspring.workflows.demo.explain import (
    Explained,
    Touched,
    choose,
    explain,
    trace_correction,
)
from mainspring.workflows.demo.report.months import decided, month_name
from mainspring.workflows.demo.report.write import write_report
from mainspring.workflows.demo.telling.preparing import group_rows, show_groups
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.world import DEPLOYMENT


def lineage(story: Story) -> tuple[Explained | None, Touched | None]:
    """One prediction back to its rows, the corrected weather forward to what it touched."""
    world = story.world
    with story.screen.chapter("6 · Lineage"):
        chosen = choose(world)
        explained = None if chosen is None else explain(world, chosen)
        touched = trace_correction(world)
        if explained is not None:
            show_origin(story, explained)
        if touched is not None:
            story.say(
                f"weather commit {touched.number} (the corrected hour): gave values to {touched.direct:,} "
                "predictions, taught versions "
                f"{', '.join(str(number) for number in touched.versions) or 'none'}, touched "
                f"{touched.all:,} predictions in all; "
                + (
                    "a search of the whole log finds the same"
                    if touched.honest
                    else "[red]a search of the log finds others[/]"
                )
            )
            story.say(f"  mainspring lineage downstream {touched.commit_id}")
    return explained, touched


def show_origin(story: Story, explained: Explained) -> None:
    """A prediction, the rows that it read, and what answered."""
    values, graph = explained.values, explained.origin.graph
    story.say(
        f"prediction [bold]{explained.prediction_id}[/]: {values['prediction']:.3f}, made at {values['now']}"
    )
    story.screen.table(
        ["row of", "key", "event time", "commit"],
        [
            [
                row.table,
                " ".join(str(part) for name, part in row.key.items() if name != "event_time"),
                row.key.get("event_time") or "-",
                row.values["commit"],
            ]
            for row in (explained.origin.leaf.rows if explained.origin.leaf else ())
        ],
        numeric=(3,),
    )
    kinds = {kind.value: len(graph.of_kind(kind)) for kind in AssetKind if graph.of_kind(kind)}
    story.say(
        "  it hangs on "
        + ", ".join(f"{count} {kind.replace('_', ' ')}{'s' * (count > 1)}" for kind, count in kinds.items())
    )
    story.say(
        f"  {explained.recomputed} features computed again from these rows alone: "
        + ("equal to the logged ones" if explained.honest else "[red]not equal to the logged ones[/]")
    )
    story.say(f"  mainspring lineage upstream {explained.prediction_id}")


def end(story: Story, explained: Explained | None, touched: Touched | None) -> None:
    """The page, and the year in one table."""
    world = story.world
    with story.screen.chapter("7 · The year"):
        timings = dict(story.screen.seconds)
        path = write_report(world, explained, touched, group_rows(world), chapters.find_drill(world), timings)
        show_groups(story)
        show_months(story)
        counts = world.project.deployments.get(DEPLOYMENT).log_counts()
        n_assets = sum(world.project.graph.count_assets().values())
        story.say(
            f"{counts.n_logged:,} predictions and {counts.n_shadow:,} shadow predictions logged, "
            f"{counts.n_gaps} lost; {n_assets:,} assets in the graph"
        )
        story.say(f"report: {path}")


def show_months(story: Story) -> None:
    """A line a month, and below what came of those that called for something."""
    findings = decided(story.world)
    head = ["month", "version", "served", "predicted", "observed", "AUC", "Brier", "verdict"]
    story.screen.table(head, [year_row(finding) for finding in findings], numeric=(2, 3, 4, 5, 6))
    for finding in findings:
        answer = answer_to(story.world, finding)
        if answer:
            story.say(f"  {month_name(finding)}: {answer}")


def year_row(finding: Finding) -> list[object]:
    """A month in the closing table."""

    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    verdict = "[red]alert[/]" if finding.alerted else finding.verdict.value.replace("_", " ")
    return [
        month_name(finding),
        ", ".join(finding.versions) or "-",
        f"{finding.n_rows:,}",
        shown(finding.predicted),
        shown(finding.observed),
        shown(finding.roc_auc.value),
        shown(finding.brier.value),
        verdict,
    ]
