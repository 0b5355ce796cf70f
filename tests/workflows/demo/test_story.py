"""A short story over HTTP: days of April and May, and the corrected hour of weather."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from sqlalchemy import select

from mainspring.lineage import Verdict
from mainspring.serving.store import outcomes
from mainspring.types import from_us
from mainspring.workflows.demo import chapters, honesty
from mainspring.workflows.demo.explain import find_correction
from mainspring.workflows.demo.live import BUCKET, POST_EVERY, LiveDays, body_of, correct
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.report.months import decided, month_name
from mainspring.workflows.demo.screen import Screen
from mainspring.workflows.demo.tell import tell_demo
from mainspring.workflows.demo.telling.closing import show_months
from mainspring.workflows.demo.telling.story import Story
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL, World, midnight

# On PostgreSQL the longer story of `test_alert` is told, which asks the records everything that this one does.
pytestmark = [pytest.mark.story, pytest.mark.once]

OPTIONS = Options(requests_per_day=100, days_per_month=2, until_month=5)
DAYS = 5


class Told:
    """A story, what it printed, and where."""

    def __init__(self, folder: Path, overrides: dict[str, str]) -> None:
        self.folder = folder
        self.overrides = overrides
        self.text = ""
        self.story = self.again()

    def again(self) -> Story:
        """Tell it, or go on."""
        console = Console(file=io.StringIO(), width=200)
        story = tell_demo(self.folder, OPTIONS, console, overrides=self.overrides)
        self.text = console.file.getvalue()  # type: ignore[attr-defined]
        return story

    @property
    def world(self) -> World:
        """The project."""
        return self.story.world

    @property
    def log(self) -> pl.DataFrame:
        """The prediction log."""
        return self.world.project.deployments.get(DEPLOYMENT).log()


@pytest.fixture(scope="module")
def told(module_records_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The story, told once for all tests of this file."""
    path = list(sys.path)
    made = Told(tmp_path_factory.mktemp("story") / "demo", {"records.url": module_records_url})
    yield made
    made.world.close()
    sys.path[:] = path


def test_every_asked_flight_is_in_the_log_once(told: Told) -> None:
    """A hundred flights of every lived day, each under its own id."""
    log = told.log
    assert log.height == log["prediction_id"].n_unique() == DAYS * 100
    assert told.world.project.deployments.get(DEPLOYMENT).log_counts().n_gaps == 0


def test_outcomes_are_the_labels_of_flights_that_landed(told: Told) -> None:
    """What was posted is what became of the flights; who never arrived has none."""
    flights = told.world.flights.select("flight_id", "late", "known_at")
    joined = told.log.join(flights, left_on="prediction_id", right_on="flight_id", how="left")
    landed = joined.filter(
        pl.col("known_at").is_not_null() & (pl.col("known_at") <= pl.col("now").dt.truncate("1d"))
    )
    assert (landed["outcome"] == landed["late"].cast(pl.Float64)).all()
    assert joined.filter(pl.col("late").is_null())["outcome"].null_count() == joined["late"].null_count()
    assert (
        joined["outcome_known_at"].drop_nulls() == joined.filter(pl.col("outcome").is_not_null())["known_at"]
    ).all()


def test_outcomes_are_posted_as_flights_land(told: Told) -> None:
    """By day, within a few hours of the landing, and never before it; what lands late, by the end of a day."""
    ends = {midnight(month, day + 1) for month in (4, 5) for day in told.world.days_of_month(month)}
    with told.world.project.records.read() as connection:
        rows = connection.execute(select(outcomes)).all()
    posted = [(from_us(row.received_us), from_us(row.known_us)) for row in rows]
    by_day = [(received, known) for received, known in posted if received not in ends]
    assert len(by_day) > len(posted) / 2
    assert all(timedelta() <= received - known for received, known in posted)
    assert len({received for received, _ in by_day}) >= 5 * DAYS
    soon = sum(received - known <= POST_EVERY + BUCKET for received, known in by_day)
    assert soon > len(by_day) * 0.9


