"""The tables of monitoring, and the statements that read and write them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from mainspring.lineage.spec import Value, Verdict
from mainspring.monitoring.spec import Alert, Finding, MonitorSpec
from mainspring.ports.records.schema import row, table, value
from mainspring.types import to_us

monitors = table("monitors", MonitorSpec, key=["id"], unique=[["project_id", "name", "revision"]])
findings = table("findings", Finding, key=["id"], indexes=[["project_id", "monitor", "start_us"]])
alerts = table(
    "alerts",
    Alert,
    key=["id"],
    unique=[["project_id", "monitor", "start_us", "end_us"]],
)

_DECIDED = (Verdict.PASS.value, Verdict.FAIL.value)
_YEAR = timedelta(days=365)


def add(connection: Connection, into: Table, spec: Value, project_id: str) -> None:
    """Insert one spec into its table."""
    connection.execute(insert(into).values(row(spec, project_id)))


def find_monitor(connection: Connection, project_id: str, name: str) -> MonitorSpec | None:
    """The newest revision of the monitor of that name."""
    query = select(monitors).where(monitors.c.project_id == project_id, monitors.c.name == name)
    found = connection.execute(query.order_by(monitors.c.revision.desc()).limit(1)).mappings().one_or_none()
    return None if found is None else value(MonitorSpec, found)


def get_monitors(connection: Connection, project_id: str) -> list[MonitorSpec]:
    """Every monitor in its newest revision, by name."""
    query = select(monitors).where(monitors.c.project_id == project_id)
    specs = [value(MonitorSpec, found) for found in connection.execute(query).mappings()]
    newest = {spec.name: spec for spec in sorted(specs, key=lambda spec: spec.revision)}
    return [newest[name] for name in sorted(newest)]


def find_decided(
    connection: Connection, project_id: str, monitor: str, start: datetime, end: datetime
) -> Finding | None:
    """The finding that decided exactly this window."""
    query = _findings(project_id, monitor).where(
        findings.c.start_us == to_us(start),
        findings.c.end_us == to_us(end),
        findings.c.verdict.in_(_DECIDED),
    )
    found = connection.execute(query.limit(1)).mappings().one_or_none()
    return None if found is None else value(Finding, found)


def count_looks(connection: Connection, project_id: str, monitor: str, end: datetime) -> int:
    """Decided windows that end within 365 days of `end`, before or after, whichever side has more."""
    query = select(findings.c.end_us).where(
        findings.c.project_id == project_id,
        findings.c.monitor == monitor,
        findings.c.verdict.in_(_DECIDED),
    )
    ends: list[int] = list(connection.execute(query).scalars())
    before = sum(to_us(end - _YEAR) < at <= to_us(end) for at in ends)
    after = sum(to_us(end) <= at < to_us(end + _YEAR) for at in ends)
    return max(before, after)


def get_findings(connection: Connection, project_id: str, monitor: str) -> list[Finding]:
    """Findings of a monitor by window, then by when they were made."""
    query = _findings(project_id, monitor).order_by(
        findings.c.start_us, findings.c.end_us, findings.c.created_us, findings.c.id
    )
    return [value(Finding, found) for found in connection.execute(query).mappings()]


def get_alerts(connection: Connection, project_id: str, monitor: str | None) -> list[Alert]:
    """Alerts, oldest window first."""
    query = select(alerts).where(alerts.c.project_id == project_id)
    if monitor is not None:
        query = query.where(alerts.c.monitor == monitor)
    query = query.order_by(alerts.c.start_us, alerts.c.end_us, alerts.c.monitor)
    return [value(Alert, found) for found in connection.execute(query).mappings()]


def _findings(project_id: str, monitor: str) -> Any:
    return select(findings).where(findings.c.project_id == project_id, findings.c.monitor == monitor)
