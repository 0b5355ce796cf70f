"""The records: schema, the database's own check, links, the chain of events, who is at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import make_url

from mainspring.identity.place import PLACE_MARK
from mainspring.lineage.api import Graph
from mainspring.lineage.spec import Event, EventFilter, Execution, ExecutionState, Lease, Standing
from mainspring.lineage.store import event_sha256, events, events_after, executions, executions_by_id
from mainspring.ports.records.schema import value
from mainspring.project import Project
from mainspring.tracking import points_schema
from mainspring.tracking import store as tracking
from mainspring.tracking.points import open_points, points_file
from mainspring.workflows.doctor.spec import Finding, Patient, Repair, Severity, shown
from mainspring.workflows.references import EDGES, dangling

EVENTS_AT_ONCE: Final = 5_000
BREAKS_TOLD: Final = 10


def check_schema(patient: Patient) -> Iterator[Finding]:
    """Whether the database and the file of metric points are at this version's schema, and who made it."""
    records = patient.project.records
    file = Path(make_url(records.url).database or "")
    if records.dialect == "sqlite" and not file.exists():
        # Opening it would make an empty one.
        yield Finding(
            check="schema",
            severity=Severity.ERROR,
            what="there is no database",
            where=str(file),
            do=_missing(patient.project),
        )
        return
    found = records.schema()
    if found.revision is None:
        yield Finding(
            check="schema",
            severity=Severity.ERROR,
            what="the database is empty",
            where=records.url,
            do=_missing(patient.project),
        )
        return
    records.check_current()
    if records.dialect == "sqlite" and (version := points_schema.find_version(points_file(file))) is not None:
        points_schema.check_current(version, points_file(file))
    yield Finding(check="schema", severity=Severity.OK, what=f"at {found}", where=records.url)


def _missing(project: Project) -> str:
    if (project.home / PLACE_MARK).exists():
        return (
            "The home was in use, and its records are missing: put the database back, correct records.url, or restore "
            "a backup (`mainspring restore BACKUPS FOLDER`). Until then the project is not opened."
        )
    return "Restore a backup; or, for a new project, run any command that writes: it sets the database up."


def check_database(patient: Patient) -> Iterator[Finding]:
    """What the database finds wrong with its own pages; reads all of them."""
    project = patient.project
    if patient.quick:
        return
    said = project.records.damages()
    said += open_points(project.records, project.config.project.id).damages()
    if said:
        yield Finding(
            check="database",
            severity=Severity.ERROR,
            what=f"the database fails its own check: {shown(said)}",
            where=project.records.url,
            do="Restore the last backup into a new folder and compare; do not go on writing to this one.",
        )


def check_links(patient: Patient) -> Iterator[Finding]:
    """Whether every id that a row names exists."""
    project = patient.project
    with patient.progress("links", len(EDGES)) as advance, project.records.read() as connection:
        for edge in EDGES:
            missing = dangling(connection, edge, project.config.project.id)
            if missing:
                yield Finding(
                    check="links",
                    severity=Severity.ERROR,
                    what=f"{len(missing)} rows of {edge.to.table.name} do not exist and are referred to",
                    where=f"{edge.label}: {shown(missing)}",
                    do="Rows were removed by something else than mainspring: restore the last backup.",
                )
            advance()


def check_events(patient: Patient) -> Iterator[Finding]:
    """Whether the chain of events is unbroken: each entry's digest covers its content and the entry before.

    Quick: from its newest entries only.
    """
    project = patient.project
    project_id = project.config.project.id
    with project.records.read() as connection:
        before, last_seq = _end_before(connection, project_id, EVENTS_AT_ONCE) if patient.quick else ("", 0)
        total = connection.execute(
            select(func.count())
            .select_from(events)
            .where(events.c.project_id == project_id, events.c.seq > last_seq)
        ).scalar_one()
        broken = 0
        with patient.progress("events", total) as advance:
            for entry in _events(connection, project_id, last_seq):
                if event_sha256(entry, before) != entry.sha256:
                    broken += 1
                    if broken <= BREAKS_TOLD:
                        yield _break(entry, last_seq)
                # One break is told once: from here on the chain is followed from what is stored.
                before, last_seq = entry.sha256, entry.seq or 0
                advance()
    if broken > BREAKS_TOLD:
        yield Finding(
            check="events",
            severity=Severity.ERROR,
            what=f"{broken - BREAKS_TOLD} more entries do not follow from the ones before them",
            where="events",
            do="Compare with a backup.",
        )


