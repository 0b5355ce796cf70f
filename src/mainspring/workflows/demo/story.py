"""The story, told from beginning to end, or from where it was left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from rich.console import Console

from mainspring.config import FILE_NAME
from mainspring.errors import StateError
from mainspring.gates.spec import Decision
from mainspring.lineage import AssetKind, Verdict
from mainspring.monitoring.spec import Finding
from mainspring.pipelines.api import PipelineRun
from mainspring.server.supervisor import Server
from mainspring.serving.spec import Cause, DeploymentRevision
from mainspring.workflows.demo import chapters
from mainspring.workflows.demo.answers import answer_to
from mainspring.workflows.demo.explain import (
    Explained,
    Touched,
    choose,
    explain,
    find_correction,
    trace_correction,
)
from mainspring.workflows.demo.live import Asks, InProcess, LiveDays, OverHttp, body_of
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.report.months import MONTHS, decided, month_name
from mainspring.workflows.demo.report.write import PAGE, REPORT, write_report
from mainspring.workflows.demo.screen import Bar, Screen
from mainspring.workflows.demo.wire import Wire
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL, World, midnight
from mainspring.workflows.init import init_project


@dataclass
class Story:
    """One telling: the world, the screen, and what only a running telling knows.

    Attributes:
        wire: the connection to the server while days are lived over HTTP; None otherwise.
    """

    world: World
    screen: Screen
    wire: Wire | None = None

    def say(self, text: str) -> None:
        """One line on the screen."""
        self.screen.say(text)


def open_world(
    folder: Path, options: Options, overrides: Mapping[str, Any] | None = None
) -> tuple[World, bool]:
    """The demo's project, written from the template if the folder has none; and whether it was there."""
    existed = (folder / FILE_NAME).exists()
    if not existed:
        init_project(folder, template="flights")
    return World(folder, options, overrides), existed


def tell(story: Story) -> None:
    """Live the year: everything up to the report."""
    ingest(story)
    run = train(story)
    gate(story, run)
    deploy(story, run)
    live(story)
    explained, touched = lineage(story)
    end(story, explained, touched)


# ------------------------------------------------------------------------------------------------------ ingest


def ingest(story: Story) -> None:
    """The registers and the first three months."""
    world, screen = story.world, story.screen
    with screen.chapter("1 · Ingest: January to March"):
        with screen.progress("reading files", 4) as bar:
            chapters.ingest_static(world)
            bar.advance("January")
            for month in (1, 2, 3):
                chapters.ingest_month(world, month)
                bar.advance(MONTHS[month])
        show_groups(story)


def show_groups(story: Story) -> None:
    """Every group with its rows so far and what its expectations found; the page has its times too."""
    head = ["group", "keys", "commits", "rows", "failing rows"]
    rows = [[name, keys, *rest] for name, keys, _, _, *rest in group_rows(story.world)]
    story.screen.table(head, rows, numeric=(2, 3))


def group_rows(world: World) -> list[list[object]]:
    """Every group: name, keys, event time, known time, commits, rows, what its expectations found."""
    rows: list[list[object]] = []
    for name, group in world.groups.items():
        spec, commits = group.spec, group.commits()
        rows.append(
            [
                name,
                ", ".join(spec.keys),
                spec.event_time or "-",
                spec.known_time or "-",
                len(commits),
                f"{sum(commit.n_rows for commit in commits):,}",
                "; ".join(f"{text}: {count:,}" for text, count in failures(world, commits).items()) or "none",
            ]
        )
    return rows


def failures(world: World, commits: list[Any]) -> dict[str, int]:
    """Failing rows of the files by expectation, from the validation of each commit.

    The hour of weather that was sent again is left out: what it still lacks would count twice.
    """
    again = find_correction(world)
    found: dict[str, int] = {}
    for commit in commits:
        if commit.validation is None or (again is not None and commit.asset_id == again.asset_id):
            continue
        for result in commit.validation.results:
            if result.n_failed:
                words = in_words(result.expectation.name)
                found[words] = found.get(words, 0) + result.n_failed
    return found


