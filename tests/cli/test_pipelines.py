"""Pipelines and the demo from the command line: what is refused before anything runs."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mainspring.cli import demo, pipelines
from mainspring.cli._app import app
from mainspring.errors import InputError, MissingExtraError


def test_a_date_is_a_time_at_midnight() -> None:
    """JSON has no times: an ISO date where a time is asked for is its midnight in UTC."""
    given = {"test_from": "2024-09-01", "name": "2024-09-01"}
    typed = pipelines._typed(given, {"test_from": datetime, "name": str})
    assert typed == {"test_from": datetime(2024, 9, 1, tzinfo=UTC), "name": "2024-09-01"}


def test_a_parameter_of_another_type_shows_what_came() -> None:
    """The message has the value and a form that JSON can say."""
    with pytest.raises(InputError, match=r'got "soon"\. JSON says a time as "2024-09-01"'):
        pipelines._typed({"test_from": "soon"}, {"test_from": datetime})


def test_a_pipeline_that_needs_an_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of an extra that is missing while the project's code is imported."""
    (tmp_path / "needs_extra.py").write_text("raise ModuleNotFoundError('no', name='sklearn.linear_model')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match=r"pip install 'mainspring\[sklearn\]'"):
        pipelines._find("needs_extra:training")


def test_a_demo_without_its_extra_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal comes before the folder is made."""

    def missing(library: str) -> None:
        raise PackageNotFoundError(library)

    monkeypatch.setattr(demo, "distribution", missing)
    done = CliRunner().invoke(app, ["demo", str(tmp_path / "demo")])
    assert isinstance(done.exception, MissingExtraError)
    assert "mainspring[demo]" in done.exception.hint
    assert list(tmp_path.iterdir()) == []