def _end_before(connection: Connection, project_id: str, n_newest: int) -> tuple[str, int]:
    """The chain's value and the place of the entry before so many newest ones; of an empty log if there is none."""
    query = (
        select(events.c.sha256, events.c.seq)
        .where(events.c.project_id == project_id)
        .order_by(events.c.seq.desc())
        .offset(n_newest)
        .limit(1)
    )
    found = connection.execute(query).one_or_none()
    return ("", 0) if found is None else (found.sha256, found.seq)


def _events(connection: Connection, project_id: str, after: int) -> Iterator[Event]:
    while found := events_after(connection, project_id, after, EventFilter(), EVENTS_AT_ONCE):
        yield from found
        after = found[-1].seq or 0


def _break(entry: Event, last_seq: int) -> Finding:
    return Finding(
        check="events",
        severity=Severity.ERROR,
        what=f"entry {entry.seq} ({entry.kind}) does not follow from entry {last_seq}: "
        "it was changed, or entries between them were removed",
        where=f"events, seq {entry.seq}, id {entry.id}",
        do="Somebody wrote to the database by hand. Compare with a backup; the entries themselves name the actors.",
    )


def check_leases(patient: Patient) -> Iterator[Finding]:
    """Who is at work, and who has not been heard of."""
    project = patient.project
    with project.records.read() as connection:
        found = project.graph.leases.seen(connection)
        names = {
            item.id: f"{item.kind} {item.name!r} ({item.id})"
            for item in executions_by_id(connection, [each.lease.subject for each in found])
        }
    held = [each.lease for each in found if each.standing is Standing.HELD]
    if len(held) < len(found):
        silent = [each for each in found if each.standing is not Standing.HELD]
        yield Finding(
            check="leases",
            severity=Severity.WARNING,
            what=f"{len(silent)} leases are not renewed: their process ended, or stands still",
            where=shown([f"{each.standing}: {_told(each.lease, names)}" for each in silent]),
            do="Let `mainspring doctor --repair` call lost what stays silent; whoever starts a run does so too.",
            repair=Repair.CALL_LOST,
            subjects=tuple(each.lease.subject for each in silent),
        )
    elif held:
        yield Finding(
            check="leases",
            severity=Severity.OK,
            what=f"{len(held)} held",
            where=shown([_told(lease, names) for lease in held]),
        )


def _told(lease: Lease, names: dict[str, str]) -> str:
    return f"{names.get(lease.subject, lease.subject)} by {lease.holder}"


def check_executions(patient: Patient) -> Iterator[Finding]:
    """Executions that are `running` though nobody holds a lease on them, save runs whose process is elsewhere."""
    project = patient.project
    with project.records.read() as connection:
        elsewhere = set(tracking.running_elsewhere(connection, project.graph.project_id))
        free = [item for item, standing in running(project.graph, connection) if standing is Standing.FREE]
    left = [item for item in free if item.id not in elsewhere]
    if left:
        yield Finding(
            check="executions",
            severity=Severity.WARNING,
            what=f"{len(left)} executions are running and nobody holds a lease on them",
            where=shown([f"{item.kind} {item.name!r} ({item.id})" for item in left]),
            do="Let `mainspring doctor --repair` record them as lost.",
            repair=Repair.CALL_LOST,
            subjects=tuple(item.id for item in left),
        )


def running(graph: Graph, connection: Connection) -> list[tuple[Execution, Standing]]:
    """Running executions with the standing of the lease that covers them; `free` where none does."""
    standings = {each.lease.subject: each.standing for each in graph.leases.seen(connection)}
    query = select(executions).where(
        executions.c.project_id == graph.project_id, executions.c.state == ExecutionState.RUNNING.value
    )
    found = {mapping["id"]: value(Execution, mapping) for mapping in connection.execute(query).mappings()}
    return [(item, _covered(item, found, standings)) for item in found.values()]


def _covered(item: Execution, running: dict[str, Execution], standings: dict[str, Standing]) -> Standing:
    above: Execution | None = item
    while above is not None:
        if above.id in standings:
            return standings[above.id]
        above = running.get(above.parent_id or "")
    return Standing.FREE
