"""Executions as OpenLineage events, each validated against the published schemas."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from jsonschema import ValidationError
from tests.lineage.openlineage_schemas import check_event
from tests.serving.airport import START, make_airport

import mainspring as ms
from mainspring.lineage import AssetKind, Code, Graph, Publication, Verdict
from mainspring.lineage.openlineage import line, run_events
from mainspring.project import Project


def told(graph: Graph, *executions: Publication | str) -> list[dict[str, Any]]:
    """The events of these executions, checked."""
    ids = [each if isinstance(each, str) else each.id for each in executions]
    events = [event for work in graph.works(ids) for event in run_events(work, "test")]
    for event in events:
        check_event(event)
    return events


@pytest.fixture
def weather(project: Project) -> Any:
    """A group with one expectation."""
    return project.features.group(
        "weather",
        keys=["origin"],
        event_time="observed_at",
        expectations=[ms.expect.between("temp", -40, 130)],
        on_failure="alert",
    )


def test_work_is_a_start_and_a_complete(graph: Graph) -> None:
    """Run, job and datasets carry our ids and names; the dataset's version is the asset."""
    with graph.execution("load", "planes") as first:
        source = first.add(AssetKind.SOURCE, "planes.csv")
    with graph.execution("register", "late/3", parameters={"rows": 3}) as work:
        work.use(source.id, role="rows")
        work.use(source.id, role="reference")
        made = work.add(AssetKind.MODEL_VERSION, "late", digest="a" * 64)
    start, complete = told(graph, work)

    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    assert start["run"] == complete["run"]
    assert UUID(complete["run"]["runId"]).hex == work.id
    assert (complete["job"]["namespace"], complete["job"]["name"]) == ("test", "register.late")
    (used,), (output,) = complete["inputs"], complete["outputs"]
    assert (used["namespace"], used["name"]) == ("test", "source/planes.csv")
    assert used["inputFacets"]["mainspring_link"]["roles"] == ["reference", "rows"]
    assert output["name"] == "model_version/late"
    assert output["facets"]["version"]["datasetVersion"] == made.id
    assert output["facets"]["mainspring_asset"]["digest"] == "a" * 64
    assert output["facets"]["mainspring_asset"]["assetId"] == made.id
    assert output["facets"]["datasetType"]["datasetType"] == "MODEL"
    assert complete["run"]["facets"]["mainspring_execution"]["parameters"] == {"rows": 3}


def test_the_code_is_named_by_its_commit(graph: Graph) -> None:
    """A Git commit is a location that holds anywhere; without one, or with one of another length, nothing is said."""
    with graph.execution("load", "planes") as work:
        pass
    location = told(graph, work)[0]["job"]["facets"]["sourceCodeLocation"]
    assert (location["url"], location["version"]) == ("swh:1:rev:" + "0" * 40, "0" * 40)

    for commit in (None, "0" * 64):
        graph._code = Code(commit=commit, dirty=None, digest="0" * 64)
        with graph.execution("load", "planes") as work:
            pass
        assert "sourceCodeLocation" not in told(graph, work)[0]["job"]["facets"]


def test_a_step_names_its_pipeline(graph: Graph) -> None:
    """The parent facet carries run and job of the execution above; the job's name says where it belongs."""
    with graph.execution("pipeline", "training", durable=True) as above:
        with graph.execution("step", "train", parent_id=above.id) as step:
            pass
    start = told(graph, step)[0]
    assert start["job"]["name"] == "pipeline.training.train"
    parent = start["run"]["facets"]["parent"]
    assert UUID(parent["run"]["runId"]).hex == above.id
    assert parent["job"] == {"namespace": "test", "name": "pipeline.training"}


def test_a_failure_says_its_error(graph: Graph) -> None:
    """FAIL carries the failure's line; what was used is not known, because nothing was published."""
    with pytest.raises(RuntimeError), graph.execution("train", "model", durable=True) as work:
        raise RuntimeError("out of luck")
    start, failed = told(graph, work)
    assert "errorMessage" not in start["run"]["facets"]
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "RuntimeError: out of luck"


def test_running_work_has_no_end(graph: Graph) -> None:
    """An execution that still runs is a START alone."""
    with graph.execution("train", "model", durable=True) as work:
        assert [event["eventType"] for event in told(graph, work)] == ["START"]


def test_a_found_result_is_an_output_that_was_found(graph: Graph) -> None:
    """Work that was answered from the cache completes, and says that it made nothing."""
    with graph.execution("step", "load") as first:
        made = first.add(AssetKind.ARTIFACT, "frame")
    with graph.execution("step", "load") as second:
        second.output(made.id, role="frame")
        second.mark_cached()
    (output,) = told(graph, second)[-1]["outputs"]
    assert output["outputFacets"]["mainspring_link"]["found"] is True
    assert output["facets"]["version"]["datasetVersion"] == made.id


