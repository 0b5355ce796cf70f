"""Runs over the protocol: their life, and what they are in the asset graph."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.mlflow.conftest import Api

from mainspring.lineage import AssetKind, ExecutionState
from mainspring.workflows.doctor.examine import examine

START_MS = 1_700_000_000_000


def info(api: Api, run: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get("runs/get", run_id=run)["run"]["info"]
    return found


def test_a_run_as_it_is_told(api: Api) -> None:
    tags = [{"key": "mlflow.source.name", "value": "train.py"}]
    made = api.post(
        "runs/create",
        experiment_id="0",
        user_id="ann",
        run_name="baseline",
        start_time=START_MS,
        tags=tags,
    )["run"]
    run = made["info"]["run_id"]
    assert made["info"] == {
        "run_id": run,
        "run_uuid": run,
        "run_name": "baseline",
        "experiment_id": "0",
        "user_id": "ann",
        "status": "RUNNING",
        "start_time": START_MS,
        "artifact_uri": f"mlflow-artifacts:/0/{run}/artifacts",
        "lifecycle_stage": "active",
    }
    assert len(run) == 32
    assert made["data"] == {"tags": [{"key": "mlflow.runName", "value": "baseline"}, *tags]}
    assert made["inputs"] == {}
    assert api.get("runs/get", run_uuid=run)["run"] == made


@pytest.mark.parametrize("fields", [{}, {"start_time": START_MS}, {"user_id": "ann"}])
def test_a_run_is_told_alike_when_it_begins_and_afterwards(api: Api, fields: dict[str, Any]) -> None:
    """The answer to the call that begins it is made without reading it back."""
    for number in ("0", api.experiment()):
        made = api.post("runs/create", experiment_id=number, **fields)["run"]
        assert api.get("runs/get", run_id=made["info"]["run_id"])["run"] == made


def test_a_run_that_nobody_named_has_a_name(api: Api) -> None:
    run = api.run()
    assert info(api, run)["run_name"] == api.run_data(run)["tags"]["mlflow.runName"] != ""


def test_a_name_is_a_tag(api: Api) -> None:
    """The tag names the run, a new name sets the tag, and both at once must agree."""
    tagged = api.run(tags=[{"key": "mlflow.runName", "value": "by tag"}])
    assert info(api, tagged)["run_name"] == "by tag"
    api.post("runs/set-tag", run_id=tagged, key="mlflow.runName", value="tagged anew")
    assert info(api, tagged)["run_name"] == "tagged anew"
    api.post("runs/update", run_id=tagged, run_name="named anew")
    assert info(api, tagged)["run_name"] == "named anew"
    assert api.run_data(tagged)["tags"]["mlflow.runName"] == "named anew"
    refused = api.refused(
        "runs/create",
        experiment_id="0",
        run_name="a",
        tags=[{"key": "mlflow.runName", "value": "b"}],
    )
    assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_a_finished_run_is_an_asset(api: Api) -> None:
    """Made by the run's own execution, for the person who was told of, with all that was logged."""
    commit = [
        {"key": "mlflow.source.git.commit", "value": "c" * 40},
        {"key": "mlflow.source.git.dirty", "value": "True"},
    ]
    run = api.run(user_id="ann", run_name="ends", tags=commit)
    api.post("runs/log-parameter", run_id=run, key="depth", value="6")
    api.post("runs/log-metric", run_id=run, key="auc", value=0.75, timestamp=START_MS, step=1)
    graph = api.project.graph
    assert api.project.tracking.get_run(run).state is ExecutionState.RUNNING
    reply = api.post("runs/update", run_id=run, status="FINISHED", end_time=START_MS + 60_000)
    assert reply["run_info"]["status"] == "FINISHED"
    assert reply["run_info"]["end_time"] == START_MS + 60_000
    found = api.project.tracking.get_run(run)
    assert (found.state, found.seconds) == (ExecutionState.COMPLETED, 60.0)
    assert (found.params, found.metrics) == ({"depth": "6"}, {"auc": 0.75})
    assert (found.code.commit, found.code.dirty) == ("c" * 40, True)
    asset = graph.get_asset(found.asset_id)
    assert (asset.kind, asset.name, asset.execution_id) == (AssetKind.RUN, "ends", run)
    assert asset.attributes["params"] == {"depth": "6"}
    execution = graph.find_execution(run)
    assert execution is not None
    assert (execution.actor, execution.on_behalf_of) == ("user:server", "user:ann")
    kinds = [event.kind for event in graph.events(subject=run)]
    assert kinds == ["execution.started"]
    assert [event.kind for event in graph.events(subject=asset.id)] == ["run.finished"]


