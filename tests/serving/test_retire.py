"""Retired: nothing answers, everything that it did can be read, and it can be taken back."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest
from tests.serving.airport import KEYS, REQUEST, START, Airport
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import RetiredError, StateError
from mainspring.serving.api import Deployment
from mainspring.serving.weights import WeightTable
from mainspring.workflows.lifecycle import archive, delete, pin, preview, retire, unarchive, unpin


def test_it_answers_no_more_and_can_be_read(airport: Airport, deployment: Deployment) -> None:
    """Requests, promotions, shadows and rollbacks are refused by who, when and why; the log and outcomes are there."""
    deployment.promote(airport.versions[1], airport.view)
    answer = deployment.predict(KEYS, REQUEST)
    retire(airport.project, "flights", reason="nobody asks")
    told = r"retired on 2013-01-01 by user:test \(nobody asks\)"
    for use in (
        lambda: deployment.predict(KEYS, REQUEST),
        lambda: airport.rooms().get("flights").predict(KEYS, REQUEST),
        lambda: deployment.promote(airport.versions[0], airport.view),
        lambda: deployment.shadow(airport.versions[0], airport.view),
        deployment.rollback,
        deployment.retire,
    ):
        with pytest.raises(RetiredError, match=told) as refused:
            use()
        assert refused.value.code == "deployment.retired"
    labels = {
        "prediction_id": [answer.prediction_id],
        "value": [1.0],
        "known_at": [START + timedelta(hours=6)],
    }
    assert deployment.outcomes(pl.DataFrame(labels)).n_stored == 1
    assert deployment.log()["outcome"].to_list() == [1.0]
    assert airport.deployments.lineage.get(answer.prediction_id).model_version == 2
    assert [len(airport.deployments.list()), len(airport.deployments.list(archived=True))] == [0, 1]


def test_one_that_is_resumed_at_once_was_retired(
    airport: Airport, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever retired it is told of the own execution, whatever somebody else did with it since."""

    def and_resumed(each: Deployment, *, reason: str) -> WeightTable:
        table = known(each, reason=reason)
        airport.rooms().get("flights").resume()
        return table

    known = Deployment.retire
    monkeypatch.setattr(Deployment, "retire", and_resumed)
    done = [retire(airport.project, "flights", reason=reason).execution_id for reason in ("first", "second")]
    events = airport.project.graph.events(kinds=["deployment.archived"])
    assert [(event.execution, event.payload["reason"]) for event in events] == list(
        zip(done, ["first", "second"], strict=True)
    )
    assert not deployment.table.is_retired


def test_it_is_taken_back(airport: Airport, deployment: Deployment) -> None:
    """Marked and unmarked with an event each, by the file that servers read; it answers as before."""
    retire(airport.project, "flights", reason="a try")
    (mark,) = airport.project.graph.marks()
    assert (mark.title, mark.kind, mark.reason) == ("deployment flights", "archived", "a try")
    with pytest.raises(StateError, match="nothing to do"):
        retire(airport.project, "flights")
    unarchive(airport.project, "deployment", "flights", reason="missed")
    assert airport.project.graph.marks() == []
    assert deployment.predict(KEYS, REQUEST).model_version == 1
    with pytest.raises(StateError, match="one that answers"):
        unarchive(airport.project, "deployment", "flights")
    events = airport.project.graph.events(kinds=["deployment.archived", "deployment.unarchived"])
    assert [(event.payload["reason"], event.subject) for event in events] == [
        ("a try", "deployment:flights"),
        ("missed", "deployment:flights"),
    ]


def test_what_is_in_force_is_shown_and_let_go(airport: Airport, deployment: Deployment) -> None:
    """It cannot be archived while it answers; once retired, what it served can be archived, and then not resumed."""
    project = airport.project
    deployment.predict(KEYS, REQUEST)
    with pytest.raises(StateError, match="deployments retire flights"):
        archive(project, "deployment", "flights")
    shown = preview(project, "deployment", "flights", "archived").dependents
    assert {(item.what, item.count) for item in shown} == {("requests", 1), ("predictions", 1)}
    with pytest.raises(StateError, match="deployment flights"):
        archive(project, "model_version", "lateness/1")
    with pytest.raises(StateError, match="retention"):
        delete(project, "deployment", "flights", reason="away")
    pin(project, "deployment", "flights")
    unpin(project, "deployment", "flights")
    retire(project, "flights")
    archive(project, "model_version", "lateness/1")
    with pytest.raises(StateError, match="model version lateness/1"):
        unarchive(project, "deployment", "flights")
    assert deployment.table.is_retired


@pytest.mark.once
def test_a_shadow_ends_with_it(airport: Airport, deployment: Deployment) -> None:
    """Its rollout is over, and does not begin again."""
    deployment.shadow(airport.versions[1], airport.view)
    deployment.retire()
    deployment.resume()
    assert [arm.name for arm in deployment.table.arms] == ["champion"]
    ended = airport.project.graph.events(kinds=["rollout.ended"])
    assert [event.payload["cause"] for event in ended] == ["retire"]


@pytest.mark.once
def test_the_command_shows_first(
    airport: Airport, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --yes it tells what the deployment answers; with it the list loses the deployment, and gets it back."""
    project = airport.project
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", project.config.url("records"))
    monkeypatch.setenv("MAINSPRING_CLOCK_KIND", "replay")
    deployment.predict(KEYS, REQUEST)
    folder = ["-p", str(project.config.folder)]

    def said(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, *folder])
        assert done.exit_code == 0, done.output
        return done.output

    shown = said("deployments", "retire", "flights")
    assert "requests" in shown
    assert "Nothing was retired" in shown
    assert not deployment.table.is_retired
    assert "unarchive deployment flights" in said(
        "deployments", "retire", "flights", "--yes", "--reason", "x"
    )
    assert "Nothing is deployed" in said("deployments", "list")
    assert json.loads(said("deployments", "list", "--archived", "--json"))[0]["retired"] is True
    assert "is in use again" in said("unarchive", "deployment", "flights")
    assert "flights" in said("deployments", "list")
