"""A backup that is made while rows are erased or files compacted has all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mainspring.features.group import FeatureGroup
from mainspring.ports.tables import Tables
from mainspring.project import Project, open_project
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.restore import restore_backup
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.spec import Severity

KEY = "batch 2"


def rows(k: int) -> pl.DataFrame:
    return pl.DataFrame({"k": [k, k + 100], "x": [1.0, 2.0]})


def erase(group: FeatureGroup) -> None:
    group.erase({"k": 0}, reason="asked")


def compact_after_an_insert(group: FeatureGroup) -> None:
    group.insert(rows(1), idempotency_key=KEY)
    group.compact()
    group.erase({"k": 100}, reason="asked")


@pytest.mark.parametrize("change", [erase, compact_after_an_insert])
def test_what_goes_on_meanwhile_waits(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[FeatureGroup], None]
) -> None:
    """Between the records and the tables of one backup nothing leaves a table: the copy is as the records say."""
    group = project.features.group("g", keys=["k"])
    group.insert(rows(0))
    copied = type(project.tables).last_append
    with ThreadPoolExecutor(1) as threads:
        work: list[Future[Any]] = []

        def slow(tables: Tables, *given: Any) -> Any:
            if not work:
                work.append(threads.submit(change, project.features.get_group("g")))
                wait(work, timeout=0.5)
            return copied(tables, *given)

        monkeypatch.setattr(type(project.tables), "last_append", slow)
        make_backup(project, tmp_path / "backups")
        work[0].result()
    for name in ("MAINSPRING_RECORDS_URL", "MAINSPRING_CLOCK_KIND"):
        monkeypatch.delenv(name, raising=False)
    restore_backup(tmp_path / "backups", tmp_path / "copy")
    assert {each.severity for each in examine(tmp_path / "copy").findings} == {Severity.OK}
    with open_project(tmp_path / "copy") as copy:
        again = copy.features.get_group("g")
        assert again.read().to_polars()["k"].sort().to_list() == [0, 100]
        # What was inserted after the snapshot is not there under a token that the records do not know.
        assert again.insert(rows(1), idempotency_key=KEY).number == 2
        assert again.read().to_polars()["k"].sort().to_list() == [0, 1, 100, 101]
        again.compact()
