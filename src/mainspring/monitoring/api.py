"""Monitors as users call them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection

from mainspring.checks import kept
from mainspring.checks.profile import Profile
from mainspring.errors import InputError, StateError, UnknownNameError
from mainspring.features.insert.frames import frame_of
from mainspring.lineage import Graph, Publication, Verdict, names
from mainspring.lineage.marks import check_usable, named
from mainspring.lineage.spec import Noun
from mainspring.monitoring import plan, store
from mainspring.monitoring.channel import ALERT_RAISED
from mainspring.monitoring.spec import Alert, Finding, MonitorSpec, Reference, Window
from mainspring.types import new_id, utc


class RevisionLike(Protocol):
    """A deployment revision: an asset with a number."""

    @property
    def id(self) -> str: ...

    @property
    def number(self) -> int: ...


class DeploymentLike(Protocol):
    """What a monitor needs of a deployment."""

    @property
    def name(self) -> str: ...

    def log(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        outcomes_as_of: datetime | None = None,
    ) -> pl.DataFrame: ...

    def check_kept(self, start: datetime) -> None: ...

    def revisions(self) -> Sequence[RevisionLike]: ...


class DeploymentsLike(Protocol):
    """What monitoring needs of serving."""

    def get(self, name: str) -> DeploymentLike: ...


class Monitors:
    """Monitors of deployments, their findings and alerts.

    An alert is the event `alert.raised`, appended in the transaction that stores the finding, once for each
    monitor and window. A window is decided once: asked again, the stored finding is returned, so that looking
    often does not raise the chance of a false alarm. Threads may share an instance.
    """

    def __init__(self, graph: Graph, deployments: DeploymentsLike) -> None:
        self._graph = graph
        self._deployments = deployments

    def add(
        self,
        name: str,
        *,
        on: Any,
        reference: object,
        false_alarms_per_year: float = plan.FALSE_ALARMS_PER_YEAR,
        looks_per_year: int = plan.LOOKS_PER_YEAR,
        min_effect: float | None = None,
        label_delay: timedelta = plan.LABEL_DELAY,
        min_coverage: float = plan.MIN_COVERAGE,
        min_clusters: int = plan.MIN_CLUSTERS,
        min_events: int = plan.MIN_EVENTS,
        time_zone: str = "UTC",
        cluster: str | None = None,
        features: Sequence[str] | None = None,
        dataset_id: str | None = None,
    ) -> Monitor:
        """Creates a monitor; with other settings or another reference, its next revision.

        Args:
            name: what the monitor is called.
            on: a deployment or its name.
            reference: scored rows of the training dataset as a polars or pandas frame or an Arrow table, with the
                columns that `plan.reference_of` takes; or what it made of them. Give a new one
                when another version is promoted.
            false_alarms_per_year: chance of at least one alert in a year without any change, both rules
                together (one window alone; two of three).
            looks_per_year: windows to be judged in any 365 days; 12 for months.
            min_effect: smallest gap worth an alert, in rate units; None takes the gap that costs a tenth of
                the model's skill on the reference. `plan` explains it.
            label_delay: from a prediction until its outcome is normally known.
            min_coverage, min_clusters, min_events: below these a window is not judged.
            time_zone: IANA name of the place whose days are the clusters.
            cluster: a column of log and reference whose values are the clusters instead.
            features: columns to watch for drift; by default all of the reference that are not bookkeeping.
            dataset_id: asset id of the training dataset, for lineage.

        Raises:
            InputError: a setting is out of range, or the reference lacks a column or labels.
            UnknownNameError: no such deployment.
        """
        deployment = self._deployment(on)
        settings: dict[str, Any] = {
            "deployment": deployment.name,
            "false_alarms_per_year": float(false_alarms_per_year),
            "looks_per_year": looks_per_year,
            "label_delay_s": round(label_delay.total_seconds()),
            "min_coverage": float(min_coverage),
            "min_clusters": min_clusters,
            "min_events": min_events,
            "time_zone": time_zone,
            "cluster": cluster,
            "dataset_id": dataset_id,
        }
        _check(name, settings, min_effect)
        self._check_usable(name, named(Noun.DEPLOYMENT, deployment.name))
        if not isinstance(reference, Reference):
            scored = frame_of(reference, f"monitor {name!r}, reference")
            reference = plan.reference_of(scored, time_zone=time_zone, cluster=cluster, features=features)
        settings |= {
            "reference": reference,
            "min_effect": plan.min_effect_of(reference) if min_effect is None else float(min_effect),
            "min_effect_source": (
                f"the gap that costs {plan.LOSS_SHARE:.0%} of the reference's Brier skill {reference.skill:.4f}"
                if min_effect is None
                else "given"
            ),
        }
        return Monitor(self, self._put(name, settings, deployment))

    def get(self, name: str) -> Monitor:
        """The monitor of that name.

        Raises:
            UnknownNameError: there is none.
        """
        found = self.find(name)
        if found is None:
            raise UnknownNameError.of("monitor", name, [spec.name for spec in self.list()], where="monitors")
        return found

    def find(self, name: str) -> Monitor | None:
        """The monitor of that name; None if there is none."""
        with self._graph.records.read() as connection:
            spec = store.find_monitor(connection, self._graph.project_id, name)
        return None if spec is None else Monitor(self, spec)

    def check(
        self,
        name: str,
        start: datetime,
        end: datetime,
        *,
        as_of: datetime | None = None,
        frame: pl.DataFrame | None = None,
        trigger: str = "schedule",
    ) -> Finding:
        """Judges the predictions made in [start, end), and raises the window's alert if they call for it.

        Args:
            name: of the monitor.
            start, end: the window; naive times are UTC.
            as_of: only outcomes known until then count; None = the project clock's now.
            frame: predictions with outcomes; None = the deployment's log.
            trigger: what asked for it, kept with the evidence.

        Returns:
            The finding, stored as evidence about the deployment revision that answered last in the window; the
            earlier finding where the window has been decided before.

        Raises:
            UnknownNameError: no such monitor; or the frame lacks a column.
            InputError: the window is empty or its end lies before its start.
            DeletedError: predictions of the window, or outcomes, were deleted.
            StateError: the year's planned looks are spent, nothing was ever deployed, or the monitor is archived.
        """
        spec = self.get(name).spec
        self._check_usable(name)
        window = _window(start, end, self._graph.clock.now() if as_of is None else as_of)
        with self._graph.records.read() as connection:
            decided = self._find_decided(connection, name, window)
            n_looks = store.count_looks(connection, self._graph.project_id, name, window.end_at)
            earlier = store.get_findings(connection, self._graph.project_id, name)
        if decided is not None:
            return decided
        if n_looks >= spec.looks_per_year:
            raise _spent(spec, n_looks)
        deployment = self._deployments.get(spec.deployment)
        if frame is None:
            deployment.check_kept(window.start_at)
            frame = deployment.log(window.start_at, window.end_at, window.as_of_at)
        judgement = plan.judge(frame, spec, window, earlier)
        subject_id = _revision(deployment, frame, window)
        try:
            return self._publish(spec, window, judgement, subject_id, trigger)
        except _DecidedError as other:
            return other.finding

    def findings(self, name: str) -> list[Finding]:
        """Findings of the monitor `name` by window; one that could not be judged yet stays beside its successor.

        Raises:
            UnknownNameError: there is no such monitor.
        """
        self.get(name)
        with self._graph.records.read() as connection:
            return store.get_findings(connection, self._graph.project_id, name)

    def profile(self, finding: Finding) -> Profile:
        """The profile of the features over the rows of a finding's window, on the bins of the monitor's reference.

        Raises:
            UnknownNameError: the window had no rows, the monitor watches no features, or mainspring 0.1 made it.
        """
        kept_with = self._graph.evidence_for(finding.subject_id, kind="monitor")
        for evidence in kept_with:
            if evidence.id == finding.id and "profile" in evidence.figures:
                return kept.load(self._graph.blobs, evidence.figures["profile"])["rows"]
        days = f"{finding.start_at:%Y-%m-%d} to {finding.end_at:%Y-%m-%d}"
        raise UnknownNameError.of("profile of the window", days, [], where=f"monitor {finding.monitor!r}")

    def alerts(self, name: str | None = None) -> list[Alert]:
        """Alerts, oldest window first.

        Args:
            name: of the monitor; None = of all.
        """
        with self._graph.records.read() as connection:
            return store.get_alerts(connection, self._graph.project_id, name)

    def _deployment(self, on: Any) -> DeploymentLike:
        name = on if isinstance(on, str) else getattr(on, "name", None)
        if not isinstance(name, str):
            raise InputError.of_kind(
                "a deployment or its name", on, "monitors.add(on=)", 'Write on="NAME" or on=deployment.'
            )
        return self._deployments.get(name)

    def _check_usable(self, name: str, *subject_ids: str) -> None:
        graph = self._graph
        with graph.records.read() as connection:
            stored, _ = names.resolve(connection, Noun.MONITOR, graph.project_id, name)
            check_usable(connection, graph.project_id, [named(Noun.MONITOR, stored), *subject_ids])

    def _put(self, name: str, settings: dict[str, Any], deployment: DeploymentLike) -> MonitorSpec:
        known = self.find(name)
        if known is not None and all(getattr(known.spec, key) == given for key, given in settings.items()):
            return known.spec
        spec = MonitorSpec(
            id=new_id(),
            name=name if known is None else known.name,
            revision=1 if known is None else known.spec.revision + 1,
            created_at=self._graph.clock.now(),
            **settings,
        )
        parameters = spec.model_dump(mode="json", exclude={"reference"})
        with self._graph.execution("add_monitor", name, parameters=parameters) as work:
            for revision in list(deployment.revisions())[-1:]:
                work.use(revision.id, role="deployment_revision")
            if spec.dataset_id is not None:
                work.use(spec.dataset_id, role="reference")
            work.event("monitor.added", subject=spec.id, payload=parameters)
            work.write(lambda connection: self._add_monitor(connection, spec))
        return spec

    def _add_monitor(self, connection: Connection, spec: MonitorSpec) -> None:
        graph = self._graph
        names.hold(graph.records, connection, Noun.MONITOR, graph.project_id)
        if spec.revision == 1:
            names.check_unused(connection, Noun.MONITOR, graph.project_id, spec.name)
        store.add(connection, store.monitors, spec, graph.project_id)

    def _find_decided(self, connection: Connection, name: str, window: Window) -> Finding | None:
        return store.find_decided(connection, self._graph.project_id, name, window.start_at, window.end_at)

    def _publish(
        self, spec: MonitorSpec, window: Window, found: plan.Judgement, subject_id: str, trigger: str
    ) -> Finding:
        parameters = {
            "revision": spec.revision,
            "start": window.start_at.isoformat(),
            "end": window.end_at.isoformat(),
            "as_of": window.as_of_at.isoformat(),
        }
        now = self._graph.clock.now()
        kept_as = (
            {}
            if found.profile is None
            else {"profile": kept.keep(self._graph.blobs, {"rows": found.profile})}
        )
        with self._graph.execution("monitor", spec.name, parameters=parameters, after_the_fact=True) as work:
            draft = _finding(spec, window, found, subject_id, now)
            evidence = work.evidence(
                subject_id,
                kind="monitor",
                name=spec.name,
                verdict=found.verdict,
                figures=draft.figures() | kept_as,
                trigger=trigger,
                bound={} if spec.dataset_id is None else {"reference": spec.dataset_id},
            )
            finding = draft.model_copy(update={"id": evidence.id})
            work.event("monitor.checked", subject=subject_id, payload=finding.figures())
            work.write(lambda connection: self._add(connection, finding, window))
            if finding.alerted:
                self._raise(work, finding, now)
        return finding

    def _raise(self, work: Publication, finding: Finding, now: datetime) -> None:
        alert = Alert(
            id=finding.id,
            monitor=finding.monitor,
            deployment=finding.deployment,
            subject_id=finding.subject_id,
            start_at=finding.start_at,
            end_at=finding.end_at,
            message=_message(finding),
            raised_at=now,
        )
        payload = {"alert_id": alert.id, "message": alert.message, **finding.figures()}
        work.event(ALERT_RAISED, subject=finding.subject_id, payload=payload, loudness="warning")
        work.write(lambda connection: store.add(connection, store.alerts, alert, self._graph.project_id))

    def _add(self, connection: Connection, finding: Finding, window: Window) -> None:
        """Stores the finding, unless another process has decided the window meanwhile."""
        names.hold(self._graph.records, connection, Noun.MONITOR, self._graph.project_id)
        decided = self._find_decided(connection, finding.monitor, window)
        if decided is not None:
            raise _DecidedError(decided)
        store.add(connection, store.findings, finding, self._graph.project_id)

    def list(self, *, archived: bool = False) -> list[MonitorSpec]:
        """All monitors in their newest revision, by name; archived ones only if asked for."""
        with self._graph.records.read() as connection:
            return store.get_monitors(connection, self._graph.project_id, archived=archived)


class Monitor:
    """One monitor: its spec, bound to the room.

    Attributes:
        spec: the revision that was newest when the handle was made.
    """

    def __init__(self, room: Monitors, spec: MonitorSpec) -> None:
        self._room = room
        self.spec = spec

    def __repr__(self) -> str:
        return f"<Monitor {self.spec.name!r} of {self.spec.deployment!r}, revision {self.spec.revision}>"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.spec.name

    def check(self, start: datetime, end: datetime, *, as_of: datetime | None = None) -> Finding:
        """As `Monitors.check`."""
        return self._room.check(self.name, start, end, as_of=as_of)

    def findings(self) -> list[Finding]:
        """As `Monitors.findings`."""
        return self._room.findings(self.name)

    def alerts(self) -> list[Alert]:
        """As `Monitors.alerts`."""
        return self._room.alerts(self.name)


class _DecidedError(Exception):
    """Leaves the transaction when another process was first."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.id)


