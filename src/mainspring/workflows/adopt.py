"""Makes what a configuration names one home: after a copy, a move by hand, or a store that replaces another."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mainspring.errors import StateError
from mainspring.identity.compare import Flaw
from mainspring.lineage.spec import Value
from mainspring.ports.read_only import refused
from mainspring.project import Project, check_owner, open_project
from mainspring.workflows.at_work import find_at_work

ADOPTED: Final = "home.adopted"


class Found(Value):
    """One store that does not belong to the others.

    Attributes:
        kind: which.
        got: what it says.
    """

    kind: str
    got: str
    where: str


class Adoption(Value):
    """What one call of `adopt` found, and did.

    Attributes:
        found: what did not belong together.
        adopted: whether it does now; False where only a look was asked for.
        stores_id: what all stores carry since; empty where nothing was adopted.
    """

    project_id: str
    home: str
    found: tuple[Found, ...]
    adopted: bool
    stores_id: str


def adopt(folder: Path | None, *, wanted: bool) -> Adoption:
    """Give all stores that the configuration names a new id, so that they belong together and to nothing else.

    Another home that used one of them is refused from then on, when it is next opened. What the stores hold is not
    compared: `mainspring doctor` does.

    Args:
        folder: as for `open_project`.
        wanted: do it; else only look.

    Raises:
        ConflictError: the home is another project's; or its records are missing, and it has something in it.
        StateError: somebody is at work.
        AccessError: the project is open read-only, or a store cannot be written.
    """
    with open_project(folder, as_is=True, importable=False) as project:
        if project.read_only:
            raise refused("adopt")
        check_owner(project.home, project.config.project.id)
        project.identity.check_adoptable()
        project.records.check_current()
        found = tuple(_told(flaw) for flaw in project.identity.flaws())
        stores_id = _adopted(project, found) if wanted else ""
        return Adoption(
            project_id=project.config.project.id,
            home=str(project.home),
            found=found,
            adopted=wanted,
            stores_id=stores_id,
        )


def _adopted(project: Project, found: tuple[Found, ...]) -> str:
    if at_work := find_at_work(project):
        raise StateError(
            expected="nobody at work",
            got="; ".join(f"{each.subject} by {each.holder}" for each in at_work),
            where=str(project.home),
            hint="Stop it, or let it end. What was killed is found by `mainspring doctor --repair`.",
        )
    told = {"found": [each.model_dump() for each in found]}
    with project.graph.execution("adopt", "home", parameters=told, durable=True) as work:
        stores_id = project.identity.claim()
        project.keys.claim(stores_id)
        work.event(ADOPTED, work.id, {**told, "stores_id": stores_id})
    return stores_id


def _told(flaw: Flaw) -> Found:
    return Found(kind=flaw.kind, got=flaw.got, where=flaw.where)
