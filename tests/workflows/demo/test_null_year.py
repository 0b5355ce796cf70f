"""The same machinery on a year in which nothing changes: its days, in random order."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from mainspring.lineage import Verdict
from mainspring.workflows.demo.options import Options
from mainspring.workflows.demo.tell import tell_demo
from mainspring.workflows.demo.world import DEPLOYMENT, MODEL

pytestmark = [pytest.mark.story, pytest.mark.once]


def test_a_year_with_shuffled_days_raises_no_alert_and_promotes_nothing(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine months are judged and pass; the first model answers to the end, and no other is trained.

    The order of days is one in which the first model passes the gate: in many others it does not beat the
    baseline on the held-out days, and the story ends there, which would show nothing of the monitor.
    """
    monkeypatch.setattr(sys, "path", list(sys.path))
    options = Options(shuffle_days_seed=2, over_http=False)
    console = Console(file=io.StringIO(), width=200)
    world = tell_demo(tmp_path / "null", options, console, overrides={"records.url": records_url}).world
    findings = world.project.monitors.findings("flight_delay_monthly")
    assert [finding.verdict for finding in findings] == [Verdict.PASS] * 9
    assert world.project.monitors.alerts() == []
    assert len(world.project.deployments.get(DEPLOYMENT).revisions()) == 1
    assert world.project.deployments.get(DEPLOYMENT).rollouts() == []
    assert len(world.project.models.versions(MODEL)) == 3
    world.close()
