"""A back-fill of the next version in child processes that are killed after so many SQL commits.

Usage: killed_versions.py RECORDS_URL TABLES_URL KEYS_URL BLOBS_URL
"""

from __future__ import annotations

import os
import signal
import sys

import polars as pl
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.features.insert.killed_inserts import open_features

#: SQL commits after which a child dies: in the definition, in the first, second and third commit.
FATAL = (1, 3, 4, 6)


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    """What the next version has."""
    return rows.with_columns(x=pl.col("x") * 2)


def fill(urls: list[str]) -> None:
    """The next version, as far as it comes."""
    with open_features(*urls) as features:
        features.get_group("killed").next_version(backfill=doubled)


def main(urls: list[str]) -> None:
    """Kill, and kill again where it goes on."""
    for fatal in FATAL:
        child = os.fork()
        if child == 0:
            left = fatal

            def step(*_: object) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(Engine, "commit", step)
            fill(urls)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
