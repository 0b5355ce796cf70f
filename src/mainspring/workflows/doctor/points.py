"""The metric points: does every run that published metrics still have points of each?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import make_url

from mainspring.lineage.store import assets
from mainspring.tracking.points import open_points, points_file
from mainspring.tracking.store import runs
from mainspring.workflows.doctor.spec import Finding, Patient, Severity, shown


def check_points(patient: Patient) -> Iterator[Finding]:
    """A run's asset says which metrics it published; on SQLite their points lie in a file of their own."""
    project = patient.project
    if patient.quick or project.records.dialect != "sqlite":
        return
    file = points_file(Path(make_url(project.records.url).database or ""))
    project_id = project.config.project.id
    published = (
        select(runs.c.id, assets.c.attributes)
        .join(assets, assets.c.id == runs.c.asset_id)
        .where(runs.c.project_id == project_id)
        .order_by(runs.c.id)
    )
    with project.records.read() as connection:
        wanted = {
            run_id: set(metrics)
            for run_id, attributes in connection.execute(published)
            if (metrics := attributes.get("metrics"))
        }
    points = open_points(project.records, project_id)
    with closing(points):
        found = points.latest([*wanted])
    missing = [run_id for run_id, metrics in wanted.items() if metrics - set(found[run_id])]
    if missing:
        yield Finding(
            check="points",
            severity=Severity.ERROR,
            what=f"metrics of {len(missing)} runs are gone",
            where=f"{file}: {shown(missing)}",
            do="The file was removed, or a loss of power took the last points before it. A backup has them: "
            "`mainspring restore BACKUPS FOLDER`. The last values are in the lineage of the runs.",
        )
