"""The tables of monitoring, and the statements that read and write them.

The tables hold lasting names of monitors. Whatever is given a name here takes any that a monitor has or had, and
what is returned has the one that it is called by now.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, insert, literal, select

from mainspring.lineage import names
from mainspring.lineage.marks import named, visible
from mainspring.lineage.spec import Noun, Value, Verdict
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

_NAMES: Final = {monitors: "name", findings: "monitor", alerts: "monitor"}
"""The column with the monitor's name."""

_DECIDED = (Verdict.PASS.value, Verdict.FAIL.value)
_YEAR = timedelta(days=365)


def add(connection: Connection, into: Table, spec: Value, project_id: str) -> None:
    """Insert one spec into its table."""
    stored = row(spec, project_id)
    stored[_NAMES[into]] = _lasting(project_id, stored[_NAMES[into]])
    connection.execute(insert(into).values(stored))


def _of(source: Table, project_id: str, monitor: str | None) -> Select[Any]:
    """The rows of one monitor, or of all, by whichever name of it is given."""
    query = names.selected(source, project_id, {_NAMES[source]: Noun.MONITOR})
    if monitor is None:
        return query
    return query.where(source.c[_NAMES[source]] == _lasting(project_id, monitor))


def _lasting(project_id: str, monitor: str) -> ColumnElement[str]:
    return names.lasting(Noun.MONITOR, project_id, monitor)


def find_monitor(connection: Connection, project_id: str, name: str) -> MonitorSpec | None:
    """The newest revision of the monitor of that name."""
    query = _of(monitors, project_id, name)
    found = connection.execute(query.order_by(monitors.c.revision.desc()).limit(1)).mappings().one_or_none()
    return None if found is None else value(MonitorSpec, found)


def get_monitors(connection: Connection, project_id: str, *, archived: bool) -> list[MonitorSpec]:
    """Every monitor in its newest revision, by name; archived ones only if asked for."""
    query = _of(monitors, project_id, None)
    if not archived:
        query = query.where(visible(literal(named(Noun.MONITOR, "")) + monitors.c.name, project_id))
    specs = [value(MonitorSpec, found) for found in connection.execute(query).mappings()]
    newest = {spec.name: spec for spec in sorted(specs, key=lambda spec: spec.revision)}
    return [newest[name] for name in sorted(newest)]


def find_decided(
    connection: Connection, project_id: str, monitor: str, start: datetime, end: datetime
) -> Finding | None:
    """The finding that decided exactly this window."""
    query = _of(findings, project_id, monitor).where(
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
        findings.c.monitor == _lasting(project_id, monitor),
        findings.c.verdict.in_(_DECIDED),
    )
    ends: list[int] = list(connection.execute(query).scalars())
    before = sum(to_us(end - _YEAR) < at <= to_us(end) for at in ends)
    after = sum(to_us(end) <= at < to_us(end + _YEAR) for at in ends)
    return max(before, after)


def get_findings(connection: Connection, project_id: str, monitor: str) -> list[Finding]:
    """Findings of a monitor by window, then by when they were made."""
    query = _of(findings, project_id, monitor).order_by(
        findings.c.start_us, findings.c.end_us, findings.c.created_us, findings.c.id
    )
    return [value(Finding, found) for found in connection.execute(query).mappings()]


def get_alerts(connection: Connection, project_id: str, monitor: str | None) -> list[Alert]:
    """Alerts, oldest window first."""
    query = _of(alerts, project_id, monitor).order_by(alerts.c.start_us, alerts.c.end_us, "monitor")
    return [value(Alert, found) for found in connection.execute(query).mappings()]
