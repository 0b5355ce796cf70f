"""The example package, installed and used through the public API: every kind, and what is left when it is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from tests.evaluation.conftest import flights, held_out, linear  # noqa: F401 - fixtures
from tests.models.flights import fitted

import mainspring as ms
from mainspring.errors import InputError, PluginError, UnknownNameError
from mainspring.evaluation.metrics import PLUGINS
from mainspring.lineage import Verdict
from mainspring.models.model import Model
from mainspring.project import Project, open_project

SEATS = pl.DataFrame({"tail": ["N1", "N2", "N3"], "seats": [5, 10, 12]})


@pytest.fixture
def origin(harbour: Path) -> dict[str, str]:
    """What evidence says of the example."""
    found = PLUGINS.find("absolute_error")
    assert found is not None
    return found.origin()


def test_an_expectation(project: Project, origin: dict[str, str], uninstall: Callable[[], None]) -> None:
    """It judges rows and its evidence names the code; without the package it is read, and refuses to judge."""
    fives = ms.expect.of("multiple_of", "seats", by=5)
    group = project.features.group("planes", version=1, keys=["tail"], expectations=[fives])
    commit = group.insert(SEATS)
    assert (commit.n_failed, commit.verdict) == (1, "fail")
    assert group.failing_rows(SEATS)["tail"].to_list() == ["N3"]
    (evidence,) = project.graph.evidence_for(commit.asset_id)
    (told,) = evidence.figures["expectations"]
    assert (told["name"], told["n_failed"], told["plugin"]) == ("multiple_of(seats, by=5)", 1, origin)

    uninstall()
    again = project.features.get_group("planes")
    assert again.read().to_polars().height == 3
    assert again.spec.expectations[0]["parameters"] == {"by": 5}
    with pytest.raises(PluginError, match=r"'multiple_of' of harbour.*pip install 'harbour'"):
        again.insert(SEATS)
    assert len(again.commits()) == 1


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ms.expect.of("multiple_of", "seats", by=0), InputError),
        (lambda: ms.expect.of("multiple_of", "seats", by=float("nan")), InputError),
        (lambda: ms.expect.of("multiple_of", by=5), InputError),
        (lambda: ms.expect.of("between", "seats", low=1), InputError),
        (lambda: ms.expect.of("multiples_of", "seats", by=5), UnknownNameError),
    ],
    ids=["the rule refuses", "not finite", "no column", "ours", "unknown"],
)
def test_a_wrong_expectation_is_refused_when_it_is_made(
    harbour: Path, make: Callable[[], object], error: type[Exception]
) -> None:
    """At the door, not at the first insert."""
    with pytest.raises(error):
        make()


def test_metrics(
    project: Project,
    origin: dict[str, str],
    linear: Model,  # noqa: F811
    held_out: pl.DataFrame,  # noqa: F811
) -> None:
    """Checks by a plug-in's metric are judged with intervals, and their evidence names the code; ours do not."""
    version = project.models.register("delay", linear)
    checks = [
        ms.check.metric("absolute_error", at_most=0.45),
        ms.check.metric("top_precision", at_least=0.5, cluster="day"),
        ms.check.slice("carrier", "absolute_error", max_drop=0.2),
        ms.check.metric("roc_auc", at_least=0.6),
    ]
    report = project.evaluation.evaluate(version, held_out.head(400), checks)
    assert [result.verdict for result in report.results] == [Verdict.PASS] * 4
    loss, top, *_ = report.results
    assert loss.figures["method"] == "bootstrap"
    assert top.figures["method"] == "cluster bootstrap"
    assert top.figures["low"] < top.figures["value"] < top.figures["high"]
    told = {each.name: each.figures.get("plugin") for each in project.graph.evidence_for(version.asset_id)}
    assert list(told.values()).count(origin) == 3
    assert told["roc_auc at least 0.6"] is None
    with pytest.raises(UnknownNameError, match="slice metric"):
        ms.check.slice("carrier", "top_precision", max_drop=0.2)
    with pytest.raises(InputError, match="at_most="):
        ms.check.metric("absolute_error", at_least=0.1)