@pytest.mark.parametrize("status", ["FAILED", "KILLED", 4, 5])
def test_a_failed_run_has_no_asset(api: Api, status: str | int) -> None:
    run = api.run()
    api.post("runs/update", run_id=run, status=status, end_time=START_MS)
    found = api.project.tracking.get_run(run)
    assert found.state is ExecutionState.FAILED
    assert info(api, run)["status"] == {4: "FAILED", 5: "KILLED"}.get(status, status)  # type: ignore[call-overload]
    assert api.project.graph.find_asset(found.asset_id) is None


def test_ending_twice_is_ending_once(api: Api) -> None:
    """Clients send an update again when they heard no answer."""
    run = api.run()
    for _ in range(2):
        api.post("runs/update", run_id=run, status="FINISHED", end_time=START_MS)
    asset_id = api.project.tracking.get_run(run).asset_id
    assert len(api.project.graph.events(subject=asset_id)) == 1


def test_a_resumed_run_is_a_new_execution_that_takes_up_the_former(api: Api) -> None:
    """An execution ends once; what it left is what the next one begins with."""
    run = api.run(run_name="goes on")
    api.post("runs/update", run_id=run, status="FINISHED", end_time=START_MS)
    first = api.project.tracking.get_run(run).asset_id
    api.post("runs/update", run_id=run, status="RUNNING")
    assert info(api, run)["status"] == "RUNNING"
    assert api.project.tracking.get_run(run).state is ExecutionState.RUNNING
    api.post("runs/log-metric", run_id=run, key="auc", value=0.9, timestamp=START_MS, step=2)
    api.post("runs/update", run_id=run, status="FINISHED", end_time=START_MS + 1000)
    second = api.project.tracking.get_run(run).asset_id
    assert second != first
    assert first in api.project.graph.upstream(second).assets
    assert api.project.graph.get_asset(second).attributes["metrics"] == {"auc": 0.9}
    api.post("runs/update", run_id=run, status="FAILED")
    assert info(api, run)["status"] == "FAILED"


def test_scheduled_is_running(api: Api) -> None:
    run = api.run()
    api.post("runs/update", run_id=run, status="SCHEDULED")
    assert info(api, run)["status"] == "SCHEDULED"
    assert api.project.tracking.get_run(run).state is ExecutionState.RUNNING
    api.post("runs/update", run_id=run, status="RUNNING")
    assert info(api, run)["status"] == "RUNNING"


def test_logging_goes_on_after_the_end(api: Api) -> None:
    run = api.run()
    api.post("runs/update", run_id=run, status="FINISHED")
    api.post("runs/log-batch", run_id=run, params=[{"key": "late", "value": "1"}])
    assert api.run_data(run)["params"] == {"late": "1"}


def test_a_child_names_its_parent(api: Api) -> None:
    parent = api.run()
    child = api.run(tags=[{"key": "mlflow.parentRunId", "value": parent}])
    assert api.project.tracking.get_run(child).parent_id == parent
    orphan = api.run(tags=[{"key": "mlflow.parentRunId", "value": "0" * 32}])
    assert api.project.tracking.get_run(orphan).parent_id is None


def test_deleted_and_restored(api: Api) -> None:
    """A deleted run can be read, and nothing else; what belongs to it goes with it."""
    run = api.run()
    api.post("runs/update", run_id=run, status="FINISHED")
    api.post("runs/delete", run_id=run)
    assert info(api, run)["lifecycle_stage"] == "deleted"
    asset_id = api.project.tracking.get_run(run).asset_id
    assert {run, asset_id} <= api.project.graph.hidden()
    calls: list[tuple[str, dict[str, Any]]] = [
        ("runs/log-metric", {"key": "m", "value": 1, "timestamp": 1}),
        ("runs/log-parameter", {"key": "p", "value": "1"}),
        ("runs/set-tag", {"key": "t", "value": "1"}),
        ("runs/delete-tag", {"key": "mlflow.runName"}),
        ("runs/log-batch", {"metrics": []}),
        ("runs/update", {"status": "RUNNING"}),
        ("runs/log-inputs", {"datasets": []}),
        ("runs/delete", {}),
    ]
    for path, fields in calls:
        status, code, message = api.refused(path, run_id=run, **fields)
        assert (status, code) == (400, "INVALID_PARAMETER_VALUE"), path
        assert f"The run {run} must be in the 'active' state" in message
    api.post("runs/restore", run_id=run)
    assert info(api, run)["lifecycle_stage"] == "active"
    status, code, message = api.refused("runs/restore", run_id=run)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert "must be in the 'deleted' state" in message


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "runs/get", {}),
        ("POST", "runs/update", {"status": "FINISHED"}),
        ("POST", "runs/delete", {}),
        ("POST", "runs/restore", {}),
        ("POST", "runs/log-metric", {"key": "m", "value": 1, "timestamp": 1}),
        ("POST", "runs/log-batch", {}),
        ("POST", "runs/log-parameter", {"key": "p", "value": "1"}),
        ("POST", "runs/log-inputs", {}),
        ("GET", "metrics/get-history", {"metric_key": "m"}),
    ],
)
def test_a_run_that_is_not_there(api: Api, method: str, path: str, fields: dict[str, Any]) -> None:
    status, code, message = api.refused(path, method=method, run_id="0" * 32, **fields)
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert message.startswith(f"Run with id={'0' * 32} not found")


