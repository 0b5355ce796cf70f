"""Workers that die, are swapped, are drained or cannot start."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import polars as pl
import pytest
from tests.server.conftest import Running
from tests.server.load import Load, predict_path, wait_until
from tests.serving.airport import KEYS, REQUEST, Airport

from mainspring.config import OpenLineageSection
from mainspring.errors import UnavailableError
from mainspring.lineage.process import process_name
from mainspring.lineage.sink import held
from mainspring.models.spec import ModelVersion
from mainspring.ports.records import open_records
from mainspring.server import seat, supervisor
from mainspring.server.supervisor import Server, _free_port
from mainspring.serving import weights
from mainspring.serving.api import Deployment, weights_folder
from mainspring.serving.weights import CHECK_EVERY_S, roll_back


def ids(answers: list[dict[str, str]]) -> list[str]:
    """Prediction ids of the answers, in order of their ids."""
    return sorted(answer["prediction_id"] for answer in answers)


def wait_for_epoch(client: httpx.Client, name: str, epoch: int) -> None:
    """Until the worker answers under that weight table."""
    wait_until(
        lambda: client.get("/health").json()["deployments"].get(name, {}).get("epoch") == epoch,
    )


def files_of(airport: Airport, version: ModelVersion) -> set[Path]:
    """Where the files of a model version lie."""
    package = airport.models.package(version)
    return {airport.project.blobs.path(file.sha256) for file in package.files.values()}


@pytest.fixture
def swapped(shared: Running, request: pytest.FixtureRequest) -> Deployment:
    """A deployment of the shared worker that this test may change; deployed while it serves."""
    airport = shared.airport
    name = request.node.name.replace("[", "-").replace("]", "")[5:60]
    made = airport.deployments.create(name, airport.versions[0], airport.view)
    wait_for_epoch(shared.client, name, 1)
    return made


@pytest.mark.once
def test_server_and_workers_hold_leases(shared: Running) -> None:
    """Each process one, on its role."""
    leases = [found.lease for found in shared.airport.project.graph.leases.list()]
    server, *workers = [lease for lease in leases if lease.subject.startswith("server/")]
    assert server.holder == process_name()
    assert [lease.subject for lease in workers] == [f"{server.subject}/worker-1"]
    assert [lease.holder for lease in workers] == [process_name(pid) for pid in shared.server.pids]


def test_kill_9_under_load_loses_nothing_acknowledged(running: Running) -> None:
    """Killed three times under load: every acknowledged prediction is in the log exactly once, none twice."""
    with Load(running.server.url) as load:
        for _ in range(3):
            load.until(30)
            os.kill(running.server.pids[0], signal.SIGKILL)
        load.until(30)
    running.server.stop()
    log = running.airport.deployments.get("flights").log()
    counts = running.airport.deployments.get("flights").log_counts()
    logged = log["prediction_id"].to_list()
    acknowledged = {answer["prediction_id"] for answer in load.answers}
    assert acknowledged <= set(logged)
    assert len(logged) == len(set(logged)) == counts.n_logged
    # A prediction may be logged and its reply lost with the process: at most one each time.
    assert len(acknowledged) <= counts.n_logged + counts.n_gaps <= len(acknowledged) + 3
    assert counts.n_waiting == 0
    assert len(running.said) == running.server.n_restarts == 3
    assert "SIGKILL" in running.said[0]


@pytest.mark.once
def test_a_new_deployment_is_taken_up_while_serving(shared: Running, swapped: Deployment) -> None:
    """No restart: a worker finds it by itself."""
    reply = shared.client.post(predict_path(swapped.name), json={"keys": KEYS, "request": REQUEST})
    assert (reply.json()["deployment"], reply.json()["model_version"]) == (swapped.name, 1)


@pytest.mark.once
def test_hot_swap_under_load_loses_nothing(shared: Running, swapped: Deployment) -> None:
    """Promoting and rolling back while requests come: each is answered and logged, by one version or the other."""
    with Load(shared.server.url, swapped.name) as load:
        load.until(20)
        swapped.promote(shared.airport.versions[1], shared.airport.view)
        wait_for_epoch(shared.client, swapped.name, 2)
        load.until(20)
        swapped.rollback(reason="drill")
        wait_for_epoch(shared.client, swapped.name, 3)
        load.until(20)
    log = swapped.log()
    assert (load.refusals, load.n_broken) == ([], 0)
    assert log["prediction_id"].sort().to_list() == ids(load.answers)
    revisions = [answer["revision"] for answer in load.answers]
    assert sorted(set(revisions)) == [1, 2, 3]
    assert revisions == sorted(revisions)
    by_id = {answer["prediction_id"]: answer["model_version"] for answer in load.answers}
    assert {row["prediction_id"]: row["model_version"] for row in log.iter_rows(named=True)} == by_id


@pytest.mark.once
def test_rollback_by_files_reaches_the_worker_without_a_database(
    shared: Running, swapped: Deployment
) -> None:
    """The worker has the version before in memory: it needs neither records nor a restart."""
    swapped.promote(shared.airport.versions[1], shared.airport.view)
    wait_for_epoch(shared.client, swapped.name, 2)
    home = shared.airport.project.home
    hidden = [(path, path.with_suffix(path.suffix + ".away")) for path in home.glob("records.db*")]
    for path, away in hidden:
        path.rename(away)
    folder = weights_folder(home, swapped.name)
    roll_back(folder, actor="user:test", reason="database away", changed_us=1)
    wait_for_epoch(shared.client, swapped.name, 3)
    answer = shared.client.post(predict_path(swapped.name), json={"keys": KEYS, "request": REQUEST}).json()
    assert answer["model_version"] == 1
    for path, away in hidden:
        away.rename(path)
    assert swapped.revisions()[-1].reason == "database away"


@pytest.mark.once
def test_a_process_that_starts_late_can_roll_back_without_loading(
    shared: Running, swapped: Deployment
) -> None:
    """A worker's predictor loads the version before as well, while the records are there."""
    swapped.promote(shared.airport.versions[1], shared.airport.view)
    predictor = shared.airport.deployments.predictor(swapped.name, background=True)
    predictor.poll()
    while len(predictor._loaded) < 2:
        time.sleep(0.002)
    asked: list[object] = []
    predictor._load = asked.append  # type: ignore[assignment, method-assign]
    swapped.rollback()
    time.sleep(CHECK_EVERY_S)
    answer, _ = predictor.answer(KEYS, REQUEST)
    predictor.close()
    assert (answer.model_version, asked) == (1, [])


