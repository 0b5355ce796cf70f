"""Names: what a thing is called now, and what it was called before, beside the name that it is stored under.

Stored rows, digests, files and the log say the name that a thing was first given, its lasting name, for ever. A
rename adds rows here and changes none elsewhere. A room asks inside its own statements, by `lasting` for whatever
name it is given and by `called` for whatever it shows, so that a look-up costs no statement more, and a name that
was ever given means the same thing for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, Text, func, literal, select, update

from mainspring.errors import ConflictError
from mainspring.lineage.spec import Noun, Value
from mainspring.ports.records import Records
from mainspring.ports.records.schema import row, table, value


class Name(Value):
    """A name of a thing that was renamed; the names of all others stand only in their rooms' rows.

    Attributes:
        lasting: the name that the thing is stored under: the first that it had.
        is_current: whether it is called so now; else it leads to what it is called now.
        actor, execution_id: who gave it the name, by which execution; of the first name, who took it away.
        named_at: when, by the project clock.
    """

    noun: Noun
    name: str
    lasting: str
    is_current: bool
    actor: str
    execution_id: str
    named_at: datetime


names = table("names", Name, key=["project_id", "noun", "name"], indexes=[["project_id", "noun", "lasting"]])


def hold(records: Records, connection: Connection, noun: Noun, project_id: str) -> None:
    """Let nobody else of the project name a thing of this noun until this transaction ends."""
    records.lock(connection, f"names/{project_id}/{noun.value}")


def lasting(noun: Noun, project_id: str, given: str) -> ColumnElement[str]:
    """SQL for the name that a thing is stored under, by whichever name of it is given."""
    known = select(names.c.lasting).where(
        names.c.project_id == project_id, names.c.noun == noun.value, names.c.name == given
    )
    known = known.correlate(None)
    return func.coalesce(known.scalar_subquery(), literal(given, Text()))


def called(
    noun: Noun, column: ColumnElement[str], project_id: str | ColumnElement[str]
) -> ColumnElement[str]:
    """SQL for what a thing is called now, by a column or an expression with its lasting name."""
    current = select(names.c.name).where(
        names.c.project_id == project_id,
        names.c.noun == noun.value,
        names.c.lasting == column,
        names.c.is_current,
    )
    return func.coalesce(current.correlate_except(names).scalar_subquery(), column)


def selected(source: Table, project_id: str, nouns: Mapping[str, Noun]) -> Select[Any]:
    """A project's rows of a table, with what things are called now in place of their lasting names.

    Args:
        nouns: columns that hold lasting names, and of what.
    """
    return select(*(_shown(column, project_id, nouns) for column in source.c)).where(
        source.c.project_id == project_id
    )


def _shown(column: Column[Any], project_id: str, nouns: Mapping[str, Noun]) -> ColumnElement[Any]:
    if column.name not in nouns:
        return column
    return called(nouns[column.name], column, project_id).label(column.name)


def find(connection: Connection, noun: Noun, project_id: str, name: str) -> Name | None:
    """What is known of a name; None for one that no rename has touched."""
    query = select(names).where(
        names.c.project_id == project_id, names.c.noun == noun.value, names.c.name == name
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Name, found)


def resolve(connection: Connection, noun: Noun, project_id: str, given: str) -> tuple[str, str]:
    """The name that a thing is stored under and what it is called now, by whichever name of it is given.

    Both are `given` where no rename has touched it, or there is no such thing.
    """
    stored = lasting(noun, project_id, given)
    found = connection.execute(select(stored, called(noun, stored, project_id))).one()
    return str(found[0]), str(found[1])


def every(connection: Connection, noun: Noun, project_id: str, given: str) -> frozenset[str]:
    """Every name that a thing has or had, by whichever of them is given."""
    query = select(names.c.name).where(
        names.c.project_id == project_id,
        names.c.noun == noun.value,
        names.c.lasting == lasting(noun, project_id, given),
    )
    return frozenset({given, *connection.execute(query).scalars()})


def check_unused(connection: Connection, noun: Noun, project_id: str, name: str) -> None:
    """A thing that is about to be stored under this name is still the one that it means; held until then.

    Raises:
        ConflictError: a rename has just given the name to another.
    """
    found = find(connection, noun, project_id, name)
    if found is not None and found.lasting != name:
        raise taken(found, noun.words)


def taken(found: Name, where: str) -> ConflictError:
    """For a name that is another thing's, or was."""
    return ConflictError(
        expected="a name that no other thing has or had",
        got=f"{found.name!r}, {'the name' if found.is_current else 'a former name'} of the {found.noun.words} "
        f"that began as {found.lasting!r}",
        where=where,
        hint="A name never comes to mean something else, so that code and stored rows stay true: choose another.",
    )


def give(records: Records, connection: Connection, name: Name, before: str, project_id: str) -> None:
    """Call a thing by `name` from now on. The caller holds the noun's names and has checked that it is free.

    Args:
        before: what it was called until now.
    """
    connection.execute(
        update(names)
        .where(
            names.c.project_id == project_id, names.c.noun == name.noun.value, names.c.lasting == name.lasting
        )
        .values(is_current=False)
    )
    # The first name has no row until it is taken away; a name that the thing had before has one.
    first = name.model_copy(update={"name": before, "is_current": False})
    connection.execute(records.insert(names).values(row(first, project_id)).on_conflict_do_nothing())
    given = row(name, project_id)
    changed = {column: given[column] for column in ("is_current", "actor", "execution_id", "named_us")}
    statement = records.insert(names).values(given)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["project_id", "noun", "name"], set_=changed)
    )
