"""The protocol's routes in one table, and how a request finds its own: by one look into a dictionary."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from mainspring.errors import MainspringError
from mainspring.log import get_logger
from mainspring.server.asgi import (
    ClientGoneError,
    Receive,
    Scope,
    Send,
    TooLargeError,
    find_header,
    json_headers,
    read_body,
    request_id,
)
from mainspring.server.mlflow import artifacts, experiments, metrics, runs, search
from mainspring.server.mlflow.artifacts import AnswerBrokenError, ArtifactStreams
from mainspring.server.mlflow.errors import (
    BAD_REQUEST,
    INTERNAL,
    NO_ENDPOINT,
    UNAVAILABLE,
    Refusal,
    refusal_of,
)
from mainspring.server.mlflow.table import PREFIXES, Route
from mainspring.server.mlflow.wire import encode, read_json, read_query
from mainspring.tracking.remote import Remote

_log = get_logger(__name__)

PROTOCOL_VERSION: Final = "3.3.0"
"""What clients are told: from 3.4 on they would send spans of traces."""
SERVER_INFO: Final = {
    "store_type": "SqlStore",
    "workspaces_enabled": False,
    "trace_archival_enabled": False,
    "multipart_uploads_enabled": True,
    "multipart_downloads_enabled": False,
    "artifact_serving_enabled": True,
}
"""What clients ask before they log in: nothing secret."""
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
N_THREADS: Final = 8
"""Calls that wait for the database at once; further ones wait for a thread."""

ROUTES: Final = [*experiments.ROUTES, *runs.ROUTES, *metrics.ROUTES, *search.ROUTES, *artifacts.ROUTES]
_OURS: Final = (
    "/api/",
    "/ajax-api/",
    "/version",
    "/get-artifact",
    "/model-versions/",
    "/graphql",
    "/v1/traces",
)


class Mlflow:
    """Answers clients of the protocol for one project.

    Args:
        remote: makes what serves them, when the first of them comes; runs in a thread.
    """

    def __init__(self, remote: Callable[[], Remote]) -> None:
        self._make = remote
        self._remote: Remote | None = None
        self._making = asyncio.Lock()
        self._table = {(route.method, prefix + route.path): route for route in ROUTES for prefix in PREFIXES}
        self._paths = {path for _, path in self._table}
        self._threads = ThreadPoolExecutor(N_THREADS, thread_name_prefix="mlflow")
        self._streams = ArtifactStreams(self._found, self._in_thread)

    @staticmethod
    def is_for(path: str) -> bool:
        """Whether a path is the protocol's, known or not."""
        return path.startswith(_OURS)

    async def answer(self, scope: Scope, receive: Receive, send: Send, *, is_open: bool) -> None:
        """One request.

        Args:
            is_open: False while the server begins or ends: clients then try again.
        """
        try:
            if not is_open:
                raise Refusal(
                    UNAVAILABLE, "The server is starting or shutting down; /health says when it is ready."
                )
            if self._streams.is_for(scope["path"]):
                await self._streams.answer(scope, receive, send)
                return
            status, body = 200, await self._body(scope, receive)
        except ClientGoneError:
            return
        except AnswerBrokenError as error:
            _log.error("answer.broken", f"{scope['method']} {scope['path']} broke off: {error}", error=error)
            return
        except Refusal as refused:
            status, body = self._refused(refused)
        except TooLargeError as error:
            status, body = self._refused(Refusal(BAD_REQUEST, str(error), status=413))
        except MainspringError as error:
            status, body = self._refused(refusal_of(error), error)
        except Exception as error:  # noqa: BLE001  clients are to hear it in the protocol's words, whatever it is
            _log.error("request.failed", f"{scope['method']} {scope['path']} failed", error=error, trace=True)
            said = f"{type(error).__name__}. The server's log has it, under request {request_id()}."
            status, body = 500, error_body(INTERNAL, said)
        if body is _VERSION:
            await _reply(send, 200, body, [(b"content-type", b"text/plain; charset=utf-8")])
            return
        await _reply(send, status, body, json_headers(body)[:1])

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        method, path = scope["method"], scope["path"]
        route = self._table.get((method, path))
        if route is None:
            return _other(method, path, self._paths)
        query = scope.get("query_string", b"")
        given = b""
        if method != "GET" or not query:
            given = await read_body(scope, receive, MAX_BODY_BYTES, "Send less at once.")
        _check_json(scope, given)
        take = (
            partial(read_query, route.takes, query)
            if method == "GET" and query
            else partial(read_json, route.takes, given)
        )
        remote = await self._found()
        answered: bytes = await self._in_thread(partial(_answered, route, remote, take))
        return answered

    async def _in_thread(self, do: Callable[[], Any]) -> Any:
        """Do what waits for the database or the disk."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, contextvars.copy_context().run, do)

    async def _found(self) -> Remote:
        return self._remote or await self._made()

    async def _made(self) -> Remote:
        async with self._making:
            if self._remote is None:
                self._remote = await asyncio.to_thread(self._make)
        return self._remote

    @staticmethod
    def _refused(refusal: Refusal, error: MainspringError | None = None) -> tuple[int, bytes]:
        say = _log.warning if refusal.code in {INTERNAL, UNAVAILABLE} else _log.debug
        say("request.refused", f"refused: {refusal.message}", error=error, status=refusal.status)
        return refusal.status, error_body(refusal.code, refusal.message)

    def close(self) -> None:
        """Let the threads go, after what is under way."""
        self._threads.shutdown(wait=True)


_VERSION: Final = PROTOCOL_VERSION.encode()


def _answered(route: Route, remote: Remote, take: Callable[[], Any]) -> bytes:
    return encode(route.answers(remote, take()))


def _other(method: str, path: str, known: set[str]) -> bytes:
    """What is no call of the table."""
    if path == "/version" and method == "GET":
        return _VERSION
    if path in {"/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"} and method == "GET":
        return encode(SERVER_INFO)
    if path in known:
        raise Refusal(NO_ENDPOINT, f"{path} is not for {method}.", status=405)
    raise Refusal(NO_ENDPOINT, f"There is no endpoint {method} {path} on this server.")


def _check_json(scope: Scope, body: bytes) -> None:
    """A page of another site can send anything but this content type without asking."""
    if not body:
        return
    kind = (find_header(scope["headers"], b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(
            BAD_REQUEST,
            f"Bad Request. Content-Type must be one of ['application/json'], got {kind or 'none'!r}.",
        )


def error_body(code: str, message: str) -> bytes:
    """A refusal as the protocol writes it: these two fields and no other."""
    return encode({"error_code": code, "message": message})


async def _reply(send: Send, status: int, body: bytes, kind: list[tuple[bytes, bytes]]) -> None:
    headers = [*kind, *json_headers(body)[1:]]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
