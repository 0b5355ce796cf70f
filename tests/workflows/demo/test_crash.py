"""A story whose process is killed goes on where it was.

Here among the requests of a day, on PostgreSQL; on SQLite `test_alert` kills a longer story, `test_serve` stops one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mainspring.project import open_project
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.tell import tell_demo
from mainspring.workflows.demo.world import DEPLOYMENT, midnight
from tests.conftest import RECORDS

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(RECORDS != "postgres", reason="killed on PostgreSQL"),
]

OPTIONS = Options(requests_per_day=40, days_per_month=2, until_month=4, over_http=False)
TELL = """
import sys
from pathlib import Path
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.tell import tell_demo
tell_demo(Path(sys.argv[1]), Options(requests_per_day=40, days_per_month=2, until_month=4, over_http=False),
          overrides={"records.url": sys.argv[2]})
"""


def test_killed_on_a_live_day_and_told_again_it_ends_as_if_nothing_had_been(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill -9 among the requests of a day: every flight is in the log once, and every outcome."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "demo"
    process = subprocess.Popen(
        [sys.executable, "-c", TELL, str(folder), records_url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _wait_for_first_predictions(folder, records_url, process)
    os.kill(process.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL, errors.decode()

    world = tell_demo(folder, OPTIONS, overrides={"records.url": records_url}).world
    log = world.project.deployments.get(DEPLOYMENT).log()
    assert log.height == log["prediction_id"].n_unique() == 2 * 40
    flights = world.flights.join(log, left_on="flight_id", right_on="prediction_id", how="inner")
    known = flights.filter((flights["known_at"] < midnight(4, 3)).fill_null(value=False))
    assert known["outcome"].null_count() == 0
    world.close()


def _wait_for_first_predictions(folder: Path, records_url: str, process: subprocess.Popen[bytes]) -> None:
    log = folder / ".mainspring" / "serving" / DEPLOYMENT / "log"
    until_s = time.monotonic() + 180
    while time.monotonic() < until_s and process.poll() is None:
        if log.is_dir() and any(path.stat().st_size > 12_000 for path in log.iterdir() if path.is_file()):
            return
        time.sleep(0.005)
    with open_project(folder, overrides={"records.url": records_url}) as project:
        pytest.fail(f"no prediction in time; deployments: {project.deployments.list()}")
