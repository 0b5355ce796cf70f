"""What every route of a server needs of HTTP: bodies, request ids, headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from mainspring.errors import InputError
from mainspring.log import find_bound, is_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

REQUEST_ID: Final = b"x-request-id"
_JSON: Final = (b"content-type", b"application/json")


class ClientGoneError(Exception):
    """The client went away before its request was complete."""


class TooLargeError(InputError):
    """More bytes than one request may have."""

    code = "input.too_large"


async def read_body(scope: Scope, receive: Receive, limit: int, hint: str) -> bytes:
    """The whole body of a request.

    Args:
        limit: so many bytes at most.
        hint: what to do where it is larger.

    Raises:
        TooLargeError: it is larger.
        ClientGoneError: it never came.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    # The usual case: everything in one message.
    if not message.get("more_body", False) and message["type"] == "http.request" and len(body) <= limit:
        return body
    parts = [body]
    size = len(body)
    while message["type"] == "http.request" and size <= limit and message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    if size > limit:
        raise TooLargeError(
            expected=f"a body of at most {limit} bytes", got="more", where=scope["path"], hint=hint
        )
    return b"".join(parts)


def find_header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    """The value of a header, whose name is in lower case; None where it is not there."""
    for name, value in headers:
        if name == wanted:
            return bytes(value).decode("latin-1")
    return None


def find_given_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The id that the caller gave the request; None where there is none that can be one."""
    given = find_header(headers, REQUEST_ID)
    return given if given is not None and is_id(given) else None


def request_id() -> str:
    """The id of the request that is answered; empty outside one."""
    return find_bound("request_id") or ""


def json_headers(body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a reply in JSON."""
    return [_JSON, (b"content-length", str(len(body)).encode()), (REQUEST_ID, request_id().encode("ascii"))]
