"""An erasure in a child process that is killed after so many SQL commits, or as the rows go.

Usage: killed_erasure.py WHERE RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.features.killed_inserts import open_features

from mainspring.ports.tables._delta_log import DeltaLog


def die(*_: object) -> NoReturn:
    """As by the operating system."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def main(where: str, urls: list[str]) -> None:
    """Erase, and die at a SQL commit of that number, or at `log`: when the newest version is without the rows."""
    if where == "log":
        DeltaLog.forget = die  # type: ignore[assignment,method-assign]
    else:
        left = int(where)

        def step(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                die()

        event.listen(Engine, "commit", step)
    with open_features(*urls) as features:
        features.get_group("people").erase({"name": "Zebedee"}, reason="asked")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
