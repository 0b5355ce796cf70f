"""The Redis that tests share, and servers of a test's own that it may stop."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from scripts.reach_services import REDIS_URL, reach_redis

START_S: Final = 30


def shared_redis() -> str:
    """The URL of the server that MAINSPRING_TEST_REDIS names; skips where none answers, or fails if it must."""
    problem = reach_redis()
    if problem is not None:
        _miss(f"no Redis answers at {REDIS_URL}: {problem}. Start one, or name it in MAINSPRING_TEST_REDIS.")
    return REDIS_URL


class OwnRedis:
    """A server in a folder of its own, on a free port of this machine. It keeps its port over restarts."""

    def __init__(self, folder: Path, settings: Sequence[str] = ()) -> None:
        if shutil.which("redis-server") is None:
            _miss("no redis-server is installed here to start and stop.")
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
        ]
        self._command += ["--save", "", "--daemonize", "no", *settings]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        ends_s = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < ends_s, "redis-server did not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL: what it had not written to disk is lost."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It takes connections and bytes, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None:
            self.thaw()
            self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        self._signal(number)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as wire:
                wire.sendall(b"PING\r\n")
                return wire.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


def _miss(reason: str) -> None:
    if os.environ.get("MAINSPRING_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)
