"""Monitors over a real deployment: what is served is what is judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from mainspring.checks.drift import DriftVerdict
from mainspring.cli._app import app
from mainspring.lineage import Verdict
from mainspring.monitoring.api import Monitors
from mainspring.monitoring.channel import ALERT_RAISED
from mainspring.monitoring.spec import Finding
from mainspring.project import Project
from tests.serving.airport import KEYS, REQUEST, START, Airport, make_airport

N_DAYS = 4


@pytest.fixture
def airport(project: Project) -> Iterator[Airport]:
    """A filled project six hours after the start."""
    made = make_airport(project)
    made.at(6)
    yield made
    made.deployments.close()


def test_the_log_of_a_deployment_is_judged(airport: Airport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions made in process, outcomes posted later: a model that is mostly wrong raises an alert."""
    deployment = airport.deployments.create("flights", airport.versions[0], airport.view)
    names, outcomes = [], []
    for day in range(N_DAYS):
        airport.at(24 * day + 6)
        for number in range(10):
            answer = deployment.predict(keys=KEYS, request=REQUEST, prediction_id=f"{day}-{number}")
            # Right on as many as the day's number, so that days differ.
            names.append(answer.prediction_id)
            outcomes.append(float((answer.prediction > 0.5) == (number < day)))
    airport.at(24 * N_DAYS + 6)
    known_at = START + timedelta(days=N_DAYS)
    deployment.outcomes(
        pl.DataFrame({"prediction_id": names, "value": outcomes}).with_columns(known_at=known_at)
    )
    random = np.random.default_rng(2)
    reference = pl.DataFrame(
        {
            "now": [START - timedelta(days=1 + i // 20) for i in range(200)],
            "prediction": random.uniform(0.2, 0.3, 200),
            "outcome": random.integers(0, 2, 200).astype(float),
            "wind": random.normal(10, 4, 200),
        }
    )
    monitors = Monitors(airport.project.graph, airport.deployments)
    settings: dict[str, Any] = {"label_delay": timedelta(hours=6), "min_clusters": 3, "min_events": 2}
    monitors.add("rate", on=deployment, reference=reference, false_alarms_per_year=0.99, **settings)
    finding = monitors.check("rate", START, START + timedelta(days=N_DAYS))
    assert (finding.n_rows, finding.n_known, finding.n_clusters) == (40, 40, N_DAYS)
    assert finding.subject_id == deployment.revisions()[0].id
    assert finding.versions == {str(airport.versions[0].number): 40}
    assert finding.observed == pytest.approx(np.mean(outcomes))
    assert finding.verdict is Verdict.FAIL
    assert len(airport.project.graph.events(kinds=[ALERT_RAISED])) == 1
    assert_it_reads(finding, airport, monkeypatch)


def assert_it_reads(finding: Finding, airport: Airport, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command shows intervals and a line a feature, and no nested JSON; `--json` has all figures."""
    config = airport.project.config
    for key, value in {"RECORDS_URL": config.records.url, "CLOCK_KIND": "replay"}.items():
        monkeypatch.setenv(f"MAINSPRING_{key}", value)
    window = ["--from", finding.start_at.isoformat(), "--until", finding.end_at.isoformat()]
    words = ["monitors", "check", "rate", *window, "-p", str(config.folder)]
    shown = CliRunner().invoke(app, words).output
    assert str(finding.gap) in shown and "{" not in shown
    assert next(line for line in shown.splitlines() if line.startswith("wind ")).split()[1] in set(
        DriftVerdict
    )
    notebook = finding._repr_html_()
    assert str(finding.gap) in notebook and "<td>wind</td>" in notebook
    plain = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert plain["id"] == finding.id
    assert [drift["column"] for drift in plain["drifts"]] == ["wind"]