def test_served_features_are_those_of_the_offline_join(told: Told) -> None:
    """What was looked up online at departure is what a point-in-time join finds for that moment."""
    asked = told.log.select(pl.col("prediction_id").alias("flight_id"))
    spine = told.world.rows["flights"].join(asked, on="flight_id", how="semi")
    joined = told.world.view.join(spine).frame.sort("flight_id")
    log = told.log.sort("prediction_id")
    for name in told.world.view.features:
        served, offline = log[name].to_list(), joined[name].to_list()
        assert all(honesty.same(one, other) for one, other in zip(served, offline, strict=True)), name


def test_the_months_are_a_line_each_on_a_terminal_of_100_columns(told: Told) -> None:
    """No cell is folded; what came of a month stands below the table."""
    console = Console(file=io.StringIO(), width=100)
    show_months(Story(told.world, Screen(console)))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    findings = decided(told.world)
    assert [line.split()[0] for line in lines[: len(findings) + 1]] == ["month", *map(month_name, findings)]
    assert all(line.startswith("  ") for line in lines[len(findings) + 1 :])


def test_predictions_were_made_at_the_scheduled_departure(told: Told) -> None:
    """The moment of each prediction is its flight's, and nothing that it read was known later."""
    flights = told.world.flights.select("flight_id", "sched_dep")
    joined = told.log.join(flights, left_on="prediction_id", right_on="flight_id", how="left")
    assert (joined["now"] == joined["sched_dep"]).all()
    assert (joined["event_at_weather"].dt.offset_by("1h") <= joined["now"]).all()
    assert (joined["event_at_traffic"] <= joined["now"]).all()


def test_features_follow_from_the_rows_that_lineage_names(told: Told) -> None:
    """Computed again from those rows alone, the features of a prediction are the logged ones."""
    correction = find_correction(told.world)
    assert correction is not None
    corrected = told.log.filter(pl.col("commit_id_weather") == correction.asset_id)["prediction_id"]
    some = told.log["prediction_id"].sample(12, seed=7)
    assert len(corrected)
    for prediction_id in [*corrected, *some]:
        logged = honesty.logged_features(told.world, prediction_id)
        again = honesty.recomputed_features(told.world, prediction_id)
        assert logged.keys() == again.keys()
        assert all(honesty.same(logged[name], again[name]) for name in logged), prediction_id


def test_the_models_carry_what_was_fitted(told: Told) -> None:
    """The categories of the training flights and of no others, in every version of the model."""
    models, features = told.world.project.models, told.world.project.features
    for version in models.versions(MODEL):
        data = features.get_training_dataset(str(version.dataset_id))
        made = models.load(version).signature.transformations
        assert made is not None
        assert made == data.transformations
        (step,) = made.steps
        train = data["train"]
        assert step.fitted["columns"] == {
            name: sorted(train[name].unique()) for name in told.world.features.view.CATEGORIES
        }


def test_the_correction_was_pushed(told: Told) -> None:
    """As three events of the feed, once: sent again they change nothing."""
    weather = told.world.groups["weather"]
    commits = weather.commits()
    correction = find_correction(told.world)
    assert correction is not None
    assert correction.n_rows == 3
    made_of = told.world.project.graph.upstream(correction.asset_id, depth=1).assets.values()
    assert "weather events" in {asset.name for asset in made_of}
    correct(told.world)
    assert weather.commits() == commits


def test_an_hour_that_cannot_have_been_is_kept_apart(told: Told) -> None:
    """Newark's 1,048 mph of February lie among the rejects, with the reason."""
    (row,) = told.world.groups["weather"].rejects().to_dicts()
    assert (row["origin"], row["wind_speed"] > 1000) == ("EWR", True)
    assert row["_broken"] == ["between(wind_speed, low=0, high=253)"]


