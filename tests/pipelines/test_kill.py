"""Kill -9 in the middle of a run, then the same call again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

from mainspring.lineage import Code, ExecutionState, Graph
from mainspring.lineage.store import executions
from mainspring.pipelines import Pipelines
from mainspring.pipelines.store import cache
from mainspring.ports.blobs import open_blobs
from mainspring.ports.clock import SystemClock
from mainspring.ports.engine import open_engine
from mainspring.ports.records import open_records

CHILD = Path(__file__).with_name("killed_pipeline.py")


def test_a_killed_run_goes_on_from_what_it_made(records_url: str, tmp_path: Path) -> None:
    """After a kill in the second and in the third step, nothing that was finished is executed again."""
    calls = tmp_path / "calls.txt"
    blobs_url = f"file:{tmp_path / 'blobs'}"

    def call(fatal: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(CHILD), records_url, blobs_url, fatal],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "CALLS": str(calls)},
        )

    for fatal in ("second", "third"):
        assert call(fatal).returncode == -signal.SIGKILL
    done = call("none")
    assert done.stdout == "first cached,second cached,third executed = [6, 6]", done.stderr
    assert calls.read_text().split() == ["first", "second", "second", "third", "third"]

    graph = Graph(
        records=open_records(records_url),
        blobs=open_blobs(blobs_url),
        clock=SystemClock(),
        project_id="killed",
        actor="user:test",
        code=lambda: Code(commit=None, dirty=None, digest="0" * 64),
    )
    runs = Pipelines(graph, open_engine("local:")).runs("three")
    assert [run.state for run in runs] == [
        ExecutionState.COMPLETED,
        ExecutionState.LOST,
        ExecutionState.LOST,
    ]
    assert "its process ended" in str(runs[1].error)
    assert len(graph.find_assets()) == 3
    with graph.records.read() as connection:
        left = connection.execute(select(executions.c.kind).where(executions.c.state == "running")).all()
    assert left == []
    started = [event.subject for event in graph.events(kinds=["execution.started"])]
    ended = [event.execution for event in graph.events() if event.kind != "execution.started"]
    assert sorted(started) == sorted(set(ended) & set(started)), (
        "the log does not say how a started execution ended"
    )
    graph.records.close()


def test_two_processes_go_on_with_the_same_work(records_url: str, tmp_path: Path) -> None:
    """Both come to the result, from what was finished before the kill, and a step has one result whoever made it."""
    blobs_url = f"file:{tmp_path / 'blobs'}"
    environment = {**os.environ, "CALLS": str(tmp_path / "calls.txt")}

    def begin(fatal: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(CHILD), records_url, blobs_url, fatal]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    killed = begin("second")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    both = [begin("none"), begin("none")]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all(out.startswith("first cached") and out.endswith("= [6, 6]") for out, _ in said), said
    records = open_records(records_url)
    with records.read() as connection:
        left = connection.execute(select(executions.c.kind).where(executions.c.state == "running")).all()
        kept = connection.execute(select(cache.c.key, cache.c.outputs)).all()
    assert left == []
    # Both may have executed a step: then there are two results of one key, and they are the same bytes.
    bytes_of = {
        (key, *(blob["sha256"] for output in outputs for blob in output["blobs"])) for key, outputs in kept
    }
    assert len(bytes_of) == len({key for key, _ in kept}) == 3
    records.close()
