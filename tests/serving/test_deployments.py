"""Deployments in process: create, predict, promote, shadow, roll back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.serving.airport import KEYS, REQUEST, Airport, weather

from mainspring.errors import ConflictError, InputError, IntegrityError, StateError, UnknownNameError
from mainspring.features.api import request
from mainspring.gates.spec import Policy, Requirement
from mainspring.lineage.spec import AssetKind, Verdict
from mainspring.ports.records import open_records
from mainspring.serving import weights
from mainspring.serving.api import Deployment, Deployments, weights_folder
from mainspring.serving.spec import Cause
from mainspring.serving.weights import WeightTable


def test_predict_equals_the_model_on_the_looked_up_features(airport: Airport, deployment: Deployment) -> None:
    """A prediction is what the loaded model says about the online features of that moment."""
    answer = deployment.predict(KEYS, REQUEST)
    now = airport.project.clock.now()
    vector = airport.view.online().read(KEYS, REQUEST, now)
    assert answer.prediction == airport.models.load(airport.versions[0]).predict_row(vector.values)
    assert (answer.model_version, answer.revision, answer.now) == (1, 1, now)


def test_create_publishes_a_revision_that_hangs_on_its_package_and_view(
    airport: Airport, deployment: Deployment
) -> None:
    """The revision is an asset; upstream of it are the model version, its package and the view."""
    (revision,) = deployment.revisions()
    reached = set(airport.project.graph.upstream(revision.id).assets)
    version = airport.versions[0]
    assert {version.asset_id, version.package_id, airport.view.asset_id} <= reached
    assert airport.project.graph.get_asset(revision.id).kind is AssetKind.DEPLOYMENT_REVISION
    assert (revision.cause, revision.number, revision.model_version) == (Cause.CREATE, 1, 1)


def test_create_twice_is_a_conflict(airport: Airport, deployment: Deployment) -> None:
    """A name is taken once; the first deployment stays as it was."""
    with pytest.raises(ConflictError, match="promote"):
        airport.deployments.create("flights", airport.versions[1], airport.view)
    assert deployment.table.champion.version == 1


def test_weight_tables_that_went(airport: Airport, deployment: Deployment) -> None:
    """A deployment that the records know is not called unknown, nor begun anew, when its folder is gone."""
    shutil.rmtree(airport.project.home / "serving")
    again = airport.project.deployments
    for call in (
        again.list,
        lambda: again.get("flights"),
        lambda: again.create("flights", airport.versions[0], airport.view),
    ):
        with pytest.raises(IntegrityError, match="weight tables of deployment flights"):
            call()
    assert again.find("others") is None


@pytest.mark.parametrize("name", ["", "Flights", "../up", "a/b", "x" * 64])
def test_create_refuses_bad_names(airport: Airport, name: str) -> None:
    """A name is part of paths and addresses: nothing else than plain words, and nothing is written."""
    with pytest.raises(InputError, match="lower case"):
        airport.deployments.create(name, airport.versions[0], airport.view)
    assert airport.deployments.list() == []


def test_a_decision_must_have_let_this_very_version_through(airport: Airport) -> None:
    """An id of nothing, or of a ruling on another version, deploys and promotes nothing; the right one does."""
    project, (first, second) = airport.project, airport.versions[:2]
    project.gates.define(Policy(environment="p", alias="champion", require=(Requirement(kind="review"),)))
    with project.graph.execution("review", str(first)) as work:
        work.evidence(first.asset_id, "review", verdict=Verdict.PASS, figures={})
    decision = project.gates.decide("p", first)
    for given in ("nonsense", project.gates.decide("p", second).id):
        with pytest.raises(UnknownNameError, match="decision"):
            airport.deployments.create("flights", first, airport.view, decision_id=given)
    assert airport.deployments.find("flights") is None
    deployment = airport.deployments.create("flights", first, airport.view, decision_id=decision.id)
    with pytest.raises(UnknownNameError, match="decision"):
        deployment.promote(second, airport.view, decision_id=decision.id)
    (revision,) = deployment.revisions()
    assert decision.id in project.graph.upstream(revision.id).assets


def test_create_refuses_a_view_without_the_models_features(airport: Airport) -> None:
    """The view must feed the model; nothing is deployed."""
    fleet = airport.features.get_group("fleet")
    narrow = airport.features.view("narrow", features=[fleet["age"].static()], spine_time="scheduled_at")
    with pytest.raises(InputError, match="wind"):
        airport.deployments.create("flights", airport.versions[0], narrow)
    assert airport.deployments.find("flights") is None


def test_create_without_view_or_training_dataset_is_refused(airport: Airport) -> None:
    """A model registered without data says nothing of its view."""
    with pytest.raises(InputError, match="view="):
        airport.deployments.create("flights", airport.versions[0])


def test_get_suggests_near_names(airport: Airport, deployment: Deployment) -> None:
    """An unknown name is an error that names what is near."""
    with pytest.raises(UnknownNameError, match="Did you mean 'flights'"):
        airport.deployments.get("flight")
    assert [item.name for item in airport.deployments.list()] == ["flights"]


def test_promote_swaps_the_model_under_the_same_handle(airport: Airport, deployment: Deployment) -> None:
    """The next prediction comes from the promoted version."""
    before = deployment.predict(KEYS, REQUEST)
    revision = deployment.promote(airport.versions[1], airport.view, reason="better")
    weights_seen(deployment)
    after = deployment.predict(KEYS, REQUEST)
    assert (before.model_version, after.model_version) == (1, 2)
    assert (revision.number, revision.cause, revision.reason) == (2, Cause.PROMOTE, "better")
    assert after.context_id != before.context_id


def weights_seen(deployment: Deployment) -> None:
    """Wait out the interval in which a process does not look at the table again."""
    time.sleep(weights.CHECK_EVERY_S)


def test_rollback_restores_the_version_before_and_needs_no_loading(
    airport: Airport, deployment: Deployment
) -> None:
    """A rollback is a new revision with the arms of the one before, and says how long it took."""
    deployment.predict(KEYS, REQUEST)
    deployment.promote(airport.versions[1], airport.view)
    result = deployment.rollback(reason="drill")
    weights_seen(deployment)
    assert (result.version, result.revision, result.recorded) == (1, 3, True)
    assert deployment.predict(KEYS, REQUEST).model_version == 1
    last = deployment.revisions()[-1]
    assert (last.cause, last.restores) == (Cause.ROLLBACK, deployment.revisions()[0].id)


def test_rollback_of_the_first_revision_is_refused(deployment: Deployment) -> None:
    """There is nothing to go back to, and nothing changes."""
    with pytest.raises(StateError, match="earlier promotion"):
        deployment.rollback()
    assert deployment.table.epoch == 1


def test_rollbacks_go_back_one_by_one(airport: Airport, deployment: Deployment) -> None:
    """A second rollback goes further back, and does not return to what the first one left."""
    deployment.promote(airport.versions[1], airport.view)
    deployment.promote(airport.versions[0], airport.view)
    versions = [deployment.rollback().version, deployment.rollback().version]
    assert versions == [2, 1]
    with pytest.raises(StateError):
        deployment.rollback()


def test_a_persons_rollback_outranks_the_controller(airport: Airport, deployment: Deployment) -> None:
    """After a rollback by a person only a person may promote."""
    deployment.promote(airport.versions[1], airport.view, origin="controller")
    deployment.rollback()
    with pytest.raises(StateError, match="person"):
        deployment.promote(airport.versions[1], airport.view, origin="controller")
    assert deployment.promote(airport.versions[1], airport.view).model_version == 2


def test_rollback_works_while_the_database_is_away_and_is_replayed(
    airport: Airport, deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The weight table needs no records; they get the rollback when they are back."""
    deployment.predict(KEYS, REQUEST)
    deployment.promote(airport.versions[1], airport.view)
    graph = airport.project.graph
    there = graph.records
    # A database without any table: what a process finds where the file was moved away.
    away = open_records(f"sqlite:///{tmp_path_factory.mktemp('away') / 'gone.db'}")
    graph.records = away
    result = deployment.rollback(reason="database away")
    weights_seen(deployment)
    assert (result.version, result.recorded) == (1, False)
    assert deployment.predict(KEYS, REQUEST).model_version == 1
    graph.records = there
    away.close()
    assert [item.cause for item in deployment.revisions()] == [Cause.CREATE, Cause.PROMOTE, Cause.ROLLBACK]
    assert deployment.revisions()[-1].reason == "database away"