def in_words(name: str) -> str:
    """An expectation such as `not_null(pressure)` as what is wrong with the rows that break it."""
    kind, _, rest = name.rstrip(")").partition("(")
    if kind == "not_null":
        return f"no {rest}"
    if kind == "between":
        column, low, high = (part.partition("=")[2] or part for part in rest.split(", "))
        return f"{column} outside {low} to {high}"
    return f"not {name}"


# ------------------------------------------------------------------------------------------------------- train


def train(story: Story) -> PipelineRun:
    """Dataset, baseline, candidate; and again, without work."""
    screen = story.screen
    with screen.chapter("2 · Train on January to March"):
        with screen.progress("training", 2) as bar:
            run, again = chapters.train(story.world)
            bar.advance("the dataset again")
            first, second = chapters.dataset_again(story.world, run)
            bar.advance()
        data = run.outputs["data"]
        counts = ", ".join(f"{count:,} {part}" for part, count in data.counts.items())
        story.say(f"dataset {data.digest[:12]}: {counts}; {data.n_unlabelled:,} flights without a label")
        story.say(
            "made again from its pinned commits: "
            f"{'the same digest' if first == second else 'ANOTHER DIGEST'}"
        )
        screen.table(
            ["step", "first", "again", "why"],
            [
                [step.node, f"{step.seconds:.2f} s", str(other.state), other.reason.partition(";")[0]]
                for step, other in zip(run.steps, again.steps, strict=True)
            ],
            numeric=(1,),
        )
    return run


def gate(story: Story, run: PipelineRun) -> None:
    """Evidence, decisions; and a spoiled candidate that is refused."""
    world, screen = story.world, story.screen
    with screen.chapter("3 · The gate"):
        data, candidate = run.outputs["data"], run.outputs["candidate"]
        with screen.progress("examining", 4) as bar:
            chapters.name_baseline(world, run.outputs["baseline"], data)
            bar.advance("candidate")
            chapters.examine(world, candidate, data)
            bar.advance("a spoiled candidate")
            spoiled = chapters.train_spoiled(world).outputs["candidate"]
            chapters.examine(world, spoiled, data)
            bar.advance("deciding")
            allowed = chapters.decide(world, "production", candidate)
            refused = chapters.decide(world, "production", spoiled)
            bar.advance()
        show_decision(story, allowed)
        show_decision(story, refused, note="(labels shuffled before training)")


def show_decision(story: Story, decision: Decision, note: str = "") -> None:
    """A ruling and its reasons."""
    colour = {"pass": "green", "fail": "red"}.get(decision.verdict.value, "yellow")
    story.say(
        f"gate [bold]{decision.environment}[/]: {decision.version_name} {decision.version_number} "
        f"[{colour}]{decision.verdict.value}[/] {note}"
    )
    for reason in decision.reasons:
        mark = {"pass": "[green]+[/]", "fail": "[red]-[/]"}.get(reason.verdict.value, "[yellow]?[/]")
        story.say(f"  {mark} {reason.text}")


def deploy(story: Story, run: PipelineRun) -> None:
    """The candidate goes live through its gate."""
    world = story.world
    with story.screen.chapter("4 · Deploy"):
        deployment = chapters.deploy(world, run.outputs["candidate"])
        chapters.listen_for_alerts(world)
        table = deployment.table
        story.say(
            f"deployment [bold]{deployment.name}[/]: revision {table.revision} answers with version "
            f"{table.champion.version}"
        )


# -------------------------------------------------------------------------------------------------------- live


def live(story: Story) -> None:
    """April to December, day by day, with a look back at every month."""
    world, screen, options = story.world, story.screen, story.world.options
    last = options.until_month
    with screen.chapter(f"5 · Live: April to {MONTHS[last - 1]}"), asking(story) as asks:
        begin(story)
        days = LiveDays(world, asks)
        total = sum(len(world.days_of_month(month)) for month in options.live_months)
        with screen.progress("April", total) as bar:
            for month in options.live_months:
                live_month(story, days, month, bar)
            look_back(story, last)


def begin(story: Story) -> None:
    """What was known before the first live day goes online."""
    for name in ("planes", "airports", "weather", "traffic"):
        story.world.groups[name].materialize(story.world.clock.now())


