"""A real HTTP endpoint on a free port, for what is delivered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Endpoint:
    """A real HTTP server that keeps what it took.

    Attributes:
        answers: the status of each request, until it is empty: then 201.
        meanwhile: called before each answer.
    """

    answers: list[int] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    taken: list[dict[str, Any]] = field(default_factory=list)
    heard: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An endpoint on a free port."""
    kept = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.heard.append((self.path, self.headers.get("Authorization")))
            kept.meanwhile()
            status = kept.answers.pop(0) if kept.answers else 201
            if status < 300:
                kept.taken.append(json.loads(body))
            self.send_response(status)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"said")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/api/v1/lineage?source=test"
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()
