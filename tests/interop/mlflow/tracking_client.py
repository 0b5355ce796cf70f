"""What a training script does with MLflow's own client; run by the interpreter of its environment.

`python tracking_client.py URL` prints what it saw as one JSON object. Nothing of mainspring is imported.
"""

from __future__ import annotations

import json
import math
import sys
import threading
from typing import Any

import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient


def refused(call: Any) -> str:
    """The error code of a call that must fail."""
    try:
        call()
    except MlflowException as error:
        return str(error.error_code)
    return "nothing"


def main(url: str) -> dict[str, Any]:
    mlflow.set_tracking_uri(url)
    name = f"flights of {mlflow.__version__}"
    experiment = mlflow.set_experiment(name)
    client = MlflowClient()
    seen: dict[str, Any] = {"version": mlflow.__version__}

    with mlflow.start_run(run_name="outer") as outer:
        mlflow.log_param("depth", 6)
        mlflow.log_params({f"p{n}": n for n in range(150)})
        mlflow.log_metric("auc", 0.75, step=1)
        mlflow.log_metric("auc", 0.80, step=2)
        mlflow.log_metrics({"loss": math.nan, "high": math.inf}, step=3)
        mlflow.set_tags({"kind of model": "linear", "note": "a'b"})
        mlflow.set_tag("gone", "soon")
        mlflow.delete_tag("gone")
        with mlflow.start_run(run_name="inner", nested=True) as inner:
            mlflow.log_metric("auc", 0.9)
    run = client.get_run(outer.info.run_id)
    seen["run"] = {
        "status": run.info.status,
        "name": run.info.run_name,
        "experiment": run.info.experiment_id == experiment.experiment_id,
        "ended": run.info.end_time >= run.info.start_time,
        "params": len(run.data.params),
        "depth": run.data.params["depth"],
        "metrics": {key: repr(value) for key, value in sorted(run.data.metrics.items())},
        "tags": [run.data.tags["kind of model"], run.data.tags["note"], "gone" in run.data.tags],
    }
    history = client.get_metric_history(outer.info.run_id, "auc")
    seen["history"] = [[each.step, each.value] for each in history]

    points = [Metric("wave", math.sin(n), 1_700_000_000_000 + n, n) for n in range(1000)]
    for _ in range(2):
        client.log_batch(outer.info.run_id, metrics=points)
    client.log_batch(outer.info.run_id, params=[Param("late", "1")], tags=[RunTag("t", "v")])
    seen["wave"] = len(client.get_metric_history(outer.info.run_id, "wave"))

    def log(thread: int) -> None:
        for n in range(10):
            client.log_metric(outer.info.run_id, f"thread {thread}", n, step=n)

    threads = [threading.Thread(target=log, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen["threads"] = [len(client.get_metric_history(outer.info.run_id, f"thread {n}")) for n in range(8)]

    def names(text: str, **options: Any) -> list[str]:
        found = client.search_runs([experiment.experiment_id], text, **options)
        return [each.info.run_name for each in found]

    seen["search"] = {
        "metric": names("metrics.auc > 0.85"),
        "param": names("params.depth = '6' AND status = 'FINISHED'"),
        "tag": names("tags.`kind of model` LIKE 'lin%'"),
        "parent": names(f"tags.mlflow.parentRunId = '{outer.info.run_id}'"),
        "order": names("", order_by=["metrics.auc DESC"]),
        "none": names("metrics.auc > 5"),
    }
    first = client.search_runs([experiment.experiment_id], max_results=1)
    second = client.search_runs([experiment.experiment_id], max_results=1, page_token=first.token)
    seen["pages"] = [
        len(first),
        len(second),
        second.token or "",
        first[0].info.run_id != second[0].info.run_id,
    ]

    seen["refused"] = {
        "param": refused(lambda: client.log_param(outer.info.run_id, "depth", 7)),
        "run": refused(lambda: client.get_run("0" * 32)),
        "filter": refused(lambda: names("metrics.auc = 'high' OR true")),
        "experiment": refused(lambda: client.create_experiment(name)),
    }
    seen["unknown"] = client.get_experiment_by_name("no such thing") is None

    with mlflow.start_run(run_id=inner.info.run_id):
        seen["resumed"] = client.get_run(inner.info.run_id).info.status
        mlflow.log_metric("auc", 0.95, step=1)
    seen["again"] = client.get_run(inner.info.run_id).info.status
    client.delete_run(inner.info.run_id)
    seen["deleted"] = [
        client.get_run(inner.info.run_id).info.lifecycle_stage,
        names(""),
        names("", run_view_type=ViewType.DELETED_ONLY),
        refused(lambda: client.log_metric(inner.info.run_id, "auc", 1.0)),
    ]
    client.restore_run(inner.info.run_id)
    seen["restored"] = len(names(""))
    try:
        with mlflow.start_run(run_name="fails"):
            raise ValueError("on purpose")
    except ValueError:
        seen["failed"] = names("status = 'FAILED'")

    from mlflow.data.dataset_source import DatasetSource  # noqa: F401 - there in either version
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset("flights", "abc123", "local", '{"uri": "flights.csv"}', '{"columns": 3}', '{"rows": 9}')
    used = [DatasetInput(data, [InputTag("mlflow.data.context", "train")])]
    for _ in range(2):
        client.log_inputs(outer.info.run_id, used)
    inputs = client.get_run(outer.info.run_id).inputs.dataset_inputs
    seen["inputs"] = [[each.dataset.name, each.dataset.profile, each.tags[0].value] for each in inputs]
    seen["by dataset"] = names("datasets.name = 'flights' AND datasets.context = 'train'")

    client.set_experiment_tag(experiment.experiment_id, "team", "ops")
    client.rename_experiment(experiment.experiment_id, f"{name} renamed")
    found = client.get_experiment(experiment.experiment_id)
    seen["experiment"] = [found.name == f"{name} renamed", found.tags["team"], found.lifecycle_stage]
    client.delete_experiment(experiment.experiment_id)
    seen["experiment deleted"] = [
        client.get_experiment(experiment.experiment_id).lifecycle_stage,
        [each.name for each in client.search_experiments(filter_string=f"name = '{name} renamed'")],
    ]
    client.restore_experiment(experiment.experiment_id)
    tagged = client.search_experiments(filter_string="tags.team = 'ops'", order_by=["name ASC"])
    seen["experiments"] = name + " renamed" in [each.name for each in tagged]
    return seen


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
