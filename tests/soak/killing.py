"""Keeps writers at work and kills one after another with SIGKILL, each at a random moment of its life.

Prints one JSON line: how many were killed, in how many seconds, and how long a round of one writer took at first.

Usage: python -m tests.soak.killing FOLDER LEDGERS N_WRITERS N_KILLS SEED
FOLDER is the project's; its records are named by the environment.

This process opens neither database nor store: it has everything imported and forks, so that a life costs no start of
an interpreter.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import deltalake
import lmdb
import psycopg
import skops.io
from tests.soak.writer import live

from mainspring.evaluation import api as evaluation
from mainspring.monitoring import api as monitoring
from mainspring.ports.keys import _lmdb
from mainspring.ports.records import _postgres, _sqlite
from mainspring.ports.tables import _delta

# Imported before the forks, used only after: what they start in threads does not survive a fork.
IMPORTED: Final = (
    deltalake,
    lmdb,
    psycopg,
    skops.io,
    _lmdb,
    _postgres,
    _sqlite,
    _delta,
    evaluation,
    monitoring,
)

FAR_S: Final = 3600.0
ROUNDS: Final = 0.4
LONGEST_LIFE_S: Final = 2.0
"""The longest life: so many rounds, at most so many seconds. A life begins with a kind drawn by lot, so each is hit."""


@dataclass(frozen=True)
class Told:
    """What the killing came to."""

    n_kills: int
    n_failed: int
    seconds: float
    round_s: float


def fork(work: Callable[[], object]) -> int:
    """The process id of a child that does the work and ends; 1 is the exit code of work that raised."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def wait(child: int) -> int:
    """Its exit code, negative for a signal, once it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def is_over(child: int) -> bool:
    """Whether it has ended."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill(folder: Path, ledgers: Path, n_writers: int, n_kills: int, seed: int) -> Told:
    """Keep so many writers at work until so many were killed."""
    chance = random.Random(seed)

    def begin(name: str, until_s: float | None) -> int:
        return fork(lambda: live(folder, ledgers, name, seed, until_s))

    began_s = time.monotonic()
    first = [begin(f"writer-{number}", None) for number in range(n_writers)]
    n_failed = sum(wait(child) != 0 for child in first)
    round_s = time.monotonic() - began_s
    lives: list[tuple[float, str, int]] = []

    def born(name: str) -> None:
        ends_s = time.monotonic() + chance.uniform(0.0, min(ROUNDS * round_s, LONGEST_LIFE_S))
        heapq.heappush(lives, (ends_s, name, begin(name, time.monotonic() + FAR_S)))

    for number in range(n_writers):
        born(f"writer-{number}")
    killed = 0
    while killed < n_kills and not n_failed:
        ends_s, name, child = heapq.heappop(lives)
        time.sleep(max(0.0, ends_s - time.monotonic()))
        n_failed += is_over(child)
        os.kill(child, signal.SIGKILL)
        killed += wait(child) == -signal.SIGKILL
        born(name)
    for _, _, child in lives:
        n_failed += is_over(child)
        os.kill(child, signal.SIGKILL)
        killed += wait(child) == -signal.SIGKILL
    return Told(killed, n_failed, time.monotonic() - began_s, round_s)


if __name__ == "__main__":
    told = kill(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
    print(json.dumps(vars(told)))