def live_month(story: Story, days: LiveDays, month: int, bar: Bar) -> None:
    """One month; on its second day the month before is judged, because its last labels are in by then."""
    world = story.world
    chapters.ingest_month(world, month)
    for day in world.days_of_month(month):
        if day == 2 and month > world.options.live_months[0]:
            look_back(story, month - 1)
        days.live(month, day)
        bar.advance(f"{MONTHS[month - 1]} {day:2d}")
    if len(world.days_of_month(month)) == 1 and month > world.options.live_months[0]:
        look_back(story, month - 1)


def look_back(story: Story, month: int) -> None:
    """Judge a month; answer its alert; conclude a shadow."""
    world = story.world
    world.set_clock(midnight(month + 1) + timedelta(days=1))
    finding = chapters.look_back(world, month)
    show_finding(story, month, finding)
    if month < world.options.until_month:
        for run in chapters.answer_alerts(world):
            version, decision = chapters.challenge(world, run)
            story.say(
                f"  the alert started training on January to {MONTHS[month - 1]}: version {version.number}"
            )
            show_decision(story, decision)
    if finding.alerted and (answer := answer_to(world, finding)).startswith("none"):
        story.say(f"  started {answer}")
    concluded = chapters.conclude_shadow(world, month)
    if concluded is not None:
        show_decision(story, concluded)
    drill(story)


def show_finding(story: Story, month: int, finding: Finding) -> None:
    """One line on a month, and the alert if there is one."""
    if finding.observed is None or finding.predicted is None:
        story.say(f"{MONTHS[month - 1]}: {finding.reason}")
        return
    auc = finding.roc_auc
    area = "" if auc.value is None else f"  AUC {auc.value:.3f}"
    brier = "" if finding.brier.value is None else f"  Brier {finding.brier.value:.3f}"
    drifted = [found.column for found in finding.drifts if found.verdict == "drift"]
    story.say(
        f"{MONTHS[month - 1]}: {finding.n_rows:,} served, {finding.n_known:,} with outcome; "
        f"observed {finding.observed:.3f}, predicted {finding.predicted:.3f}{area}{brier}"
        + (f"  drift: {', '.join(drifted)}" if drifted else "")
    )
    if finding.verdict is Verdict.FAIL:
        story.say(f"  [red]ALERT[/] {finding.reason}")
    elif finding.verdict is Verdict.INSUFFICIENT_DATA:
        story.say(f"  [yellow]not judged[/]: {finding.reason}")


def drill(story: Story) -> None:
    """After the first promotion: one command back, measured until the server answers with it; then forward again.

    A drill that a killed telling left half done is ended.
    """
    world = story.world
    deployment = world.project.deployments.get(DEPLOYMENT)
    revisions = deployment.revisions()
    causes = [revision.cause for revision in revisions]
    if causes[-1] is Cause.ROLLBACK:
        go_forward(story, revisions[-2])
        return
    if Cause.PROMOTE not in causes or Cause.ROLLBACK in causes:
        return
    began_s = time.perf_counter()
    back = deployment.rollback(reason="drill")
    if story.wire is not None:
        wait_for(story.wire, back.revision)
    seconds = time.perf_counter() - began_s
    go_forward(story, revisions[-1])
    chapters.keep_drill(world, revisions[-1].id, back.seconds, seconds)
    story.say(
        f"  rollback drill: the table was on disk after {back.seconds * 1000:.1f} ms; "
        f"version {back.version} answered after {seconds * 1000:.0f} ms; then forward again"
    )


def go_forward(story: Story, revision: DeploymentRevision) -> None:
    """Serve again what the drill rolled back, on the decision that let it in."""
    world = story.world
    deployment = world.project.deployments.get(DEPLOYMENT)
    version = world.project.models.get(revision.model, revision.model_version)
    passed = [
        decision for decision in chapters.find_decisions(world, version, "production") if decision.passed
    ]
    deployment.promote(
        version, world.view, decision_id=passed[-1].id, reason="end of the drill", origin="human"
    )
    if story.wire is not None:
        wait_for(story.wire, deployment.table.revision)


