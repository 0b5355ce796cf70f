"""The heart of the story: June's alert trains a version, July tries it, the gate lets it in, a drill takes it back.

Full months, because an alert needs them; in this process, because the wire is tested elsewhere. On PostgreSQL the
story is told in one go; on SQLite it is killed after each of four steps and told again, and must come to the same.
"""

from __future__ import annotations

import io
import subprocess
import sys
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from mainspring.lineage import Verdict
from mainspring.pipelines.spec import RequestState
from mainspring.serving.spec import Cause
from mainspring.workflows.demo import chapters
from mainspring.workflows.demo.live import InProcess, LiveDays
from mainspring.workflows.demo.tell import tell_demo
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL, MONITOR, YEAR, midnight
from tests.conftest import RECORDS
from tests.workflows.demo.killed_telling import OPTIONS

pytestmark = pytest.mark.story

CHECKOUT = Path(__file__).parents[3]
DAY = timedelta(days=1)


@dataclass
class Told:
    """A story that was told, and what it printed at last."""

    story: Story
    text: str


@pytest.fixture(scope="module")
def told(module_records_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """April to the fourth of August, for all tests of this file."""
    path = list(sys.path)
    folder = tmp_path_factory.mktemp("alert") / "demo"
    if RECORDS == "sqlite":
        tell_with_kills(folder, module_records_url)
    console = Console(file=io.StringIO(), width=200)
    story = tell_demo(folder, OPTIONS, console, overrides={"records.url": module_records_url})
    yield Told(story, console.file.getvalue())  # type: ignore[attr-defined]
    story.world.close()
    sys.path[:] = path


def tell_with_kills(folder: Path, url: str) -> None:
    """Tell the story again and again, each time killed one step later."""
    command = [sys.executable, "-m", "tests.workflows.demo.killed_telling", str(folder), url]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])


@pytest.fixture
def story(told: Told) -> Story:
    """The story."""
    return told.story


def test_june_raises_an_alert_and_the_months_before_it_none(story: Story) -> None:
    """One event for June and one for July, which are as bad; April and May pass."""
    monitors = story.world.project.monitors
    alerts = monitors.alerts(MONITOR)
    assert [alert.start_at for alert in alerts] == [midnight(6), midnight(7)]
    events = story.world.project.graph.events(kinds=["alert.raised"])
    assert len(events) == 2
    verdicts = {finding.start_at: finding.verdict for finding in monitors.findings(MONITOR)}
    assert verdicts[midnight(4)] is verdicts[midnight(5)] is Verdict.PASS
    june = next(item for item in monitors.findings(MONITOR) if item.start_at == midnight(6))
    assert june.observed == pytest.approx(0.31, abs=0.02)
    assert june.predicted == pytest.approx(0.245, abs=0.02)


def test_the_alert_starts_one_training_on_january_to_june(story: Story) -> None:
    """One request, done, for June's event; what it learnt from ends with June."""
    world = story.world
    (request,) = world.project.pipelines.requests(chapters.TRIGGER)
    first = world.project.graph.events(kinds=["alert.raised"])[0]
    assert (request.state, request.event_id) == (RequestState.DONE, first.id)
    run = world.project.pipelines.get_run(str(request.run_id))
    times = run.outputs["data"].frame["sched_dep"]
    assert midnight(1) <= times.min() < midnight(1, 2)
    assert midnight(7) - DAY <= times.max() < midnight(7)
    assert len(world.project.models.versions(MODEL)) == 5


def test_the_challenger_is_scored_on_every_request_of_july_and_answers_none(story: Story) -> None:
    """From the moment of its rollout to its promotion, on the same requests as the champion."""
    deployment = story.world.project.deployments.get(DEPLOYMENT)
    (rollout,) = deployment.rollouts()
    log = deployment.log()
    shadow, champion = (log.filter(pl.col("arm") == arm) for arm in ("shadow", "champion"))
    assert shadow["model_version"].unique().to_list() == [rollout.candidate_version] == [5]
    promoted_at = deployment.revisions()[1].created_at
    asked = champion.filter(pl.col("now").is_between(rollout.created_at, promoted_at, closed="left"))
    assert shadow["prediction_id"].sort().equals(asked["prediction_id"].sort())
    assert shadow["error"].null_count() == shadow.height > 29 * OPTIONS.requests_per_day


