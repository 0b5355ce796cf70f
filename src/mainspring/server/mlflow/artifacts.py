"""Routes of artifacts: files through the server, in one piece or in parts, listed, read and deleted.

Bytes pass piece by piece, so that a file of any size needs no more memory than a small one; of a client that goes away
in the middle of an upload nothing is left.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

from mainspring.ports.blobs import Blob, Stage
from mainspring.server.asgi import (
    ClientGoneError,
    Receive,
    Scope,
    Send,
    TooLargeError,
    find_header,
    json_headers,
    read_body,
)
from mainspring.server.mlflow.errors import BAD_REQUEST, INVALID, MISSING, NOT_IMPLEMENTED, Refusal, missing
from mainspring.server.mlflow.runs import OfRun, run_of
from mainspring.server.mlflow.table import Route
from mainspring.server.mlflow.wire import (
    Message,
    encode,
    read_json,
    read_offset,
    read_query,
    without_empty,
    write_token,
)
from mainspring.tracking.artifacts.locations import read_folder, read_path
from mainspring.tracking.artifacts.spec import Entry
from mainspring.tracking.remote import Remote

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]

PREFIXES: Final = ("/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/")
GET_ARTIFACT: Final = "/get-artifact"
PIECE_BYTES: Final = 1 << 20
"""So much is gathered before it is handed to the disk."""
MAX_MESSAGE_BYTES: Final = 4 << 20
PAGE: Final = 10_000
_TEXT: Final = frozenset(
    {
        "MLmodel",
        "MLproject",
        ".cfg",
        ".conf",
        ".csv",
        ".ini",
        ".json",
        ".log",
        ".md",
        ".py",
        ".r",
        ".rst",
        ".toml",
    }
    | {".tsv", ".txt", ".yaml", ".yml"}
)
"""Files that people read, by their ending or name."""


class List(OfRun):
    """What `artifacts/list` takes."""

    path: str | None = None
    page_token: str | None = None


class Begin(Message):
    """What `mpu/create` takes: the file's name, or its path at the client; and how many parts there will be."""

    required: ClassVar = ("path",)
    path: str | None = None
    num_parts: int | None = None


class PartSent(Message):
    """A part as its sender knows it."""

    part_number: int | None = None
    etag: str | None = None
    url: str | None = None


class Finish(Message):
    """What `mpu/complete` and `mpu/abort` take."""

    required: ClassVar = ("upload_id",)
    path: str | None = None
    upload_id: str | None = None
    parts: list[PartSent] | None = None


class Presign(Message):
    """What the calls for presigned URLs take."""


def list_artifacts(remote: Remote, given: List) -> dict[str, Any]:
    """`GET artifacts/list`."""
    uri, files = remote.artifacts.of(run_of(given))
    found = files.entries(read_folder(given.path, "path"))
    offset = read_offset(given.page_token)
    more = write_token({"offset": offset + PAGE}) if len(found) > offset + PAGE else None
    told = [_told(entry, entry.path) for entry in found[offset : offset + PAGE]]
    return without_empty({"root_uri": uri, "files": told, "next_page_token": more})


def _presigned(remote: Remote, given: Presign) -> dict[str, Any]:  # noqa: ARG001 - what a route is called with
    raise Refusal(
        NOT_IMPLEMENTED, "This server gives no presigned URLs: send and fetch artifacts through it."
    )


ROUTES: Final = [
    Route("GET", "artifacts/list", List, list_artifacts),
    Route("POST", "artifacts/presigned-upload-url", Presign, _presigned),
    Route("POST", "artifacts/presigned-download-url", Presign, _presigned),
]