def _finding(
    spec: MonitorSpec, window: Window, found: plan.Judgement, subject_id: str, now: datetime
) -> Finding:
    gap = plan.gap_figure(found.test)
    return Finding(
        id="",
        monitor=spec.name,
        monitor_revision=spec.revision,
        deployment=spec.deployment,
        subject_id=subject_id,
        start_at=window.start_at,
        end_at=window.end_at,
        as_of_at=window.as_of_at,
        n_rows=found.n_rows,
        n_known=found.n_known,
        n_clusters=found.test.n_clusters,
        n_positives=found.n_positives,
        predicted_all=found.predicted_all,
        observed=found.observed,
        predicted=found.predicted,
        gap=gap,
        standard_error=plan.known(found.test.standard_error),
        p_value=plan.known(found.test.p_value),
        alpha=spec.alpha,
        min_effect=spec.min_effect,
        roc_auc=found.roc_auc,
        brier=found.brier,
        drifts=found.drifts,
        versions=found.versions,
        verdict=found.verdict,
        reason=found.reason,
        alerted=found.verdict is Verdict.FAIL,
        created_at=now,
    )


def _message(finding: Finding) -> str:
    days = f"{finding.start_at:%Y-%m-%d} to {finding.end_at:%Y-%m-%d}"
    rates = f"observed {finding.observed:.3f}, predicted {finding.predicted:.3f}"
    return f"{finding.monitor}, {days}: {rates} over {finding.n_known:,} predictions; {finding.reason}"


