"""An erasure in child processes that are killed as the rows go, then at a SQL commit, some commits further each.

Usage: killed_erasure.py RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.features.killed_inserts import open_features

from mainspring.ports.tables._delta_log import DeltaLog

#: Every sixth commit, of readers too: there are some thirty, and a child costs seconds.
STRIDE = 6


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
    """Erase in a child that is prepared to die; whether it did."""
    child = os.fork()
    if child == 0:
        prepare()
        with open_features(*urls) as features:
            features.get_group("people").erase({"name": "Zebedee"}, reason="asked")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(urls: list[str]) -> None:
    """Kill until an erasure comes through; prints at which commit the last one would have died."""
    assert is_killed(at_the_log, urls)
    number = 1
    while is_killed(at_commit(number), urls):
        number += STRIDE
    print(number)


if __name__ == "__main__":
    main(sys.argv[1:])
