"""Inserts that are killed with SIGKILL at each step."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.features.insert.killed_inserts import open_features, rows
from tests.features.push.killed_pushes import rows as pushed_rows


def test_killed_insert_is_whole_or_absent_and_the_retry_completes_it(
    records_url: str, tmp_path: Path
) -> None:
    """After kill -9 a reader sees each insert whole or not at all; retrying its key makes it there exactly once."""
    urls = [records_url, f"file:{tmp_path}/tables", f"lmdb:{tmp_path}/keys", f"file:{tmp_path}/blobs"]
    command = [sys.executable, "-m", "tests.features.insert.killed_inserts", *urls]
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


def test_killed_push_loses_nothing_acknowledged_and_counts_once(records_url: str, tmp_path: Path) -> None:
    """After kill -9 every acknowledged event is online and comes into a commit; sent again, each is there once."""
    urls = [records_url, f"file:{tmp_path}/tables", f"lmdb:{tmp_path}/keys", f"file:{tmp_path}/blobs"]
    command = [sys.executable, "-m", "tests.features.push.killed_pushes", *urls]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert len(said["tried"]) - len(said["acknowledged"]) > 1
    assert len(said["acknowledged"]) > 5
    with open_features(*urls) as features:
        group = features.get_group("pushed")
        reader = features.view("v", features=[group["x"]], spine_time="t").online()
        names = [{"name": row["name"]} for step in said["acknowledged"] for row in pushed_rows(step)]
        assert set(reader.many(names, {}, datetime.now(UTC)).values["x"]) == {1.0}
        group.flush()
        assert {name["name"] for name in names} <= set(group.read(history=True).to_polars()["name"])
        for step in said["tried"]:
            group.push(pushed_rows(step), event_id="id")
        group.flush()
        after = group.read(history=True).to_polars()["name"].sort().to_list()
        assert after == sorted(row["name"] for step in said["tried"] for row in pushed_rows(step))
