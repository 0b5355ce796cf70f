"""Predictions and outcomes of days long past: gone with a receipt, known to have been, never of what is pinned."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest
from tests.serving.airport import KEYS, REQUEST, START, Airport
from tests.workflows.lifecycle.test_archive import _scored

from mainspring.errors import DeletedError, InputError, StateError, UnknownNameError
from mainspring.lineage.spec import ExecutionState
from mainspring.serving import log, retention
from mainspring.serving.api import Deployment
from mainspring.serving.spec import LogPart
from mainspring.workflows.lifecycle import pin

CUT = START + timedelta(days=1)
RULE = "retention.predictions_days = 8"


@pytest.fixture
def lived(airport: Airport, deployment: Deployment) -> tuple[list[str], list[str]]:
    """Ids of two predictions of the first day and of one of the second, each with its outcome; it is day ten now."""
    made: list[list[str]] = []
    for hours, n in ((6, 2), (30, 1)):
        airport.at(hours)
        ids = [deployment.predict(KEYS, REQUEST).prediction_id for _ in range(n)]
        known = [START + timedelta(hours=hours)] * n
        deployment.outcomes(pl.DataFrame({"prediction_id": ids, "value": [1.0] * n, "known_at": known}))
        made.append(ids)
    airport.at(240)
    return made[0], made[1]


def test_what_is_deleted_is_known_to_have_been(
    airport: Airport, deployment: Deployment, lived: tuple[list[str], list[str]]
) -> None:
    """No read has it, and asking for it says who, when and by which rule; a receipt says how many of each day."""
    graph = airport.project.graph
    old, young = lived
    assert deployment.days_before(LogPart.PREDICTIONS, CUT) == {START.date(): 2}
    cut = deployment.give_up(LogPart.PREDICTIONS, CUT, reason=RULE)
    assert cut is not None
    assert (cut.n_rows, cut.n_days) == (2, 1)
    assert deployment.log()["prediction_id"].to_list() == young
    assert deployment.log_counts().n_logged == 1
    told = rf"before 2013-01-02 were deleted on 2013-01-11 by user:test \({RULE}\)"
    for ask in (airport.deployments.lineage.get, airport.project.lineage.upstream):
        for prediction_id in old:
            with pytest.raises(DeletedError, match=told):
                ask(prediction_id)
    with pytest.raises(UnknownNameError):
        airport.deployments.lineage.get("never")
    assert airport.deployments.lineage.get(young[0]).model_version == 1
    (event,) = graph.events(kinds=["predictions.deleted"])
    receipt = json.loads(graph.blobs.get(graph.get_asset(event.subject).digest))
    assert receipt["days"] == {"2013-01-01": 2}
    assert event.payload["n_rows"] == 2
    execution = graph.find_execution(event.execution)
    assert execution is not None
    assert (execution.state, execution.parameters["reason"]) == (ExecutionState.COMPLETED, RULE)
    assert deployment.give_up(LogPart.PREDICTIONS, CUT, reason=RULE) is None
    assert deployment.predict(KEYS, REQUEST, "again").prediction_id == "again"
    assert deployment.log().height == 2


@pytest.mark.once
def test_counting_days_loads_no_prediction(
    airport: Airport,
    deployment: Deployment,
    lived: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of what is published, a row a day is read; what waits is counted too, also where it is published meanwhile."""
    known, loaded = log.collect, []

    def counted(rows: pl.LazyFrame, where: str, **options: bool) -> pl.DataFrame:
        loaded.append(known(rows, where, **options))
        return loaded[-1]

    monkeypatch.setattr(log, "collect", counted)
    both = CUT + timedelta(days=1)
    found = [deployment.days_before(LogPart.PREDICTIONS, both)]
    waiting = log.PredictionLog.read_waiting

    def and_published(each: log.PredictionLog) -> pl.DataFrame:
        rows = waiting(each)
        deployment.publish_log()
        return rows

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(log.PredictionLog, "read_waiting", and_published)
        found.append(deployment.days_before(LogPart.PREDICTIONS, both))
    found.append(deployment.days_before(LogPart.PREDICTIONS, both))
    assert found == [{START.date(): 2, CUT.date(): 1}] * 3
    assert [(frame.columns, frame.height) for frame in loaded] == [(["day", "len"], n) for n in (0, 0, 2)]


def test_outcomes_go_by_when_they_were_received(
    airport: Airport, deployment: Deployment, lived: tuple[list[str], list[str]]
) -> None:
    """Their predictions stay; one that is posted again is new."""
    cut = deployment.give_up(LogPart.OUTCOMES, CUT, reason="told to")
    assert cut is not None
    assert cut.n_rows == 2
    assert deployment.log()["outcome"].to_list() == [None, None, 1.0]
    (event,) = airport.project.graph.events(kinds=["outcomes.deleted"])
    assert event.payload["n_days"] == 1
    again = pl.DataFrame({"prediction_id": lived[0][:1], "value": [0.0], "known_at": [START]})
    assert deployment.outcomes(again).n_stored == 1


def test_a_monitor_says_what_it_cannot_read(
    airport: Airport, deployment: Deployment, lived: tuple[list[str], list[str]]
) -> None:
    """A window that reaches into deleted days is refused by who, when and why; later ones are judged."""
    monitor = airport.project.monitors.add("drift", on="flights", reference=_scored())
    for part in LogPart:
        deployment.give_up(part, CUT, reason=RULE)
    with pytest.raises(DeletedError, match="predictions that are kept") as refused:
        monitor.check(START, CUT + timedelta(days=1))
    assert RULE in refused.value.got
    assert monitor.check(CUT, CUT + timedelta(days=1)).n_rows == 1


def test_what_is_pinned_stays(
    airport: Airport, deployment: Deployment, lived: tuple[list[str], list[str]]
) -> None:
    """A pinned deployment keeps its log; a reason and whole past days are asked for."""
    pin(airport.project, "deployment", "flights")
    for part in LogPart:
        with pytest.raises(StateError, match="not pinned"):
            deployment.give_up(part, CUT, reason=RULE)
    for before, reason in ((CUT, " "), (CUT + timedelta(hours=1), RULE), (CUT + timedelta(days=90), RULE)):
        with pytest.raises(InputError, match="the beginning of a past day"):
            deployment.give_up(LogPart.PREDICTIONS, before, reason=reason)
    assert deployment.log()["outcome"].to_list() == [1.0, 1.0, 1.0]
    airport.deployments.lineage.get(lived[0][0])


def test_one_that_dies_in_between_is_ended_by_the_next(
    airport: Airport, deployment: Deployment, lived: tuple[list[str], list[str]]
) -> None:
    """Before its transaction nothing is deleted to anybody; after it all is, and its bytes go the next time."""
    kept = airport.deployments._log("flights")
    deployment.publish_log()
    kept.mark_deleted(CUT, "0" * 32)
    assert airport.deployments.lineage.get(lived[0][0]).prediction is not None
    arguments = (airport.project.graph, kept, "flights", deployment.table.revision_id)
    retention.give_up(*arguments, LogPart.PREDICTIONS, CUT, RULE)
    assert deployment.log()["prediction_id"].to_list() == lived[1]
    assert airport.project.tables.scan(kept.table).collect().height == 3
    assert [deployment.give_up_rows(), deployment.give_up_rows()] == [2, 0]
    assert airport.project.tables.scan(kept.table).collect().height == 1
