"""The protocol on a running server: workers of their own processes, and many clients that log at once."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.forks import ended, forked

from mainspring.project import Project, open_project
from mainspring.server.supervisor import Server

pytestmark = pytest.mark.once

N_CLIENTS = 16
N_CALLS = 8
N_OF_A_BATCH = 50


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("processes")
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(folder, overrides={"actor.name": "user:server"}) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(project: Project) -> Iterator[Server]:
    """Two workers, which both write to the one home."""
    with Server(project, port=0, workers=2) as running:
        yield running


def call(url: str, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A POST by a connection of its own; it must succeed."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(fields), headers)
        reply = connection.getresponse()
        body = reply.read()
        assert reply.status == 200, body
        found: dict[str, Any] = json.loads(body)
    finally:
        connection.close()
    return found


def _client(url: str, shared: str, number: int) -> None:
    """Logs to a run that all share, and to one of its own; everything twice, as after a lost answer."""
    own = call(url, "runs/create", {"experiment_id": "0", "run_name": f"client {number}"})
    run = own["run"]["info"]["run_id"]
    for n in range(N_CALLS):
        one = {"key": f"of {number}", "value": n, "timestamp": n, "step": n}
        for _ in range(2):
            call(url, "runs/log-metric", {"run_id": shared, **one})
            call(url, "runs/log-parameter", {"run_id": shared, "key": f"p {number} {n}", "value": str(n)})
    batch = [{"key": "m", "value": n / 7, "timestamp": n, "step": n} for n in range(N_OF_A_BATCH)]
    for _ in range(2):
        call(url, "runs/log-batch", {"run_id": run, "metrics": batch})
    call(url, "runs/set-tag", {"run_id": shared, "key": f"t {number}", "value": "x"})
    call(url, "runs/update", {"run_id": run, "status": "FINISHED", "end_time": 1_700_000_000_000})


def test_sixteen_processes_at_once_lose_nothing(server: Server, project: Project) -> None:
    """Every metric, parameter and tag that was acknowledged is there, once; every run has ended in the graph."""
    made = call(server.url, "runs/create", {"experiment_id": "0", "run_name": "shared"})
    shared = made["run"]["info"]["run_id"]
    children = [forked(lambda n=n: _client(server.url, shared, n)) for n in range(N_CLIENTS)]  # type: ignore[misc]
    assert [ended(child) for child in children] == [0] * N_CLIENTS
    found = project.tracking.get_run(shared)
    points = project.tracking.points(shared)
    assert len(points) == N_CLIENTS * N_CALLS
    assert {(each.key, each.step) for each in points} == {
        (f"of {number}", n) for number in range(N_CLIENTS) for n in range(N_CALLS)
    }
    assert len(found.params) == N_CLIENTS * N_CALLS
    assert {f"t {number}" for number in range(N_CLIENTS)} <= set(found.tags)
    own = [run for run in project.tracking.runs("Default") if run.name.startswith("client")]
    assert len(own) == N_CLIENTS
    assert sorted(run.number for run in own) == list(range(2, N_CLIENTS + 2))
    for run in own:
        assert len(project.tracking.points(run.id)) == N_OF_A_BATCH
        assert project.graph.find_asset(run.asset_id) is not None
