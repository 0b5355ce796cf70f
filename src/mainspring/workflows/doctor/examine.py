"""All checks of a project, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from mainspring.errors import MainspringError
from mainspring.log.progress import Progress, silent
from mainspring.ports.read_only import refused as read_only
from mainspring.project import Project, check_project, open_project
from mainspring.workflows.doctor.blobs import check_blobs
from mainspring.workflows.doctor.home import check_home
from mainspring.workflows.doctor.online import check_online
from mainspring.workflows.doctor.plugins import check_plugins
from mainspring.workflows.doctor.points import check_points
from mainspring.workflows.doctor.records import (
    check_database,
    check_events,
    check_executions,
    check_leases,
    check_links,
    check_schema,
)
from mainspring.workflows.doctor.repair import repair
from mainspring.workflows.doctor.serving import check_serving
from mainspring.workflows.doctor.spec import Check, Examination, Finding, Patient, Severity, refused, told
from mainspring.workflows.doctor.stores import check_stores
from mainspring.workflows.doctor.tables import check_tables

FIRST: Final[dict[str, Check]] = {"home": check_home, "schema": check_schema}
"""Where one of these finds an error, the others cannot look."""

REST: Final[dict[str, Check]] = {
    "stores": check_stores,
    "database": check_database,
    "points": check_points,
    "links": check_links,
    "events": check_events,
    "leases": check_leases,
    "executions": check_executions,
    "blobs": check_blobs,
    "tables": check_tables,
    "online": check_online,
    "serving": check_serving,
    "plugins": check_plugins,
}


def examine(
    folder: Path | None, *, quick: bool = False, mend: bool = False, progress: Progress = silent
) -> Examination:
    """Look a project over.

    Nothing is made or migrated. Without `mend` nothing is written either, save what any reader of a table does:
    it takes leftovers of a crash away.

    Args:
        folder: as for `open_project`.
        quick: presence and sizes, and the newest events; no other digests, and no rows of tables.
        mend: repair what is safe to repair, then look again.

    Raises:
        InputError: there is no project there.
        AccessError: to mend is asked of a project that is open read-only.
    """
    try:
        project = open_project(folder, as_is=True)
    except MainspringError as error:
        if folder is None or not Path(folder).exists():
            raise
        wrong = told("configuration", error)
        return Examination(project_id="", home="", quick=quick, findings=(wrong,))
    if mend and project.read_only:
        raise read_only("doctor --repair")
    with project:
        check_project(project.config)
        found = _examined(project, quick, progress)
        if mend and (due := [finding for finding in found.findings if finding.repair is not None]):
            done = tuple(repair(project, due))
            found = _examined(project, quick, progress).model_copy(update={"repaired": done})
        return found


def _examined(project: Project, quick: bool, progress: Progress) -> Examination:
    patient = Patient(project, quick, progress)
    findings = [_well("configuration", str(project.config.folder))]
    for name, check in {**FIRST, **REST}.items():
        findings += _looked(name, check, patient)
        if name in FIRST and any(finding.severity is Severity.ERROR for finding in findings):
            break
    return Examination(
        project_id=project.config.project.id,
        home=str(project.home),
        quick=quick,
        findings=tuple(findings),
    )


def _looked(name: str, check: Check, patient: Patient) -> list[Finding]:
    try:
        return list(check(patient)) or [_well(name, "")]
    except MainspringError as error:
        return [told(name, error)]
    except OSError as error:
        return [refused(name, error)]
    except SQLAlchemyError as error:
        return [
            Finding(
                check=name,
                severity=Severity.ERROR,
                what=f"the records cannot be read: {str(error).splitlines()[0]}",
                where=patient.project.records.url,
                do="Restore the database from a backup.",
            )
        ]


def _well(name: str, where: str) -> Finding:
    return Finding(check=name, severity=Severity.OK, what="nothing wrong", where=where)
