"""One worker's place: starts that fail, and starts that the system refuses."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mainspring.server import seat as module
from mainspring.server.seat import MAX_FAILED_STARTS, Seat
from mainspring.server.worker import Orders
from mainspring.serving import weights


def test_starts_that_the_system_refuses_are_no_failed_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many: a worker is given up after five processes that were made and were never ready."""
    monkeypatch.setattr(weights, "RETRY_MOST_S", 0.0)
    # No interpreter at all: the shortest process that ends before it is ready.
    monkeypatch.setattr(module.sys, "executable", shutil.which("false"))
    genuine = subprocess.Popen
    made: list[int] = []
    n_refused = 0

    def short_of_processes(*given: object, **named: object) -> object:
        nonlocal n_refused
        if len(made) == 1 and n_refused < MAX_FAILED_STARTS + 1:
            n_refused += 1
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        process = genuine(*given, **named)  # type: ignore[call-overload]
        made.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", short_of_processes)
    said: list[str] = []
    seat = Seat(Orders(str(tmp_path), {}, "127.0.0.1", 0, "worker-1"), said.append)
    while seat.failure is None:
        seat._process.popen.wait(60)
        seat.look()
    assert (len(made), n_refused) == (MAX_FAILED_STARTS, MAX_FAILED_STARTS + 1)
