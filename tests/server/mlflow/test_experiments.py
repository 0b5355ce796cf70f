"""Experiments over the protocol."""

from __future__ import annotations

import pytest
from tests.server.mlflow.conftest import Api


def test_an_experiment_as_it_is_told(api: Api) -> None:
    number = api.experiment("told", tags=[{"key": "team", "value": "ops"}])
    assert number.isdecimal()
    found = api.get("experiments/get", experiment_id=number)["experiment"]
    assert found.pop("creation_time") == found.pop("last_update_time") > 1_600_000_000_000
    assert found == {
        "experiment_id": number,
        "name": "told",
        "artifact_location": f"mlflow-artifacts:/{number}",
        "lifecycle_stage": "active",
        "tags": [{"key": "team", "value": "ops"}],
    }
    assert api.get("experiments/get-by-name", experiment_name="told")["experiment"]["experiment_id"] == number


def test_the_experiment_of_those_who_name_none(api: Api) -> None:
    assert api.get("experiments/get", experiment_id="0")["experiment"]["name"] == "Default"


def test_names_are_taken_once(api: Api) -> None:
    """By deleted experiments too: 400, not 409."""
    number = api.experiment("once")
    assert api.refused("experiments/create", name="once")[:2] == (400, "RESOURCE_ALREADY_EXISTS")
    api.post("experiments/delete", experiment_id=number)
    status, code, message = api.refused("experiments/create", name="once")
    assert (status, code) == (400, "RESOURCE_ALREADY_EXISTS")
    assert "deleted" in message


@pytest.mark.parametrize("name", ["   ", "x" * 501, "a\x00b"])
def test_names_that_are_refused(api: Api, name: str) -> None:
    assert api.refused("experiments/create", name=name)[:2] == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("location", ["s3://bucket/../other", "file:///a#b", "http://a?b", "..\\up"])
