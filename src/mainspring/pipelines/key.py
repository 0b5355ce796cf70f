"""The cache key: everything that a step's result can depend on, and what changed when it differs."""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mainspring.features.code.closure import CodeClosure
from mainspring.pipelines.encode import encode
from mainspring.pipelines.materialize import Materializers
from mainspring.pipelines.spec import Change, Stored
from mainspring.pipelines.step import Call
from mainspring.types import digest, digest_bytes

SCHEME: Final = "1"
SHOWN_CHARACTERS: Final = 80


def key_fields(
    call: Call,
    *,
    project_id: str,
    code: CodeClosure,
    inputs: Mapping[str, Sequence[Stored]],
    reads: object,
    materializers: Materializers,
) -> dict[str, str]:
    """The key's fields, flat: name in words → value.

    A parameter's value is its digest behind a text for people; two values whose texts agree still differ.

    Raises:
        TypeError: a parameter or what `reads` returned has no canonical form.
    """
    fields = {
        "scheme": SCHEME,
        "project": project_id,
        "step": call.step.name,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "platform": machine(),
    }
    for name, definition in code.definitions.items():
        fields[name if name.startswith("value ") else f"code {name}"] = definition
    fields |= {f"library {name}": version for name, version in code.libraries.items()}
    fields |= {f"parameter {name}": _stamped(value) for name, value in call.parameters.items()}
    for name, stored in inputs.items():
        found = [output.digest for output in stored]
        fields[f"input {name}"] = digest(found) if name in call.many else found[0]
    if reads is not None:
        fields["reads"] = _stamped(reads)
    for name, annotation in call.step.output_types.items():
        materializer = materializers.choose(annotation)
        port = next(port for port in call.step.spec.outputs if port.name == name)
        fields[f"output {name}"] = f"{port.type} as {materializer.name}/{materializer.version}"
        plugin = materializers.origin(materializer)
        if plugin is not None:
            fields[f"output {name} by"] = "{distribution} {version} {code}".format(**plugin)
    return fields


def key_of(fields: Mapping[str, str]) -> str:
    """SHA-256 over the fields."""
    return digest(dict(fields))


def explain(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """Field by field, what makes the two keys differ; empty for equal keys."""
    return [
        Change(field=field, old=_text(old.get(field)), new=_text(new.get(field)))
        for field in sorted(old.keys() | new.keys())
        if old.get(field) != new.get(field)
    ]


@functools.cache
def machine() -> str:
    """Operating system and processor, as in `linux-x86_64`."""
    return f"{sys.platform}-{platform.machine().lower()}"


def _stamped(value: Any) -> str:
    text = repr(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "…"
    return f"{digest_bytes(encode(value))} {text}"


def _text(field: str | None) -> str | None:
    """A field for people: the text behind a digest, or the beginning of a bare digest."""
    if field is None:
        return None
    first, space, text = field.partition(" ")
    is_digest = len(first) == 64 and all(letter in "0123456789abcdef" for letter in first)
    if not is_digest:
        return field
    return text if space else first[:12] + "…"