def _window(start: datetime, end: datetime, as_of: datetime) -> Window:
    window = Window(start_at=utc(start), end_at=utc(end), as_of_at=utc(as_of))
    if window.start_at >= window.end_at:
        raise InputError(
            expected="a window that ends after it starts",
            got=f"{window.start_at.isoformat()} to {window.end_at.isoformat()}",
            where="monitors.check",
            hint="Give start and end as times, the end not included.",
        )
    return window


def _revision(deployment: DeploymentLike, frame: pl.DataFrame, window: Window) -> str:
    """The asset id of the revision that answered last in the window, else of the newest."""
    ids = {revision.number: revision.id for revision in deployment.revisions()}
    if not ids:
        raise StateError(
            expected=f"a revision of deployment {deployment.name!r} in the records",
            got="none",
            where="monitors.check",
            hint="Deploy a version first.",
        )
    if "revision" in frame.columns and frame.height:
        numbers = plan.in_window(frame, window)["revision"].drop_nulls()
        served = [number for number in numbers.unique().to_list() if number in ids]
        if served:
            return ids[max(served)]
    return ids[max(ids)]


def _spent(spec: MonitorSpec, n_looks: int) -> StateError:
    return StateError(
        expected=f"at most {spec.looks_per_year} judged windows in 365 days, as planned",
        got=f"{n_looks} judged already",
        where=f"monitor {spec.name!r}",
        hint="More looks raise the chance of a false alarm: add the monitor again with a larger looks_per_year.",
    )


