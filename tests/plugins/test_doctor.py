"""What a project was made with and is not installed is found before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.models.flights import fitted, make_flights

import mainspring as ms
from mainspring.project import open_project
from mainspring.workflows.doctor.examine import examine
from mainspring.workflows.doctor.spec import Severity


def test_doctor_names_what_is_missing(
    harbour: Path,
    uninstall: Callable[[], None],
    records_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A channel that cannot be opened is an error, since alerts wait for it; what is stored only warns."""
    from harbour.model import ConstantRate  # type: ignore[import-not-found]

    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    monkeypatch.setenv("MAINSPRING_ALERTS_CHANNELS", f"horn:{tmp_path}/horn")
    (tmp_path / "mainspring.toml").write_text('[project]\nid = "test"\n')
    with open_project(tmp_path) as project:
        fives = ms.expect.of("multiple_of", "seats", by=5)
        group = project.features.group("planes", keys=["tail"], expectations=[fives])
        group.insert(pl.DataFrame({"tail": ["N1"], "seats": [150]}))
        model = fitted(ConstantRate(), make_flights(20))
        project.models.register("rate", model, stored_as="harbour_json")
    assert examine(tmp_path).problems == []
    uninstall()
    found = [(each.check, each.severity, each.where) for each in examine(tmp_path).problems]
    assert found == [
        ("plugins", Severity.ERROR, "alerts.channels"),
        ("plugins", Severity.WARNING, "needed by feature group planes@1, of harbour"),
        ("plugins", Severity.WARNING, "needed by packages of model rate"),
    ]
