"""Many processes that publish at once: none is refused, none is forgotten, none undoes what another did."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.soak.judge import found_wrong
from tests.soak.world import World

N_WRITERS = 4


def test_writers_at_once_all_come_to_write_and_lose_no_update(world: World) -> None:
    """Four processes, a round each; `make soak` runs sixteen for minutes, and measures them."""
    command = [sys.executable, "-m", "tests.soak.working", str(world.folder), str(world.ledgers)]
    command += [str(N_WRITERS), "0", "2"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured = json.loads(done.stdout)
    assert measured["n_failed"] == 0, done.stderr
    assert "locked" not in done.stderr
    assert found_wrong(world) == []
