"""What the deployment commands leave behind when they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import mainspring as ms
from mainspring.cli._app import app
from mainspring.errors import InputError
from mainspring.gates.spec import Policy, Requirement
from mainspring.project import open_project


@pytest.mark.parametrize("name", ["Bad Name", "churn"])
def test_a_refused_create_leaves_the_alias_as_it_was(
    tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A bad name, and a version that no view feeds, are refused before the gate moves the alias."""
    folder = tmp_path / "shop"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    rows = pl.DataFrame({"spend": [1.0, 2.0, 3.0, 4.0], "left": [False, True, False, True]})
    with open_project(folder) as project:
        model = ms.Model(LogisticRegression(), ["spend"]).fit(rows, "left")
        project.models.register("churn", model)
        latency = Requirement.model_validate({"kind": "check.latency", "with": {"p95_ms": 60_000.0}})
        project.gates.define(Policy(environment="open", alias="champion", require=(latency,)))
        version = project.models.get("churn", 1)
        project.evaluation.evaluate(version, rows, [ms.check.latency(p95_ms=60_000.0)])
        assert project.gates.decide("open", version).verdict == "pass"

    done = CliRunner().invoke(
        app, ["deployments", "create", name, "churn/1", "--environment", "open", "--project", str(folder)]
    )

    assert done.exit_code != 0
    with open_project(folder) as project:
        assert list(project.models.aliases("churn")) == []


def test_predict_without_keys(tmp_path: Path, records_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a view looks nothing up, nobody writes `--keys`; what else is missing is named."""
    folder = tmp_path / "shop"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    rows = pl.DataFrame({"spend": [1.0, 2.0, 3.0, 4.0], "left": [False, True, False, True]})
    with open_project(folder) as project:
        fates = project.features.group("fates", keys=["customer"], event_time="left_at")
        fates.insert(
            pl.DataFrame({"customer": [1], "left_at": [datetime(2024, 1, 1, tzinfo=UTC)], "left": [True]})
        )
        view = project.features.view(
            "churn", features=[ms.request(spend="float64")], label=fates["left"], spine_time="asked_at"
        )
        version = project.models.register(
            "churn", ms.Model(LogisticRegression(), ["spend"]).fit(rows, "left")
        )
        project.deployments.create("churn", version, view)

    words = ["deployments", "predict", "churn", "--project", str(folder)]
    done = CliRunner().invoke(app, [*words, "--request", '{"spend": 2}', "--json"])
    assert 0 < json.loads(done.output)["prediction"] < 1
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, InputError)
    assert (refused.expected, refused.got) == ("request spend", "no 'spend'")
