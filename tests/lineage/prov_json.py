"""A structural check of PROV-JSON documents.

What must and may stand where is taken from the W3C member submission "The PROV-JSON Serialization" (24 April 2013) and
its schema: a document is an object of sections; a section maps identifiers to records; a record of a relation names
its ends by reserved attributes. Beyond that schema, every end must be a record of the right section (PROV-DM, 5).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

RESERVED = {"prov", "xsd"}
ELEMENTS = ("entity", "activity", "agent")
TIMES = {"prov:startTime", "prov:endTime", "prov:time"}
# Relation → reserved attribute → section of what it names; first those that must stand, then those that may.
RELATIONS: dict[str, dict[str, str]] = {
    "wasGeneratedBy": {"prov:entity": "entity", "prov:activity": "activity"},
    "used": {"prov:activity": "activity", "prov:entity": "entity"},
    "wasAssociatedWith": {"prov:activity": "activity", "prov:agent": "agent"},
    "actedOnBehalfOf": {"prov:delegate": "agent", "prov:responsible": "agent"},
    "wasDerivedFrom": {"prov:generatedEntity": "entity", "prov:usedEntity": "entity"},
}
OPTIONAL: dict[str, dict[str, str]] = {
    "actedOnBehalfOf": {"prov:activity": "activity"},
    "wasDerivedFrom": {"prov:activity": "activity"},
}
IDENTIFIER = re.compile(r"^(_|[A-Za-z][A-Za-z0-9_.-]*):[A-Za-z0-9_.-]+$")
ZONED_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


def check_document(document: dict[str, Any]) -> None:
    """Raise AssertionError unless it is a PROV-JSON document that says only what it defines."""
    assert set(document) <= {"prefix", *ELEMENTS, *RELATIONS}
    prefixes = document["prefix"]
    assert not RESERVED & set(prefixes)
    assert all(re.match(r"^[a-z]+:\S+$", address) for address in prefixes.values())
    for section in (*ELEMENTS, *RELATIONS):
        for identifier, record in document.get(section, {}).items():
            _check_identifier(identifier, prefixes)
            for name, value in record.items():
                _check_attribute(name, value, prefixes)
    for relation, ends in RELATIONS.items():
        for record in document.get(relation, {}).values():
            for attribute, section in ends.items():
                assert record[attribute] in document[section], f"{relation} names {record[attribute]}"
            for attribute, section in OPTIONAL.get(relation, {}).items():
                assert attribute not in record or record[attribute] in document[section]


def _check_identifier(identifier: str, prefixes: dict[str, str]) -> None:
    assert IDENTIFIER.match(identifier), identifier
    assert identifier.split(":", maxsplit=1)[0] in {"_", *RESERVED, *prefixes}, identifier


def _check_attribute(name: str, value: Any, prefixes: dict[str, str]) -> None:
    _check_identifier(name, prefixes)
    if name in TIMES:
        assert ZONED_TIME.match(value)
        assert datetime.fromisoformat(value)
    elif isinstance(value, dict):
        # A typed literal: always text, with the type beside it.
        assert set(value) <= {"$", "type", "lang"}
        assert isinstance(value["$"], str)
        if value["type"] == "xsd:QName":
            _check_identifier(value["$"], prefixes)
    else:
        assert isinstance(value, str | int | float | bool)