def test_what_answers_changes_by_revisions_in_order(story: Story) -> None:
    """Made, promoted, rolled back in the drill, and forward again; each prediction names its own."""
    deployment = story.world.project.deployments.get(DEPLOYMENT)
    revisions = deployment.revisions()
    assert [(item.cause, item.model_version) for item in revisions] == [
        (Cause.CREATE, 2),
        (Cause.PROMOTE, 5),
        (Cause.ROLLBACK, 2),
        (Cause.PROMOTE, 5),
    ]
    champion = deployment.log().filter(pl.col("arm") == "champion")
    until, since = revisions[1].created_at, revisions[-1].created_at
    assert champion.filter(pl.col("now") < until)["model_version"].unique().to_list() == [2]
    assert champion.filter(pl.col("now") > since)["model_version"].unique().to_list() == [5]
    assert champion.filter(pl.col("now") > since).height >= 2 * OPTIONS.requests_per_day


def test_the_promotion_rests_on_a_passing_ruling_on_live_evidence(story: Story) -> None:
    """The gate saw the shadow's days and the paired test on live requests, and both passed."""
    world = story.world
    version = world.project.models.get(MODEL, 5)
    (ruling,) = chapters.find_decisions(world, version, "production")
    assert ruling.passed
    assert {reason.requirement.split("(")[0] for reason in ruling.reasons} >= {"shadow", "check.beats"}
    assert not any("waived" in reason.text for reason in ruling.reasons)
    used = world.project.deployments.get(DEPLOYMENT).contexts()[-1].table["used"]
    assert used == {"decision": ruling.id}


def test_the_alias_goes_where_the_answers_come_from(story: Story) -> None:
    """To the first model, to the challenger, back in the drill, and forward again."""
    models = story.world.project.models
    moves = models.alias_history(MODEL, "champion")
    assert [move.number for move in moves] == [2, 5, 2, 5]
    assert models.get(MODEL, "champion").number == 5


def test_the_drill_is_measured_and_kept(story: Story) -> None:
    """One piece of evidence on the revision rolled back, with the time to the disk and to the answer.

    Of a drill that was killed in the middle nothing was measured, and nothing is kept.
    """
    world = story.world
    revisions = world.project.deployments.get(DEPLOYMENT).revisions()
    ids = [revision.id for revision in revisions]
    drills = world.project.graph.evidence_for(*ids, kind="rollback.drill")
    assert len(drills) == (1 if RECORDS == "postgres" else 0)
    for drill in drills:
        assert drill.subject_id == revisions[1].id
        assert 0 < drill.figures["on_disk_seconds"] <= drill.figures["seconds"]


def test_the_screen_says_what_came_of_each_alert(told: Told) -> None:
    """June trained a version; July started nothing, because that one was being tried."""
    said = told.text.splitlines()
    assert "  Jun: trained version 5, tried as a shadow" in said
    assert "  Jul: none: version 5 was being tried already" in said


def test_every_asked_flight_is_in_the_log_once_and_judged(story: Story) -> None:
    """Whatever was killed in between: none twice, none missing, each with its outcome if it has one."""
    live = LiveDays(story.world, InProcess(None))
    days = [(month, day) for month in (4, 5, 6, 7) for day in range(1, monthrange(YEAR, month)[1] + 1)]
    days += [(8, day) for day in range(1, 5)]
    asked = pl.concat(live.asked(month, day) for month, day in days)
    log = story.world.project.deployments.get(DEPLOYMENT).log()
    champion = log.filter(pl.col("arm") == "champion").sort("prediction_id")
    flights = asked.sort("flight_id")
    assert champion["prediction_id"].equals(flights["flight_id"].rename("prediction_id"))
    known = flights["known_at"] <= midnight(8, 5)
    late = flights.select(pl.when(known.fill_null(value=False)).then(pl.col("late").cast(float))).to_series()
    assert champion["outcome"].equals(late.rename("outcome"))
