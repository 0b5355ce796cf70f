"""Chapter 5: the days are lived, and each month is looked back at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from mainspring.lineage import Verdict
from mainspring.monitoring.spec import Finding
from mainspring.server.supervisor import Server
from mainspring.workflows.demo import chapters
from mainspring.workflows.demo.answers import answer_to
from mainspring.workflows.demo.live import Asks, InProcess, LiveDays, OverHttp, body_of
from mainspring.workflows.demo.report.months import MONTHS
from mainspring.workflows.demo.screen import Bar
from mainspring.workflows.demo.telling.drill import drill
from mainspring.workflows.demo.telling.interrupt import interruptible
from mainspring.workflows.demo.telling.preparing import show_decision
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.wire import Wire
from mainspring.workflows.demo.world import DEPLOYMENT, midnight


def live(story: Story) -> None:
    """April to December, day by day, with a look back at every month."""
    world, screen, options = story.world, story.screen, story.world.options
    last = options.until_month
    with (
        screen.chapter(f"5 · Live: April to {MONTHS[last - 1]}"),
        asking(story) as asks,
        interruptible() as check,
    ):
        begin(story)
        days = LiveDays(world, asks)
        total = sum(len(world.days_of_month(month)) for month in options.live_months)
        with screen.progress("April", total) as bar:
            for month in options.live_months:
                live_month(story, days, month, bar, check)
            look_back(story, last)


def begin(story: Story) -> None:
    """What was known before the first live day goes online."""
    for name in ("planes", "airports", "weather", "traffic"):
        story.world.groups[name].materialize(story.world.clock.now())
    show_online(story)


def show_online(story: Story) -> None:
    """Of the flights that the first day asks about: is there a value of each group now, and if not, why."""
    world = story.world
    month = world.options.live_months[0]
    flights = LiveDays(world, InProcess(None)).asked(month, world.days_of_month(month)[0])
    bodies = [body_of(flight) for flight in flights.iter_rows(named=True)]
    found = world.view.online().many(
        [body["keys"] for body in bodies], [body["request"] for body in bodies], world.clock.now()
    )
    told = [
        f"{side} {', '.join(f'{states.count(state)} {state}' for state in dict.fromkeys(states))}"
        for side, states in found.status.items()
    ]
    story.say(f"online at {world.clock.now():%d %b %H:%M} UTC, for {len(bodies)} flights: {'; '.join(told)}")


def live_month(story: Story, days: LiveDays, month: int, bar: Bar, check: Callable[[], None]) -> None:
    """One month; on its second day the month before is judged, because its last labels are in by then."""
    world = story.world
    chapters.ingest_month(world, month)
    for day in world.days_of_month(month):
        if day == 2 and month > world.options.live_months[0]:
            look_back(story, month - 1)
        check()
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