def test_the_correction_reaches_forward_as_far_as_a_search_of_the_log(told: Told) -> None:
    """Directly, and through a model that learnt from it and answers in the shadow."""
    world = told.world
    correction = find_correction(world)
    assert correction is not None
    direct = honesty.touched_by_search(world, correction.asset_id)
    assert direct["direct"] and not direct["by model"]
    assert honesty.touched_by_lineage(world, correction.asset_id)["all"] == direct["direct"]

    until = midnight(5, 23)
    world.set_clock(until)
    parameters = chapters.training_parameters(until, until)
    run = world.project.pipelines.run(world.pipelines.training.training, **parameters)
    deployment = world.project.deployments.get(DEPLOYMENT)
    deployment.shadow(run.outputs["candidate"], world.view)
    flights = LiveDays(world, None).asked(5, 23).head(7)  # type: ignore[arg-type]
    for flight in flights.iter_rows(named=True):
        body = body_of(flight)
        deployment.predict(body["keys"], body["request"], body["prediction_id"])
    searched = honesty.touched_by_search(world, correction.asset_id)
    walked = honesty.touched_by_lineage(world, correction.asset_id)
    assert walked["direct"] == searched["direct"]
    assert walked["all"] == searched["direct"] | searched["by model"]
    assert set(flights["flight_id"]) <= walked["all"]
    deployment.end_shadow()


def test_the_gate_let_the_candidate_in_and_kept_the_spoiled_one_out(told: Told) -> None:
    """Version 2 passed; version 3, with shuffled labels, failed, and says why."""
    models = told.world.project.models
    (allowed,) = {
        item.verdict for item in chapters.find_decisions(told.world, models.get(MODEL, 2), "production")
    }
    assert allowed is Verdict.PASS
    refused = chapters.find_decisions(told.world, models.get(MODEL, 3), "production")[-1]
    assert refused.verdict is Verdict.FAIL
    failed = {
        reason.requirement.split("(")[0] for reason in refused.reasons if reason.verdict is Verdict.FAIL
    }
    assert failed == {"check.metric", "check.beats"}


def test_two_days_are_too_few_to_judge_a_month(told: Told) -> None:
    """A month without enough days is held, not passed."""
    findings = told.world.project.monitors.findings("flight_delay_monthly")
    assert {finding.verdict for finding in findings} == {Verdict.INSUFFICIENT_DATA}
    assert told.world.project.monitors.alerts() == []


def test_the_report_needs_no_network(told: Told) -> None:
    """One file with its pictures inside; nothing is fetched, nothing runs."""
    text = (told.folder / "report.html").read_text(encoding="utf-8")
    assert text.count("<svg") >= 5
    assert "<script" not in text and "<link" not in text and "src=" not in text
    assert 'href="http' not in text.replace("http://www.w3.org", "")


def test_the_screen_tells_what_the_year_was(told: Told) -> None:
    """The missing weather, what was kept apart, marks, leaks, the second digest, what lineage was checked against."""
    for words in (
        "no pressure: 1,207",
        "the same digest",
        "kept apart: 1",
        "flights@1.tailnum (indirect)",
        "label_like: the closest to the label is mean_delay_2h",
        "dest_airports",
        "cached",
        "equal to the logged ones",
        "a search of the whole log finds the same",
        "report.html",
    ):
        assert words in told.text


def test_a_second_telling_adds_nothing(told: Told) -> None:
    """In the same folder everything is found: no commit, model, prediction or finding is made again."""
    world = told.world
    before = (world.project.graph.count_assets(), told.log.height, world.clock.now())
    world.close()
    told.story = told.again()
    after = told.world.project.graph.count_assets()
    kinds = ("commit", "training_dataset", "model_version", "deployment_revision", "run", "evidence")
    assert {kind: after[kind] for kind in kinds} == {kind: before[0][kind] for kind in kinds}
    assert (told.log.height, told.world.clock.now()) == before[1:]
    assert "is complete" in told.text and "--serve" in told.text