class ArtifactStreams:
    """Routes whose bodies are bytes.

    Args:
        remote: what serves the project, once it is made.
        in_thread: does what waits for the disk or the database.
    """

    def __init__(self, remote: Callable[[], Awaitable[Remote]], in_thread: InThread) -> None:
        self._remote = remote
        self._in_thread = in_thread

    @staticmethod
    def is_for(path: str) -> bool:
        """Whether a path is one of these routes'."""
        return path == GET_ARTIFACT or path.startswith(PREFIXES)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request.

        Raises:
            Refusal, MainspringError: it is refused, and nothing of an answer has been sent.
            ClientGoneError: there is nobody to answer.
        """
        method, path = scope["method"], scope["path"]
        _check_origin(scope)
        if path == GET_ARTIFACT and method == "GET":
            await self._of_run(scope, send)
            return
        _, _, call = path.partition("/mlflow-artifacts/")
        route, _, tail = call.partition("/")
        if route == "mpu":
            step, _, tail = tail.partition("/")
            route = f"mpu/{step}"
        routes = self._routes(method, route, is_top=not tail)
        if routes is None:
            raise Refusal(MISSING, f"There is no endpoint {method} {path} on this server.")
        await routes(tail, scope, receive, send)

    def _routes(
        self, method: str, route: str, *, is_top: bool
    ) -> Callable[[str, Scope, Receive, Send], Awaitable[None]] | None:
        if (method, route, is_top) == ("GET", "artifacts", True):
            return self._list
        return {
            ("PUT", "artifacts"): self._put,
            ("GET", "artifacts"): self._get,
            ("DELETE", "artifacts"): self._delete,
            ("POST", "mpu/create"): self._begin,
            ("PUT", "mpu/part"): self._put_part,
            ("POST", "mpu/complete"): self._complete,
            ("POST", "mpu/abort"): self._abort,
            ("GET", "presigned"): self._presigned,
        }.get((method, route))

    async def _put(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        remote = await self._remote()

        def check() -> tuple[Any, str]:
            files, name = remote.artifacts.at(path)
            files.check_may_keep(name)
            return files, name

        files, name = await self._in_thread(check)
        blob = await self._receive(remote, scope, receive)
        await self._in_thread(lambda: files.keep(name, blob, replace=True))
        await _reply(send, {})

    async def _receive(self, remote: Remote, scope: Scope, receive: Receive) -> Blob:
        """The body, as a blob; nothing is left of one that does not come whole."""
        length, most = _length(scope), remote.artifacts.max_bytes
        if length is not None and length > most:
            raise _too_large(scope, most)
        stage: Stage = await self._in_thread(remote.artifacts.stage)
        try:
            n_bytes = 0
            async for piece in _pieces(receive):
                n_bytes += len(piece)
                if n_bytes > most:
                    raise _too_large(scope, most)
                await self._in_thread(partial(stage.write, piece))
            if length is not None and n_bytes != length:
                raise Refusal(BAD_REQUEST, f"The body has {n_bytes} bytes, and {length} were announced.")
            blob: Blob = await self._in_thread(stage.publish)
            return blob
        finally:
            await self._in_thread(stage.discard)

    async def _get(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        remote = await self._remote()

        def find() -> tuple[Any, Iterator[bytes]]:
            files, name = remote.artifacts.at(path)
            return files.get(name), files.stream(name)

        await self._send(send, *await self._in_thread(find))

    async def _of_run(self, scope: Scope, send: Send) -> None:
        """`GET /get-artifact?run_id=…&path=…`."""
        given = read_query(List, scope.get("query_string", b""))
        if not given.path:
            raise missing("path")
        run_id, name = run_of(given), read_path(given.path, "path")
        remote = await self._remote()

        def find() -> tuple[Any, Iterator[bytes]]:
            _, files = remote.artifacts.of(run_id)
            return files.get(name), files.stream(name)

        await self._send(send, *await self._in_thread(find))

    async def _send(self, send: Send, artifact: Any, pieces: Iterator[bytes]) -> None:
        name = artifact.name.rpartition("/")[2]
        headers = [
            (b"content-type", _kind(name).encode()),
            (b"content-length", str(artifact.size_bytes).encode()),
            (b"etag", f'"{artifact.sha256}"'.encode()),
            # A page among the artifacts must not run as one of ours.
            (b"content-disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}".encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"sandbox; default-src 'none'"),
            *json_headers(b"")[2:],
        ]
        # Before the answer begins: of damage to a small file the client is told.
        piece = await self._in_thread(lambda: next(pieces, b""))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            while piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await self._in_thread(lambda: next(pieces, b""))
            await send({"type": "http.response.body", "body": b""})
        except Exception as error:
            # The answer has begun: it ends short of its length, which no client takes for the whole. Whatever it was is
            # in the server's log, as `answer.broken`.
            raise AnswerBrokenError(f"{artifact.name!r}: {error}") from error

    async def _list(self, _: str, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        given = read_query(List, scope.get("query_string", b""))
        remote = await self._remote()

        def find() -> list[Entry]:
            files, folder = remote.artifacts.at(given.path or "")
            return list(files.entries(folder))

        found = await self._in_thread(find)
        await _reply(
            send, without_empty({"files": [_told(each, each.path.rpartition("/")[2]) for each in found]})
        )

    async def _delete(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        remote = await self._remote()

        def delete() -> None:
            files, name = remote.artifacts.at(path)
            files.delete(name)

        await self._in_thread(delete)
        await _reply(send, {})

    async def _begin(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        given = await _message(Begin, scope, receive)
        remote = await self._remote()

        def begin() -> Any:
            files, name = remote.artifacts.at(_beside(path, given.path or ""))
            return remote.artifacts.uploads.begin(files.run_id, name, given.num_parts or 0)

        begun = await self._in_thread(begin)
        server = f"{scope.get('scheme', 'http')}://{_host(scope)}{scope.get('root_path', '')}"
        top = f"{server}{PREFIXES[0]}mpu/part/{begun.id}"
        parts = [
            {"url": f"{top}/{number}", "part_number": number, "headers": {}}
            for number in range(1, begun.n_parts + 1)
        ]
        await _reply(send, {"upload_id": begun.id, "credentials": parts})

    async def _put_part(self, tail: str, scope: Scope, receive: Receive, send: Send) -> None:
        upload_id, _, number = tail.partition("/")
        if not number.isascii() or not number.isdigit() or len(number) > 6:
            raise Refusal(INVALID, f"Invalid part {number[:60]!r}: parts are numbered from 1.")
        remote = await self._remote()
        await self._in_thread(lambda: remote.artifacts.uploads.get(upload_id))
        blob = await self._receive(remote, scope, receive)
        part = await self._in_thread(lambda: remote.artifacts.uploads.put(upload_id, int(number), blob))
        await _reply(send, {}, (b"etag", f'"{part.sha256}"'.encode()))

    async def _complete(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        given = await _message(Finish, scope, receive)
        remote = await self._remote()

        def complete() -> None:
            upload_id = _own_upload(remote, path, given)
            come = {part.number: part.sha256 for part in remote.artifacts.uploads.parts(upload_id)}
            for sent in given.parts or ():
                etag = (sent.etag or "").strip('"')
                if etag and come.get(sent.part_number or 0) != etag:
                    raise Refusal(
                        INVALID, f"Part {sent.part_number} is not the one that came: send it again."
                    )
            remote.artifacts.uploads.complete(upload_id, replace=True)

        await self._in_thread(complete)
        await _reply(send, {})

    async def _abort(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        given = await _message(Finish, scope, receive)
        remote = await self._remote()
        await self._in_thread(lambda: remote.artifacts.uploads.abort(_own_upload(remote, path, given)))
        await _reply(send, {})

    async def _presigned(self, _: str, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        raise Refusal(NOT_IMPLEMENTED, "This server gives no presigned URLs: fetch the artifact through it.")


class AnswerBrokenError(Exception):
    """An answer that had begun cannot go on."""


async def _pieces(receive: Receive) -> Any:
    """A body in pieces of about `PIECE_BYTES`.

    Raises:
        ClientGoneError: it does not come whole.
    """
    gathered: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        more = message.get("more_body", False)
        if body := message.get("body", b""):
            gathered.append(body)
            size += len(body)
        if size >= PIECE_BYTES or (size and not more):
            yield b"".join(gathered)
            gathered, size = [], 0


async def _message(kind: type[Any], scope: Scope, receive: Receive) -> Any:
    body = await read_body(scope, receive, MAX_MESSAGE_BYTES, "Send fewer parts.")
    return read_json(kind, body)


async def _reply(send: Send, body: dict[str, Any], *headers: tuple[bytes, bytes]) -> None:
    encoded = encode(body)
    start = {"type": "http.response.start", "status": 200, "headers": [*json_headers(encoded), *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": encoded})


def _told(entry: Entry, path: str) -> dict[str, Any]:
    told = {"path": path, "is_dir": entry.is_folder}
    return told if entry.is_folder else {**told, "file_size": entry.size_bytes}


def _beside(folder: str, local: str) -> str:
    """The path of a file in a folder of artifacts, by the name that it has at the client, whose path may be whole."""
    name = local.replace("\\", "/").rpartition("/")[2]
    return f"{folder}/{name}" if folder else name


def _own_upload(remote: Remote, path: str, given: Finish) -> str:
    """The upload's id, where it is to that path."""
    upload = remote.artifacts.uploads.get(given.upload_id or "")
    files, name = remote.artifacts.at(_beside(path, given.path or ""))
    if (upload.run_id, upload.name) != (files.run_id, name):
        raise Refusal(INVALID, f"The upload is not one to {json.dumps(_beside(path, given.path or ''))}.")
    return upload.id


