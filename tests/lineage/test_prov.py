"""Subgraphs as PROV-JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.lineage.prov_json import check_document
from tests.serving.airport import KEYS, REQUEST, Airport, make_airport

from mainspring.lineage import AssetKind, Graph
from mainspring.lineage.prov import document
from mainspring.project import Project


@pytest.fixture
def model(graph: Graph) -> str:
    """The asset of a model that a service made for a person, of data that a person loaded."""
    with graph.execution("load", "planes") as load:
        data = load.add(AssetKind.SOURCE, "planes.csv")
    graph.actor, graph.on_behalf_of = "service:nightly", "user:Zoë O'Hara"
    with graph.execution("train", "late", parameters={"depth": 6}) as train:
        train.use(data.id, role="rows")
        return train.add(AssetKind.MODEL_PACKAGE, "late", digest="a" * 64).id


def written(graph: Graph, asset_id: str) -> dict[str, Any]:
    """The document of everything behind an asset, checked, as a reader gets it."""
    made: dict[str, Any] = json.loads(json.dumps(document(graph.upstream(asset_id), "test")))
    check_document(made)
    return made


def only(section: dict[str, Any]) -> dict[str, Any]:
    """The one record of a section."""
    (record,) = section.values()
    return record


def test_assets_executions_and_actors_are_prov(graph: Graph, model: str) -> None:
    """Entities, activities and agents, and who did what with what."""
    made = written(graph, model)
    entity = made["entity"][f"project:asset-{model}"]
    assert entity["prov:type"] == {"$": "mainspring:model_package", "type": "xsd:QName"}
    assert (entity["prov:label"], entity["mainspring:digest"]) == ("late", "a" * 64)
    execution = f"project:execution-{graph.get_asset(model).execution_id}"
    assert json.loads(made["activity"][execution]["mainspring:parameters"]) == {"depth": 6}
    labels = {record["prov:label"]: record["prov:type"]["$"] for record in made["agent"].values()}
    assert labels == {
        "test": "prov:Person",
        "nightly": "prov:SoftwareAgent",
        "Zoë O'Hara": "prov:Person",
    }
    delegation = only(made["actedOnBehalfOf"])
    assert made["agent"][delegation["prov:delegate"]]["prov:label"] == "nightly"
    assert made["agent"][delegation["prov:responsible"]]["prov:label"] == "Zoë O'Hara"
    assert delegation["prov:activity"] == execution


def test_what_was_made_is_derived_from_what_was_used(graph: Graph, model: str) -> None:
    """Usage, generation and derivation agree, with their roles."""
    made = written(graph, model)
    usage, derivation = only(made["used"]), only(made["wasDerivedFrom"])
    assert usage["prov:role"] == "rows"
    assert usage["prov:entity"] == derivation["prov:usedEntity"]
    assert usage["prov:activity"] == derivation["prov:activity"]
    assert derivation["prov:generatedEntity"] == f"project:asset-{model}"
    generated = {record["prov:entity"]: record for record in made["wasGeneratedBy"].values()}
    assert set(generated) == set(made["entity"])
    assert generated[f"project:asset-{model}"]["prov:activity"] == usage["prov:activity"]


def test_the_same_graph_gives_the_same_document(graph: Graph, model: str) -> None:
    """A second export is equal, names of relations included."""
    assert written(graph, model) == written(graph, model)


def test_a_found_result_is_generated_once(graph: Graph) -> None:
    """What a cached execution yields was made by its producer; the cached one used it as found."""
    with graph.execution("load", "planes") as load:
        data = load.add(AssetKind.SOURCE, "planes.csv")
    with graph.execution("step", "clean") as first:
        first.use(data.id)
        made = first.add(AssetKind.ARTIFACT, "frame")
    with graph.execution("step", "clean") as second:
        second.use(data.id)
        second.output(made.id, role="frame")
        second.mark_cached()
    told = json.loads(json.dumps(document(graph.downstream(data.id), "test")))
    check_document(told)
    entity = f"project:asset-{made.id}"
    assert [
        record["prov:activity"]
        for record in told["wasGeneratedBy"].values()
        if record["prov:entity"] == entity
    ] == [f"project:execution-{first.id}"]
    (found,) = [record for record in told["used"].values() if record["prov:entity"] == entity]
    assert found["prov:type"]["$"] == "mainspring:Found"
    assert found["prov:activity"] == f"project:execution-{second.id}"


def test_a_prediction_is_derived_from_model_and_rows(project: Project) -> None:
    """A row that hangs on the graph is one more entity, down to the files that its values came from."""
    airport: Airport = make_airport(project)
    airport.at(6)
    deployment = airport.deployments.create("flights", airport.versions[0], airport.view)
    answer = deployment.predict(keys=KEYS, request=REQUEST)
    airport.deployments.close()
    for each in project.deployments.list():
        each.publish_log()
    origin = project.lineage.upstream(answer.prediction_id)
    told = json.loads(json.dumps(document(origin.graph, "test", origin.leaf)))
    check_document(told)
    prediction = f"project:prediction-{answer.prediction_id}"
    sources = [
        told["entity"][record["prov:usedEntity"]]["prov:type"]["$"]
        for record in told["wasDerivedFrom"].values()
        if record["prov:generatedEntity"] == prediction
    ]
    assert {"mainspring:commit", "mainspring:model_package", "mainspring:deployment_revision"} <= set(sources)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.update(wasMadeBy={}),
        lambda told: told["entity"].popitem(),
        lambda told: only(told["used"]).pop("prov:entity"),
        lambda told: only(told["used"]).update({"prov:entity": "project:nothing"}),
        lambda told: told["agent"].update({"no colon": {}}),
        lambda told: told["prefix"].pop("mainspring"),
    ],
)
def test_the_check_refuses_what_is_wrong(graph: Graph, model: str, spoil: Any) -> None:
    """A document that is spoilt in one place does not pass."""
    told = written(graph, model)
    spoil(told)
    with pytest.raises((AssertionError, KeyError)):
        check_document(told)
