"""Searches of runs over the protocol: every entity and comparator, orders, pages, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.mlflow.conftest import Api

START_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def runs(api: Api) -> str:
    """An experiment with four runs: `a` to `d`, begun in that order. Its id."""
    number = api.experiment("searched")
    told: dict[str, tuple[Any, dict[str, str], dict[str, str]]] = {
        "a": (0.9, {"depth": "6", "kind of": "x_y"}, {"team": "Ops", "path/to.it": "1"}),
        "b": (0.7, {"depth": "10"}, {"team": "ops"}),
        "c": ("NaN", {"depth": "9", "kind of": "x*y"}, {"team": "50% off"}),
        "d": (None, {}, {}),
    }
    for place, (name, (auc, params, tags)) in enumerate(told.items()):
        made = api.post(
            "runs/create",
            experiment_id=number,
            run_name=name,
            user_id=f"user {name}",
            start_time=START_MS + place,
            tags=[{"key": key, "value": value} for key, value in tags.items()],
        )
        run = made["run"]["info"]["run_id"]
        metrics = (
            []
            if auc is None
            else [
                {"key": "val auc", "value": 0.1, "timestamp": 1, "step": 0},
                {"key": "val auc", "value": auc, "timestamp": 1, "step": 1},
            ]
        )
        api.post(
            "runs/log-batch",
            run_id=run,
            metrics=metrics,
            params=[{"key": key, "value": value} for key, value in params.items()],
        )
        if name in "ab":
            api.post("runs/update", run_id=run, status="FINISHED", end_time=START_MS + 100 - place)
    return number


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "dcba"),
        ('metrics."val auc" > 0.8', "a"),
        ("metric.`val auc` >= 0.7", "ba"),
        ('metrics."val auc" < 1', "ba"),
        ('metrics."val auc" != 0.9', "b"),
        ('metrics."val auc" = 0.1', ""),
        ('metrics."val auc" <= 7e-1', "b"),
        ('metrics."val auc" > -.5', "ba"),
        ("metrics.other > 0", ""),
        ("params.depth = '6'", "a"),
        ('param.depth != "6"', "cb"),
        ("parameters.depth LIKE '1%'", "b"),
        ("params.`kind of` LIKE 'x_y'", "ca"),
        ("params.`kind of` LIKE 'x*y'", "c"),
        ("params.depth IS NULL", "d"),
        ("params.`kind of` IS NOT NULL", "ca"),
        ("tags.team = 'ops'", "b"),
        ("tag.team ILIKE 'OPS'", "ba"),
        ("tags.team LIKE 'OPS'", ""),
        ("tags.team LIKE 'o%'", "b"),
        ("tags.team LIKE '50% off'", "c"),
        ("tags.team != 'ops'", "ca"),
        ("tags.team IS NULL", "d"),
        ("tags.`path/to.it` = '1'", "a"),
        ("tags.path/to.it = '1'", "a"),
        ("tags.mlflow.runName = 'c'", "c"),
        ("status = 'FINISHED'", "ba"),
        ("attributes.status != 'FINISHED'", "dc"),
        ("run_name = 'a'", "a"),
        ("attr.`run name` = 'a'", "a"),
        ("Run name ILIKE 'A'", "a"),
        ("run.user_id = 'user b'", "b"),
        (f"start_time > {START_MS + 1}", "dc"),
        (f"created <= {START_MS}", "a"),
        (f"end_time < {START_MS + 100}", "b"),
        ("artifact_uri LIKE 'mlflow-artifacts:/%'", "dcba"),
        ("params.depth = '6' and tags.team = 'Ops' AND metrics.`val auc` > 0.8", "a"),
        ("params.depth = '6' AND tags.team = 'ops'", ""),
        ("dataset.name = 'flights'", ""),
    ],
)
def test_filters(api: Api, runs: str, text: str, names: str) -> None:
    assert "".join(api.found(runs, text)) == names


def test_runs_of_a_list(api: Api, runs: str) -> None:
    found = api.post("runs/search", experiment_ids=[runs], filter="run_name = 'a'")["runs"]
    run = found[0]["info"]["run_id"]
    assert api.found(runs, f"run_id IN ('{run}', 'x')") == ["a"]
    assert api.found(runs, f"run_id NOT IN ('{run}')") == ["d", "c", "b"]
    assert api.found(runs, f"run_id = '{run}'") == ["a"]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (["start_time"], "abcd"),
        (["start_time ASC"], "abcd"),
        (["attributes.start_time DESC"], "dcba"),
        (['metrics."val auc"'], "badc"),
        (["metrics.`val auc` DESC"], "abdc"),
        (["params.depth"], "bacd"),
        (["params.depth DESC"], "cabd"),
        (["tags.team asc"], None),
        (["end_time"], "badc"),
        (["end_time DESC"], "abdc"),
        (["status", "run_name desc"], "badc"),
        (["metrics.other DESC"], "dcba"),
        (["run_id"], "abcd"),
    ],
)
def test_orders(api: Api, runs: str, order: list[str], names: str | None) -> None:
    """What is missing, and NaN, is last in either direction; behind all, the later begun is first."""
    found = "".join(api.found(runs, order_by=order))
    if names is None:
        # Which of capitals and others is first the database's collation decides.
        assert (set(found), found[-1]) == (set("abcd"), "d")
    else:
        assert found == names


def test_pages(api: Api, runs: str) -> None:
    seen: list[str] = []
    token = ""
    for _ in range(2):
        reply = api.post(
            "runs/search", experiment_ids=[runs], max_results=2, order_by=["run_name"], page_token=token
        )
        seen += [each["info"]["run_name"] for each in reply["runs"]]
        token = reply.get("next_page_token", "")
    assert (seen, token) == (["a", "b", "c", "d"], "")
    assert "next_page_token" not in api.post("runs/search", experiment_ids=[runs], max_results=4)


def test_a_run_that_is_found_is_told_whole(api: Api, runs: str) -> None:
    (found,) = api.post("runs/search", experiment_ids=[runs], filter="run_name = 'a'")["runs"]
    assert found == api.get("runs/get", run_id=found["info"]["run_id"])["run"]
    assert {each["key"] for each in found["data"]["params"]} == {"depth", "kind of"}


def test_nothing_is_found_in_no_experiment(api: Api, runs: str) -> None:
    assert api.post("runs/search", experiment_ids=[]) == {}
    assert api.post("runs/search", experiment_ids=["99999"]) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": "metrics.auc > 'high'"},
        {"filter": "metrics.auc LIKE 0.5"},
        {"filter": "metrics.auc"},
        {"filter": "metrics.auc >"},
        {"filter": "metrics. > 1"},
        {"filter": "params.depth = 6"},
        {"filter": "params.depth > '6'"},
        {"filter": "params.depth IN ('6')"},
        {"filter": "metrics.auc IS NULL"},
        {"filter": "size = '1'"},
        {"filter": "model.name = '1'"},
        {"filter": "dataset.size = '1'"},
        {"filter": "status IN ('FINISHED')"},
        {"filter": "status > 'FINISHED'"},
        {"filter": "start_time = 'now'"},
        {"filter": "params.a = '1' OR params.b = '2'"},
        {"filter": "(params.a = '1')"},
        {"filter": "params.a = '1' AND"},
        {"filter": "params.a = '1' params.b = '2'"},
        {"filter": "params.a = 'unclosed"},
        {"filter": "params.a = '1'; DROP TABLE runs"},
        {"filter": "run_id IN ()"},
        {"filter": "run_id IN ('a' 'b')"},
        {"filter": "a" * 100_001},
        {"filter": " AND ".join(["params.a = '1'"] * 1_001)},
        {"order_by": [""]},
        {"order_by": ["metrics.auc SIDEWAYS"]},
        {"order_by": ["metrics.auc DESC, params.a"]},
        {"order_by": ["nothing"]},
        {"max_results": 0},
        {"max_results": 50_001},
        {"max_results": "many"},
        {"run_view_type": "SOME"},
        {"experiment_ids": ["first"]},
        {"experiment_ids": "0"},
    ],
)
def test_searches_that_are_refused(api: Api, fields: dict[str, Any]) -> None:
    fields = {"experiment_ids": ["0"], **fields}
    assert api.refused("runs/search", **fields)[:2] == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("value", ["it's", 'say "so"', "a\\b", "50%", "x_y", "';--", "é"])
def test_values_are_never_read_as_language(api: Api, value: str) -> None:
    number = api.experiment()
    run = api.run(number, run_name="odd", tags=[{"key": "odd", "value": value}])
    api.run(number, run_name="plain", tags=[{"key": "odd", "value": "plain"}])
    quoted = value.replace("'", "''")
    assert api.found(number, f"tags.odd = '{quoted}'") == ["odd"]
    assert api.found(number, f"tags.odd ILIKE '{quoted}'") == ["odd"]
    assert api.found(number, f"tags.odd LIKE '{quoted}'") == ["odd"]
    assert run
