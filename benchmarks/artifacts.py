"""How long does a file of 2 GiB take through the server, and how much memory does that need?

A real server with one worker, and a client that is a socket. The memory is that of the worker at its peak, beyond what
it had before.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._harness import Bench

N_PIECES = 2048
PIECE_BYTES = 1 << 20
MIB = 1 << 20


def run(bench: Bench) -> None:
    with _server() as (port, worker):
        root = _new_run(port)
        path = f"/api/2.0/mlflow-artifacts/artifacts/{root}/large"
        at_rest = _peak_bytes(worker)
        sent_s = _send(port, path)
        bench.add("send 2 GiB", sent_s, "s")
        bench.add("memory of the worker, sending", (_peak_bytes(worker) - at_rest) / MIB, "MiB", target=64)
        bench.add("fetch 2 GiB", _fetch(port, path), "s")
        bench.add("memory of the worker, both", (_peak_bytes(worker) - at_rest) / MIB, "MiB", target=64)


@contextmanager
def _server() -> Iterator[tuple[int, int]]:
    """The port of a server on a new project, and its worker's process id."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "mainspring.toml").write_text('[project]\nid = "bench"\n')
        words = [sys.executable, "-m", "mainspring", "server", "--port", "0", "-p", folder]
        server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            found = re.search(r":(\d+) with", server.stderr.readline())
            assert found is not None
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text(encoding="ascii")
            yield int(found[1]), int(children.split()[0])
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def _new_run(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"experiment_id": "0"})
    connection.request("POST", "/api/2.0/mlflow/runs/create", body, {"content-type": "application/json"})
    info = json.load(connection.getresponse())["run"]["info"]
    return str(info["artifact_uri"]).removeprefix("mlflow-artifacts:/")


def _send(port: int, path: str) -> float:
    piece = os.urandom(PIECE_BYTES)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began_s = time.perf_counter()
    connection.putrequest("PUT", path)
    connection.putheader("content-length", str(N_PIECES * PIECE_BYTES))
    connection.endheaders()
    for number in range(N_PIECES):
        connection.send(number.to_bytes(8, "big") + piece[8:])
    assert connection.getresponse().status == 200
    return time.perf_counter() - began_s


def _fetch(port: int, path: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began_s = time.perf_counter()
    connection.request("GET", path)
    answer, n_bytes = connection.getresponse(), 0
    while piece := answer.read(PIECE_BYTES):
        n_bytes += len(piece)
    assert n_bytes == N_PIECES * PIECE_BYTES
    return time.perf_counter() - began_s


def _peak_bytes(process: int) -> int:
    """The most memory that a process ever had (VmHWM of Linux)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
