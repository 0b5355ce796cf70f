"""Marks: what people decided about a thing, beside what it is. Archived, pinned, or deleted.

The thing itself never changes. One table serves every room: a room asks it what to leave out of its lists and
what to refuse for new use, and every publication asks it about its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, select

from mainspring.errors import DeletedError, StateError
from mainspring.lineage.spec import Mark, MarkKind, Noun
from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.prepared import Prepared
from mainspring.ports.records.schema import row, table, value

marks = table("marks", Mark, key=["project_id", "kind", "subject_id"], indexes=[["subject_id"]])

_HIDING: Final = (MarkKind.ARCHIVED.value, MarkKind.DELETED.value)

_IS_HIDING: Final = marks.c.kind.in_(_HIDING)


def named(noun: Noun, name: str) -> str:
    """What marks call a thing that has a name and no id."""
    return f"{noun.value}:{name}"


def add(records: Records, connection: Connection, given: Sequence[Mark], project_id: str) -> None:
    """Set marks; one that is there already stays as it was set first."""
    if given:
        statement = records.insert(marks).on_conflict_do_nothing()
        connection.execute(statement, [row(mark, project_id) for mark in given])


def add_whole(
    records: Records,
    connection: Connection,
    whole: Mark,
    parts: Sequence[tuple[str, Noun, str]],
    project_id: str,
) -> None:
    """Set a mark on a thing and on its parts, each given by its id, noun and name."""
    told = [
        whole.model_copy(
            update={"subject_id": subject_id, "noun": noun, "name": name, "part_of": whole.subject_id}
        )
        for subject_id, noun, name in parts
    ]
    add(records, connection, [whole, *told], project_id)


def remove(connection: Connection, kind: MarkKind, subject_id: str, project_id: str) -> int:
    """Take a mark off a thing and off what was marked as a part of it; returns how many marks that were."""
    found = connection.execute(
        delete(marks).where(
            marks.c.project_id == project_id,
            marks.c.kind == kind.value,
            (marks.c.subject_id == subject_id) | (marks.c.part_of == subject_id),
        )
    )
    return found.rowcount


def find_marks(
    connection: Connection,
    project_id: str,
    *,
    kind: MarkKind | None = None,
    subject_ids: Iterable[str] | None = None,
) -> list[Mark]:
    """Marks of one kind or of all, on these things or on all, in the order in which they were set."""
    query = select(marks).where(marks.c.project_id == project_id)
    if kind is not None:
        query = query.where(marks.c.kind == kind.value)
    query = query.order_by(marks.c.marked_us, marks.c.subject_id)
    if subject_ids is not None:
        query = query.where(among(marks.c.subject_id, subject_ids))
    return [value(Mark, found) for found in connection.execute(query).mappings()]


def marked(connection: Connection, kind: MarkKind, project_id: str | None) -> frozenset[str]:
    """The ids of everything that carries the mark; `project_id` None = in all projects of the database."""
    query = select(marks.c.subject_id).where(marks.c.kind == kind.value)
    if project_id is not None:
        query = query.where(marks.c.project_id == project_id)
    return frozenset(connection.execute(query).scalars())


def hidden(connection: Connection, project_id: str) -> frozenset[str]:
    """The ids of what lists leave out: archived or deleted."""
    query = select(marks.c.subject_id).where(marks.c.project_id == project_id, marks.c.kind.in_(_HIDING))
    return frozenset(connection.execute(query).scalars())


def visible(column: ColumnElement[str], project_id: str) -> ColumnElement[bool]:
    """The condition by which a list leaves out what is archived or deleted."""
    hidden_ids = select(marks.c.subject_id).where(marks.c.project_id == project_id, marks.c.kind.in_(_HIDING))
    return column.not_in(hidden_ids)


def is_visible(connection: Connection, subject_id: str, project_id: str) -> bool:
    """Whether a thing is neither archived nor deleted."""
    query = select(
        exists().where(marks.c.project_id == project_id, marks.c.subject_id == subject_id, _IS_HIDING)
    )
    return not connection.execute(query).scalar_one()


IS_MARKED: Final = exists().where(
    marks.c.project_id == bindparam("project"), among(marks.c.subject_id, bindparam("used"))
)
"""Whether anything of the list `used` carries a mark. Every publication asks it of its inputs; hardly ever true."""

_ASK: Final = Prepared(select(IS_MARKED))


def check_usable(connection: Connection, project_id: str, subject_ids: Iterable[str]) -> None:
    """Nothing of this is archived or deleted.

    Raises:
        DeletedError: one was deleted.
        StateError: one is archived.
    """
    used = list(subject_ids)
    (is_marked,) = _ASK.ask(connection, {"project": project_id, "used": used})
    if not is_marked:
        return
    found = find_marks(connection, project_id, subject_ids=used)
    check_there(found)
    for mark in found:
        if mark.kind is MarkKind.ARCHIVED:
            raise StateError(
                expected=f"a {mark.noun.words} that is not archived",
                got=f"archived {_told(mark)}",
                where=mark.title,
                hint=f"Use another, or take it back: mainspring unarchive {mark.noun.value} {mark.name}",
            )


def check_there(found: Iterable[Mark]) -> None:
    """None of these marks says that the thing was deleted.

    Raises:
        DeletedError: one does.
    """
    for mark in found:
        if mark.kind is MarkKind.DELETED:
            raise DeletedError(
                expected=f"a {mark.noun.words} whose content is kept",
                got=f"deleted {_told(mark)}",
                where=mark.title,
                hint="What it was and what was made of it is still in its lineage; make it again from its inputs.",
            )


def _told(mark: Mark) -> str:
    said = f" ({mark.reason})" if mark.reason else ""
    return f"{mark.marked_at:%Y-%m-%d} by {mark.actor}{said}"
