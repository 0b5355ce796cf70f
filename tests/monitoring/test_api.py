"""Monitors on a real graph: findings become evidence, alerts events, and each window is decided once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from mainspring.errors import InputError, StateError, UnknownNameError
from mainspring.lineage import AssetKind, Graph, Verdict
from mainspring.monitoring.api import Monitors
from mainspring.monitoring.channel import ALERT_RAISED
from tests.monitoring.worlds import START, days, month

REFERENCE = days(1, 90, start=START - timedelta(days=90)).with_columns(
    held_out=pl.col("now") >= START - timedelta(days=21)
)
FEATURES = ["temp", "carrier"]
DUE = timedelta(days=2)


@dataclass(frozen=True)
class Revision:
    """A deployment revision's asset and number."""

    id: str
    number: int


class Served:
    """A deployment whose log is a given frame."""

    def __init__(self, name: str, frame: pl.DataFrame, revisions: Sequence[Revision]) -> None:
        self.name = name
        self.frame = frame
        self._revisions = list(revisions)

    def log(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        outcomes_as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """All rows: the room cuts the window itself too."""
        assert start is not None and end is not None and outcomes_as_of is not None
        return self.frame

    def check_kept(self, start: datetime) -> None:
        """Nothing is ever deleted."""

    def revisions(self) -> Sequence[Revision]:
        """All revisions."""
        return self._revisions


class Deployments:
    """Deployments by name."""

    def __init__(self, *served: Served) -> None:
        self._by_name = {one.name: one for one in served}

    def get(self, name: str) -> Served:
        """The deployment of that name."""
        if name not in self._by_name:
            raise UnknownNameError.of("deployment", name, self._by_name, where="deployments")
        return self._by_name[name]


@pytest.fixture
def served(graph: Graph) -> Served:
    """Two months, the second with chances that the model does not know, under two revisions."""
    with graph.execution("deploy", "delay") as work:
        made = [work.add(AssetKind.DEPLOYMENT_REVISION, f"delay/{number}") for number in (1, 2)]
    log = pl.concat([days(2, 31), days(3, 29, start=month(1), extra=0.12).with_columns(revision=pl.lit(2))])
    return Served("delay", log, [Revision(asset.id, number) for number, asset in enumerate(made, start=1)])


@pytest.fixture
def monitors(graph: Graph, served: Served) -> Monitors:
    """The room over the one deployment."""
    return Monitors(graph, Deployments(served))


def _add(monitors: Monitors, **changes: Any) -> Any:
    settings: dict[str, Any] = {"on": "delay", "reference": REFERENCE, "features": FEATURES}
    return monitors.add("rate", **(settings | changes))


def _alert_events(graph: Graph) -> list[Any]:
    return graph.events(kinds=[ALERT_RAISED])


def test_quiet_month_is_evidence_without_alert(graph: Graph, monitors: Monitors, served: Served) -> None:
    """A passing window is stored as evidence about the revision that answered, and raises nothing."""
    finding = _add(monitors).check(START, month(1), as_of=month(1) + DUE)
    (evidence,) = graph.evidence_for(served.revisions()[0].id, kind="monitor")
    assert (finding.verdict, evidence.verdict, evidence.id) == (Verdict.PASS, Verdict.PASS, finding.id)
    assert evidence.figures["gap"]["value"] == finding.gap.value
    assert evidence.trigger == "schedule"
    assert monitors.findings("rate") == [finding]
    assert (monitors.alerts(), _alert_events(graph)) == ([], [])


def test_bad_month_raises_one_alert(graph: Graph, monitors: Monitors, served: Served) -> None:
    """A failing window appends one event for triggers, and one alert; asking again adds none."""
    monitor = _add(monitors)
    first = monitor.check(month(1), month(2), as_of=month(2) + DUE)
    again = monitor.check(month(1), month(2), as_of=month(3))
    (event,) = _alert_events(graph)
    (alert,) = monitors.alerts("rate")
    assert (first.verdict, first.alerted, again) == (Verdict.FAIL, True, first)
    assert (event.subject, event.payload["alert_id"]) == (served.revisions()[1].id, alert.id)
    assert event.payload["monitor"] == "rate"
    assert alert.id == first.id
    assert "observed" in alert.message
    assert first.observed is not None and first.predicted is not None
    assert first.observed - first.predicted == pytest.approx(0.12, abs=0.05)


def test_early_looks_are_kept_and_do_not_decide(graph: Graph, monitors: Monitors) -> None:
    """Before outcomes are due the answer is insufficient_data; the window is decided when they are."""
    monitor = _add(monitors)
    early = monitor.check(month(1), month(2), as_of=month(2))
    late = monitor.check(month(1), month(2), as_of=month(2) + DUE)
    assert [one.verdict for one in monitors.findings("rate")] == [Verdict.INSUFFICIENT_DATA, Verdict.FAIL]
    assert (early.alerted, late.alerted) == (False, True)


def test_adding_the_same_again_changes_nothing(graph: Graph, monitors: Monitors) -> None:
    """Equal settings are the same revision; another reference or setting is the next one."""
    first = _add(monitors).spec
    n_events = len(graph.events())
    assert _add(monitors).spec == first
    assert len(graph.events()) == n_events
    second = _add(monitors, reference=days(5, 90), min_effect=0.03).spec
    assert (second.revision, second.min_effect, second.min_effect_source) == (2, 0.03, "given")
    assert monitors.get("rate").spec == second
    assert monitors.list() == [second]


def test_a_decided_window_stays_decided_under_the_next_revision(monitors: Monitors) -> None:
    """A new revision judges later windows, and leaves what was found before."""
    before = _add(monitors).check(START, month(1), as_of=month(1) + DUE)
    after = _add(monitors, min_effect=0.0)
    assert after.check(START, month(1), as_of=month(1) + DUE) == before
    assert after.check(month(1), month(2), as_of=month(2) + DUE).monitor_revision == 2


def test_unplanned_looks_are_refused(monitors: Monitors) -> None:
    """The false alarms promised a year hold only for the planned looks; one more is an error, an old one not."""
    monitor = _add(monitors, looks_per_year=1)
    first = monitor.check(START, month(1), as_of=month(1) + DUE)
    with pytest.raises(StateError, match="looks_per_year"):
        monitor.check(month(1), month(2), as_of=month(2) + DUE)
    assert monitor.check(START, month(1), as_of=month(1) + DUE) == first


def test_findings_survive_a_round_trip(monitors: Monitors) -> None:
    """Stored findings come back equal, drifts and times included."""
    finding = _add(monitors).check(START, month(1), as_of=month(1) + DUE)
    assert {drift.column for drift in finding.drifts} == set(FEATURES)
    assert monitors.get("rate").findings() == [finding]


def test_lineage_names_revision_and_reference(graph: Graph, monitors: Monitors, served: Served) -> None:
    """The monitor's execution uses the deployment revision and the dataset that it compares with."""
    with graph.execution("train", "delay") as work:
        dataset = work.add(AssetKind.TRAINING_DATASET, "delay")
    _add(monitors, dataset_id=dataset.id)
    finding = monitors.check("rate", START, month(1), as_of=month(1) + DUE)
    reached = graph.upstream(finding.id)
    assert served.revisions()[0].id in {asset.id for asset in reached}
    assert dataset.id in {asset.id for asset in reached}


@pytest.mark.parametrize(
    "changes",
    [
        {"false_alarms_per_year": 0.0},
        {"looks_per_year": 0},
        {"min_effect": -0.1},
        {"min_coverage": 1.5},
        {"min_clusters": 1},
        {"time_zone": "New York"},
        {"label_delay": timedelta(days=-1)},
        {"reference": REFERENCE.drop("outcome")},
        {"on": "dealy"},
    ],
)
def test_bad_settings_are_refused(graph: Graph, monitors: Monitors, changes: dict[str, Any]) -> None:
    """Each is an error, and nothing is written."""
    with pytest.raises((InputError, UnknownNameError)):
        _add(monitors, **changes)
    assert monitors.find("rate") is None


def test_bad_windows_and_names_are_refused(monitors: Monitors) -> None:
    """A window that ends before it starts and a monitor that nobody added are errors."""
    monitor = _add(monitors)
    with pytest.raises(InputError, match="ends after it starts"):
        monitor.check(month(1), START)
    with pytest.raises(UnknownNameError, match="rate"):
        monitors.check("rat", START, month(1))
    with pytest.raises(UnknownNameError):
        monitors.findings("rat")


def test_processes_that_race_decide_once(graph: Graph, monitors: Monitors, served: Served) -> None:
    """Two rooms that judge one window at the same time raise one alert between them."""
    monitor = _add(monitors)

    class Slow(Served):
        def log(self, *arguments: Any) -> pl.DataFrame:
            # Meanwhile the other has decided.
            monitor.check(month(1), month(2), as_of=month(2) + DUE)
            return served.log(*arguments)

    slow = Slow("delay", served.frame, served.revisions())
    found = Monitors(graph, Deployments(slow)).check("rate", month(1), month(2), as_of=month(2) + DUE)
    assert [found] == monitors.findings("rate")
    assert len(_alert_events(graph)) == 1


def test_a_reference_may_be_a_pandas_frame(monitors) -> None:
    """The same rows of another library are the same reference; what is no frame is refused."""
    spec = _add(monitors, reference=days(5, 90)).spec
    assert _add(monitors, reference=days(5, 90).to_pandas()).spec.reference == spec.reference
    with pytest.raises(InputError, match="got int"):
        _add(monitors, reference=7)


def test_a_window_keeps_the_profile_of_its_features(graph: Graph, monitors: Monitors) -> None:
    """Of the rows that were judged, on the reference's bins, so that months add up."""
    monitor = _add(monitors, features=FEATURES)
    first, second = (
        monitors.profile(monitor.check(month(n), month(n + 1), as_of=month(n + 1) + DUE)) for n in (0, 1)
    )
    assert first.names == FEATURES
    assert first.merge(second).n_rows == sum(finding.n_rows for finding in monitor.findings())
    early = monitor.check(month(30), month(31), as_of=month(31) + DUE)
    with pytest.raises(UnknownNameError, match="profile of the window"):
        monitors.profile(early)
