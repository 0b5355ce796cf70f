"""What a step returned, part by part, and how it is put where it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainspring.errors import InputError
from mainspring.lineage import Graph
from mainspring.pipelines.materialize import Materializers, Slot
from mainspring.pipelines.spec import Stored
from mainspring.pipelines.step import Step


def parts_of(step: Step[Any, Any], value: Any, where: str) -> dict[str, tuple[Any, Any]]:
    """Output → its value and annotation.

    Raises:
        InputError: the step returned another number of results than its annotation says.
    """
    types = step.output_types
    if list(types) == ["output"]:
        return {"output": (value, types["output"])}
    parts = () if value is None and not types else value
    if not isinstance(parts, tuple) or len(parts) != len(types):
        raise InputError(
            expected=f"a tuple of {len(types)} results" if types else "None, as annotated",
            got=f"{type(value).__name__}: {value!r:.80}",
            where=where,
            hint="Return what the annotation says.",
        )
    return {name: (part, types[name]) for name, part in zip(types, parts, strict=True)}


def store_parts(
    parts: Mapping[str, tuple[Any, Any]], materializers: Materializers, graph: Graph, where: str
) -> list[Stored]:
    """Keep each part; nothing refers to it until it is published.

    Raises:
        InputError: a part is not of its annotated type, or has no stored form.
        PluginError: the plug-in that keeps the type cannot be used.
    """
    kept = []
    for name, (part, annotation) in parts.items():
        materializer = materializers.choose(annotation)
        try:
            stored = materializer.store(part, Slot(name, annotation, graph))
        except InputError as error:
            raise InputError(
                expected=error.expected, got=error.got, where=f"{where}, {error.where}", hint=error.hint
            ) from error
        kept.append(stored.model_copy(update={"plugin": materializers.origin(materializer)}))
    return kept