def _length(scope: Scope) -> int | None:
    text = find_header(scope["headers"], b"content-length")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise Refusal(BAD_REQUEST, "The content length is no number.")
    return int(text)


def _too_large(scope: Scope, most: int) -> TooLargeError:
    return TooLargeError(
        expected=f"a file of at most {most} bytes",
        got="more",
        where=scope["path"],
        hint="Nothing of it was kept. Raise tracking.max_artifact_bytes, if it should be.",
    )


def _kind(name: str) -> str:
    """The content type that a name stands for; bytes where nobody knows."""
    suffix = f".{name.rpartition('.')[2].lower()}" if "." in name else name
    if suffix in _TEXT:
        return "text/plain; charset=utf-8"
    return mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def _host(scope: Scope) -> str:
    host = find_header(scope["headers"], b"host")
    if not host or not all(character.isalnum() or character in ".-:[]_" for character in host):
        raise Refusal(BAD_REQUEST, "The request names no host that its parts could be sent to.")
    return host


def _check_origin(scope: Scope) -> None:
    """A page of another site may not send or delete files in its reader's name."""
    origin = find_header(scope["headers"], b"origin")
    if scope["method"] == "GET" or origin is None:
        return
    if urlsplit(origin).netloc != find_header(scope["headers"], b"host"):
        raise Refusal(BAD_REQUEST, f"Artifacts are not taken from pages of {origin[:200]!r}.", status=403)