@pytest.mark.once
def test_shadow_rows_come_from_the_worker_too(shared: Running, swapped: Deployment) -> None:
    """Each request has a row of the shadow; the caller only ever sees the champion."""
    swapped.shadow(shared.airport.versions[1], shared.airport.view)
    wait_for_epoch(shared.client, swapped.name, 2)
    for _ in range(5):
        reply = shared.client.post(predict_path(swapped.name), json={"keys": KEYS, "request": REQUEST})
        assert reply.json()["model_version"] == 1
    # The last shadow is scored after the last reply; one more round trip comes after it.
    shared.client.get("/health")
    log = swapped.log()
    assert log.group_by("arm").len().sort("arm").rows() == [("champion", 5), ("shadow", 5)]
    assert log.filter(pl.col("arm") == "shadow")["model_version"].unique().to_list() == [2]


@pytest.mark.once
def test_stop_drains_flushes_and_publishes(airport: Airport) -> None:
    """After stop everything acknowledged is in the table, and nothing waits in segments."""
    with Server(airport.project, port=0) as server, Load(server.url) as load:
        load.until(20)
        server.stop()
        load.stop()
    published = airport.project.tables.scan(airport.deployments.get("flights").log_table).collect()
    assert set(published["prediction_id"]) == {answer["prediction_id"] for answer in load.answers}
    assert set(load.refusals) <= {503}


@pytest.mark.once
def test_a_port_in_use_is_a_clear_error(airport: Airport) -> None:
    """The refusal names the port, and no worker is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server(airport.project, port=port)
        with pytest.raises(UnavailableError, match=f"port {port}"):
            server.start()
        assert server.pids == []


@pytest.mark.once
def test_a_model_that_cannot_be_loaded_is_a_clear_error(airport: Airport) -> None:
    """Start fails with the worker's reason, and leaves no process behind."""
    for path in files_of(airport, airport.versions[0]):
        path.unlink()
    server = Server(airport.project, port=0)
    with pytest.raises(UnavailableError):
        server.start()
    assert server.pids == []


@pytest.mark.once
def test_a_deployment_that_cannot_be_loaded_does_not_stop_the_others(airport: Airport) -> None:
    """The server starts; requests for the bad one are refused with the reason until its files are back."""
    airport.deployments.create("spoiled", airport.versions[1], airport.view)
    shared_files = files_of(airport, airport.versions[0])
    away = [(path, path.read_bytes()) for path in files_of(airport, airport.versions[1]) - shared_files]
    for path, _ in away:
        path.unlink()
    body = {"keys": KEYS, "request": REQUEST}
    with Server(airport.project, port=0) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert client.post(predict_path("flights"), json=body).status_code == 200
        refused = client.post(predict_path("spoiled"), json=body)
        assert refused.status_code == 503
        assert refused.json()["got"].startswith("none: ")
        assert client.get("/health").json()["deployments"]["spoiled"]["load_error"]
        for path, data in away:
            path.write_bytes(data)
        wait_for_epoch(client, "spoiled", 1)
        assert client.post(predict_path("spoiled"), json=body).status_code == 200


