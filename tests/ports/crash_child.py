"""Started by the crash tests: forks a process for each moment at which one can be killed, and kills it there.

Arguments: `blobs`, `tables` or `keys`, a folder, and `steps` (before and after every step of the store) or a number of
random moments. Each killed process works in a folder of its own and writes down what was acknowledged to it.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deltalake
import polars as pl
from tests.ports.crash_work import acknowledge, append_rows, put_blobs, put_keys

# Imported before the forks, used only after: what they start in threads does not survive a fork.
from mainspring.ports.blobs import _disk as blobs_disk
from mainspring.ports.tables import _delta, _delta_log

assert _delta_log and pl


WORK = {"blobs": put_blobs, "tables": append_rows, "keys": put_keys}


class Killer:
    """Kills this process at the n-th step."""

    def __init__(self, n_steps: int) -> None:
        self._n_left = n_steps

    def step(self) -> None:
        self._n_left -= 1
        if self._n_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def killing(*given: Any, **named: Any) -> Any:
            self.step()
            result = function(*given, **named)
            self.step()
            return result

        return killing

    def chunks(self, path: Path) -> Iterator[bytes]:
        data = path.read_bytes()
        for part in itertools.batched(data, 2) if hasattr(itertools, "batched") else [data[:2], data[2:]]:
            self.step()
            yield bytes(part)


def _arm(killer: Killer) -> None:
    for name in ("fsync", "replace", "mkdir", "chmod"):
        setattr(os, name, killer.around(getattr(os, name)))
    blobs_disk._chunks = killer.chunks
    setattr(_delta, "write_deltalake", killer.around(deltalake.write_deltalake))  # noqa: B010 - not re-exported


def _work(kind: str, folder: Path) -> None:
    with (folder / "acknowledged").open("ab", buffering=0) as acknowledged:
        for done in WORK[kind](folder):
            acknowledge(acknowledged, done)


def _fork(kind: str, folder: Path, n_steps: int | None) -> int:
    folder.mkdir()
    child = os.fork()
    if child == 0:
        if n_steps is not None:
            _arm(Killer(n_steps))
        _work(kind, folder)
        os._exit(0)
    return child


def _wait(child: int) -> bool:
    """Whether it was killed."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in {0, -signal.SIGKILL}:
        sys.exit(f"the child ended with {code}")
    return code != 0


def main() -> None:
    kind, root, moments = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if moments == "steps":
        for n_steps in itertools.count(1):
            if not _wait(_fork(kind, root / f"{n_steps:03d}", n_steps)):
                return
    chance = random.Random(7)
    for number in range(int(moments)):
        child = _fork(kind, root / f"{number:03d}", None)
        time.sleep(chance.uniform(0.01, 0.12))
        os.kill(child, signal.SIGKILL)
        _wait(child)


if __name__ == "__main__":
    main()
