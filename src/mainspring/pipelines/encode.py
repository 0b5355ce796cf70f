"""Plain values as bytes and back: what pipeline parameters and small results are made of.

The encoding is typed: 1, 1.0, "1" and True differ, and so do a list, a tuple and a set.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, Final
from uuid import UUID

import cbor2
from pydantic import BaseModel, TypeAdapter, ValidationError

from mainspring.errors import InputError
from mainspring.types import canonical_bytes, from_us

# A key that cannot be a field or be typed by accident marks a value that CBOR alone would not tell apart.
_TYPE: Final = "\x00type"
_INSTANT_TAG: Final = 65_001
_BY_TEXT: Final[dict[str, tuple[type, Any]]] = {
    "date": (date, date.fromisoformat),
    "time": (time, time.fromisoformat),
    "decimal": (Decimal, Decimal),
    "uuid": (UUID, UUID),
    "path": (PurePath, Path),
}


def typed(value: object) -> Any:
    """`value` as plain data that keeps its types apart.

    Raises:
        TypeError: something in it has no canonical form.
    """
    if value is None or isinstance(value, datetime) or type(value) in (bool, int, float, str, bytes):
        return value
    if isinstance(value, enum.Enum):
        return {_TYPE: "enum", "of": _name(type(value)), "value": typed(value.value)}
    if isinstance(value, BaseModel):
        fields = {name: typed(getattr(value, name)) for name in type(value).model_fields}
        return {_TYPE: "object", "of": _name(type(value)), "value": fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: typed(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {_TYPE: "object", "of": _name(type(value)), "value": fields}
    if isinstance(value, timedelta):
        return {_TYPE: "duration", "value": value // timedelta(microseconds=1)}
    for name, (kind, _) in _BY_TEXT.items():
        if isinstance(value, kind):
            return {_TYPE: name, "value": str(value)}
    return _typed_container(value)


def _typed_container(value: Any) -> Any:
    if type(value) is dict:
        return {typed(key): typed(item) for key, item in value.items()}
    if type(value) is list:
        return [typed(item) for item in value]
    if type(value) is tuple or hasattr(value, "_fields"):
        return {_TYPE: "tuple", "value": [typed(item) for item in value]}
    if type(value) in (set, frozenset):
        return {_TYPE: "set", "value": sorted((typed(item) for item in value), key=canonical_bytes)}
    raise TypeError(f"no canonical form for {_name(type(value))}")


def encode(value: object) -> bytes:
    """Canonical bytes of a plain value.

    Raises:
        TypeError: something in it has no canonical form.
    """
    return canonical_bytes(typed(value))


def decode(data: bytes, annotation: object) -> Any:
    """The value that `encode` was given, as the type `annotation`."""
    return _adapter(annotation).validate_python(_untyped(cbor2.loads(data)))


def check(value: object, annotation: object, where: str) -> Any:
    """`value` as `annotation` wants it; nothing is converted but an int that is to be a float.

    Raises:
        InputError: it is of another type.
    """
    try:
        return _adapter(annotation).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"[{part!r}]" for part in first["loc"])
        raise InputError(
            expected=f"{type_name(annotation)} ({first['msg']})",
            got=f"{type(first['input']).__name__}: {first['input']!r:.80}",
            where=where + place,
            hint="Pass a value of the annotated type, or change the annotation.",
        ) from error


def type_name(annotation: object) -> str:
    """A type as people write it, with its module where it is not built in."""
    if isinstance(annotation, type) and not getattr(annotation, "__args__", ()):
        return _name(annotation).removeprefix("builtins.")
    return str(annotation).replace("typing.", "")


def _untyped(value: Any) -> Any:
    if isinstance(value, list):
        return [_untyped(item) for item in value]
    if isinstance(value, cbor2.CBORTag) and value.tag == _INSTANT_TAG:
        return from_us(value.value)
    if not isinstance(value, dict):
        return value
    kind = value.get(_TYPE)
    if kind is None:
        return {_untyped(key): _untyped(item) for key, item in value.items()}
    inner = value["value"]
    if kind in _BY_TEXT:
        return _BY_TEXT[kind][1](inner)
    if kind == "duration":
        return timedelta(microseconds=inner)
    plain = _untyped(inner)
    return tuple(plain) if kind == "tuple" else set(plain) if kind == "set" else plain


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@functools.lru_cache(maxsize=1024)
def _cached_adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _cached_adapter(annotation)
    except TypeError:  # An annotation need not be hashable (Annotated with a list in it).
        return TypeAdapter(annotation)