def test_a_rollback_by_files_alone_is_replayed(airport: Airport, deployment: Deployment) -> None:
    """A process that cannot even open the project can roll back; whoever opens it next records that."""
    deployment.promote(airport.versions[1], airport.view)
    folder = weights_folder(airport.project.home, "flights")
    weights.roll_back(folder, actor="user:night", reason="by hand", changed_us=1)
    last = airport.rooms().get("flights").revisions()[-1]
    assert (last.actor, last.reason, last.model_version) == ("user:night", "by hand", 1)


def test_a_promotion_returns_its_own_revision(
    airport: Airport, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when another process promotes before it has read what it made."""
    genuine = weights.change

    def overtaken(folder: Path, build: Callable[[WeightTable | None], WeightTable]) -> WeightTable:
        made = genuine(folder, build)
        monkeypatch.undo()
        airport.rooms().get("flights").promote(airport.versions[0], airport.view, reason="theirs")
        return made

    monkeypatch.setattr(weights, "change", overtaken)
    assert deployment.promote(airport.versions[1], airport.view, reason="mine").reason == "mine"
    assert deployment.revisions()[-1].reason == "theirs"


def test_a_rollout_begun_by_files_alone_is_listed(airport: Airport, deployment: Deployment) -> None:
    """Whoever lists rollouts brings what lies on disk into the records first, as for revisions."""
    other = airport.rooms()
    other._replay.record = lambda _: 0  # type: ignore[method-assign]
    other.get("flights").shadow(airport.versions[1], airport.view)
    assert [rollout.candidate_version for rollout in deployment.rollouts()] == [2]


def test_replaying_twice_records_once(airport: Airport, deployment: Deployment) -> None:
    """Any number of processes may bring the files into the records."""
    first, second = airport.rooms(), airport.rooms()
    assert first.record("flights") == second.record("flights") == 0
    assert len(deployment.revisions()) == len(deployment.contexts()) == 1


def test_a_change_on_top_of_an_outdated_table_is_a_conflict(airport: Airport, deployment: Deployment) -> None:
    """Two changes that both follow epoch 1 cannot both come into force."""
    folder = weights_folder(airport.project.home, "flights")
    stale = deployment.table
    deployment.promote(airport.versions[1], airport.view)
    with pytest.raises(ConflictError, match="epoch 3"):
        weights.change(folder, lambda _: msgspec.structs.replace(stale, epoch=2))


def test_shadow_is_scored_on_the_same_requests_and_never_answers(
    airport: Airport, deployment: Deployment
) -> None:
    """Each prediction has a second row, with the shadow's answer on the same features."""
    deployment.shadow(airport.versions[1], airport.view)
    answer = deployment.predict(KEYS, REQUEST)
    log = deployment.log()
    assert log["arm"].to_list() == ["champion", "shadow"]
    assert log["prediction_id"].unique().to_list() == [answer.prediction_id]
    assert log["model_version"].to_list() == [1, 2]
    assert log["prediction"][0] == answer.prediction != log["prediction"][1]
    assert log["wind"].n_unique() == 1


def test_a_shadow_begins_and_ends_a_rollout(airport: Airport, deployment: Deployment) -> None:
    """The rollout is an asset that the champion's revision and the candidate lead to; its end is an event."""
    deployment.shadow(airport.versions[1], airport.view)
    with pytest.raises(StateError, match="End it first"):
        deployment.shadow(airport.versions[1], airport.view)
    deployment.end_shadow()
    (rollout,) = deployment.rollouts()
    graph = airport.project.graph
    reached = graph.upstream(rollout.id, depth=1).assets
    assert {rollout.champion_id, airport.versions[1].asset_id} <= set(reached)
    kinds = [event.kind for event in graph.events() if event.subject == rollout.id]
    assert kinds == ["rollout.started", "rollout.ended"]
    with pytest.raises(StateError, match="Begin one"):
        deployment.end_shadow()


def test_a_notebook_shows_what_a_deployment_serves(airport: Airport, deployment: Deployment) -> None:
    """Each arm with its model version and view."""
    deployment.shadow(airport.versions[1], airport.view)
    shown = deployment._repr_html_()
    for arm, number in (("champion", 1), ("shadow", 2)):
        assert f"<td>{arm}</td><td>lateness/{number}</td><td>lateness@1</td>" in shown


def test_promoting_ends_the_shadow(airport: Airport, deployment: Deployment) -> None:
    """The promoted version answers alone."""
    deployment.shadow(airport.versions[1], airport.view)
    deployment.promote(airport.versions[1], airport.view)
    assert [arm.version for arm in deployment.table.arms] == [2]
    kinds = [event.kind for event in airport.project.graph.events()]
    assert kinds.count("rollout.ended") == 1


@pytest.mark.parametrize(
    ("keys", "request_values"),
    [
        ({}, REQUEST),
        (KEYS, {}),
        ({**KEYS, "unknown": 1}, REQUEST),
        (KEYS, {"distance": 1.0, "more": 2}),
        (dict.fromkeys(KEYS), REQUEST),
    ],
)
def test_predict_refuses_wrong_columns_and_logs_nothing(
    deployment: Deployment, keys: dict[str, object], request_values: dict[str, object]
) -> None:
    """A missing or unknown key or request column is refused, and keys that are all null."""
    with pytest.raises(InputError):
        deployment.predict(keys, request_values)
    assert deployment.log().is_empty()


def test_one_null_key_beside_others_joins_nothing(deployment: Deployment) -> None:
    """As in a training dataset: the other groups answer, that one has no row."""
    answer = deployment.predict({**KEYS, "carrier": None}, REQUEST)
    assert answer.statuses == {"weather": "present", "fleet": "missing"}


def test_the_same_id_again_gets_the_first_answer_and_one_row(
    airport: Airport, deployment: Deployment
) -> None:
    """A retry is answered from memory, also by a process that began later, and other content is refused."""
    first = deployment.predict(KEYS, REQUEST, prediction_id="order-7")
    airport.at(9)
    again = deployment.predict(KEYS, REQUEST, prediction_id="order-7")
    later = airport.rooms()
    elsewhere = later.get("flights").predict(KEYS, REQUEST, prediction_id="order-7")
    later.close()
    assert first == again == elsewhere
    assert deployment.log().height == 1
    with pytest.raises(ConflictError, match="prediction_id"):
        deployment.predict(KEYS, {"distance": 1.0}, prediction_id="order-7")


def test_an_id_that_could_break_a_header_is_refused(deployment: Deployment) -> None:
    """Ids go into headers and addresses."""
    with pytest.raises(InputError, match="prediction id"):
        deployment.predict(KEYS, REQUEST, prediction_id="a\r\nx: y")


def test_deployments_of_one_home_are_seen_by_all_processes(airport: Airport, deployment: Deployment) -> None:
    """A second api on the same home serves what the first one deployed."""
    other: Deployments = airport.rooms()
    assert other.get("flights").predict(KEYS, REQUEST).model_version == 1
    other.close()


def test_a_rollback_takes_its_features_with_it(airport: Airport) -> None:
    """Models on two versions of a group: after a rollback the old version's rows are read, as they are by then."""
    features = airport.features
    coarse = features.group("weather", 2, keys=["origin"], event_time="observed_at", online=True)
    coarse.insert(weather(shift=1000.0))
    view = features.view(
        "lateness",
        2,
        features=[coarse["wind", "temp"], features.get_group("fleet")["age"].static(), request("distance")],
        spine_time="scheduled_at",
    )
    airport.at(6)
    deployment = airport.deployments.create("flights", airport.versions[0], airport.view)
    expected = {}
    changes = {6: None, 7: lambda: deployment.promote(airport.versions[1], view), 8: deployment.rollback}
    for hour, change in changes.items():
        airport.at(hour)
        if change is not None:
            change()
            weights_seen(deployment)
        read = view if hour == 7 else airport.view
        expected[deployment.predict(KEYS, REQUEST).prediction_id] = read.online(KEYS, REQUEST).values["wind"]
    assert [wind > 900 for wind in expected.values()] == [False, True, False]
    log = deployment.log()
    assert dict(zip(log["prediction_id"], log["wind"], strict=True)) == expected
    assert [context.table["arms"][0]["view_version"] for context in deployment.contexts()] == [1, 2, 1]
