"""What clients of other tools call delete and restore: a thing is archived with its parts, or taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from mainspring.errors import MainspringError
from mainspring.lineage import Graph, marks
from mainspring.lineage.spec import Mark, MarkKind, Noun

Parts = Sequence[tuple[str, Noun, str]]


def archive(
    graph: Graph, noun: Noun, subject_id: str, name: str, parts_of: Callable[[Connection], Parts]
) -> None:
    """Hide a thing with its parts from lists, and refuse them for new use; told in one execution.

    Args:
        name: what people call it.
        parts_of: what goes with it, as of the transaction that hides it: ids, nouns and names.
    """

    def mark(connection: Connection) -> None:
        whole = Mark(
            subject_id=subject_id,
            kind=MarkKind.ARCHIVED,
            noun=noun,
            name=name,
            part_of=None,
            reason="",
            actor=graph.actor,
            execution_id=work.id,
            marked_at=graph.clock.now(),
        )
        marks.add_whole(graph.records, connection, whole, parts_of(connection), graph.project_id)

    told = {"name": name, "reason": ""}
    with graph.execution("archive", f"{noun.value} {name}", parameters=told) as work:
        work.event(f"{noun.value}.archived", subject_id, told)
        work.write(mark)


def unarchive(graph: Graph, noun: Noun, subject_id: str, name: str, refused: MainspringError) -> None:
    """Take an archiving back, of the thing and of what was archived with it.

    Args:
        refused: what is raised where it is not archived.
    """

    def take_back(connection: Connection) -> None:
        if not marks.remove(connection, MarkKind.ARCHIVED, subject_id, graph.project_id):
            raise refused

    told = {"name": name, "reason": ""}
    with graph.execution("unarchive", f"{noun.value} {name}", parameters=told) as work:
        work.event(f"{noun.value}.unarchived", subject_id, told)
        work.write(take_back)