def wait_for(wire: Wire, revision: int, within_s: float = 10.0) -> None:
    """Wait until the server answers with a revision.

    Raises:
        StateError: it still answers with another after `within_s`.
    """
    until_s = time.monotonic() + within_s
    served: dict[str, Any] = {}
    while time.monotonic() < until_s:
        served = wire.get("/v1/deployments").body["deployments"].get(DEPLOYMENT, {})
        if served.get("revision") == revision:
            return
        time.sleep(0.002)
    raise StateError(
        expected=f"an answer from revision {revision} within {within_s:g} s",
        got=f"revision {served.get('revision')}",
        where=f"deployment {DEPLOYMENT!r}",
        hint="The server did not take up the new table. Tell the story again in the same folder to go on.",
    )


# --------------------------------------------------------------------------------------------------------- end


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


def serve_on(story: Story) -> None:
    """Stay up until SIGTERM or Ctrl-C, and say where."""
    world = story.world
    server = Server(world.project, say=story.say)
    path = f"/v1/deployments/{DEPLOYMENT}"
    flight = world.flights.row(world.flights.height // 2, named=True)
    example = msgspec.json.encode({name: body_of(flight)[name] for name in ("keys", "request")}).decode()

    def announce() -> None:
        story.say(f"health: {server.url}/health")
        story.say(
            f"ask:    curl -s {server.url}{path}/predict -H 'content-type: application/json' -d '{example}'"
        )
        story.say("Ctrl-C ends it")

    story.say(f"report: {(world.folder / PAGE).as_uri()}")
    server.run_forever(announce)


# ---------------------------------------------------------------------------------------------------- the telling


def is_complete(world: World) -> bool:
    """Whether the story was told to its end in this folder: all months lived, the report written."""
    present = world.clock.find()
    lived = present is not None and present >= midnight(world.options.until_month + 1)
    told = world.project.graph.find_assets(kind=AssetKind.REPORT, name=REPORT)
    return lived and bool(told) and (world.folder / PAGE).exists()


def show_what_exists(story: Story) -> None:
    """A story that is complete, and what can be done with it."""
    world, folder = story.world, story.world.folder
    deployment = world.project.deployments.get(DEPLOYMENT)
    counts, table = deployment.log_counts(), deployment.table
    story.say(
        f"The story in {folder} is complete: the clock stands at {world.clock.now():%Y-%m-%d %H:%M} UTC."
    )
    story.say(
        f"  {counts.n_logged:,} predictions logged; {len(world.project.models.versions(MODEL))} model versions, "
        f"{len(deployment.revisions())} revisions; version {table.champion.version} answers"
    )
    story.say(f"  report:     {folder / PAGE}")
    story.say(f"  serve it:   mainspring demo {folder} --serve")
    story.say("  start over: remove the folder, or name another")


@contextlib.contextmanager
def asking(story: Story) -> Iterator[Asks]:
    """Where predictions come from, for as long as days are lived."""
    options, project = story.world.options, story.world.project
    if not options.over_http:
        yield InProcess(project.deployments.get(DEPLOYMENT))
        return
    with Server(project, say=story.say) as server:
        address = urlsplit(server.url)
        with Wire(str(address.hostname), int(address.port or 80), connections=options.connections) as wire:
            story.wire = wire
            story.say(f"prediction server on {server.url}")
            yield OverHttp(wire)
            story.wire = None


def tell_demo(
    folder: Path,
    options: Options,
    console: Console | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
) -> Story:
    """Live the year in a folder, or go on with it. The world stays open; close it.

    Args:
        folder: made from the template where there is no project in it.
        options: what is lived.
        console: where it is told; None = standard output.
        overrides: configuration that outranks the folder's file.
    """
    world, existed = open_world(folder, options, overrides)
    story = Story(world, Screen(console))
    present = world.clock.find()
    if existed and is_complete(world):
        show_what_exists(story)
    else:
        if existed and present is not None:
            story.say(f"going on in {folder}: the clock stands at {present:%Y-%m-%d %H:%M} UTC")
        tell(story)
    if options.serve:
        serve_on(story)
    return story


__all__ = ["Story", "tell_demo"]
