"""Promotion through a gate, rollback, and the alias that goes with them: never apart for longer than a crash."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest
from tests.serving.airport import Airport

from mainspring.errors import (
    ConflictError,
    InputError,
    MainspringError,
    RefusedError,
    StateError,
    UnknownNameError,
)
from mainspring.gates.spec import Decision, Policy, Requirement
from mainspring.lineage import Verdict
from mainspring.models.spec import ModelVersion
from mainspring.ports.records import open_records
from mainspring.project import open_project
from mainspring.serving import weights
from mainspring.serving.api import Deployment
from mainspring.serving.replay import weights_folder
from mainspring.workflows.lifecycle import rename

REHEARSAL = Requirement(kind="rehearsal")


@pytest.fixture
def gated(airport: Airport) -> Airport:
    """The airport with a production gate that asks for a rehearsal; both versions have had theirs."""
    airport.project.gates.define(Policy(environment="production", alias="champion", require=(REHEARSAL,)))
    for version in airport.versions:
        rehearse(airport, version, Verdict.PASS)
    return airport


@pytest.fixture
def promoted(gated: Airport) -> Deployment:
    """The second version answers; both were let through."""
    made = gated.deployments.create("flights", gated.versions[0], gated.view, environment="production")
    made.promote(gated.versions[1], gated.view, environment="production")
    return made


def rehearse(airport: Airport, version: ModelVersion, verdict: Verdict) -> None:
    """What the gate asks for."""
    with airport.project.graph.execution("rehearse", str(version)) as work:
        work.evidence(version.asset_id, "rehearsal", verdict=verdict, figures={})


def champion(airport: Airport) -> int | None:
    """Which version carries the alias."""
    found = airport.models.find("lateness", "champion")
    return None if found is None else found.number


def n_rulings(airport: Airport) -> int:
    """How often a gate has ruled."""
    return len(airport.project.graph.events(kinds=["gate.decided"]))


def test_a_promotion_through_the_gate_moves_the_alias_with_the_revision(
    gated: Airport, promoted: Deployment
) -> None:
    """The move names the decision, and hangs on the execution that recorded the revision."""
    graph = gated.project.graph
    moves = gated.models.alias_history("lateness", "champion")
    assert [(move.previous_number, move.number) for move in moves] == [(None, 1), (1, 2)]
    revision = graph.get_asset(promoted.revisions()[-1].id)
    assert moves[-1].execution_id == revision.execution_id
    assert promoted.table.used == {"decision": moves[-1].decision_id}


def test_a_rollback_takes_the_alias_back(gated: Airport, promoted: Deployment) -> None:
    """It names what answers again, on the decision that had let it in, with who and why in the event."""
    promoted.rollback(reason="too many false alarms")
    assert champion(gated) == 1
    first, _, back = gated.models.alias_history("lateness", "champion")
    assert back.decision_id == first.decision_id
    event = gated.project.graph.events(kinds=["alias.moved"])[-1]
    told = {name: event.payload[name] for name in ("cause", "reason", "actor", "number", "previous_number")}
    assert told == {
        "cause": "rollback",
        "reason": "too many false alarms",
        "actor": "user:test",
        "number": 1,
        "previous_number": 2,
    }


def test_a_rollback_takes_the_alias_back_across_a_rename(gated: Airport) -> None:
    """The weight tables say the model's names of their times; they are one model."""
    made = gated.deployments.create("flights", gated.versions[0], gated.view, environment="production")
    rename(gated.project, "model", "lateness", "delay")
    made.promote(gated.models.get("lateness", 2), gated.view, environment="production")
    assert [arm.model for arm in made.table.arms] == ["delay"]
    assert champion(gated) == 2
    made.rollback()
    assert [champion(gated), str(gated.models.get("delay", "champion"))] == [1, "delay/1"]
    assert len(gated.models.alias_history("delay", "champion")) == 3


def test_a_rollback_by_files_alone_takes_the_alias_back_at_the_next_opening(
    gated: Airport, promoted: Deployment
) -> None:
    """The actor is whoever rolled back, not whoever opened the project."""
    folder = weights_folder(gated.project.home, "flights")
    changed_us = promoted.table.changed_us + 1
    weights.roll_back(folder, actor="user:night", reason="by hand", changed_us=changed_us)
    assert champion(gated) == 2
    reopened(gated)
    assert champion(gated) == 1
    assert gated.project.graph.events(kinds=["alias.moved"])[-1].payload["actor"] == "user:night"