def _check(name: str, settings: dict[str, Any], min_effect: float | None) -> None:
    bounds = {
        "false_alarms_per_year": (0 < settings["false_alarms_per_year"] < 1, "a number in (0, 1)"),
        "looks_per_year": (settings["looks_per_year"] >= 1, "1 or more"),
        "label_delay_s": (settings["label_delay_s"] >= 0, "no negative delay"),
        "min_coverage": (0 < settings["min_coverage"] <= 1, "a share in (0, 1]"),
        "min_clusters": (settings["min_clusters"] >= 2, "2 or more"),
        "min_events": (settings["min_events"] >= 1, "1 or more"),
        "time_zone": (_is_time_zone(settings["time_zone"]), "an IANA time zone such as America/New_York"),
    }
    if not name or not isinstance(name, str):
        raise _refused("a name", repr(name), "name")
    for key, (right, expected) in bounds.items():
        if not right:
            raise _refused(expected, repr(settings[key]), key)
    if min_effect is not None and not 0 <= min_effect < 1:
        raise _refused("a gap in [0, 1)", repr(min_effect), "min_effect")


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _refused(expected: str, got: str, setting: str) -> InputError:
    return InputError(
        expected=expected,
        got=got,
        where=f"monitors.add, {setting}",
        hint="Leave it out for the documented default.",
    )
