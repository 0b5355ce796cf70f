"""Reading requests and writing replies: protobuf's JSON, as clients of many versions and languages write it.

Names are in snake case or camel case, not both; whole numbers may be texts; NaN and infinities are texts; what is
null, or absent, is unset; a field that is not known is passed over; some clients encode the JSON twice.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import math
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import parse_qs

import msgspec

from mainspring.server.mlflow.errors import BAD_REQUEST, INVALID, Refusal, invalid, missing

MAX_INT64: Final = 2**63 - 1
MAX_DOUBLE: Final = 1.7976931348623157e308


class Message(msgspec.Struct):
    """A request. Every field may be unset.

    Attributes:
        required: fields that must be set, and not to an empty text.
    """

    required: ClassVar[tuple[str, ...]] = ()


M = TypeVar("M", bound=Message)

encode: Final = msgspec.json.Encoder().encode

_CAMEL_FIELD: Final = re.compile(rb'"[a-z]+[A-Z][A-Za-z]*"\s*:')
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
_PLACE: Final = re.compile(r" - at `\$(?:\[\.\.\.\])?\.?(.*)`$")
_STEPS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def read_json(kind: type[M], body: bytes) -> M:
    """The message of a body.

    Raises:
        Refusal: it is no JSON object, or not of the message's types, or lacks what is required.
    """
    try:
        return _read(kind, body)
    except RecursionError as error:
        raise Refusal(BAD_REQUEST, "The body is nested too deeply.") from error


def _read(kind: type[M], body: bytes) -> M:
    if not body.strip():
        return _whole(kind())
    if body.lstrip()[:1] == b'"':
        body = _unquoted(body)
    if _CAMEL_FIELD.search(body):
        return _whole(_converted(kind, _snake(_loaded(body))))
    try:
        found: M = _decoder(kind).decode(body)
        return _whole(found)
    except msgspec.ValidationError as error:
        raise _refused(error, _loaded(body)) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What else JSON is to others: bare NaN and Infinity.
        return _whole(_converted(kind, _loaded(body)))


def read_query(kind: type[M], query: bytes) -> M:
    """The message of a query string; a repeated field repeats its name."""
    try:
        given = parse_qs(query.decode("ascii"), keep_blank_values=True, strict_parsing=False, errors="strict")
    except ValueError as error:
        raise Refusal(BAD_REQUEST, f"The query string is no UTF-8 text: {error}") from error
    lists = _lists(kind)
    plain: dict[str, Any] = {}
    for name, values in _snake(given).items():
        plain[name] = values if name in lists else values[-1]
    return _whole(_converted(kind, plain))


@functools.cache
def _decoder(kind: type[Message]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=False)


@functools.cache
def _lists(kind: type[Message]) -> frozenset[str]:
    return frozenset(
        field.name
        for field in msgspec.structs.fields(kind)
        if any(typing.get_origin(each) is list for each in (field.type, *typing.get_args(field.type)))
    )


def _unquoted(body: bytes) -> bytes:
    try:
        return msgspec.json.decode(body, type=str).encode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(BAD_REQUEST, f"The body is no JSON: {error}") from error


def _loaded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise Refusal(BAD_REQUEST, f"The body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refusal(BAD_REQUEST, f"The body is to be a JSON object, and is of type {type(found).__name__}.")
    return found


def _snake(value: Any) -> Any:
    """The same with names in snake case."""
    if isinstance(value, list):
        return [_snake(each) for each in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for name, each in value.items():
        plain = _CAMEL.sub(r"_\1", name).lower()
        if plain in made:
            raise Refusal(BAD_REQUEST, f"The field '{plain}' is given twice, as '{name}' and otherwise.")
        made[plain] = _snake(each)
    return made


def _converted(kind: type[M], plain: dict[str, Any]) -> M:
    try:
        return msgspec.convert(plain, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(error, plain) from error


def _refused(error: msgspec.ValidationError, plain: Any) -> Refusal:
    place = _PLACE.search(str(error))
    if place is None:
        return Refusal(BAD_REQUEST, f"The body is not a message of this route: {error}")
    value: Any = plain
    for number, name in _STEPS.findall(place[1]):
        try:
            value = value[int(number)] if number else value[name]
        except (LookupError, TypeError):
            break
    why = _PLACE.sub("", str(error)).replace(" | null", "")
    return invalid(place[1], json.dumps(value, default=str), why[:1].lower() + why[1:])


def _whole(message: M) -> M:
    for name in message.required:
        if getattr(message, name) in {None, ""}:
            raise missing(name)
    return message


def check_int64(parameter: str, value: int) -> int:
    """A whole number that a database can keep."""
    if not -MAX_INT64 - 1 <= value <= MAX_INT64:
        raise invalid(parameter, str(value), "it has 64 bits at most")
    return value


def number(value: float) -> float | str:
    """A double as the protocol writes it: NaN as a text, and infinities as the largest doubles, as its servers do."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else math.copysign(MAX_DOUBLE, value)


def pairs(texts: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Texts by name as the protocol writes them: parameters, tags; in the order of their names."""
    items = texts.items() if isinstance(texts, Mapping) else texts
    return [{"key": key, "value": value} for key, value in sorted(items)]


def without_empty(message: dict[str, Any]) -> dict[str, Any]:
    """A reply without fields that are unset and lists that are empty, which the protocol leaves out."""
    return {name: value for name, value in message.items() if value is not None and value not in ([], {})}


def write_token(place: Any) -> str:
    """A page token, which clients hand back as it is."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def read_token(token: str, kind: Any) -> Any:
    """What `write_token` wrote.

    Raises:
        Refusal: it did not write that.
    """
    try:
        return msgspec.json.decode(base64.b64decode(token, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise Refusal(INVALID, "Invalid page token: it is none that this server gave.") from error


class Offset(msgspec.Struct):
    """A place in a list that is searched anew for each page."""

    offset: typing.Annotated[int, msgspec.Meta(ge=0, le=MAX_INT64)]


def read_offset(token: str | None) -> int:
    """How many come before a page; 0 without a token."""
    return int(read_token(token, Offset).offset) if token else 0
