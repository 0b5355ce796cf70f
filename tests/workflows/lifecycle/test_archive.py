"""Archived: hidden, refused for new use, readable, and taken back; never what is in force."""

from __future__ import annotations

import polars as pl
import pytest

import mainspring as ms
from mainspring.errors import StateError, UnknownNameError
from mainspring.lineage import AssetKind
from mainspring.models.model import Model
from mainspring.workflows.lifecycle import archive, unarchive
from tests.workflows.lifecycle.conftest import Shelf


def test_every_noun_is_hidden_and_comes_back(shelf: Shelf) -> None:
    """Each kind of thing leaves its list, is there with `archived=True`, and is listed again after taking back."""
    project = shelf.project
    (run,) = project.tracking.runs("trials")
    idle = project.features.group("idle", keys=["k"], schema={"k": "string", "v": "int64"})
    project.features.view("unused", features=[idle["v"].static()])
    project.monitors.add("drift", on="flights", reference=_scored())
    lists = {
        ("feature_group", "idle@1"): lambda **o: [x.spec.label for x in project.features.groups(**o)],
        ("feature_view", "unused@1"): lambda **o: [
            f"{x.name}@{x.version}" for x in project.features.views(**o)
        ],
        ("training_dataset", shelf.data.asset_id): lambda **o: [
            x.asset_id for x in project.features.training_datasets(**o)
        ],
        ("run", run.id): lambda **o: [x.id for x in project.tracking.runs(**o)],
        ("experiment", "trials"): lambda **o: [x.name for x in project.tracking.experiments(**o)],
        ("model_version", "trial/1"): lambda **o: [str(x) for x in project.models.versions(**o)],
        ("model", "trial"): project.models.names,
        ("monitor", "drift"): lambda **o: [x.name for x in project.monitors.list(**o)],
    }
    for (noun, name), listed in lists.items():
        assert name in listed(), noun
        archive(project, noun, name, reason="tidy")
        assert name not in listed(), noun
        assert name in listed(archived=True), noun
        unarchive(project, noun, name)
        assert name in listed(), noun
    kinds = [event.kind for event in project.graph.events(newest=True, limit=16)]
    assert [kind.rpartition(".")[2] for kind in kinds] == ["archived", "unarchived"] * 8


def _scored() -> pl.DataFrame:
    days = pl.datetime_range(pl.datetime(2012, 1, 1), pl.datetime(2012, 3, 1), "1h", eager=True)
    late = pl.Series([index % 5 == 0 for index in range(len(days))])
    chance = pl.Series([0.6 if each else 0.1 for each in late])
    return pl.DataFrame({"now": days, "prediction": chance, "outcome": late.cast(pl.Float64)})


def test_what_is_archived_is_refused_for_new_use_and_can_be_read(shelf: Shelf) -> None:
    """Data, a view, a group, an experiment and a model each refuse what would build on them."""
    project = shelf.project
    model = Model.__new__(Model)
    refused = {
        ("training_dataset", shelf.data.asset_id): lambda: project.models.register(
            "other", model, data=shelf.data
        ),
        ("model", "trial"): lambda: project.models.register("trial", model),
        ("model_version", "trial/1"): lambda: project.deployments.create(
            "new", shelf.trial, project.features.get_view("lateness")
        ),
        ("experiment", "trials"): lambda: project.tracking.run("again", experiment="trials").__enter__(),
    }
    for (noun, name), use in refused.items():
        archive(project, noun, name, reason="superseded")
        with pytest.raises(StateError, match=r"archived .* \(superseded\)"):
            use()
        unarchive(project, noun, name)
    archive(project, "training_dataset", shelf.data.asset_id)
    archive(project, "model_version", "trial/1")
    assert len(shelf.data.frame) == len(shelf.data)
    assert project.models.load(project.models.get("trial", 1)).signature.features == ("wind",)
    assert shelf.trial.asset_id in project.graph.downstream(shelf.data.asset_id).assets


