"""What the deployment commands leave behind when they refuse, and a rollback without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from tests.serving.airport import make_airport
from typer.testing import CliRunner, Result

import mainspring as ms
from mainspring.cli._app import app
from mainspring.errors import InputError, StateError, UnknownNameError
from mainspring.gates.plan import supply
from mainspring.gates.spec import Policy, Requirement
from mainspring.project import Project, open_project
from mainspring.serving.api import Deployment

NOBODY_LISTENS = "postgresql://nobody@127.0.0.1:1/gone"


@pytest.mark.parametrize("name", ["Bad Name", "churn"])
def test_a_refused_create_leaves_the_alias_as_it_was(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A bad name, and a version that no view feeds, are refused before the gate moves the alias."""
    folder = tmp_path / "shop"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    rows = pl.DataFrame({"spend": [1.0, 2.0, 3.0, 4.0], "left": [False, True, False, True]})
    with open_project(folder) as project:
        model = ms.Model(LogisticRegression(), ["spend"]).fit(rows, "left")
        project.models.register("churn", model)
        latency = Requirement.model_validate({"kind": "check.latency", "with": {"p95_ms": 60_000.0}})
        project.gates.define(Policy(environment="open", alias="champion", require=(latency,)))
        version = project.models.get("churn", 1)
        project.evaluation.evaluate(version, rows, [ms.check.latency(p95_ms=60_000.0)])
        assert project.gates.decide("open", version).verdict == "pass"

    done = CliRunner().invoke(
        app, ["deployments", "create", name, "churn/1", "--environment", "open", "--project", str(folder)]
    )

    assert done.exit_code != 0
    with open_project(folder) as project:
        assert list(project.models.aliases("churn")) == []


def test_predict_without_keys(tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a view looks nothing up, nobody writes `--keys`; what else is missing is named."""
    folder = tmp_path / "shop"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    rows = pl.DataFrame({"spend": [1.0, 2.0, 3.0, 4.0], "left": [False, True, False, True]})
    with open_project(folder) as project:
        fates = project.features.group("fates", keys=["customer"], event_time="left_at")
        fates.insert(
            pl.DataFrame({"customer": [1], "left_at": [datetime(2024, 1, 1, tzinfo=UTC)], "left": [True]})
        )
        view = project.features.view(
            "churn", features=[ms.request(spend="float64")], label=fates["left"], spine_time="asked_at"
        )
        version = project.models.register(
            "churn", ms.Model(LogisticRegression(), ["spend"]).fit(rows, "left")
        )
        project.deployments.create("churn", version, view)

    words = ["deployments", "predict", "churn", "--project", str(folder)]
    done = CliRunner().invoke(app, [*words, "--request", '{"spend": 2}', "--json"])
    assert 0 < json.loads(done.output)["prediction"] < 1
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, InputError)
    assert (refused.expected, refused.got) == ("request spend", "no 'spend'")


@pytest.fixture
def promoted(project: Project, records_url: str, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment `flights` at its second revision, in a project that commands open by its folder alone."""
    monkeypatch.setenv("MAINSPRING_CLOCK_KIND", "replay")
    monkeypatch.setenv("MAINSPRING_ACTOR_NAME", "user:night")
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    airport = make_airport(project)
    deployment = airport.deployments.create("flights", airport.versions[0], airport.view)
    deployment.promote(airport.versions[1], airport.view)
    return deployment


def rollback(project: Project, name: str) -> Result:
    """`mainspring deployments rollback NAME` in this process."""
    words = ["deployments", "rollback", name, "--reason", "worse", "--json", "-p", str(project.config.folder)]
    return CliRunner().invoke(app, words)


def test_a_rollback_is_recorded_at_once_where_the_records_are(project: Project, promoted: Deployment) -> None:
    """Nothing is said on stderr, and the last revision is the rollback."""
    done = rollback(project, "flights")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["recorded"] is True
    assert promoted.revisions()[-1].cause == "rollback"


def test_a_rollback_says_which_shadow_it_ended(project: Project, promoted: Deployment) -> None:
    """The candidate that was scored beside the version that is taken back is named."""
    view = project.features.get_view("lateness")
    promoted.shadow(project.models.get("lateness", 1), view, reason="a second look")
    assert json.loads(rollback(project, "flights").stdout)["ended_shadow"] == "lateness/1"
    assert [arm.name for arm in promoted.table.arms] == ["champion"]
    promoted.promote(project.models.get("lateness", 2), view)
    assert promoted.rollback().ended_shadow is None


def test_a_held_decision_names_what_to_run_in_whole_lines(project: Project, promoted: Deployment) -> None:
    """What would supply the evidence stands below the table, where no column breaks it."""
    bound = {"metric": "roc_auc", "at_least": 0.7}
    asked = Requirement.model_validate({"kind": "check.metric", "with": bound})
    project.gates.define(Policy(environment="strict", alias="champion", require=(asked,)))
    words = ["gates", "decide", "strict", "lateness/1", "-p", str(project.config.folder)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 3
    assert f"  {supply(asked, 'lateness/1')}" in done.output.splitlines()


def test_a_rollback_works_while_the_database_cannot_be_reached(
    project: Project, promoted: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in force and says so, with exit code 0; the records have it when they are back."""
    with monkeypatch.context() as away:
        away.setenv("MAINSPRING_RECORDS_URL", NOBODY_LISTENS)
        done = rollback(project, "flights")
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert (printed["version"], printed["revision"], printed["recorded"]) == (1, 3, False)
    assert "The rollback is in force" in done.stderr
    assert "127.0.0.1:1" in done.stderr
    assert promoted.table.champion.version == 1
    shown = CliRunner().invoke(
        app, ["deployments", "revisions", "flights", "--json", "-p", str(project.config.folder)]
    )
    last = json.loads(shown.stdout)[-1]
    assert (last["cause"], last["actor"], last["reason"]) == ("rollback", "user:night", "worse")


@pytest.mark.parametrize("name", ["flihgts", "../serving/flights", "other"])
def test_a_rollback_of_an_unknown_name_leaves_nothing(
    project: Project, promoted: Deployment, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The name is refused before anything is made, without a database, with the names that there are."""
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", NOBODY_LISTENS)
    before = sorted(project.home.rglob("*"))
    done = rollback(project, name)
    assert isinstance(done.exception, UnknownNameError)
    assert "flights" in done.exception.expected + done.exception.hint
    assert sorted(project.home.rglob("*")) == before
    assert promoted.table.epoch == 2


def test_a_rollback_with_nothing_before_is_refused(project: Project, promoted: Deployment) -> None:
    """A second rollback has no earlier revision to go to; what is served stays."""
    assert rollback(project, "flights").exit_code == 0
    refused = rollback(project, "flights").exception
    assert isinstance(refused, StateError)
    assert "the oldest of what was deployed" in refused.got
    assert promoted.table.epoch == 3
