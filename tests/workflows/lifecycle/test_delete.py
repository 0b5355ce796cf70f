"""Deleted: content goes, what it was stays; never what something that is kept depends on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import DeletedError, InputError, StateError
from mainspring.lineage.spec import MarkKind
from mainspring.project import Project
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.gc import collect
from mainspring.workflows.lifecycle import archive, delete, pin, preview
from tests.workflows.filled import Filled
from tests.workflows.lifecycle.conftest import Shelf
from tests.workflows.test_gc import age_everything


def blobs_of(shelf: Shelf) -> list[str]:
    """The blobs of `trial/1`."""
    package = shelf.project.models.package(shelf.trial)
    return [package.digest, *(file.sha256 for file in package.files.values())]


def test_content_goes_and_the_rest_stays(shelf: Shelf) -> None:
    """Reading answers `deleted` at once; `gc` takes the bytes; lineage, evidence of who and why, and numbers stay."""
    project = shelf.project
    done = delete(project, "model_version", "trial/1", reason="a mistake")
    with pytest.raises(DeletedError, match=r"user:test \(a mistake\)"):
        project.models.load(shelf.trial)
    age_everything(shelf.filled)
    taken = collect(project, delete=True)
    assert (len(taken.deleted), taken.deleted_bytes) == (done.n_blobs, done.size_bytes)
    assert set(taken.deleted) <= set(blobs_of(shelf))
    assert project.models.versions("trial") == []
    assert project.models.get("trial", 1) == shelf.trial
    assert shelf.data.asset_id in project.graph.upstream(shelf.trial.asset_id).assets
    assert examine(shelf.filled.folder).problems == []


def test_a_number_is_not_given_again(shelf: Shelf) -> None:
    """After 1 was deleted, the next version of the model is 2."""
    delete(shelf.project, "model_version", "trial/1", reason="a mistake")
    again = shelf.project.models.register("trial", _model())
    assert again.number == 2


def _model() -> object:
    import polars as pl
    from sklearn.linear_model import LogisticRegression

    from mainspring.models.model import Model

    rows = pl.DataFrame({"wind": [0.0, 1.0] * 10, "late": [False, True] * 10})
    return Model(LogisticRegression(), ["wind"], label="late").fit(rows)


def test_what_is_needed_is_refused_and_named(shelf: Shelf) -> None:
    """A dataset under a model, what is served and what is gone already; it goes from the leaf inwards."""
    project, name = shelf.project, shelf.data.asset_id
    rows = shelf.filled.rows()
    with pytest.raises(
        StateError, match="model version trial/1.*mainspring delete model_version trial/1 first"
    ):
        delete(project, "training_dataset", name, reason="old")
    with pytest.raises(StateError, match="deployment flights"):
        delete(project, "model_version", "lateness/2", reason="old")
    with pytest.raises(StateError, match="archive feature_group"):
        delete(project, "feature_group", "weather", reason="old")
    with pytest.raises(InputError, match="reason"):
        delete(project, "model_version", "trial/1", reason=" ")
    with pytest.raises(InputError, match="the id of a training dataset"):
        delete(project, "training_dataset", shelf.data.name, reason="the newest of that name?")
    assert shelf.filled.rows() == rows
    archive(project, "model_version", "trial/1")
    with pytest.raises(StateError, match="trial/1"):
        delete(project, "training_dataset", name, reason="archived is kept as well")
    delete(project, "model", "trial", reason="old")
    delete(project, "training_dataset", name, reason="old")
    with pytest.raises(DeletedError):
        len(shelf.data.frame)
    with pytest.raises(DeletedError):
        delete(project, "training_dataset", name, reason="twice")


def test_rows_that_a_kept_model_was_judged_on_stay(shelf: Shelf) -> None:
    """Evidence about a model holds the dataset that it was made on, though the model learnt from other rows."""
    project = shelf.project
    delete(project, "model", "trial", reason="old")
    from mainspring.lineage import Verdict

    served = project.models.get("lateness", 2)
    with project.graph.execution("evaluate", "lateness/2") as work:
        bound = {"dataset": shelf.data.asset_id}
        work.evidence(served.asset_id, "check.metric", verdict=Verdict.PASS, figures={}, bound=bound)
    with pytest.raises(StateError, match="evidence check.metric of lateness/2"):
        delete(project, "training_dataset", shelf.data.asset_id, reason="old")


def test_a_dataset_that_was_deleted_is_made_anew(shelf: Shelf) -> None:
    """The same inputs are not answered with what is gone: equal rows are stored again, under an asset of their own."""
    project = shelf.project
    frame, spec = shelf.data.frame.drop("_split"), shelf.data.spec
    spine = frame.select([name for name in frame.columns if name not in ("wind", "temp", "age")])
    delete(project, "model", "trial", reason="old")
    delete(project, "training_dataset", shelf.data.asset_id, reason="old")
    view = project.features.get_view("lateness")
    again = view.training_dataset(spine, split=spec.split, seed=spec.seed)
    assert again.asset_id != shelf.data.asset_id
    age_everything(shelf.filled)
    collect(project, delete=True)
    assert again.frame.height == len(again)


def test_a_version_that_is_served_after_all_keeps_answering(shelf: Shelf) -> None:
    """A weight table that came to disk meanwhile outranks the deletion: `gc` leaves its files, workers load them."""
    project = shelf.project
    served = project.models.get("lateness", 2)
    package = project.models.package(served)
    shelf.filled.sql(
        "INSERT INTO marks (project_id, subject_id, kind, noun, name, reason, actor, execution_id, marked_us)"
        " SELECT 'test', id, 'deleted', 'model_version', 'lateness/2', '', 'user:test', execution_id, 0"
        " FROM assets WHERE id IN (:version, :package)",
        version=served.asset_id,
        package=package.id,
    )
    age_everything(shelf.filled)
    assert collect(project, delete=True).deleted == ()
    assert project.models.load(served, served=True).signature.features


KILLED = """
import os, signal, sys
import mainspring as ms
from mainspring.lineage import marks
from mainspring.workflows.gc import collect
from mainspring.workflows.lifecycle import delete

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