def test_a_commit_has_its_schema_and_assertions(project: Project, weather: Any) -> None:
    """The columns stand with the commit; what was expected of it stands with whoever reads it, as pass or not."""
    commit = weather.insert(
        pl.DataFrame({"origin": ["JFK", "LGA"], "observed_at": [START, START], "temp": [40.0, 400.0]})
    )
    inserted = project.graph.get_asset(commit.asset_id).execution_id
    (output, evidence) = sorted(
        told(project.graph, inserted)[-1]["outputs"], key=lambda each: -len(each["facets"])
    )
    assert output["name"] == "feature_group/weather@1"
    assert output["facets"]["schema"]["fields"] == [
        {"name": "origin", "type": "string"},
        {"name": "observed_at", "type": "datetime"},
        {"name": "temp", "type": "float64"},
    ]
    assert "schema" not in evidence["facets"]

    with project.graph.execution("train", "model") as work:
        work.use(commit.asset_id)
    (used,) = told(project.graph, work)[-1]["inputs"]
    (assertion,) = used["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert "temp" in assertion["assertion"]
    assert assertion["success"] is False


def test_missing_data_is_no_success(graph: Graph) -> None:
    """A finding that lists no expectations is one assertion; anything but a pass is false."""
    with graph.execution("insert", "weather") as insert:
        commit = insert.add(AssetKind.COMMIT, "weather")
    with graph.execution("look", "weather") as look:
        look.use(commit.id)
        look.evidence(commit.id, "freshness", verdict=Verdict.INSUFFICIENT_DATA, figures={})
    (used,) = told(graph, look)[-1]["inputs"]
    assertions = used["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert assertions == [{"assertion": "freshness", "success": False}]


def test_the_same_work_reads_the_same_for_ever(graph: Graph) -> None:
    """Evidence that comes later changes no event that was told before."""
    with graph.execution("insert", "weather") as insert:
        commit = insert.add(AssetKind.COMMIT, "weather")
    with graph.execution("train", "model") as train:
        train.use(commit.id)
    before = [line(event) for event in told(graph, train)]
    with graph.execution("look", "weather") as look:
        look.evidence(commit.id, "freshness", verdict=Verdict.FAIL, figures={})
    assert [line(event) for event in told(graph, train)] == before


def test_a_line_is_strict_json(graph: Graph) -> None:
    """A number that JSON does not know is null, and a line holds no line break."""
    parameters = {"rate": float("nan"), "bounds": [float("-inf"), 1.5], "note": "zwei\nZeilen"}
    with graph.execution("train", "model", parameters=parameters) as work:
        pass
    written = line(told(graph, work)[0])
    assert b"\n" not in written

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    read = json.loads(written, parse_constant=refuse)
    found = read["run"]["facets"]["mainspring_execution"]["parameters"]
    assert found == {"rate": None, "bounds": [None, 1.5], "note": "zwei\nZeilen"}


def test_everything_that_a_project_does_is_valid(project: Project) -> None:
    """Groups, commits, views, models and deployments: whatever was executed is told by valid events."""
    airport = make_airport(project)
    airport.at(6)
    airport.deployments.create("flights", airport.versions[0], airport.view)
    airport.deployments.close()
    graph = project.graph
    events = told(graph, *dict.fromkeys(event.execution for event in graph.events()))
    kinds = {dataset["name"].split("/")[0] for event in events for dataset in event["outputs"]}
    assert {"source", "feature_group", "feature_view", "model_package", "model_version"} <= kinds
    assert "deployment_revision" in kinds


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event["run"].update(runId="1"),
        lambda event: event.update(eventType="DONE"),
        lambda event: event.update(eventTime="yesterday"),
        lambda event: event["job"]["facets"]["jobType"].pop("integration"),
        lambda event: event["run"]["facets"].update(jobType=event["job"]["facets"]["jobType"]),
        lambda event: event["outputs"][0]["facets"]["mainspring_asset"].update(digest=3),
        lambda event: event["outputs"][0].pop("namespace"),
    ],
)
def test_the_check_refuses_what_is_wrong(graph: Graph, spoil: Any) -> None:
    """The schemas are really asked: an event that is spoilt in one place does not pass."""
    with graph.execution("load", "planes") as work:
        work.add(AssetKind.SOURCE, "planes.csv")
    event = told(graph, work)[-1]
    spoil(event)
    with pytest.raises((ValidationError, AssertionError)):
        check_event(event)