def test_locations_that_are_refused(api: Api, location: str) -> None:
    found = api.refused("experiments/create", name=f"at {location}", artifact_location=location)
    assert found[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_a_location_of_its_own(api: Api) -> None:
    number = api.experiment(artifact_location="mlflow-artifacts:/folder/")
    run = api.run(number)
    uri = api.get("runs/get", run_id=run)["run"]["info"]["artifact_uri"]
    assert uri == f"mlflow-artifacts:/folder/{run}/artifacts"
    assert api.found(number, f"artifact_uri = '{uri}'") != []


@pytest.mark.parametrize("given", ["999999", "12345678901234567"])
def test_numbers_of_no_experiment(api: Api, given: str) -> None:
    found = api.refused("experiments/get", method="GET", experiment_id=given)
    assert found[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    assert api.refused("runs/create", experiment_id=given)[:2] == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_name_of_no_experiment(api: Api) -> None:
    """Clients take this code for None, and no other."""
    found = api.refused("experiments/get-by-name", method="GET", experiment_name="nowhere")
    assert found[:2] == (404, "RESOURCE_DOES_NOT_EXIST")


def test_what_is_no_number(api: Api) -> None:
    found = api.refused("experiments/get", method="GET", experiment_id="first")
    assert found[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_renaming(api: Api) -> None:
    """The former name leads to it still, and is nobody else's."""
    number = api.experiment("before")
    other = api.experiment("other")
    api.post("experiments/update", experiment_id=number, new_name="after")
    api.post("experiments/update", experiment_id=number, new_name="after")
    found = api.get("experiments/get", experiment_id=number)["experiment"]
    assert found["name"] == "after"
    assert found["last_update_time"] >= found["creation_time"]
    assert api.get("experiments/get-by-name", experiment_name="before")["experiment"]["name"] == "after"
    refused = api.refused("experiments/update", experiment_id=other, new_name="before")
    assert refused[:2] == (400, "RESOURCE_ALREADY_EXISTS")
    run = api.run(number)
    assert api.get("runs/get", run_id=run)["run"]["info"]["experiment_id"] == number
    assert api.project.tracking.runs("after")[0].id == run


def test_tags(api: Api) -> None:
    number = api.experiment()
    api.post("experiments/set-experiment-tag", experiment_id=number, key="a.b c/d", value="1")
    api.post("experiments/set-experiment-tag", experiment_id=number, key="a.b c/d", value="2")
    api.post("experiments/set-experiment-tag", experiment_id=number, key="other", value="")
    found = api.get("experiments/get", experiment_id=number)["experiment"]
    assert found["tags"] == [{"key": "a.b c/d", "value": "2"}, {"key": "other", "value": ""}]
    api.post("experiments/delete-experiment-tag", experiment_id=number, key="other")
    status, code, message = api.refused(
        "experiments/delete-experiment-tag", experiment_id=number, key="other"
    )
    assert (status, code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert message.startswith("No tag with name: other")
    long = api.refused("experiments/set-experiment-tag", experiment_id=number, key="k", value="x" * 20_001)
    assert long[:2] == (400, "INVALID_PARAMETER_VALUE")


def test_deleted_and_restored(api: Api) -> None:
    """Its runs go and come with it; it can be read all the while, and no other change is taken."""
    number = api.experiment("goes")
    run = api.run(number, run_name="inside")
    api.post("experiments/delete", experiment_id=number)
    assert api.get("experiments/get", experiment_id=number)["experiment"]["lifecycle_stage"] == "deleted"
    assert api.get("runs/get", run_id=run)["run"]["info"]["lifecycle_stage"] == "deleted"
    assert api.found(number) == []
    assert api.found(number, run_view_type="DELETED_ONLY") == ["inside"]
    refused = [
        api.refused("runs/create", experiment_id=number),
        api.refused("experiments/set-experiment-tag", experiment_id=number, key="k", value="v"),
        api.refused("experiments/update", experiment_id=number, new_name="elsewhere"),
        api.refused("runs/set-tag", run_id=run, key="k", value="v"),
    ]
    assert [each[:2] for each in refused] == [(400, "INVALID_PARAMETER_VALUE")] * 4
    assert api.refused("experiments/delete", experiment_id=number)[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    api.post("experiments/restore", experiment_id=number)
    assert api.found(number) == ["inside"]
    assert api.refused("experiments/restore", experiment_id=number)[:2] == (404, "RESOURCE_DOES_NOT_EXIST")
    assert [mark.name for mark in api.project.graph.marks()].count("goes") == 0


def names(api: Api, **fields: object) -> list[str]:
    return [each["name"] for each in api.post("experiments/search", **fields).get("experiments", [])]


def test_searching(api: Api) -> None:
    for name in ("s-one", "s-Two", "s-three"):
        number = api.experiment(name, tags=[{"key": "s", "value": name}])
    api.post("experiments/delete", experiment_id=number)
    mine = "name LIKE 's-%'"
    assert names(api, filter=mine) == ["s-Two", "s-one"]
    assert names(api, filter=mine, view_type="DELETED_ONLY") == ["s-three"]
    assert names(api, filter=mine, view_type=3, order_by=["name DESC"]) == ["s-three", "s-one", "s-Two"]
    assert names(api, filter="name LIKE 's-t%'", view_type="ALL") == ["s-three"]
    assert names(api, filter="name ILIKE 's-t%'", order_by=["experiment_id"]) == ["s-Two"]
    assert names(api, filter="tags.s = 's-one'") == ["s-one"]
    assert names(api, filter=f"{mine} AND tags.s IS NULL") == []
    assert names(api, filter=f"{mine} AND tags.s IS NOT NULL AND attribute.name != 's-one'") == ["s-Two"]
    assert names(api, filter=f"experiment_id IN ('{number}', '0')", view_type="ALL") == ["s-three", "Default"]
    assert names(api, filter=f"{mine} AND creation_time > 1600000000000 AND last_update_time < 1") == []


def test_pages(api: Api) -> None:
    made = [api.experiment(f"page {n}") for n in range(5)]
    seen, token = [], ""
    for _ in range(3):
        reply = api.post(
            "experiments/search",
            filter="name LIKE 'page %'",
            order_by=["name"],
            max_results=2,
            page_token=token,
        )
        seen += [each["experiment_id"] for each in reply["experiments"]]
        token = reply.get("next_page_token", "")
    assert (seen, token) == (made, "")


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": "size > 1"},
        {"filter": "metrics.m > 1"},
        {"filter": "name > 'a'"},
        {"filter": "name = 'a' OR name = 'b'"},
        {"order_by": ["size"]},
        {"order_by": ["name UP"]},
        {"max_results": 0},
        {"max_results": -1},
        {"max_results": 50_001},
        {"view_type": "SOME"},
    ],
)
def test_searches_that_are_refused(api: Api, fields: dict[str, object]) -> None:
    assert api.refused("experiments/search", **fields)[:2] == (400, "INVALID_PARAMETER_VALUE")
