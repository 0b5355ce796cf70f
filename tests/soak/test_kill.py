"""SIGKILL at random moments under concurrent writers of everything, and a checker that knows what they were told."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.soak.acknowledged import DONE, all_lines, interruptions
from tests.soak.checker import COMPARED
from tests.soak.judge import found_wrong
from tests.soak.world import World

N_KILLS = 25
"""On each of the two databases."""
N_WRITERS = 3
ROUNDS = 0.7
"""Of a life at most: it begins with a kind drawn by lot, so each kind is hit."""


def test_after_many_kills_nothing_acknowledged_is_lost_and_nothing_is_there_by_halves(world: World) -> None:
    """Commits, datasets, runs, packages, aliases, deployments, evidence, predictions and outcomes, each hit or not."""
    command = [sys.executable, "-m", "tests.soak.killing", str(world.folder), str(world.ledgers)]
    command += [str(N_WRITERS), str(N_KILLS), "1", str(ROUNDS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["n_failed"] == 0, done.stderr
    assert told["n_kills"] >= N_KILLS
    assert {line.kind for line in all_lines(world.ledgers) if line.at == DONE} >= {*COMPARED, "prediction"}
    assert len({line.kind for line in interruptions(world.ledgers)}) >= 4, "kills did not land everywhere"
    assert found_wrong(world) == []
