"""A small HTTP client that keeps a few connections open and asks on all of them at once."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from mainspring.errors import UnavailableError

T = TypeVar("T")

PATIENCE_S: Final = 20.0
"""How long a server may stay away."""


class Reply(msgspec.Struct, frozen=True):
    """What came back: the status and the decoded JSON body."""

    status: int
    body: Any


class Wire:
    """Keep-alive connections to one server. Not for threads.

    Requests are written on all connections before the first reply is read, so that the server always has the
    next one at hand.
    """

    def __init__(self, host: str, port: int, *, connections: int = 4, timeout_s: float = 30.0) -> None:
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._links = [self._open() for _ in range(connections)]

    def post(self, path: str, bodies: Sequence[object]) -> list[Reply]:
        """POST each body as JSON to `path`; the replies are in the order of the bodies.

        A server that is started again meanwhile is asked again: bodies name their predictions, so that nothing
        is answered or logged twice.

        Raises:
            UnavailableError: the server stayed away.
        """
        return self._patiently(lambda: self._post(path, bodies))

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask, and again on new connections where the old ones are gone: a server closes those that lie idle."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return ask()
            except OSError as error:
                self.close()
                if time.monotonic() > until_s:
                    raise self._gone(error) from error
                time.sleep(0.2)
                with contextlib.suppress(UnavailableError):
                    self._links = [self._open() for _ in self._links]

    def _post(self, path: str, bodies: Sequence[object]) -> list[Reply]:
        head = f"POST {path} HTTP/1.1\r\nHost: {self._address[0]}\r\nContent-Type: application/json\r\n"
        replies: list[Reply] = []
        for start in range(0, len(bodies), len(self._links)):
            together = bodies[start : start + len(self._links)]
            for link, body in zip(self._links, together, strict=False):
                payload = msgspec.json.encode(body)
                link.sendall(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
            replies += [_read(link) for link, _ in zip(self._links, together, strict=False)]
        return replies

    def get(self, path: str) -> Reply:
        """GET `path`.

        Raises:
            UnavailableError: the server stayed away.
        """
        return self._patiently(lambda: self._get(path))

    def _get(self, path: str) -> Reply:
        link = self._links[0]
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: {self._address[0]}\r\n\r\n".encode())
        return _read(link)

    def close(self) -> None:
        """Close the connections."""
        for link in self._links:
            link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> socket.socket:
        try:
            link = socket.create_connection(self._address, timeout=self._timeout_s)
        except OSError as error:
            raise self._gone(error) from error
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def _gone(self, error: OSError) -> UnavailableError:
        return UnavailableError(
            expected="a prediction server that answers",
            got=str(error) or type(error).__name__,
            where=f"http://{self._address[0]}:{self._address[1]}",
            hint="Start the demo again in the same folder: it goes on where it stopped.",
        )


def _read(link: socket.socket) -> Reply:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(link)
    status, length = _head(data[:end])
    start = end + 4
    while len(data) < start + length:
        data += _more(link)
    return Reply(status=status, body=msgspec.json.decode(data[start : start + length]) if length else None)


def _head(head: bytes) -> tuple[int, int]:
    lines = head.split(b"\r\n")
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(lines[0].split(b" ", 2)[1]), int(value)
    raise ConnectionError("the reply does not say how long it is")


def _more(link: socket.socket) -> bytes:
    chunk = link.recv(65_536)
    if not chunk:
        raise ConnectionError("the connection was closed in the middle of a reply")
    return chunk
