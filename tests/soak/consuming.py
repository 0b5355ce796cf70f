"""Keeps consumers of one NATS stream at work and kills one after another with SIGKILL, each at a random moment.

The last one takes what is left, and commits it. Prints one JSON line: how many were killed, and how many failed.

Usage: python -m tests.soak.consuming FOLDER STREAM N_CONSUMERS N_KILLS SEED
FOLDER is the project's; its records and online store are named by the environment. STREAM is the address of a
consumer whose `ack_wait` is `ACK_WAIT_S`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Final

from tests.forks import ended, forked, is_over
from tests.soak.imported import IMPORTED
from tests.soak.world import CLICKS

from mainspring.ports.streams import open_stream
from mainspring.project import open_project

assert IMPORTED

ACK_WAIT_S: Final = 2.0
"""How long the server waits for a consumer that was killed until it gives its messages to others."""
LONGEST_LIFE_S: Final = 1.5
AT_ONCE: Final = 5
"""Messages of one step: few, so that kills fall into steps and between them."""
WAIT_S: Final = 0.2


def consume(folder: Path, stream: str, seed: str) -> None:
    """Take events and commit them now and then, until killed."""
    chance = random.Random(seed)
    with open_project(folder) as project:
        group = project.features.get_group(CLICKS)
        for _ in group.consume(open_stream(stream), n_at_once=AT_ONCE, wait_s=WAIT_S):
            if chance.random() < 0.1:
                group.flush()


def take_the_rest(folder: Path, stream: str) -> None:
    """Take events until none has come for longer than the server holds back those of killed consumers."""
    with open_project(folder) as project:
        group = project.features.get_group(CLICKS)
        idle_from_s = time.monotonic()
        for done in group.consume(open_stream(stream), wait_s=WAIT_S):
            if done.n_rows + done.n_repeated:
                idle_from_s = time.monotonic()
            elif time.monotonic() - idle_from_s > 2 * ACK_WAIT_S:
                break
        group.flush()


def kill(folder: Path, stream: str, n_consumers: int, n_kills: int, seed: int) -> dict[str, int]:
    """Keep so many consumers at work until so many were killed."""
    chance = random.Random(seed)
    names = iter(range(sys.maxsize))

    def born() -> int:
        name = f"{seed} {next(names)}"
        return forked(lambda: consume(folder, stream, name))

    n_failed = 0
    children = [born() for _ in range(n_consumers)]
    for _ in range(n_kills):
        time.sleep(chance.uniform(0, LONGEST_LIFE_S / n_consumers))
        child = children.pop(0)
        n_failed += is_over(child)
        os.kill(child, signal.SIGKILL)
        ended(child)
        children.append(born())
    for child in children:
        n_failed += is_over(child)
        os.kill(child, signal.SIGKILL)
        ended(child)
    n_failed += ended(forked(lambda: take_the_rest(folder, stream))) != 0
    return {"n_kills": n_kills + n_consumers, "n_failed": n_failed}


if __name__ == "__main__":
    print(json.dumps(kill(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]))))
