"""Who is at work on a project."""

from __future__ import annotations

from mainspring.lineage.spec import Lease, Standing
from mainspring.project import Project


def find_at_work(project: Project) -> list[Lease]:
    """Every lease whose holder lives, or may live."""
    return [each.lease for each in project.graph.leases.list() if each.standing is not Standing.LOST]
