"""`mainspring runs artifacts`: the files of a run, listed and downloaded."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from mainspring.cli._app import app
from mainspring.errors import UnknownNameError
from mainspring.project import open_project


def test_artifacts_are_listed_and_downloaded(tmp_path: Path) -> None:
    """All of a run, or of a folder; what is not there is refused."""
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "files"\n')
    with open_project(tmp_path) as project, project.tracking.run("files") as run:
        run.artifact("a.txt", b"1")
        run.artifact("plots/b.txt", b"22")
    words = ["runs", "artifacts", run.id, "-p", str(tmp_path)]
    listed = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [(each["name"], each["size_bytes"]) for each in listed] == [("a.txt", 1), ("plots/b.txt", 2)]
    to = tmp_path / "to"
    assert CliRunner().invoke(app, [*words, "--path", "plots", "--to", str(to)]).exit_code == 0
    assert [place.relative_to(to).as_posix() for place in to.rglob("*.txt")] == ["plots/b.txt"]
    refused = CliRunner().invoke(app, [*words, "--path", "nothing", "--to", str(to)])
    assert isinstance(refused.exception, UnknownNameError)
