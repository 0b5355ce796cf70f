"""Keeps writers at work and kills one after another with SIGKILL, each at a random moment of its life.

Prints one JSON line: how many were killed, in how many seconds, and how long a round of one writer took at first.

Usage: python -m tests.soak.killing FOLDER LEDGERS N_WRITERS N_KILLS SEED ROUNDS
FOLDER is the project's; its records are named by the environment. A life takes at most ROUNDS of what a first round
took; a round does one thing of every kind.

This process opens neither database nor store: it has everything imported and forks, so that a life costs no start of an
interpreter.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.forks import ended, forked, is_over
from tests.soak.imported import IMPORTED
from tests.soak.writer import live

assert IMPORTED

FAR_S: Final = 3600.0
LONGEST_LIFE_S: Final = 5.0


@dataclass(frozen=True)
class Told:
    """What the killing came to."""

    n_kills: int
    n_failed: int
    seconds: float
    round_s: float


def kill(folder: Path, ledgers: Path, n_writers: int, n_kills: int, seed: int, rounds: float) -> Told:
    """Keep so many writers at work until so many were killed."""
    chance = random.Random(seed)

    def begin(name: str, until_s: float | None) -> int:
        return forked(lambda: live(folder, ledgers, name, seed, until_s))

    began_s = time.monotonic()
    n_failed = int(ended(begin("writer-0", None)) != 0)
    round_s = time.monotonic() - began_s
    lives: list[tuple[float, str, int]] = []

    def born(name: str) -> None:
        ends_s = time.monotonic() + chance.uniform(0.0, min(rounds * round_s, LONGEST_LIFE_S))
        heapq.heappush(lives, (ends_s, name, begin(name, time.monotonic() + FAR_S)))

    for number in range(n_writers):
        born(f"writer-{number}")
    killed = 0
    while killed < n_kills and not n_failed:
        ends_s, name, child = heapq.heappop(lives)
        time.sleep(max(0.0, ends_s - time.monotonic()))
        n_failed += is_over(child)
        os.kill(child, signal.SIGKILL)
        killed += ended(child) == -signal.SIGKILL
        born(name)
    for _, _, child in lives:
        n_failed += is_over(child)
        os.kill(child, signal.SIGKILL)
        killed += ended(child) == -signal.SIGKILL
    return Told(killed, n_failed, time.monotonic() - began_s, round_s)


if __name__ == "__main__":
    told = kill(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]), float(sys.argv[6]))
    print(json.dumps(vars(told)))
