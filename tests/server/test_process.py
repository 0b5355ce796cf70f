"""`mainspring server` as a process of its own: how it ends, and what its end takes along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from tests.server.load import Load
from tests.serving.airport import Airport

pytestmark = pytest.mark.once

WITHIN_S = 60


@dataclass
class Started:
    """A server process that answers.

    Attributes:
        said: what it said on stderr so far; all of it once `wait` has returned.
    """

    process: subprocess.Popen[str]
    url: str
    said: str

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        assert self.process.stderr is not None
        self.said += self.process.stderr.read()
        return self.process.wait(WITHIN_S)


@contextmanager
def started(airport: Airport) -> Iterator[Started]:
    """One worker on a free port; killed at the end if it still runs."""
    config = airport.project.config
    command = [sys.executable, "-m", "mainspring", "server", "--port", "0", "-p", str(config.folder)]
    environment = {
        **os.environ,
        "MAINSPRING_RECORDS_URL": config.records.url,
        "MAINSPRING_CLOCK_KIND": config.clock.kind,
    }
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            said = ""
            while not (line := process.stderr.readline()).startswith("serving on "):
                said += line
                assert line, said
            yield Started(process, line.split()[2], said + line)
        finally:
            process.kill()


def logged(airport: Airport) -> list[str]:
    """Prediction ids in the published table, as they lie there."""
    table = airport.deployments.get("flights").log_table
    return airport.project.tables.scan(table).collect()["prediction_id"].to_list()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_the_server_with_everything_logged(airport: Airport, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM under load: exit code 0, and every acknowledged prediction is published, once."""
    with started(airport) as server, Load(server.url) as load:
        load.until(20)
        server.process.send_signal(number)
        assert server.wait() == 0
        load.stop()
    ids = logged(airport)
    assert {answer["prediction_id"] for answer in load.answers} <= set(ids)
    assert len(ids) == len(set(ids))
    assert "draining" in server.said
    assert "Traceback" not in server.said


def test_a_killed_supervisor_loses_nothing_acknowledged_and_serves_again(airport: Airport) -> None:
    """Kill -9 under load, then the same command again: what both acknowledged is logged, once."""
    answers = []
    with started(airport) as first, Load(first.url) as load:
        load.until(20)
        first.process.kill()
        first.wait()
        load.stop()
    answers += load.answers
    with started(airport) as second:
        with Load(second.url) as load:
            load.until(5)
        answers += load.answers
        second.process.terminate()
        assert second.wait() == 0
    ids = logged(airport)
    assert {answer["prediction_id"] for answer in answers} <= set(ids)
    assert len(ids) == len(set(ids))
