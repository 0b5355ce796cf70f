"""Tracked runs: what is recorded, when it is visible, and what is refused."""

from __future__ import annotations

import math
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mainspring.errors import ConflictError, FencedError, InputError, StateError, UnknownNameError
from mainspring.lineage import AssetKind, ExecutionState, Graph
from mainspring.project import Project
from mainspring.tracking import Tracking
from mainspring.tracking.spec import MetricPoint


@pytest.fixture
def tracking(graph: Graph) -> Tracking:
    return Tracking(graph)


def test_a_finished_run_is_an_asset(tracking: Tracking, graph: Graph) -> None:
    """Params, metrics and artifacts hang on an asset of kind run, made by the run's own execution."""
    with graph.execution("load", "data") as work:
        data = work.add(AssetKind.SOURCE, "data")
    with tracking.run("baseline", experiment="flights", tags={"kind": "linear"}, seeds={"numpy": 7}) as run:
        run.use(data.id, role="data")
        run.log(params={"depth": 6, "rate": 0.1}, metrics={"auc": 0.75})
        kept = run.artifact("plots/roc.txt", b"figure")
        assert graph.find_asset(run.asset_id) is None
    asset = graph.get_asset(run.asset_id)
    assert asset.kind is AssetKind.RUN
    assert asset.execution_id == run.id
    assert asset.attributes["params"] == {"depth": 6, "rate": 0.1}
    assert graph.get_asset(kept.asset_id).digest == kept.sha256
    assert graph.blobs.get(kept.sha256) == b"figure"
    assert data.id in {found.id for found in graph.upstream(run.asset_id)}
    kinds = [event.kind for event in graph.events()]
    assert kinds == ["execution.completed", "execution.started", "run.finished"]


def test_a_run_says_where_and_what_it_ran(tracking: Tracking, graph: Graph) -> None:
    """Code, Python, platform, installed distributions and seeds are recorded without being asked for."""
    with tracking.run("baseline", seeds={"numpy": 7}) as run:
        pass
    found = tracking.get_run(run.id)
    assert found.code == graph.code
    assert found.actor == graph.actor
    assert found.environment.python.startswith("3.")
    assert found.environment.seeds["numpy"] == 7
    assert "polars" in tracking.packages(found)
    assert found.state is ExecutionState.COMPLETED
    assert found.seconds is not None


def test_metrics_keep_every_point(tracking: Tracking) -> None:
    """Points are kept by step, also NaN and infinities; the last step is the run's metric."""
    values = [0.5, math.nan, math.inf, -math.inf, 0.25]
    with tracking.run("curve") as run:
        for step, value in enumerate(values):
            run.log(metrics={"loss": value}, step=step)
        run.log(metrics={"loss": 9.0, "auc": math.nan}, step=1)
    points = tracking.points(run.id, "loss")
    assert [point.step for point in points] == [0, 1, 1, 2, 3, 4]
    assert [repr(point.value) for point in points] == ["0.5", "nan", "9.0", "inf", "-inf", "0.25"]
    found = tracking.get_run(run.id)
    assert found.metrics["loss"] == 0.25
    assert math.isnan(found.metrics["auc"])
    assert len(tracking.points(run.id)) == 7


def test_parameters_never_change(tracking: Tracking) -> None:
    """The same value again is fine; another value, or another type, is a conflict and changes nothing."""
    with tracking.run("fixed") as run:
        run.log(params={"depth": 1})
        run.log(params={"depth": 1, "rate": math.nan})
        for other in (2, 1.0, "1", True):
            with pytest.raises(ConflictError, match="depth = 1, as logged before"):
                run.log(params={"depth": other, "new": 1}, metrics={"auc": 1.0})
    found = tracking.get_run(run.id)
    assert found.params == {"depth": 1, "rate": "nan"}
    assert found.metrics == {}


def test_a_failing_body_marks_the_run_failed(tracking: Tracking, graph: Graph) -> None:
    """What was logged stays readable, but there is no asset."""
    with pytest.raises(RuntimeError), tracking.run("broken") as run:
        run.log(params={"depth": 1}, metrics={"auc": 0.5})
        run.artifact("log.txt", b"so far")
        raise RuntimeError("out of memory")
    found = tracking.get_run(run.id)
    assert found.state is ExecutionState.FAILED
    assert found.error == "RuntimeError: out of memory"
    assert found.params == {"depth": 1}
    assert found.metrics == {"auc": 0.5}
    assert [artifact.name for artifact in found.artifacts] == ["log.txt"]
    assert graph.find_asset(run.asset_id) is None


def test_runs_are_numbered_in_their_experiment(tracking: Tracking) -> None:
    """Numbers count from 1 without gaps, also when several threads begin runs at once."""

    def begin() -> None:
        with tracking.run("one", experiment="a"):
            pass

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with tracking.run("other", experiment="b") as run:
        pass
    assert run.number == 1
    assert sorted(found.number for found in tracking.runs("a")) == [1, 2, 3, 4]
    assert [(found.number, found.name) for found in tracking.experiments()] == [(1, "a"), (2, "b")]


def test_runs_show_as_tables(tracking: Tracking) -> None:
    """A list of runs is a sequence, a frame, and a table in a notebook."""
    for depth in (1, 2):
        with tracking.run(f"depth {depth} <b>", experiment="flights") as run:
            run.log(params={"depth": depth}, metrics={"auc": 0.7 + depth / 100})
    with tracking.run("bare", experiment="flights"):
        pass
    runs = tracking.runs("flights")
    assert [found.number for found in runs] == [3, 2, 1]
    frame = runs.to_polars()
    assert frame["params.depth"].to_list() == [None, "2", "1"]
    assert frame["metrics.auc"].to_list() == [None, 0.72, 0.71]
    assert runs[0].id == frame["id"][0]
    assert "depth 2 &lt;b&gt;" in runs._repr_html_()
    shown = next(run for run in runs if run.params.get("depth") == 2)._repr_html_()
    assert "depth 2 &lt;b&gt;" in shown and '<td>auc</td><td style="text-align:right">0.72</td>' in shown
    assert tracking.runs("flights", limit=1)[0].number == 3
    assert run.id == runs[1].id


