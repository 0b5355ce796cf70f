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
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import polars as pl

from mainspring.project import open_project
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.restore import restore_backup
from tests.forks import ended, forked, is_over
from tests.serving.airport import KEYS, START


def write(folder: Path) -> None:
    """Insert, predict and post outcomes for ever; say each when it is acknowledged."""
    with open_project(folder) as project:
        group, deployment = project.features.get_group("fleet"), project.deployments.get("flights")
        for number in count():
            group.insert(pl.DataFrame({"carrier": [f"N{number}"], "age": [float(number)]}))
            _say("commit", f"N{number}")
            prediction_id = deployment.predict(KEYS, {"distance": 1.0}).prediction_id
            _say("prediction", prediction_id)
            known_at = START + timedelta(hours=6)
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


def killed(work: Callable[[], object], chance: random.Random, longest_s: float) -> tuple[bool, float]:
    """Begin the work and kill it at a random moment; whether it was still at it, and how long it would take at most."""
    began_s = time.monotonic()
    child = forked(work)
    wait_s = chance.uniform(0.0, longest_s)
    while time.monotonic() < began_s + wait_s and not is_over(child):
        time.sleep(0.001)
    took_s = time.monotonic() - began_s
    if is_over(child):
        assert ended(child) == 0
        return False, took_s
    os.kill(child, signal.SIGKILL)
    return ended(child) == -signal.SIGKILL, longest_s


def kill(folder: Path, target: Path, n_kills: int) -> int:
    """Begin backups until so many were killed at work; how many, after four times as many beginnings at most."""
    chance, longest_s, n_killed = random.Random(11), 2.0, 0
    for _ in range(4 * n_kills):
        was_killed, longest_s = killed(lambda: back_up(folder, target), chance, longest_s)
        n_killed += was_killed
        if n_killed == n_kills:
            break
    return n_killed


def kill_restores(target: Path, restored: Path, n_kills: int) -> list[bool]:
    """Begin restores and kill them; whether the new home was there after each. One that came through is removed."""
    chance, longest_s = random.Random(5), 2.0
    seen: list[bool] = []
    for _ in range(4 * n_kills):
        was_killed, longest_s = killed(lambda: restore_backup(target, restored), chance, longest_s)
        if was_killed:
            seen.append(restored.exists())
        if len(seen) == n_kills or (was_killed and seen[-1]):
            break
        if not was_killed:
            shutil.rmtree(restored)
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
            code = ended(forked(lambda: back_up(folder, target)))
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
