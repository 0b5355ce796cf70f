"""What each piece of bookkeeping costs: statements, write transactions and fsyncs, exactly.

A number that rises is a slower library, and one that falls is to be written down here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from benchmarks import _syncs

ROOT: Final = Path(__file__).parent.parent

SQLITE: Final = {
    # statements, write transactions, fsyncs
    "short execution": (5, 1, 1),
    "evidence": (6, 1, 1),
    "long execution, begin": (4, 1, 1),
    "part of a long execution": (5, 1, 1),
    "long execution, end": (4, 1, 1),
    # Of the fsyncs four are of the table: data, log entry and both folders.
    "feature commit": (17, 2, 6),
    # One is of the environment's blob, which is there: its folder.
    "tracked run, begin": (10, 2, 3),
    "tracked run, parameters": (2, 1, 1),
    # Points have a file of their own, which a power loss may cost the last of.
    "tracked run, metrics": (0, 0, 0),
    # Whether the run goes on, and whether a file or folder has that name, is asked first. Four fsyncs are of a blob:
    # its bytes, and the folders that it comes into.
    "tracked run, artifact": (7, 1, 5),
    "tracked run, end": (7, 1, 1),
    # Begun, looked up, and finished with a blob.
    "executed step": (12, 2, 6),
    "reused step": (7, 1, 1),
}
POSTGRES: Final = {
    # One more than on SQLite where events are appended: the log's lock.
    "short execution": (6, 1, 0),
    "evidence": (7, 1, 0),
    "long execution, begin": (5, 1, 0),
    "part of a long execution": (6, 1, 0),
    "long execution, end": (5, 1, 0),
    "feature commit": (20, 2, 4),
    "tracked run, begin": (12, 2, 1),
    "tracked run, parameters": (2, 1, 0),
    # Of the points that were sent before, and of the steps that a run has.
    "tracked run, metrics": (3, 1, 0),
    "tracked run, artifact": (7, 1, 4),
    "tracked run, end": (8, 1, 0),
    "executed step": (14, 2, 4),
    "reused step": (8, 1, 0),
}

Costs = dict[str, tuple[int, int, int | None]]


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory, module_records_url: str) -> Costs:
    """What a process found that did each once, after doing it once unmeasured."""
    folder = tmp_path_factory.mktemp("costs")
    # Nobody renews a lease meanwhile.
    (folder / "mainspring.toml").write_text('[project]\nid = "costs"\n[leases]\nttl_s = 3600\n')
    counting = _syncs.environment(_syncs.build(folder), skip=True)
    environment = {**os.environ, **counting, "MAINSPRING_RECORDS_URL": module_records_url}
    environment["PYTHONPATH"] = str(ROOT)
    words = [sys.executable, "-m", "tests.counted_works"]
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "costs.json").read_text())
    return {name: (cost["statements"], cost["writes"], cost["syncs"]) for name, cost in found.items()}


def of_one_step(costs: Costs, fewer: str, more: str) -> tuple[int, int, int | None]:
    """What a run with one step more cost more."""
    less, much = costs.pop(fewer), costs.pop(more)
    syncs = None if less[2] is None or much[2] is None else much[2] - less[2]
    return much[0] - less[0], much[1] - less[1], syncs


@pytest.fixture(scope="module")
def by_kind(costs: Costs) -> Costs:
    """With the runs of pipelines as what a step costs."""
    plain = dict(costs)
    plain["executed step"] = of_one_step(plain, "pipeline of 2 steps", "pipeline of 3 steps")
    plain["reused step"] = of_one_step(plain, "the same 2 steps again", "the same 3 steps again")
    return plain


def test_statements_and_transactions_are_these(by_kind: Costs, both_databases: str) -> None:
    expected = SQLITE if both_databases == "sqlite" else POSTGRES
    assert {name: cost[:2] for name, cost in by_kind.items()} == {
        name: cost[:2] for name, cost in expected.items()
    }


def test_fsyncs_are_these(by_kind: Costs, both_databases: str) -> None:
    """Our own; PostgreSQL's server does its own for each commit."""
    if by_kind["short execution"][2] is None:
        pytest.skip("fsyncs are counted by a library loaded before libc: it needs Linux and a C compiler")
    expected = SQLITE if both_databases == "sqlite" else POSTGRES
    assert {name: cost[2] for name, cost in by_kind.items()} == {
        name: cost[2] for name, cost in expected.items()
    }
