"""An erasure in child processes that are killed as the rows go, then at SQL commits, each further than the one before.

Usage: killed_erasure.py RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.features.insert.killed_inserts import open_features
from tests.forks import ended, forked

from mainspring.ports.tables._delta_log import DeltaLog

#: How many commits further the next one dies, of readers too: there are some thirty, and a child costs seconds.
STEPS = range(3, 10)
#: More than an erasure has.
TOO_MANY = 200
SEED = 7


def die(*_: object) -> NoReturn:
    """As by the operating system."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def at_the_log() -> None:
    """Die when the newest version is without the rows, and earlier ones still have them."""
    DeltaLog.forget = die  # type: ignore[assignment,method-assign]


def at_commit(number: int) -> Callable[[], None]:
    """Die at the SQL commit of that number."""

    def prepare() -> None:
        left = number

        def step(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                die()

        event.listen(Engine, "commit", step)

    return prepare


def is_killed(prepare: Callable[[], None], urls: list[str]) -> bool:
    """Erase in a child that is prepared to die; whether it did. One that fails in another way is an error."""

    def erase() -> None:
        prepare()
        with open_features(*urls) as features:
            features.get_group("people").erase({"name": "Zebedee"}, reason="asked")

    code = ended(forked(erase))
    assert code in {0, -signal.SIGKILL}, code
    return code != 0


def main(urls: list[str]) -> None:
    """Kill until an erasure comes through; prints at which commit the last one would have died."""
    assert is_killed(at_the_log, urls)
    draw = random.Random(SEED)
    number = draw.choice(STEPS)
    while is_killed(at_commit(number), urls):
        number += draw.choice(STEPS)
        assert number < TOO_MANY
    print(number)


if __name__ == "__main__":
    main(sys.argv[1:])