def test_a_materializer(project: Project, origin: dict[str, str], uninstall: Callable[[], None]) -> None:
    """A type of the package is kept between steps and found again; without the package it says what is missing."""
    from tests.plugins.voyage import voyage

    first = project.pipelines.run(voyage)
    second = project.pipelines.run(voyage)
    assert [run.outputs["1"] for run in (first, second)] == ["BOS-HAM", "BOS-HAM"]
    assert (first.n_executed, second.n_cached) == (2, 2)
    assert second.outputs["0"].ports == ["BOS", "HAM"]
    (stored,) = first.steps[0].outputs
    assert (stored.materializer, stored.plugin) == ("harbour.route.Route", origin)
    uninstall()
    with pytest.raises(PluginError, match=r"'harbour.route.Route' of harbour.*pip install 'harbour==1.2.0'"):
        first.outputs["0"]


def test_a_model_format(
    project: Project,
    origin: dict[str, str],
    uninstall: Callable[[], None],
    flights: pl.DataFrame,  # noqa: F811
) -> None:
    """An estimator that skops refuses is stored and loaded; its package says what it takes, also when that is gone."""
    from harbour.model import ConstantRate  # type: ignore[import-not-found]

    model = fitted(ConstantRate(), flights)
    with pytest.raises(InputError, match="harbour"):
        project.models.register("rate", model)
    version = project.models.register("rate", model, stored_as="harbour_json")
    assert (
        project.models.register("rate", model, stored_as="harbour_json").package_digest
        == version.package_digest
    )
    loaded = project.models.load(version)
    assert loaded.predict(flights.head(3)).tolist() == pytest.approx([model.estimator.rate_] * 3)
    folder = project.models.export(version, project.home / "out")
    assert (folder / "model.json").exists()
    assert "harbour==1.2.0" in (folder / "requirements.txt").read_text().splitlines()
    assert (
        f'"plugin":{{"code":"{origin["code"]}","distribution":"harbour"'
        in (folder / "manifest.json").read_text()
    )
    uninstall()
    with pytest.raises(PluginError, match=r"pip install 'harbour==1.2.0'"):
        project.models.load(version)


def test_an_alert_channel(harbour: Path, records_url: str, tmp_path: Path) -> None:
    """An address of the package's scheme is told of alerts like one of ours."""
    horn = tmp_path / "horn"
    overrides = {"records.url": records_url, "alerts.channels": [f"horn:{horn}"]}
    with open_project(tmp_path, overrides=overrides) as project:
        alert(project, "late by more")
        (delivery,) = project.alert_deliveries()
        assert delivery.run() == 1
        assert delivery.run() == 0
    assert horn.read_text().endswith(" late by more\n")


def alert(project: Project, message: str) -> None:
    """What a monitor appends."""
    now = datetime(2013, 1, 1, tzinfo=UTC).isoformat()
    payload = {
        "alert_id": "a",
        "message": message,
        "monitor": "m",
        "deployment": "d",
        "start_at": now,
        "end_at": now,
    }
    with project.graph.execution("monitor", "m") as work:
        work.event("alert.raised", subject="0" * 32, payload=payload)


def test_backends(harbour: Path, tmp_path: Path) -> None:
    """A project stands on five backends of the package, chosen by their addresses."""
    overrides = {
        "records.url": f"shallow:{tmp_path}/records.db",
        "blobs.url": "hold:{home}/blobs.db",
        "tables.url": f"ledger:{tmp_path}/tables",
        "keys.url": f"board:{tmp_path}/keys",
        "engine.kind": "alone",
    }
    with open_project(tmp_path, overrides=overrides) as project:
        group = project.features.group("planes", version=1, keys=["tail"], online=True)
        group.insert(SEATS)
        assert group.read().to_polars().height == 3
        assert project.graph.blobs.get(project.graph.blobs.put(b"bytes").sha256) == b"bytes"
        assert type(project.blobs).__module__ == "harbour.backends"
        assert project.engine.n_workers == 1
    assert (tmp_path / "records.db").exists()
    assert (tmp_path / "tables").is_dir()
    assert (tmp_path / ".mainspring" / "blobs.db").exists()