@pytest.mark.once
def test_a_worker_that_never_gets_ready_again_ends_the_server(
    airport: Airport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started again a few times, then the server ends with the worker's own reason."""
    monkeypatch.setattr(seat, "MAX_FAILED_STARTS", 2)
    monkeypatch.setattr(weights, "RETRY_FIRST_S", 0.0)
    said: list[str] = []

    def spoil(line: str) -> None:
        said.append(line)
        if line.startswith("serving on"):
            for path in files_of(airport, airport.versions[0]):
                path.unlink()
            os.kill(server.pids[0], signal.SIGKILL)

    server = Server(airport.project, port=0, workers=1, say=spoil)
    with pytest.raises(UnavailableError) as ended:
        server.run_forever()
    assert ended.value.got in said[-3]
    assert (server.pids, server.n_restarts) == ([], 2)
    assert "SIGKILL" in said[1]
    assert said[-2:] == ["draining", "stopped"]


@pytest.mark.once
def test_the_watcher_outlives_a_database_without_its_tables(
    airport: Airport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Publishing fails and is said; a worker that dies afterwards is started again all the same."""
    monkeypatch.setattr(supervisor, "PUBLISH_EVERY_S", 0.0)
    graph = airport.project.graph
    there = graph.records
    said: list[str] = []
    with Server(airport.project, port=0, workers=1, say=said.append) as server:
        graph.records = open_records(f"sqlite:///{tmp_path / 'gone.db'}")
        wait_until(lambda: any("publishing the prediction log of 'flights' failed" in line for line in said))
        os.kill(server.pids[0], signal.SIGKILL)
        wait_until(lambda: server.n_restarts == 1)
        graph.records.close()
        graph.records = there


@pytest.mark.once
def test_a_server_without_deployments_is_ready_and_empty(airport: Airport) -> None:
    """Nothing deployed is no failure: what is deployed later is taken up."""
    for path in (airport.project.home / "serving").rglob("current.json"):
        path.unlink()
    with Server(airport.project, port=0) as server:
        assert httpx.get(server.url + "/health", timeout=30).json() == {
            "status": "ready",
            "worker": "worker-1",
            "deployments": {},
        }


SUPERVISED = """
import sys, time
from mainspring.project import open_project
from mainspring.server.supervisor import Server, _free_port
with open_project(sys.argv[1], overrides={"clock.kind": "replay"}) as project:
    server = Server(project, port=0).start()
    print(server.url, flush=True)
    time.sleep(600)
"""


@pytest.mark.once
def test_workers_do_not_outlive_a_killed_supervisor(shared: Running) -> None:
    """Kill -9 of the supervisor: its worker drains and goes, and the port is free."""
    folder = str(shared.airport.project.config.folder)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, folder], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    url = supervisor.stdout.readline().strip()
    assert httpx.get(url + "/health", timeout=30).status_code == 200
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    port = int(url.rpartition(":")[2])
    assert _free_port("127.0.0.1", port) == port


@pytest.fixture
def told(airport: Airport, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that lineage is delivered to, as soon as there is any."""
    monkeypatch.setattr(supervisor, "DELIVER_EVERY_S", 0.01)
    config = airport.project.config
    section = OpenLineageSection(url="file:told.ndjson")
    monkeypatch.setattr(airport.project, "config", config.model_copy(update={"openlineage": section}))
    return config.folder / "told.ndjson"


@pytest.mark.once
def test_a_server_delivers_lineage_beside_serving(airport: Airport, told: Path) -> None:
    """What is published while it serves reaches the destination without anybody's asking."""
    with Server(airport.project, port=0, workers=1):
        with airport.project.graph.execution("look", "around"):
            pass
        wait_until(lambda: told.exists() and b"look.around" in told.read_bytes())


@pytest.mark.once
def test_a_server_waits_for_its_destination(airport: Airport, told: Path) -> None:
    """A destination that is away is said in each round, and delivered to once it is back."""
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            away.close()

    server = Server(airport.project, say=hear)
    delivery = airport.project.find_delivery()
    assert delivery is not None
    with contextlib.ExitStack() as away:
        away.enter_context(held(told))
        courier = threading.Thread(target=server._deliver, args=[delivery], daemon=True)
        courier.start()
        wait_until(lambda: bool(told.read_bytes()))
        server.stop()
        courier.join()
    assert all("delivery waits" in line for line in said)
    assert len(said) == 2


@pytest.mark.once
def test_a_server_stops_delivering_where_it_is_refused(airport: Airport, told: Path) -> None:
    """A destination that will never take the next event is said once, and not tried for ever."""
    told.write_text("something else")
    said: list[str] = []
    delivery = airport.project.find_delivery()
    assert delivery is not None
    Server(airport.project, say=said.append)._deliver(delivery)
    (line,) = said
    assert "nothing is delivered until" in line
    assert told.read_text() == "something else"
