"""Executions as OpenLineage 2-0-2 run events: pure functions from work to plain JSON.

The same work always gives the same event, so that one which is delivered twice can be told by its content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mainspring import __version__
from mainspring.lineage.spec import Asset, AssetKind, Evidence, Execution, ExecutionState, Verdict
from mainspring.lineage.work import Tie, Work

Event = dict[str, Any]

PRODUCER: Final = f"urn:mainspring:{__version__}"
SPEC: Final = "https://openlineage.io/spec"
RUN_EVENT: Final = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
OWN: Final = "urn:mainspring:openlineage"
"""Where the schemas of our own facets are named; the files lie beside this one."""

_FACETS: Final = {
    "parent": f"{SPEC}/facets/1-0-0/ParentRunFacet.json",
    "errorMessage": f"{SPEC}/facets/1-0-0/ErrorMessageRunFacet.json",
    "jobType": f"{SPEC}/facets/2-0-4/JobTypeJobFacet.json",
    "sourceCodeLocation": f"{SPEC}/facets/1-0-0/SourceCodeLocationJobFacet.json",
    "version": f"{SPEC}/facets/1-0-0/DatasetVersionDatasetFacet.json",
    "datasetType": f"{SPEC}/facets/1-0-0/DatasetTypeDatasetFacet.json",
    "schema": f"{SPEC}/facets/1-0-0/SchemaDatasetFacet.json",
    "dataQualityAssertions": f"{SPEC}/facets/1-0-0/DataQualityAssertionsDatasetFacet.json",
    "mainspring_execution": f"{OWN}:execution:1-0-0",
    "mainspring_asset": f"{OWN}:asset:1-0-0",
    "mainspring_link": f"{OWN}:link:1-0-0",
}

_DATASET_TYPES: Final = {
    AssetKind.SOURCE: "FILE",
    AssetKind.COMMIT: "TABLE",
    AssetKind.FEATURE_VIEW: "VIEW",
    AssetKind.TRAINING_DATASET: "TABLE",
    AssetKind.MODEL_PACKAGE: "MODEL",
    AssetKind.MODEL_VERSION: "MODEL",
}
_NUMBER: Final = re.compile(r"/\d+$")
_GIT_SHA1: Final = re.compile(r"^[0-9a-f]{40}$")


def start(work: Work, namespace: str) -> Event:
    """The event that says that the execution began. What it uses is not known yet."""
    return {**_event("START", work.execution.started_at, work, namespace), "inputs": [], "outputs": []}


def end(work: Work, namespace: str) -> Event:
    """The event that says how the execution ended, with everything that it used and made.

    Raises:
        ValueError: it still runs.
    """
    execution = work.execution
    if execution.finished_at is None:
        raise ValueError(f"execution {execution.id} still runs")
    kind = "FAIL" if execution.state in {ExecutionState.FAILED, ExecutionState.LOST} else "COMPLETE"
    return {
        **_event(kind, execution.finished_at, work, namespace),
        "inputs": [_input(tie, work, namespace) for tie in work.inputs()],
        "outputs": [_output(tie, namespace) for tie in work.outputs()],
    }


def line(event: Event) -> bytes:
    """The event as one line of UTF-8 JSON, without its line break."""
    return json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def run_events(work: Work, namespace: str) -> Iterator[Event]:
    """START, and how it ended if it has."""
    yield start(work, namespace)
    if work.execution.finished_at is not None:
        yield end(work, namespace)


def job_name(execution: Execution, above: Sequence[Execution]) -> str:
    """What recurs: `insert.weather`; a step is `pipeline.training.train`. The number of a version is no part of it."""
    own = _NUMBER.sub("", execution.name)
    if execution.kind == "step" and above:
        return f"{job_name(above[0], above[1:])}.{own}"
    return f"{execution.kind}.{own}"


def dataset_name(asset: Asset) -> str:
    """What has versions: a feature group for its commits, else the kind and the name."""
    if asset.kind is AssetKind.COMMIT:
        return f"feature_group/{asset.name}@{asset.attributes.get('version', 1)}"
    return f"{asset.kind.value}/{asset.name}"


def _event(kind: str, at: datetime, work: Work, namespace: str) -> Event:
    execution = work.execution
    run_facets = {"mainspring_execution": _execution_facet(execution)}
    if work.above:
        parent = {"namespace": namespace, "name": job_name(work.above[0], work.above[1:])}
        run_facets["parent"] = _facet("parent", run={"runId": run_id(work.above[0].id)}, job=parent)
    if kind == "FAIL":
        run_facets["errorMessage"] = _facet(
            "errorMessage", message=execution.error or "", programmingLanguage="PYTHON"
        )
    return {
        "eventType": kind,
        "eventTime": _time(at),
        "producer": PRODUCER,
        "schemaURL": RUN_EVENT,
        "run": {"runId": run_id(execution.id), "facets": run_facets},
        "job": {
            "namespace": namespace,
            "name": job_name(execution, work.above),
            "facets": _job_facets(execution),
        },
    }


def run_id(execution_id: str) -> str:
    """Our id as a UUID with dashes: the same number."""
    return str(UUID(execution_id))


def _job_facets(execution: Execution) -> dict[str, Any]:
    facets = {
        "jobType": _facet(
            "jobType", processingType="BATCH", integration="MAINSPRING", jobType=execution.kind.upper()
        )
    }
    commit = execution.code_commit
    if commit is not None and _GIT_SHA1.match(commit):
        # The address of a Git commit that holds wherever the repository lies: its software hash identifier.
        facets["sourceCodeLocation"] = _facet(
            "sourceCodeLocation", type="git", url=f"swh:1:rev:{commit}", version=commit
        )
    return facets


def _execution_facet(execution: Execution) -> dict[str, Any]:
    """What was known when it began: it stands in every event of the run."""
    return _facet(
        "mainspring_execution",
        executionId=execution.id,
        kind=execution.kind,
        name=execution.name,
        actor=execution.actor,
        onBehalfOf=execution.on_behalf_of,
        occurredAt=_time(execution.occurred_at),
        codeDigest=execution.code_digest,
        codeCommit=execution.code_commit,
        codeDirty=execution.code_dirty,
        parameters=execution.parameters,
    )


def _input(tie: Tie, work: Work, namespace: str) -> dict[str, Any]:
    facets = {"mainspring_link": _facet("mainspring_link", roles=list(tie.roles), found=False)}
    if tie.asset.kind is AssetKind.COMMIT:
        assertions = [
            assertion for finding in work.findings.get(tie.asset.id, ()) for assertion in _assertions(finding)
        ]
        if assertions:
            facets["dataQualityAssertions"] = _facet("dataQualityAssertions", assertions=assertions)
    return {**_dataset(tie.asset, namespace), "inputFacets": facets}


def _output(tie: Tie, namespace: str) -> dict[str, Any]:
    link = _facet("mainspring_link", roles=list(tie.roles), found=tie.direction.value == "found")
    return {**_dataset(tie.asset, namespace), "outputFacets": {"mainspring_link": link}}


def _dataset(asset: Asset, namespace: str) -> dict[str, Any]:
    facets = {
        "version": _facet("version", datasetVersion=asset.id),
        "datasetType": _facet(
            "datasetType", datasetType=_DATASET_TYPES.get(asset.kind, asset.kind.value.upper())
        ),
        "mainspring_asset": _facet(
            "mainspring_asset",
            assetId=asset.id,
            kind=asset.kind.value,
            name=asset.name,
            digest=asset.digest,
            executionId=asset.execution_id,
            createdAt=_time(asset.created_at),
        ),
    }
    columns = asset.attributes.get("columns")
    if columns and isinstance(columns, dict):
        fields = [{"name": name, "type": kind} for name, kind in columns.items()]
        facets["schema"] = _facet("schema", fields=fields)
    return {"namespace": namespace, "name": dataset_name(asset), "facets": facets}


def _assertions(finding: Evidence) -> list[dict[str, Any]]:
    """One for each expectation, or one for a finding that lists none. Only a pass is a success."""
    expectations = finding.figures.get("expectations")
    if not isinstance(expectations, list):
        return [{"assertion": finding.name, "success": finding.verdict is Verdict.PASS}]
    return [
        {"assertion": each["name"], "success": each["verdict"] == Verdict.PASS.value} for each in expectations
    ]


def _facet(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": _FACETS[name], **fields}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
