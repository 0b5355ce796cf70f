"""MLflow's own clients, unmodified and each in an environment of its own, against a running server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts import make_peer

from mainspring.lineage import AssetKind, ExecutionState
from mainspring.project import Project, open_project
from mainspring.server.supervisor import Server

CLIENT = Path(__file__).parent / "mlflow" / "tracking_client.py"
PEERS = {"mlflow_2": "2.22", "mlflow_3": "3."}
"""The oldest client that is meant to work, and the newest."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("interop")
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(folder, overrides={"actor.name": "user:server"}) as opened:
        yield opened


@pytest.fixture(scope="module")
def url(project: Project) -> Iterator[str]:
    with Server(project, port=0, workers=1) as server:
        yield server.url


@pytest.fixture(scope="module", params=sorted(PEERS))
def seen(request: pytest.FixtureRequest, url: str) -> dict[str, Any]:
    """What a client saw."""
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    command = [str(make_peer.make(request.param)), str(CLIENT), url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    # The client prints links to its runs before.
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["version"].startswith(PEERS[request.param])
    return found


def test_a_run_comes_back_as_it_was_logged(seen: dict[str, Any]) -> None:
    assert seen["run"] == {
        "status": "FINISHED",
        "name": "outer",
        "experiment": True,
        "ended": True,
        "params": 151,
        "depth": "6",
        "metrics": {"auc": "0.8", "high": "1.7976931348623157e+308", "loss": "nan"},
        "tags": ["linear", "a'b", False],
    }
    assert seen["history"] == [[1, 0.75], [2, 0.8]]


def test_a_batch_that_is_sent_twice_is_there_once(seen: dict[str, Any]) -> None:
    assert seen["wave"] == 1000


def test_threads_of_one_run_lose_nothing(seen: dict[str, Any]) -> None:
    assert seen["threads"] == [10] * 8


def test_searches(seen: dict[str, Any]) -> None:
    assert seen["search"] == {
        "metric": ["inner"],
        "param": ["outer"],
        "tag": ["outer"],
        "parent": ["inner"],
        "order": ["inner", "outer"],
        "none": [],
    }
    assert seen["pages"] == [1, 1, "", True]
    assert seen["by dataset"] == ["outer"]


def test_refusals_are_the_clients_own_errors(seen: dict[str, Any]) -> None:
    assert seen["refused"] == {
        "param": "INVALID_PARAMETER_VALUE",
        "run": "RESOURCE_DOES_NOT_EXIST",
        "filter": "INVALID_PARAMETER_VALUE",
        "experiment": "RESOURCE_ALREADY_EXISTS",
    }
    assert seen["unknown"] is True


def test_runs_are_resumed_deleted_restored_and_fail(seen: dict[str, Any]) -> None:
    assert (seen["resumed"], seen["again"]) == ("RUNNING", "FINISHED")
    assert seen["deleted"] == ["deleted", ["outer"], ["inner"], "INVALID_PARAMETER_VALUE"]
    assert (seen["restored"], seen["failed"]) == (2, ["fails"])


def test_datasets(seen: dict[str, Any]) -> None:
    assert seen["inputs"] == [["flights", '{"rows": 9}', "train"]]


def test_experiments_are_renamed_tagged_deleted_and_restored(seen: dict[str, Any]) -> None:
    assert seen["experiment"] == [True, "ops", "active"]
    assert seen["experiment deleted"] == ["deleted", []]
    assert seen["experiments"] is True


def test_what_a_client_logged_is_in_the_graph(seen: dict[str, Any], project: Project) -> None:
    """Its run is an asset that was made of its dataset; the nested run is a part of it."""
    runs = project.tracking.runs(f"flights of {seen['version']} renamed")
    outer = next(run for run in runs if run.name == "outer")
    inner = next(run for run in runs if run.name == "inner")
    assert (outer.state, inner.parent_id) == (ExecutionState.COMPLETED, outer.id)
    assert outer.metrics["auc"] == 0.8
    assert project.graph.get_asset(outer.asset_id).kind is AssetKind.RUN
