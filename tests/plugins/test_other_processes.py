"""Plug-ins where mainspring itself starts processes: workers that answer over HTTP, and workers that do steps."""

from __future__ import annotations

from pathlib import Path

import httpx
import polars as pl
import pytest

from mainspring.models.model import Model
from mainspring.ports.engine import open_engine
from mainspring.project import Project
from mainspring.server.supervisor import Server

pytestmark = pytest.mark.once


def test_a_model_format_answers_over_http(
    project: Project, harbour: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's worker loads what the package's format holds, though it has never seen the estimator."""
    from harbour.model import ConstantRate  # type: ignore[import-not-found]

    monkeypatch.setenv("PYTHONPATH", str(harbour))
    planes = project.features.group("planes", keys=["tail"], online=True)
    planes.insert(pl.DataFrame({"tail": ["N1"], "seats": [5.0]}))
    project.features.materialize()
    view = project.features.view("seated", features=[planes["seats"].static()], spine_time="at")
    rows = pl.DataFrame({"seats": [1.0, 2.0, 3.0, 4.0], "late": [True, False, False, False]})
    model = Model(ConstantRate(), ["seats"], label="late").fit(rows)
    version = project.models.register("rate", model, stored_as="harbour_json")
    project.deployments.create("rate", version, view)
    with Server(project, port=0, workers=1) as server:
        answer = httpx.post(
            f"{server.url}/v1/deployments/rate/predict", json={"keys": {"tail": "N1"}}, timeout=30
        )
    assert (answer.status_code, answer.json()["prediction"]) == (200, 0.25)


def test_a_step_in_another_process(project: Project, harbour: Path) -> None:
    """A type of the package is handed from worker to worker, and its expectation judges rows there."""
    from tests.plugins.voyage import crew, voyage

    engine = project.__dict__["engine"] = open_engine("processes:", n_workers=1)
    try:
        found = project.pipelines.run(voyage)
        assert found.outputs["1"] == "BOS-HAM"
        assert found.outputs["0"].ports == ["BOS", "HAM"]
        assert project.pipelines.run(crew).output == 1
    finally:
        engine.close()
        del project.__dict__["engine"]
    (stored,) = found.steps[0].outputs
    assert stored.materializer == "harbour.route.Route"
    (commit,) = project.features.get_group("boats").commits()
    assert (commit.n_failed, commit.verdict) == (1, "fail")
