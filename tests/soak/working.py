"""Lets many processes publish at once for a while, and measures how it went for each of them.

Prints one JSON line: the fields of `Measured`.

Usage: python -m tests.soak.working FOLDER LEDGERS N_WRITERS SECONDS SEED
FOLDER is the project's; its records are named by the environment.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.forks import ended, forked
from tests.soak.acknowledged import DONE, ENDED, lines_of
from tests.soak.imported import IMPORTED
from tests.soak.writer import live

assert IMPORTED


@dataclass(frozen=True)
class Measured:
    """What so many writers did.

    Attributes:
        n_failed: writers that ended with an error.
        seconds: from the first beginning to the last end.
        n_done: acknowledged publications.
        least, most: of one writer.
        longest_wait_s: of a write transaction, for its turn or connection.
        longest_write_s: of a write transaction, with its wait.
    """

    n_failed: int
    seconds: float
    n_done: int
    least: int
    most: int
    longest_wait_s: float
    longest_write_s: float


def work(folder: Path, ledgers: Path, n_writers: int, seconds: float, seed: int) -> Measured:
    """Writers that begin together, and end together after so many seconds, or after a round each where it is none."""
    began_s = time.monotonic()
    until_s = began_s + seconds if seconds else None
    names = [f"writer-{number}" for number in range(n_writers)]
    children = [forked(lambda name=name: live(folder, ledgers, name, seed, until_s)) for name in names]
    n_failed = sum(ended(child) != 0 for child in children)
    took_s = time.monotonic() - began_s
    said = [lines_of(ledgers, name) for name in names]
    done = [sum(line.at == DONE for line in lines) for lines in said]
    lasts = [line.what for lines in said for line in lines if line.at == ENDED]
    return Measured(
        n_failed=n_failed,
        seconds=took_s,
        n_done=sum(done),
        least=min(done),
        most=max(done),
        longest_wait_s=max((last["longest_wait_s"] for last in lasts), default=0.0),
        longest_write_s=max((last["longest_write_s"] for last in lasts), default=0.0),
    )


if __name__ == "__main__":
    found = work(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    print(json.dumps(vars(found)))
