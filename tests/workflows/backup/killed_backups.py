"""Backups that are killed with SIGKILL at random moments, while a writer in another process goes on.

Prints one JSON line: what was acknowledged before the backup began that came through, how many backups were killed,
and whether there was a target after each restore that was killed.

Usage: killed_backups.py FOLDER TARGET N_KILLS        FOLDER is the project's; its records are named by the environment.
       killed_backups.py write FOLDER                  the writer
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from itertools import count
from pathlib import Path

import polars as pl

from mainspring.project import open_project
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.restore import restore_backup
from tests.serving.airport import KEYS, START

#: Kills come within this long of a backup's beginning; a backup of the filled project takes about half a second.
LATEST_KILL_S = 0.7


def write(folder: Path) -> None:
    """Insert, predict and post outcomes for ever; say each when it is acknowledged."""
    with open_project(folder) as project:
        group, deployment = project.features.get_group("fleet"), project.deployments.get("flights")
        for number in count():
            group.insert(pl.DataFrame({"carrier": [f"N{number}"], "age": [float(number)]}))
            _say("commit", f"N{number}")
            prediction_id = deployment.predict(KEYS, {"distance": 1.0}).prediction_id
            _say("prediction", prediction_id)
            known_at = START + timedelta(hours=8)
            frame = pl.DataFrame({"prediction_id": [prediction_id], "value": [1.0], "known_at": [known_at]})
            deployment.outcomes(frame)
            _say("outcome", prediction_id)
            with project.tracking.run(f"run {number}", experiment="killed") as run:
                run.log(metrics={"x": number}, step=1)
                run.artifact("x", str(number).encode())
            _say("run", run.id)
            if number % 3 == 2:
                deployment.publish_log()


def _say(kind: str, name: str) -> None:
    sys.stdout.write(f"{kind} {name}\n")
    sys.stdout.flush()


def back_up(folder: Path, target: Path) -> None:
    """One backup in a process of its own."""
    with open_project(folder) as project:
        make_backup(project, target)


def kill(folder: Path, target: Path, n_kills: int) -> int:
    """Begin backups and kill them; the number of those that were still at work."""
    chance = random.Random(11)
    n_killed = 0
    for _ in range(n_kills):
        child = os.fork()
        if child == 0:
            back_up(folder, target)
            os._exit(0)
        time.sleep(chance.uniform(0.05, LATEST_KILL_S))
        os.kill(child, signal.SIGKILL)
        n_killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return n_killed


def kill_restores(target: Path, restored: Path, n_kills: int) -> list[bool]:
    """Begin restores and kill them; whether the new home was there after each."""
    chance = random.Random(5)
    seen = []
    for _ in range(n_kills):
        child = os.fork()
        if child == 0:
            restore_backup(target, restored)
            os._exit(0)
        time.sleep(chance.uniform(0.05, LATEST_KILL_S / 2))
        os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            break
        seen.append(restored.exists())
    return seen


def main(folder: Path, target: Path, n_kills: int) -> None:
    """Kill backups under a writer, then let one come through; kill restores of it."""
    said = target.parent / "acknowledged"
    with said.open("wb") as out:
        command = [sys.executable, "-m", "tests.workflows.backup.killed_backups", "write", str(folder)]
        writer = subprocess.Popen(command, stdout=out)
        try:
            while b"run" not in said.read_bytes():
                time.sleep(0.01)
            n_killed = kill(folder, target, n_kills)
            before = said.read_text().splitlines()
            child = os.fork()
            if child == 0:
                back_up(folder, target)
                os._exit(0)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            writer.kill()
            writer.wait()
    half = kill_restores(target, target.parent / "killed", n_kills)
    print(json.dumps({"code": code, "n_killed": n_killed, "half": half, "before": before}))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
