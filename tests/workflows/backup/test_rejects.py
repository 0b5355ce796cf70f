"""Rejected rows are backed up with the commits that they came with, and looked over by the doctor."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mainspring.checks import expect
from mainspring.project import open_project
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.restore import restore_backup
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.spec import Severity

pytestmark = pytest.mark.once


def _project(folder: Path) -> Path:
    folder.mkdir()
    (folder / "mainspring.toml").write_text('[project]\nid = "test"\n')
    return folder


def test_rejects_come_back(tmp_path: Path) -> None:
    """A restored project has them; the doctor of both finds nothing, until a file of theirs is cut."""
    home = _project(tmp_path / "one")
    with open_project(home) as project:
        rules = [expect.between("x", 0, 1)]
        group = project.features.group("g", keys=["k"], expectations=rules, on_failure="quarantine")
        group.insert(pl.DataFrame({"k": ["a", "b"], "x": [0.5, 7.0]}))
        rejects = group.rejects()
        assert rejects["x"].to_list() == [7.0]
        make_backup(project, tmp_path / "backup")
    other = tmp_path / "two"
    restore_backup(tmp_path / "backup", other)
    with open_project(other) as restored:
        assert restored.features.get_group("g").rejects().equals(rejects)
    assert {each.severity for each in examine(other).findings} == {Severity.OK}
    (file,) = other.rglob("features_g_*_rejects/*.parquet")
    file.write_bytes(file.read_bytes()[:-10])
    assert any("_rejects" in each.what for each in examine(other).findings)
