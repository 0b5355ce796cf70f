"""Brings a project that an older mainspring made to this version's schema."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url

from mainspring.errors import InputError, StateError
from mainspring.identity.compare import Flaw, refused
from mainspring.identity.place import find_original
from mainspring.lineage.spec import Value
from mainspring.log.progress import Progress, silent
from mainspring.ports.records.migrations import CURRENT, REVISIONS, Schema, newer
from mainspring.project import Project, open_project
from mainspring.tracking import points_schema
from mainspring.tracking.points import points_file
from mainspring.workflows.backup.make import make_backup
from mainspring.workflows.backup.spec import Backup

UPGRADED = "home.upgraded"


class Upgrade(Value):
    """What one upgrade did.

    Attributes:
        from_revision, to_revision: of the records.
        from_version: the mainspring that made the records; None where that is not known.
        to_version: this one.
        from_metrics, to_metrics: versions of the file of metric points; None where there is none.
        upgraded: False where everything was at this version's schema and marked as the project's.
        backup: what was made before; None where nothing was upgraded, or no backup was wanted.
    """

    project_id: str
    home: str
    from_revision: str
    from_version: str | None
    to_revision: str
    to_version: str
    from_metrics: int | None
    to_metrics: int | None
    upgraded: bool
    backup: Backup | None


def upgrade(
    folder: Path | None, *, backup: Path | None, without_backup: bool = False, progress: Progress = silent
) -> Upgrade:
    """Migrate a project's metric points and then its records, each in one transaction, after a backup as they are.

    Killed at any moment it leaves a project that is upgraded, or one that says that it is to be: run it again. The
    event of the log is written last; where the process died just before, only the database knows who upgraded it.

    Args:
        folder: as for `open_project`.
        backup: where to make a backup first, which the version that made the project can restore.
        without_backup: the caller wants none.

    Raises:
        InputError: there is something to upgrade, and neither a backup nor none was asked for, or both.
        StateError: there is nothing that was ever made.
        SchemaVersionError: a newer mainspring made it.
        IntegrityError: something that the backup needs is damaged or missing. Nothing was upgraded.
    """
    with open_project(folder, as_is=True, importable=False) as project:
        found = _found(project)
        metrics = _metrics_file(project)
        metrics_version = None if metrics is None else points_schema.find_version(metrics)
        if metrics_version is not None and metrics_version > len(points_schema.STEPS):
            points_schema.check_current(metrics_version, metrics or project.home)
        is_due = found.revision != CURRENT.revision or metrics_version not in {None, len(points_schema.STEPS)}
        is_marked = found.revision == CURRENT.revision and project.identity.is_marked()
        if not is_marked:
            _check_no_copy(project)
        made = None
        if is_due:
            _check_chosen(found, backup, without_backup)
            if backup is not None:
                made = make_backup(project, backup, progress=progress)
            # The records last: opening a project looks at them, so one that was cut short is still to be upgraded.
            is_first = metrics is not None and points_schema.migrate(metrics)
            is_first = project.records.migrate() or is_first
            if is_first:
                _tell(project, found, made)
        if not is_marked and not project.identity.is_marked():
            # 0.1.0 did not say whose a store is: those that are configured now belong together from now on.
            project.identity.claim()
        return Upgrade(
            project_id=project.config.project.id,
            home=str(project.home),
            from_revision=found.revision or "",
            from_version=found.version,
            to_revision=CURRENT.revision or "",
            to_version=CURRENT.version or "",
            from_metrics=metrics_version,
            to_metrics=None if metrics_version is None else len(points_schema.STEPS),
            upgraded=is_due or not is_marked,
            backup=made,
        )


def _found(project: Project) -> Schema:
    records = project.records
    # Asking SQLite would make an empty file.
    is_there = records.dialect != "sqlite" or Path(make_url(records.url).database or "").exists()
    found = records.schema() if is_there else Schema(None, None)
    if found.revision is None:
        raise StateError(
            expected="a project that was opened before",
            got="no database" if not is_there else "an empty database",
            where=records.url,
            hint="There is nothing to upgrade: opening the project makes what it needs.",
        )
    if found.revision not in REVISIONS:
        raise newer(found, f"records {records.url}")
    return found


def _check_no_copy(project: Project) -> None:
    if (original := find_original(project.home)) is not None:
        raise refused([Flaw("home", "one home of its id", f"a copy of {original}", str(project.home))])


def _metrics_file(project: Project) -> Path | None:
    if project.records.dialect != "sqlite":
        return None
    return points_file(Path(make_url(project.records.url).database or ""))


def _check_chosen(found: Schema, backup: Path | None, without_backup: bool) -> None:
    if (backup is None) == without_backup:
        return
    raise InputError(
        expected="--backup DIR, or --no-backup",
        got="neither" if backup is None else "both",
        where=f"upgrade from {found} to {CURRENT}",
        hint="There is no way back but a backup: name a folder on another disk. Stop servers and pipelines first.",
    )


def _tell(project: Project, found: Schema, made: Backup | None) -> None:
    told = {
        "from_revision": found.revision,
        "from_version": found.version,
        "to_revision": CURRENT.revision,
        "to_version": CURRENT.version,
        "backup": None if made is None else made.number,
    }
    with project.graph.execution("upgrade", "home", parameters=told, durable=True) as work:
        work.event(UPGRADED, work.id, told)
