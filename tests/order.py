"""Which files of tests take long: they go first, so that no worker is left alone with one at the end.

A run says how long each of its tests took with `--durations=60`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent

SECONDS: Final = {
    "workflows/demo/test_alert.py": 55,
    "docs/test_pages.py": 47,
    "workflows/demo/test_serve.py": 38,
    "workflows/demo/test_null_year.py": 38,
    "server/test_supervisor.py": 30,
    "test_house.py": 23,
    "features/erasure/test_api.py": 22,
    "workflows/demo/test_story.py": 22,
    "workflows/demo/test_crash.py": 16,
    "workflows/backup/test_backup.py": 14,
    "workflows/doctor/test_examine.py": 14,
    "server/test_process.py": 12,
    "cli/test_commands.py": 12,
    "workflows/move/test_records.py": 12,
    "workflows/backup/test_kill.py": 11,
    "lineage/test_kill.py": 11,
    "serving/test_promotion.py": 11,
    "test_bad_input.py": 9,
    "ports/test_engine_processes.py": 9,
    "ports/test_crashes.py": 9,
    "serving/test_deployments.py": 8,
    "serving/test_log.py": 8,
    "workflows/lifecycle/test_delete.py": 8,
    "soak/test_kill.py": 8,
    "pipelines/test_elsewhere.py": 8,
}
"""Processor seconds of a file, on the database on which it takes longer; the others take less than eight."""


def seconds(file: Path) -> int:
    """Of a file of tests; 0 for one that is short."""
    return SECONDS.get(file.relative_to(TESTS).as_posix(), 0) if file.is_relative_to(TESTS) else 0
