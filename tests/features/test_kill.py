"""Inserts that are killed with SIGKILL at each step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.features.killed_inserts import open_features, rows


def test_killed_insert_is_whole_or_absent_and_the_retry_completes_it(
    records_url: str, tmp_path: Path
) -> None:
    """After kill -9 a reader sees each insert whole or not at all; retrying its key makes it there exactly once."""
    urls = [records_url, f"file:{tmp_path}/tables", f"lmdb:{tmp_path}/keys", f"file:{tmp_path}/blobs"]
    command = [sys.executable, "-m", "tests.features.killed_inserts", *urls]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert len(said["tried"]) > 5
    with open_features(*urls) as features:
        group = features.get_group("killed")
        before = group.read(history=True).to_polars(system=True)
        for step, seen in before.group_by("step"):
            assert seen.sort("_ordinal").select("step", "t", "x").equals(rows(int(str(step[0]))))
        assert set(said["acknowledged"]) <= set(before["step"])
        assert [commit.number for commit in group.commits()] == list(range(1, before["step"].n_unique() + 1))
        for step in said["tried"]:
            group.insert(rows(step), idempotency_key=f"step-{step}")
        after = group.read(history=True).to_polars()
        assert after["step"].sort().to_list() == [step for step in said["tried"] for _ in range(2)]
        assert len(group.commits()) == len(said["tried"])