def test_children_name_their_parent(tracking: Tracking) -> None:
    """A run inside a run is found by its parent."""
    with tracking.run("search") as outer, tracking.run("trial", parent_id=outer.id) as inner:
        pass
    assert tracking.get_run(inner.id).parent_id == outer.id
    with tracking.within(outer.id).run("trial") as third:
        pass
    assert tracking.get_run(third.id).parent_id == outer.id


def test_artifacts_never_change(tracking: Tracking, tmp_path: Path) -> None:
    """A name has one content, from bytes or from a file."""
    (tmp_path / "model.bin").write_bytes(b"weights")
    with tracking.run("files") as run:
        first = run.artifact("model.bin", tmp_path / "model.bin")
        assert run.artifact("model.bin", b"weights") == first
        with pytest.raises(ConflictError, match="other content"):
            run.artifact("model.bin", b"others")
        with pytest.raises(InputError):
            run.artifact("gone", tmp_path / "gone")


def test_tags_may_change(tracking: Tracking) -> None:
    """Tags are notes: they may be set again, also after the run."""
    with tracking.run("tagged", tags={"a": "1"}) as run:
        run.tag(a="2", b="3")
    assert tracking.get_run(run.id).tags == {"a": "2", "b": "3"}


def test_mistakes_are_refused(tracking: Tracking) -> None:
    """Wrong metrics, names and states are errors that say so; nothing is written."""
    with pytest.raises(InputError, match="name"):
        tracking.run(" ")
    with tracking.run("open") as run:
        for metrics in ({"auc": "0.5"}, {"auc": None}, {"": 1.0}):
            with pytest.raises(InputError, match=r"run\.log"):
                run.log(metrics=metrics)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="parameter 'model'"):
            run.log(params={"model": object()})
        with pytest.raises(InputError, match="step"):
            run.log(metrics={"auc": 0.5}, step=0.5)  # type: ignore[arg-type]
    with pytest.raises(StateError, match="it has ended"):
        run.log(params={"late": 1})
    assert tracking.get_run(run.id).params == {}
    with pytest.raises(UnknownNameError):
        tracking.get_run("0" * 32)
    with pytest.raises(UnknownNameError, match="Did you mean 'default'"):
        tracking.runs("defaults")


def test_a_killed_run_does_not_stay_running(tracking: Tracking) -> None:
    """A run whose process has ended is shown as lost before anybody has recorded it, and recorded by the next one."""
    child = os.fork()
    if child == 0:
        tracking.run("killed").__enter__()
        os._exit(9)
    os.waitpid(child, 0)
    (shown,) = tracking.runs()
    assert shown.state is ExecutionState.LOST
    assert "its process ended" in str(shown.error)
    assert shown.finished_at is None
    with tracking.run("next"):
        pass
    found = tracking.get_run(shown.id)
    assert (found.state, found.error) == (ExecutionState.LOST, shown.error)
    assert found.finished_at is not None


def test_a_lost_run_writes_nothing_more(tracking: Tracking, graph: Graph) -> None:
    """Its late process is refused each sort of write, whole; what it wrote before stays, and other runs go on."""
    with pytest.raises(FencedError), tracking.run("late") as run:
        run.log(params={"depth": 6}, metrics={"auc": 0.5})
        run.artifact("model", b"before")
        execution = graph.find_execution(run.id)
        assert execution is not None
        assert graph.lose(execution, "lost: it stood still")
        for write in (
            lambda: run.log(params={"rate": 0.1}),
            lambda: run.log(metrics={"auc": 0.9, "loss": math.nan}, step=1),
            lambda: run.artifact("model", b"before"),
            lambda: run.artifact("plot", b"after"),
            lambda: run.tag(best="yes"),
        ):
            with pytest.raises(FencedError, match=f"run {run.id} still running"):
                write()
    with tracking.run("next") as later:
        later.log(metrics={"auc": 0.7})
    lost = tracking.get_run(run.id)
    assert (lost.state, lost.params, lost.metrics) == (ExecutionState.LOST, {"depth": 6}, {"auc": 0.5})
    assert ([artifact.name for artifact in lost.artifacts], lost.tags) == (["model"], {})
    assert tracking.get_run(later.id).metrics == {"auc": 0.7}


def test_points_of_many_runs_are_refused_together(tracking: Tracking, graph: Graph) -> None:
    """If the run of one point was lost, none of them is written."""
    with pytest.raises(FencedError), tracking.run("lost") as lost, tracking.run("stands") as stands:
        execution = graph.find_execution(lost.id)
        assert execution is not None
        assert graph.lose(execution, "lost: it stood still")
        now = datetime.now(UTC)
        points = [
            MetricPoint(seq=None, run_id=run_id, key="auc", step=0, value=0.5, logged_at=now)
            for run_id in (stands.id, lost.id)
        ]
        with pytest.raises(FencedError):
            tracking._points.append(points)
        assert tracking.points(stands.id) == []


@pytest.mark.once
def test_a_closed_project_leaves_no_log(project: Project) -> None:
    """Whoever logged metrics has the records open too: with both closed, everything is in the files themselves."""
    with project.tracking.run("r") as run:
        run.log(metrics={"auc": 0.5})
    project.close()
    assert [file.name for file in project.home.rglob("*-wal")] == []