with ms.open(sys.argv[1]) as project:
    if sys.argv[2] == "delete":
        add = marks.add
        marks.add = lambda *given: (add(*given), die())
        delete(project, "model_version", "trial/1", reason="killed")
    else:
        delete(project, "model_version", "trial/1", reason="killed")
        print("deleted", flush=True)
        project.blobs.collect = lambda *given, own=project.blobs.collect: (own(*given), die())
        collect(project, delete=True)
"""


def test_killed_between_the_steps(shelf: Shelf) -> None:
    """Killed in its transaction, nothing is deleted; killed while `gc` deletes, the next `gc` ends it."""
    age_everything(shelf.filled)

    def run(step: str) -> str:
        words = [sys.executable, "-c", KILLED, str(shelf.filled.folder), step]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        return done.stdout

    project = shelf.project
    assert run("delete") == ""
    assert project.models.load(shelf.trial)
    assert project.graph.marks() == []
    assert run("gc") == "deleted\n"
    with pytest.raises(DeletedError):
        project.models.load(shelf.trial)
    left = collect(project, delete=True)
    assert len(left.deleted) > 0
    assert collect(project).rubbish == ()
    assert [event.payload["kind"] for event in project.graph.events(kinds=["execution.lost"])] == ["gc"]
    assert examine(shelf.filled.folder).problems == []


def test_the_command_shows_first(shelf: Shelf) -> None:
    """Without --yes a table of what depends on it and nothing else; with it the deletion; JSON for programs."""
    words = ["delete", "model_version", "trial/1", "-p", str(shelf.filled.folder)]
    rows = shelf.filled.rows()
    shown = CliRunner().invoke(app, words).stdout
    assert "Nothing was deleted" in shown
    held = CliRunner().invoke(app, ["delete", "model", "lateness", *words[3:]]).stdout
    assert [line.split()[:3] for line in held.splitlines() if line.startswith("predictions")] == [
        ["predictions", "flights", "5"]
    ]
    assert "It cannot be deleted" in held
    assert shelf.filled.rows() == rows
    done = json.loads(CliRunner().invoke(app, [*words, "--yes", "--reason", "old", "--json"]).stdout)
    assert done["execution_id"] is not None


# --- whatever is done, nothing that something kept was made from loses a byte

RUNS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 4), max_size=2),  # contents, from a small pool so that runs share them
        st.sets(st.integers(0, 5), max_size=3),  # which earlier runs it used
    ),
    min_size=1,
    max_size=6,
)


@given(
    runs=RUNS, doomed=st.lists(st.integers(0, 5), max_size=6), pinned=st.sets(st.integers(0, 5), max_size=1)
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_reachable_from_what_is_kept_is_lost(
    project: Project, runs: list[tuple[list[int], set[int]]], doomed: list[int], pinned: set[int]
) -> None:
    """Random graphs, pins, deletions, `gc`: what is kept or pinned, and all it was made from, has every byte."""
    made = _make(project, runs)
    held = {made[place] for place in pinned if place < len(made)}
    for run_id in held:
        pin(project, "run", run_id)
    for place in doomed:
        if place < len(made):
            try:
                delete(project, "run", made[place], reason="drawn")
            except StateError:
                continue
    filled = Filled(project.config.folder, project.config.records.url)
    age_everything(filled)
    collect(project, delete=True)
    gone = {mark.subject_id for mark in project.graph.marks(MarkKind.DELETED)}
    assert not held & gone
    kept = [run_id for run_id in made if run_id not in gone]
    needed = {
        artifact.sha256
        for run_id in kept
        for needed_id in _upstream_runs(project, run_id)
        for artifact in project.tracking.get_run(needed_id).artifacts
    }
    given_up = {
        artifact.sha256
        for run_id in gone & set(made)
        for artifact in project.tracking.get_run(run_id).artifacts
    }
    assert {sha256 for sha256 in needed | given_up if project.blobs.find(sha256) is not None} == needed


_drawn = iter(range(1_000_000))


def _make(project: Project, runs: list[tuple[list[int], set[int]]]) -> list[str]:
    salt = next(_drawn)
    assets: list[str] = []
    ids: list[str] = []
    for contents, used in runs:
        with project.tracking.run("drawn", experiment="random") as run:
            for place in used:
                if place < len(assets):
                    run.use(assets[place])
            for content in set(contents):
                run.artifact(f"{content}", f"{salt}/{content}".encode())
        assets.append(run.asset_id)
        ids.append(run.id)
    return ids


def _upstream_runs(project: Project, run_id: str) -> set[str]:
    asset_id = project.tracking.get_run(run_id).asset_id
    return {asset.execution_id for asset in project.graph.upstream(asset_id) if asset.kind == "run"}


def test_a_preview_counts_what_only_it_needs(shelf: Shelf) -> None:
    """Contents that another run shares are not counted, and stay."""
    project = shelf.project
    with project.tracking.run("second", experiment="trials") as run:
        run.artifact("same.txt", b"what was tried")
        run.artifact("own.txt", b"12345")
    assert preview(project, "run", run.id, MarkKind.DELETED).size_bytes == 5
    delete(project, "run", run.id, reason="old")
    age_everything(shelf.filled)
    assert collect(project, delete=True).deleted_bytes == 5