@pytest.mark.parametrize("run_id", ["../etc/passwd", "a b", "x" * 300, "%2e%2e", "-a"])
def test_what_can_be_no_run(api: Api, run_id: str) -> None:
    assert api.refused("runs/get", method="GET", run_id=run_id)[:2] == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("status", ["DONE", 9, "finished"])
def test_statuses_that_are_none(api: Api, status: str | int) -> None:
    assert api.refused("runs/update", run_id=api.run(), status=status)[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_a_run_of_this_project_ends_itself(api: Api) -> None:
    """What its own process holds nobody else ends; its tags and metrics are seen like any other's."""
    with api.project.tracking.run("ours", experiment="ours") as run:
        run.log(params={"depth": 6, "rate": 0.5, "kind": "a"}, metrics={"auc": 0.5}, step=1)
        refused = api.refused("runs/update", run_id=run.id, status="FINISHED")
        assert refused[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert info(api, run.id)["status"] == "RUNNING"
    data = api.run_data(run.id)
    assert data["params"] == {"depth": "6", "rate": "0.5", "kind": "a"}
    assert data["metrics"] == {"auc": 0.5}
    assert info(api, run.id)["status"] == "FINISHED"
    assert info(api, run.id)["user_id"] == "server"
    number = info(api, run.id)["experiment_id"]
    assert api.found(number, "params.depth = '6' AND params.rate LIKE '0.%' AND params.kind = 'a'") == [
        "ours"
    ]


def test_datasets(api: Api) -> None:
    """A dataset that is described alike is one source; said again, it is the same as once."""
    number = api.experiment()
    first, second = api.run(number, run_name="first"), api.run(number, run_name="second")
    data = {
        "name": "flights",
        "digest": "abc",
        "source_type": "local",
        "source": "{}",
        "profile": '{"rows": 9}',
    }
    sent = [{"dataset": data, "tags": [{"key": "mlflow.data.context", "value": "train"}]}]
    for run in (first, first, second):
        api.post("runs/log-inputs", run_id=run, datasets=sent)
    found = api.get("runs/get", run_id=first)["run"]["inputs"]["dataset_inputs"]
    assert found == [{"dataset": data, "tags": [{"key": "mlflow.data.context", "value": "train"}]}]
    (asset,) = api.project.graph.find_assets(kind=AssetKind.SOURCE, name="flights")
    api.post("runs/update", run_id=second, status="FINISHED")
    made = api.project.tracking.get_run(second).asset_id
    assert asset.id in api.project.graph.upstream(made).assets
    assert sorted(api.found(number, "dataset.name = 'flights' AND datasets.digest LIKE 'a%'")) == [
        "first",
        "second",
    ]
    assert api.found(number, "dataset.context = 'test'") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"digest": "x" * 37}, "Invalid value"),
        ({"name": "x" * 501}, "Invalid value"),
        ({"source": ""}, "Missing value for required parameter 'datasets[0].dataset.source'"),
        ({"name": None}, "Missing value for required parameter 'datasets[0].dataset.name'"),
    ],
)
def test_datasets_that_are_refused(api: Api, change: dict[str, Any], said: str) -> None:
    data = {"name": "flights", "digest": "abc", "source_type": "local", "source": "{}", **change}
    status, code, message = api.refused("runs/log-inputs", run_id=api.run(), datasets=[{"dataset": data}])
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message.startswith(said)


def test_the_doctor_leaves_running_ones_alone(api: Api) -> None:
    """Nobody here holds a lease on them: their processes are elsewhere."""
    api.run()
    found = examine(api.project.config.folder, quick=True)
    assert [each for each in found.findings if each.check == "executions"] == []
