"""Backups that are killed under a writer, and the one after them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring.errors import StateError
from mainspring.project import open_project
from mainspring.workflows.backup.folder import BackupFolder
from mainspring.workflows.backup.restore import restore_backup
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.spec import Finding, Severity
from tests.workflows.filled import Filled

N_KILLS = 5


def _wrong(folder: Path) -> list[Finding]:
    """What the doctor finds. A run that was under way when the backup was made is seen as lost or abandoned once its
    process has ended.
    """
    found = [item for item in examine(folder).problems if item.severity is not Severity.INFO]
    return [item for item in found if item.check not in {"executions", "leases"}]


def test_a_killed_backup_is_refused_and_the_next_has_everything_acknowledged_before_it(
    filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a writer of commits, predictions, outcomes and runs: no half backup, no half restore, nothing missing."""
    target = tmp_path / "backups"
    command = [sys.executable, "-m", "tests.workflows.backup.killed_backups"]
    done = subprocess.run(
        [*command, str(filled.folder), str(target), str(N_KILLS)], check=True, capture_output=True, text=True
    )
    said = json.loads(done.stdout)
    assert said["code"] == 0, done.stderr
    assert said["n_killed"] == N_KILLS, done.stderr
    folder = BackupFolder(target)
    newest = folder.numbers()[-1]
    for number in range(1, newest):
        if number not in folder.numbers():
            with pytest.raises((StateError, LookupError)):
                folder.get(number)
    assert folder.interrupted() == []
    # A restore that was killed has left no target, or, killed after its last step, a whole one.
    assert said["half"]
    if not any(said["half"]):
        restore_backup(target, tmp_path / "killed")
    assert not (target / "work").exists()
    assert list((target / "staging").iterdir()) == []
    restored = tmp_path / "restored"
    assert restore_backup(target, restored).number == newest
    monkeypatch.delenv("MAINSPRING_RECORDS_URL")
    monkeypatch.delenv("MAINSPRING_CLOCK_KIND")
    assert _wrong(restored) == []
    assert _wrong(tmp_path / "killed") == []
    acknowledged = {(kind, name) for kind, name in (line.split(" ") for line in said["before"])}
    with open_project(restored) as project:
        log = project.deployments.get("flights").log()
        there = {
            ("commit", name) for name in project.features.get_group("fleet").read().to_polars()["carrier"]
        }
        there |= {("prediction", name) for name in log["prediction_id"]}
        there |= {("outcome", row["prediction_id"]) for row in log.to_dicts() if row["outcome"] is not None}
        there |= {("run", run.id) for run in project.tracking.runs() if run.metrics and run.artifacts}
        assert log["prediction_id"].is_unique().all()
    assert acknowledged <= there
