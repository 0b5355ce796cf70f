"""`mainspring demo --small --serve` as people use it: interrupted, told again, asked over HTTP, ended by a signal."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from rich.console import Console

from mainspring.project import open_project
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.tell import tell_demo
from mainspring.workflows.demo.world import DEPLOYMENT
from tests.conftest import RECORDS

pytestmark = [
    pytest.mark.story,
    # Signals and addresses are the same on every database; the stories beside this one run on both.
    pytest.mark.skipif(RECORDS != "sqlite", reason="told on SQLite"),
]

PATIENCE_S = 240.0


class Command:
    """A running `mainspring demo`, and what it has said."""

    def __init__(self, folder: Path, *options: str) -> None:
        own = {"MAINSPRING_SERVING_PORT": "0", "COLUMNS": "300", "PYTHONUNBUFFERED": "1"}
        self.said = folder.parent / f"said-{time.monotonic_ns()}"
        with open(self.said, "wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mainspring", "demo", str(folder), "--small", *options],
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **own},
                # A suite that was started in the background hands down a SIGINT that is ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no thread holds a lock
            )

    def wait_for(self, pattern: str) -> str:
        """The first group of the first match in what it says."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s and self.process.poll() is None:
            found = re.search(pattern, self.said.read_text())
            if found is not None:
                return found[1]
            time.sleep(0.02)
        self.process.kill()
        pytest.fail(f"never said {pattern!r}, but:\n{self.said.read_text()}")

    def end(self, number: int) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A story that Ctrl-C ended among its first live days, and that was then told to its end."""
    made = tmp_path_factory.mktemp("serve") / "demo"
    first = Command(made)
    first.wait_for(r"(prediction server on http)")
    assert first.end(signal.SIGINT) == 130, first.said.read_text()
    assert "Interrupted." in first.said.read_text()
    again = Command(made)
    assert again.process.wait(PATIENCE_S) == 0, again.said.read_text()
    assert "going on in" in again.said.read_text()
    return made


def test_after_ctrl_c_the_story_goes_on_and_ends_well(folder: Path) -> None:
    """Every flight of the five lived days is in the log once, and nothing was promoted or made twice."""
    with open_project(folder) as project:
        deployment = project.deployments.get(DEPLOYMENT)
        log = deployment.log()
        assert log.height == log["prediction_id"].n_unique() == 5 * 20
        assert deployment.log_counts().n_gaps == 0
        assert len(deployment.revisions()) == 1
        assert len(project.models.versions("flight_delay")) == 3


class Ending(io.StringIO):
    """A terminal at which somebody ends what runs as soon as he has read how."""

    def write(self, text: str) -> int:
        if "Ctrl-C ends it" in text:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().write(text)


def test_a_signal_counts_from_the_moment_that_it_is_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon it comes: the workers are drained, and the process goes on with its own handlers."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    terminal, before = Ending(), signal.getsignal(signal.SIGTERM)
    options = Options(requests_per_day=20, days_per_month=2, until_month=5, serve=True)
    tell_demo(folder, options, Console(file=terminal, width=300), overrides={"serving.port": 0}).world.close()
    assert "draining" in terminal.getvalue()
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_complete_story_is_served_until_a_signal(folder: Path, number: int) -> None:
    """It says so, prints its addresses, answers what it told to ask, and ends with 0."""
    served = Command(folder, "--serve")
    body = json.loads(served.wait_for(r"-d '(\{.*\})'"))
    url = served.wait_for(r"ask: +curl -s (\S+) ")
    assert "is complete" in served.said.read_text()
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        answer = json.load(reply)
    assert 0 < answer["prediction"] < 1
    assert answer["model_version"] == 2
    served.wait_for(r"(Ctrl-C ends it)")
    assert served.end(number) == 0, served.said.read_text()
    with open_project(folder) as project:
        found = project.deployments.lineage.get(answer["prediction_id"])
        assert found.prediction == answer["prediction"]