def test_a_rollback_with_the_database_away_takes_the_alias_back_when_it_is_there_again(
    gated: Airport, promoted: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The next call that reaches the records brings revision and alias together."""
    graph = gated.project.graph
    there = graph.records
    graph.records = open_records(f"sqlite:///{tmp_path_factory.mktemp('away') / 'gone.db'}")
    assert not promoted.rollback().recorded
    graph.records = there
    assert champion(gated) == 2
    assert gated.deployments.record("flights") == 1
    assert champion(gated) == 1


def test_an_alias_that_was_moved_after_the_rollback_stays(gated: Airport, promoted: Deployment) -> None:
    """What a gate decided later is not undone by a rollback that is recorded late."""
    folder = weights_folder(gated.project.home, "flights")
    weights.roll_back(folder, actor="user:night", reason="", changed_us=promoted.table.changed_us)
    gated.at(7)
    gated.project.gates.promote("production", gated.versions[0])
    gated.at(8)
    gated.project.gates.promote("production", gated.versions[1])
    gated.deployments.record("flights")
    assert champion(gated) == 2


def test_a_rollback_to_what_no_gate_let_through_leaves_the_alias(gated: Airport) -> None:
    """Only a gate gives an alias."""
    made = gated.deployments.create("flights", gated.versions[0], gated.view)
    made.promote(gated.versions[1], gated.view, environment="production")
    assert made.rollback().version == 1
    assert champion(gated) == 2


def test_promoting_again_after_a_rollback_takes_the_alias_forward(
    gated: Airport, promoted: Deployment
) -> None:
    """On the decision that let it in, as after a drill."""
    (decision_id,) = promoted.table.used.values()
    promoted.rollback()
    promoted.promote(gated.versions[1], gated.view, decision_id=decision_id)
    assert champion(gated) == 2
    assert promoted.table.champion.version == 2


def test_two_rollbacks_take_the_alias_back_twice(gated: Airport, promoted: Deployment) -> None:
    """Each goes one revision further, and the alias with it."""
    promoted.promote(gated.versions[0], gated.view, environment="production")
    promoted.rollback()
    assert champion(gated) == 2
    promoted.rollback()
    assert champion(gated) == 1


def test_a_taken_name_is_refused_before_the_gate_is_asked(gated: Airport, promoted: Deployment) -> None:
    """No ruling, no alias, no revision."""
    before = n_rulings(gated)
    with pytest.raises(ConflictError, match="exists"):
        gated.deployments.create("flights", gated.versions[0], gated.view, environment="production")
    assert (n_rulings(gated), champion(gated), promoted.table.epoch) == (before, 2, 2)


def test_a_view_that_lacks_features_is_refused_before_the_gate_is_asked(
    gated: Airport, promoted: Deployment
) -> None:
    """The deployment is asked first whether it would take the version."""
    fleet = gated.features.get_group("fleet")
    narrow = gated.features.view("narrow", features=[fleet["age"].static()], spine_time="scheduled_at")
    before = n_rulings(gated)
    with pytest.raises(InputError, match="wind"):
        promoted.promote(gated.versions[0], narrow, environment="production")
    assert (n_rulings(gated), champion(gated)) == (before, 2)


def test_a_controller_is_refused_before_the_gate_is_asked(gated: Airport, promoted: Deployment) -> None:
    """A person's rollback holds, and the alias stays where it took it."""
    promoted.rollback()
    before = n_rulings(gated)
    with pytest.raises(StateError, match="person"):
        promoted.promote(gated.versions[1], gated.view, environment="production", origin="controller")
    assert (n_rulings(gated), champion(gated)) == (before, 1)


def test_what_the_gate_refuses_changes_nothing(gated: Airport, promoted: Deployment) -> None:
    """The ruling is stored; what is served and the alias stay."""
    rehearse(gated, gated.versions[0], Verdict.FAIL)
    before = n_rulings(gated)
    with pytest.raises(RefusedError, match="rehearsal"):
        promoted.promote(gated.versions[0], gated.view, environment="production")
    assert (n_rulings(gated), champion(gated), promoted.table.epoch) == (before + 1, 2, 2)


@pytest.fixture
def waiving(airport: Airport) -> Airport:
    """The airport with a gate that asks to beat the champion, which is waived while there is none."""
    beats = Requirement(kind="check.beats", unless_first=True, **{"with": {"against": "champion"}})
    airport.project.gates.define(
        Policy(environment="production", alias="champion", require=(REHEARSAL, beats))
    )
    for version in airport.versions:
        rehearse(airport, version, Verdict.PASS)
    return airport


def overtake(airport: Airport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the first version the alias just after the next ruling."""
    gates = airport.project.gates
    genuine = gates.require

    def overtaken(environment: str, version: ModelVersion) -> Decision:
        decision = genuine(environment, version)
        monkeypatch.undo()
        gates.promote("production", airport.versions[0])
        return decision

    monkeypatch.setattr(gates, "require", overtaken)


def test_a_promotion_whose_ruling_was_overtaken_is_ruled_on_again(
    waiving: Airport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waived while nobody was champion, and somebody is by now: refused, and nothing changed."""
    made = waiving.deployments.create("flights", waiving.versions[0], waiving.view)
    overtake(waiving, monkeypatch)
    with pytest.raises(RefusedError, match="check.beats"):
        made.promote(waiving.versions[1], waiving.view, environment="production")
    assert (champion(waiving), made.table.epoch) == (1, 1)


def test_a_deployment_whose_ruling_was_overtaken_is_ruled_on_again(
    waiving: Airport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a promotion: there is no deployment then."""
    overtake(waiving, monkeypatch)
    with pytest.raises(RefusedError, match="check.beats"):
        waiving.deployments.create("flights", waiving.versions[1], waiving.view, environment="production")
    assert (champion(waiving), waiving.deployments.names()) == (1, ())


def test_a_project_with_a_table_that_cannot_be_read_opens(gated: Airport, promoted: Deployment) -> None:
    """To be looked into; whoever opened it hears of the file when the deployment is used."""
    file = weights_folder(gated.project.home, "flights") / "00000001.json"
    file.unlink()
    file.symlink_to(file)
    reopened(gated)
    with pytest.raises(OSError, match="00000001"):
        promoted.revisions()


def test_a_ruling_on_another_version_lets_nothing_through(gated: Airport, promoted: Deployment) -> None:
    """An id that is made up, or of another version's ruling, is refused; so is asking in both ways."""
    (decision_id,) = promoted.table.used.values()
    with pytest.raises(UnknownNameError, match="lateness/1"):
        promoted.promote(gated.versions[0], gated.view, decision_id=decision_id)
    with pytest.raises(InputError, match="both"):
        promoted.promote(gated.versions[1], gated.view, decision_id=decision_id, environment="production")
    assert promoted.table.epoch == 2


def test_promotions_at_the_same_time_leave_alias_and_revision_on_one_version(
    gated: Airport, promoted: Deployment
) -> None:
    """Each that comes too late is ruled on again; in the end what answers carries the alias."""
    failed: list[BaseException] = []

    def promote(version: ModelVersion) -> None:
        try:
            gated.rooms().get("flights").promote(version, gated.view, environment="production")
        except MainspringError as error:
            failed.append(error)

    threads = [threading.Thread(target=promote, args=(version,)) for version in [*gated.versions] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    last = promoted.revisions()[-1]
    assert last.number == 2 + 6
    assert champion(gated) == last.model_version == promoted.table.champion.version


PROMOTE = """
import os, signal, sys
from mainspring.project import open_project
from mainspring.serving import store, weights

def die(*given, **named):
    os.kill(os.getpid(), signal.SIGKILL)

folder, url, step = sys.argv[1:]
setattr(*{"ruled": (weights, "change"), "on disk": (store, "add_context")}[step], die)
project = open_project(folder, overrides={"records.url": url, "clock.kind": "replay"})
view = project.features.get_view("lateness", 1)
deployment = project.deployments.get("flights")
deployment.promote(project.models.get("lateness", 1), view, environment="production")
"""


@pytest.mark.parametrize("step", ["ruled", "on disk"])
def test_a_promotion_that_is_killed_leaves_alias_and_revision_together(
    gated: Airport, promoted: Deployment, step: str
) -> None:
    """Killed before the weight table: nothing was promoted. Killed after it: the next opening records both."""
    config = gated.project.config
    command = [sys.executable, "-c", PROMOTE, str(config.folder), config.records.url, step]
    killed = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert champion(gated) == 2
    reopened(gated)
    due = 2 if step == "ruled" else 1
    assert (champion(gated), promoted.revisions()[-1].model_version) == (due, due)

    promoted.promote(gated.versions[0], gated.view, environment="production")
    assert (champion(gated), promoted.revisions()[-1].model_version) == (1, 1)


def reopened(airport: Airport) -> None:
    """Open the project as the next process would, and close it."""
    project = airport.project
    overrides = {
        "records.url": project.config.records.url,
        "clock.kind": "replay",
        "actor.name": "user:other",
    }
    open_project(project.config.folder, overrides=overrides).records.close()
