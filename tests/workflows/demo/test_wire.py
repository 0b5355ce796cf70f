"""The demo's HTTP client: order, patience, and a clear word when nobody answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mainspring.errors import UnavailableError
from mainspring.workflows.demo import wire
from mainspring.workflows.demo.wire import Wire


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent; hangs up on the first request of the path /moody."""

    protocol_version = "HTTP/1.1"
    moody = True

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def do_GET(self) -> None:
        self._answer(b"0")

    def _answer(self, body: bytes) -> None:
        if self.path == "/moody" and Echo.moody:
            Echo.moody = False
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A server of this test's own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_replies_come_in_the_order_of_the_bodies(port: int) -> None:
    """More bodies than connections, of very different lengths."""
    bodies = [{"n": n, "text": "x" * (n * 7_001 % 90_000)} for n in range(11)]
    with Wire("127.0.0.1", port, connections=3) as link:
        assert [reply.body for reply in link.post("/echo", bodies)] == json.loads(json.dumps(bodies))


def test_a_broken_connection_is_opened_again(port: int) -> None:
    """The server hung up before its reply: the bodies are sent once more."""
    Echo.moody = True
    with Wire("127.0.0.1", port, connections=2) as link:
        assert [reply.body for reply in link.post("/moody", [1, 2, 3])] == [1, 2, 3]
        Echo.moody = True
        assert link.get("/moody").body == 0


def test_a_server_that_stays_away_is_named(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was looked for, and what to do."""
    with pytest.raises(UnavailableError, match="Start the demo again"):
        Wire("127.0.0.1", 1)
    monkeypatch.setattr(wire, "PATIENCE_S", 0.0)
    Echo.moody = True
    with Wire("127.0.0.1", port, connections=1) as link, pytest.raises(UnavailableError, match=f":{port}"):
        link.post("/moody", [1])