def test_a_group_refuses_rows_and_new_views(shelf: Shelf) -> None:
    """No insert, no delete and no view of an archived group; it reads as before."""
    features = shelf.project.features
    idle = features.group("idle", keys=["k"])
    rows = pl.DataFrame({"k": ["a"], "v": [1]})
    idle.insert(rows)
    archive(shelf.project, "feature_group", "idle")
    for use in (
        lambda: idle.insert(rows),
        lambda: idle.delete(rows.select("k")),
        lambda: features.view("on_it", features=[idle["v"].static()]),
    ):
        with pytest.raises(StateError, match="feature group idle@1"):
            use()
    assert features.get_group("idle").read().to_polars().height == 1


def test_any_publication_is_refused_that_uses_it(shelf: Shelf) -> None:
    """Whatever the room: an execution with an archived input publishes nothing."""
    graph = shelf.project.graph
    archive(shelf.project, "model_version", "trial/1")
    before = graph.count_assets()
    with pytest.raises(StateError, match="model version trial/1"), graph.execution("report", "r") as work:
        work.use(shelf.trial.asset_id)
        work.add(AssetKind.REPORT, "r")
    assert graph.count_assets() == before


def test_what_is_in_force_cannot_be_archived(shelf: Shelf) -> None:
    """What is served, what a rollback goes back to, the view and the groups behind it; nothing is written."""
    rows = shelf.filled.rows()
    for noun, name in (
        ("model_version", "lateness/2"),
        ("model_version", "lateness/1"),
        ("model", "lateness"),
        ("feature_view", "lateness"),
        ("feature_group", "weather"),
    ):
        with pytest.raises(StateError, match="deployment flights"):
            archive(shelf.project, noun, name)
    assert shelf.filled.rows() == rows


def test_a_version_with_an_alias_cannot_be_archived(shelf: Shelf) -> None:
    """An alias is a promise to whoever asks by it."""
    shelf.filled.sql(
        "INSERT INTO model_aliases (project_id, name, alias, number, decision_id, moved_us)"
        " VALUES ('test', 'trial', 'champion', 1, :id, 0)",
        id=shelf.trial.asset_id,
    )
    with pytest.raises(StateError, match="alias trial/champion"):
        archive(shelf.project, "model_version", "trial/1")


def test_a_cached_step_does_not_bring_it_back(shelf: Shelf) -> None:
    """A pipeline's earlier result that is archived is made again."""
    project = shelf.project

    @ms.pipeline
    def listed() -> pl.DataFrame:
        from tests.workflows.filled import numbers

        return numbers(n=4)

    first = project.pipelines.run(listed)
    (step,) = first.steps
    shelf.filled.sql(
        "INSERT INTO marks (project_id, subject_id, kind, noun, name, reason, actor, execution_id, marked_us)"
        " VALUES ('test', :id, 'archived', 'run', 'r', '', 'user:test', :execution, 0)",
        id=step.outputs[0].asset_id,
        execution=step.execution_id,
    )
    (again,) = project.pipelines.run(listed).steps
    assert (again.state.value, "archived" in again.reason) == ("executed", True)


def test_what_does_not_exist_or_is_not_archived_is_said(shelf: Shelf) -> None:
    """An unknown noun, an unknown name, archiving twice, taking back what nobody archived."""
    project = shelf.project
    with pytest.raises(UnknownNameError, match="noun"):
        archive(project, "endpoint", "flights")
    with pytest.raises(UnknownNameError, match="trail"):
        archive(project, "model", "trail")
    with pytest.raises(StateError, match="a model that is archived"):
        unarchive(project, "model", "trial")
    archive(project, "model", "trial")
    with pytest.raises(StateError, match="nothing to do"):
        archive(project, "model", "trial")
    with pytest.raises(StateError, match="a part of"):
        unarchive(project, "model_version", "trial/1")
