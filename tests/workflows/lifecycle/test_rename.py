"""Renamed: shown by the new name, found by every name that it had, stored as it was; no name changes its meaning."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

import mainspring as ms
from mainspring.errors import ConflictError, InputError, MainspringError, StateError, UnknownNameError
from mainspring.features.view import FeatureView
from mainspring.models.model import Model
from mainspring.project import Project
from mainspring.workflows.lifecycle import archive, preview_rename, rename, unarchive
from tests.serving.airport import KEYS, REQUEST, weather
from tests.workflows.lifecycle.conftest import Shelf
from tests.workflows.lifecycle.test_archive import _scored

CHILD = Path(__file__).with_name("killed_renames.py")


def _model() -> Model:
    rows = pl.DataFrame({"wind": np.linspace(0, 1, 40), "late": [False, True] * 20})
    return Model(LogisticRegression(), ["wind"], label="late").fit(rows)


def _view(project: Project, name: str, group: str) -> FeatureView:
    features = project.features
    fleet, hourly = features.get_group("fleet"), features.get_group(group)
    parts = [hourly["wind", "temp"], fleet["age"].static(), ms.request("distance")]
    return features.view(name, features=parts, spine_time="scheduled_at")


def test_every_noun_is_shown_by_its_new_name_and_found_by_both(shelf: Shelf) -> None:
    """Lists have the new name alone; whichever name is asked for, the same thing answers."""
    project = shelf.project
    project.monitors.add("drift", on="flights", reference=_scored())
    tracking, models, features, monitors = (
        project.tracking,
        project.models,
        project.features,
        project.monitors,
    )
    found: dict[tuple[str, str, str], tuple[Callable[[], list[str]], Callable[[str], object]]] = {
        ("experiment", "trials", "attempts"): (
            lambda: [each.name for each in tracking.experiments()],
            lambda name: [(run.id, run.experiment) for run in tracking.runs(name)],
        ),
        ("model", "lateness", "delay"): (models.names, lambda name: models.get(name, 2)),
        ("feature_group", "weather", "meteo"): (
            lambda: [group.name for group in features.groups()],
            lambda name: (features.get_group(name).spec, features.get_group(name).name),
        ),
        ("feature_view", "lateness", "delay"): (
            lambda: [view.name for view in features.views()],
            lambda name: (features.get_view(name).spec, features.get_view(name).name),
        ),
        ("monitor", "drift", "shift"): (
            lambda: [spec.name for spec in monitors.list()],
            lambda name: monitors.get(name).spec,
        ),
    }
    for (noun, name, new_name), (listed, get) in found.items():
        assert name in listed(), noun
        done = rename(project, noun, name, new_name, reason="plain words")
        assert (name in listed(), new_name in listed()) == (False, True), noun
        assert get(name) == get(new_name), noun
        assert new_name in str(get(name)), noun
        (event,) = project.graph.events(kinds=[f"{noun}.renamed"])
        assert event.payload == {"name": name, "new_name": new_name, "reason": "plain words"}
        assert (event.actor, event.execution) == ("user:test", done.execution_id)


def test_code_that_says_the_old_name_goes_on(shelf: Shelf) -> None:
    """A run of the experiment, a version of the model, rows, the same definitions, a dataset found again."""
    project = shelf.project
    view = project.features.get_view("lateness")
    monitor = project.monitors.add("drift", on="flights", reference=_scored())
    for noun, name, new_name in (
        ("experiment", "trials", "attempts"),
        ("model", "lateness", "delay"),
        ("feature_group", "weather", "meteo"),
        ("feature_view", "lateness", "delay"),
        ("monitor", "drift", "shift"),
    ):
        rename(project, noun, name, new_name)
    with project.tracking.run("second", experiment="trials") as run:
        pass
    assert (run.number, project.tracking.get_run(run.id).experiment) == (2, "attempts")
    assert str(project.models.register("lateness", _model())) == "delay/3"
    assert [str(each) for each in project.models.versions("lateness")] == ["delay/1", "delay/2", "delay/3"]
    group = project.features.group("weather", keys=["origin"], event_time="observed_at", online=True)
    assert (group.name, group.insert(weather(50).tail(2)).group) == ("meteo", "meteo@1")
    for name, told in (("lateness", "weather"), ("delay", "meteo")):
        again = _view(project, name, told)
        assert (again.asset_id, again.spec.digest) == (view.asset_id, view.spec.digest)
    assert project.monitors.add("drift", on="flights", reference=_scored()).spec.id == monitor.spec.id
    pins = shelf.data.spec.pins
    spine = shelf.data.frame.select("origin", "scheduled_at", "carrier", "distance")
    by_old = view.join(spine, pins=pins)
    by_new = view.join(spine, pins={key.replace("weather", "meteo"): number for key, number in pins.items()})
    assert by_old.pins == by_new.pins == pins
    assert by_old.frame.equals(by_new.frame)


def test_what_is_served_goes_on(shelf: Shelf) -> None:
    """A deployment whose model, view and groups are renamed is loaded, answers, and is known as what depends."""
    project = shelf.project
    for noun, name, new_name in (
        ("model", "lateness", "delay"),
        ("feature_view", "lateness", "delay"),
        ("feature_group", "weather", "meteo"),
    ):
        rename(project, noun, name, new_name)
    deployment = project.deployments.get("flights")
    assert deployment.predict(KEYS, REQUEST).model_version == 2
    for noun in ("model", "feature_view"):
        with pytest.raises(StateError, match="deployment flights"):
            archive(project, noun, "delay")
    with pytest.raises(StateError, match="deployment flights"):
        archive(project, "feature_group", "meteo")
    deployment.promote(project.models.get("delay", 1), project.features.get_view("delay"))
    deployment.rollback()
    assert deployment.table.champion.version == 2


@pytest.mark.once
def test_nothing_that_is_stored_changes(shelf: Shelf) -> None:
    """A rename writes its names, its execution and its event, and not one other row."""
    before = shelf.filled.rows()
    rename(shelf.project, "model", "lateness", "delay")
    after = shelf.filled.rows()
    assert {name for name in after if after[name] != before[name]} == {"names", "executions", "events"}
    for name in ("executions", "events"):
        assert set(before[name]) <= set(after[name])


@pytest.mark.once
def test_a_run_is_called_otherwise_in_place(shelf: Shelf) -> None:
    """Its name is a label: nothing finds it by that, and another run may have the same."""
    project = shelf.project
    (run,) = project.tracking.runs("trials")
    with project.tracking.run("best", experiment="trials"):
        pass
    rename(project, "run", run.id, "best", reason="it won")
    assert project.tracking.get_run(run.id).name == "best"
    (event,) = project.graph.events(kinds=["run.renamed"])
    assert (event.subject, event.payload["name"]) == (run.id, "first")
    with pytest.raises(StateError, match="nothing to do"):
        rename(project, "run", run.id, "best")


@pytest.mark.once
def test_what_refers_to_it_is_shown_and_nothing_is_done(shelf: Shelf) -> None:
    """Lines of code and policies by file and line, deployments, views; the preview writes nothing."""
    (shelf.filled.folder / "policies").mkdir()
    (shelf.filled.folder / "policies" / "live.toml").write_text('a = 1\nmodel = "lateness/1"\n')
    (shelf.filled.folder / "train.py").write_text('MODEL = "lateness"\nOTHER = "lateness_2"\n')
    rows = shelf.filled.rows()
    planned = preview_rename(shelf.project, "model", "lateness", "delay")
    told = {(item.what, item.name) for item in planned.dependents}
    assert {("code", "policies/live.toml:2"), ("code", "train.py:1"), ("deployment", "flights")} <= told
    assert ("code", "train.py:2") not in told
    told = {
        (item.what, item.name)
        for item in preview_rename(shelf.project, "feature_group", "weather", "meteo").dependents
    }
    assert {("feature_view", "lateness@1"), ("deployment", "flights")} <= told
    assert planned.execution_id is None
    assert shelf.filled.rows() == rows


def test_a_name_never_comes_to_mean_something_else(shelf: Shelf) -> None:
    """Neither a name that is taken nor one that was is given to another thing; every refusal writes nothing."""
    project = shelf.project
    rename(project, "model", "lateness", "delay")
    rows = shelf.filled.rows()
    for name in ("lateness", "delay"):
        with pytest.raises(ConflictError, match=r"name of the model that began as 'lateness'") as refused:
            rename(project, "model", "trial", name)
        assert refused.value.code == "name.conflict"
    with pytest.raises(ConflictError, match="'trial', the name of another model"):
        rename(project, "model", "delay", "trial")
    with pytest.raises(StateError, match="nothing to do"):
        rename(project, "model", "lateness", "delay")
    with pytest.raises(InputError, match="a name of letters"):
        rename(project, "model", "trial", "a b")
    with pytest.raises(UnknownNameError, match="trail"):
        rename(project, "model", "trail", "other")
    with pytest.raises(StateError, match="cannot be renamed"):
        rename(project, "model_version", "trial/1", "other")
    assert shelf.filled.rows() == rows


def test_back_and_forth(shelf: Shelf) -> None:
    """Every name of a chain leads to the last one, and the first can be taken again."""
    project = shelf.project
    for name, new_name in (("trial", "b"), ("trial", "c"), ("b", "d")):
        rename(project, "model", name, new_name)
    assert {str(project.models.get(name, 1)) for name in ("trial", "b", "c", "d")} == {"d/1"}
    rename(project, "model", "c", "trial", reason="it was better")
    assert {str(project.models.get(name, 1)) for name in ("trial", "b", "c", "d")} == {"trial/1"}
    assert project.models.get("d", 1) == shelf.trial
    archive(project, "model", "b")
    assert "trial" not in project.models.names()
    with pytest.raises(StateError, match="model trial"):
        project.models.register("c", Model.__new__(Model))
    unarchive(project, "model", "d")


def test_of_two_at_once_one_is_refused(shelf: Shelf) -> None:
    """One thing to two names, and two things to one name: one of each comes true, the other hears why."""
    project = shelf.project

    def outcomes(*renames: tuple[str, str, str]) -> list[str]:
        together = threading.Barrier(len(renames))
        told: list[str] = []

        def attempt(noun: str, name: str, new_name: str) -> None:
            with shelf.filled.open() as other:
                preview_rename(other, noun, name, new_name)
                together.wait()
                try:
                    rename(other, noun, name, new_name)
                    told.append("done")
                except MainspringError as refused:
                    told.append(refused.code)

        threads = [threading.Thread(target=attempt, args=each) for each in renames]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(told)

    # Which is first is not ours to say: that the second saw the name before or after decides what it does.
    assert outcomes(("model", "trial", "b"), ("model", "lateness", "b")) == ["done", "name.conflict"]
    assert {str(each) for each in project.models.versions("b")} in ({"b/1"}, {"b/1", "b/2"})
    assert outcomes(("experiment", "trials", "x"), ("experiment", "trials", "y")) in (
        ["done", "state.invalid"],
        ["done", "done"],
    )
    assert {run.experiment for run in project.tracking.runs("trials")} <= {"x", "y"}


def test_publications_go_on_while_it_is_renamed(shelf: Shelf) -> None:
    """Versions and runs under the old name, during renames, are numbered without gap or double under the last."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def publish() -> None:
        with shelf.filled.open() as other:
            try:
                for _ in range(6):
                    other.models.register("trial", _model())
                    with other.tracking.run("again", experiment="trials"):
                        pass
            except BaseException as error:
                failed.append(error)
                raise
            finally:
                stop.set()

    thread = threading.Thread(target=publish)
    thread.start()
    n = 0
    while not stop.is_set() or n < 2:
        n += 1
        rename(shelf.project, "model", "trial", f"m{n}")
        rename(shelf.project, "experiment", "trials", f"e{n}")
    thread.join()
    assert not failed
    assert [str(each) for each in shelf.project.models.versions("trial")] == [
        f"m{n}/{number}" for number in range(1, 8)
    ]
    runs = shelf.project.tracking.runs("trials")
    assert [(run.experiment, run.number) for run in runs] == [(f"e{n}", 7 - k) for k in range(7)]


def test_a_killed_rename_is_whole_or_absent(shelf: Shelf) -> None:
    """Killed at its steps: a name that was acknowledged leads there; one event for each name, and one name now."""
    shelf.project.close()
    done = subprocess.run(
        [sys.executable, str(CHILD), str(shelf.filled.folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["n_kills"] > 4, "a rename has fewer steps than it writes: the counter is broken"
    with shelf.filled.open() as project:
        events = project.graph.events(kinds=["experiment.renamed"])
        names = ["trials", *(event.payload["new_name"] for event in events)]
        assert [event.payload["name"] for event in events] == names[:-1]
        assert set(told["acknowledged"]) <= set(names)
        assert {run.experiment for name in names for run in project.tracking.runs(name)} == {names[-1]}
        for name in set(told["attempted"]) - set(names):
            with pytest.raises(UnknownNameError):
                project.tracking.runs(name)
