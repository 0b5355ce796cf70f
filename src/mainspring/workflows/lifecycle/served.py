"""What is served now, or would be after rollbacks: read from the weight tables on disk, which nothing outranks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mainspring.project import Project
from mainspring.serving import weights
from mainspring.serving.api import deployed_in, weights_folder
from mainspring.serving.weights import Arm


@dataclass(frozen=True)
class Served:
    """An arm of a deployment.

    Attributes:
        now: whether it is in force; else a rollback goes back to it.
    """

    deployment: str
    arm: Arm
    now: bool


def served(project: Project) -> Iterator[Served]:
    """Every arm in force, then every champion that rollbacks could go back to, deployment by deployment.

    A retired deployment has none.
    """
    for name in deployed_in(project.home):
        folder = weights_folder(project.home, name)
        present = weights.read_table(folder)
        if present.is_retired:
            continue
        for arm in present.arms:
            yield Served(name, arm, now=True)
        for table in weights.restorable(folder, present):
            yield Served(name, table.champion, now=False)


def served_ids(project: Project) -> frozenset[str]:
    """Ids of every version, package and view of those."""
    arms = [found.arm for found in served(project)]
    return frozenset(part for arm in arms for part in (arm.version_id, arm.package_id, arm.view_id))
