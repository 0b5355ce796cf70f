"""Renames an experiment in child processes that are killed at their 1st, 2nd, 3rd … step. Run by test_rename.py.

A step is a SQL statement, from the first that writes, or the commit; it is killed just before and just after. Prints
one JSON line: what was attempted, what was acknowledged before each kill, and how many were killed.

Usage: killed_renames.py PROJECT_FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from sqlalchemy import event
from sqlalchemy.engine import Engine

from mainspring.project import open_project
from mainspring.workflows.lifecycle import rename
from tests.lineage.killed_publications import Countdown


def live(folder: str, name: str, fatal: int, say: int) -> None:
    with open_project(folder) as project:
        countdown = Countdown(fatal)
        writing: list[bool] = []

        def step(*given: object) -> None:
            # What is read before cannot be half done.
            if writing or (len(given) > 2 and str(given[2]).startswith(("INSERT", "UPDATE"))):
                writing.append(True)
                countdown.step()

        for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(Engine, moment, step)
        rename(project, "experiment", "trials", name)
        os.write(say, b"acknowledged")
    os._exit(0)


def main(folder: str) -> None:
    attempted, acknowledged, n_kills = [], [], 0
    for fatal in range(1, 500, 3):
        name = f"n{fatal}"
        attempted.append(name)
        listen, say = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                live(folder, name, fatal, say)
            finally:
                os._exit(1)
        os.close(say)
        with os.fdopen(listen, "rb") as heard:
            if heard.read():
                acknowledged.append(name)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        n_kills += 1
    print(json.dumps({"attempted": attempted, "acknowledged": acknowledged, "n_kills": n_kills}))


if __name__ == "__main__":
    main(sys.argv[1])
