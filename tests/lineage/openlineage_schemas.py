"""Validates OpenLineage events against the published schemas, which lie in tests/data, and our own facets."""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

import mainspring

PUBLISHED = Path(__file__).parents[1] / "data" / "openlineage"
OWN = Path(mainspring.__file__).parent / "lineage" / "facets"
CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
# Facets name the core version of their day; what they take from it, the base facets, has not changed.
OLDER_CORE = "https://openlineage.io/spec/1-0-2/OpenLineage.json"

PLACES = {
    "RunFacet": "run",
    "JobFacet": "job",
    "DatasetFacet": "dataset",
    "InputDatasetFacet": "input",
    "OutputDatasetFacet": "output",
}

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    """RFC 3339: with seconds and a zone."""
    text = str(value)
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text)) and bool(
        datetime.fromisoformat(text)
    )


@_formats.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    """With dashes, as RFC 9562 writes it."""
    return str(uuid.UUID(str(value))) == value


@_formats.checks("uri")
def _is_uri(value: object) -> bool:
    """A scheme and a rest without blanks (RFC 3986, section 3)."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+", str(value)))


def _load() -> tuple[Registry[Any], dict[str, dict[str, Any]]]:
    files = [PUBLISHED / "OpenLineage.json", *PUBLISHED.glob("facets/*.json"), *OWN.glob("*.json")]
    schemas = {}
    for path in files:
        schema = json.loads(path.read_text(encoding="utf-8"))
        schemas[schema["$id"]] = schema
    resources = [(name, Resource.from_contents(schema)) for name, schema in schemas.items()]
    resources.append((OLDER_CORE, Resource.from_contents(schemas[CORE])))
    return Registry().with_resources(resources), schemas


REGISTRY, SCHEMAS = _load()


def check_event(event: dict[str, Any]) -> None:
    """Raise unless the event and each of its facets is what its schema says, in the place it is for."""
    assert event["schemaURL"] == f"{CORE}#/$defs/RunEvent"
    _validator({"$ref": event["schemaURL"]}).validate(event)
    _validator({"$ref": CORE}).validate(event)
    _check_facets("run", event["run"]["facets"])
    _check_facets("job", event["job"]["facets"])
    for side in ("input", "output"):
        for dataset in event[f"{side}s"]:
            _check_facets("dataset", dataset["facets"])
            _check_facets(side, dataset[f"{side}Facets"])


def _check_facets(place: str, facets: dict[str, Any]) -> None:
    for name, facet in facets.items():
        schema = SCHEMAS[facet["_schemaURL"]]
        if "$defs" in schema:
            # A published file says under which name and in which place its facet stands.
            assert list(schema["properties"]) == [name]
            (described,) = schema["$defs"].values()
            base = described["allOf"][0]["$ref"].rsplit("/", 1)[1]
            assert PLACES[base] == place, f"{name} is a {base}"
            _validator({"$ref": facet["_schemaURL"]}).validate({name: facet})
        else:
            assert schema["title"] == name
            _validator({"$ref": facet["_schemaURL"]}).validate(facet)


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, registry=REGISTRY, format_checker=_formats)
