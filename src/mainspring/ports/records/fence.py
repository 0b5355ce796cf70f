"""A fence around a project's rows: triggers that refuse every write, whichever process or version it comes from.

A copy of the records is only whole if nothing is acknowledged after it was made. No process is asked whether it knows
of the copy: the database itself refuses. On PostgreSQL making a trigger waits for the transactions that write to the
table, and on SQLite for the one writer, so what was acknowledged before the fence is there to be copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from mainspring.errors import StateError

_SAID: Final = "mainspring: moved to "
_SQLSTATE: Final = "MS001"


def put_up(connection: Connection, tables: Sequence[str], project_id: str, to: str) -> None:
    """Refuse every later write to the project's rows of these tables. One that stands already stays as it is.

    Args:
        to: where the rows go, told to whoever is refused; no password.
    """
    if connection.dialect.name == "sqlite":
        for statement in sqlite_fence(tables, project_id, to):
            connection.exec_driver_sql(statement)
        return
    name = _name(project_id)
    function = _FUNCTION.format(name=name, project=_quoted(project_id), said=_quoted(_SAID + to))
    # An address has colons, which would be names of parameters.
    connection.execute(text(function.replace(":", r"\:")))
    for table in tables:
        connection.execute(text(f'DROP TRIGGER IF EXISTS {name} ON "{table}"'))
        connection.execute(
            text(
                f'CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OR DELETE ON "{table}" '
                f"FOR EACH ROW EXECUTE FUNCTION {name}()"
            )
        )


def take_down(connection: Connection, tables: Sequence[str], project_id: str) -> None:
    """Let the project's rows be written again; nothing happens where no fence stands."""
    if connection.dialect.name == "sqlite":
        for statement in sqlite_opening(tables, project_id):
            connection.exec_driver_sql(statement)
        return
    name = _name(project_id)
    for table in tables:
        connection.execute(text(f'DROP TRIGGER IF EXISTS {name} ON "{table}"'))
    connection.execute(text(f"DROP FUNCTION IF EXISTS {name}()"))


def sqlite_fence(tables: Sequence[str], project_id: str, to: str) -> list[str]:
    """The statements that put it up in a SQLite file."""
    said, project, name = _quoted(_SAID + to), _quoted(project_id), _name(project_id)
    return [
        f'CREATE TRIGGER IF NOT EXISTS "{name}_{table}_{work.lower()}" BEFORE {work} ON "{table}" '
        f"WHEN {row}.project_id = {project} BEGIN SELECT RAISE(ABORT, {said}); END"
        for table in tables
        for work, row in _SQLITE
    ]


def sqlite_opening(tables: Sequence[str], project_id: str) -> list[str]:
    """The statements that take it down."""
    name = _name(project_id)
    return [
        f'DROP TRIGGER IF EXISTS "{name}_{table}_{work.lower()}"' for table in tables for work, _ in _SQLITE
    ]


def refusal(error: BaseException | None, where: str) -> StateError | None:
    """What a driver's error means if the fence raised it; None for any other."""
    said = str(error).partition("\n")[0]
    if error is None or not said.startswith(_SAID):
        return None
    return StateError(
        expected="records that are in use",
        got=f"records that move, or have moved, to {said.removeprefix(_SAID)}",
        where=where,
        hint="Open the project again: its configuration says where its records are. A move that was interrupted "
        "goes on with `mainspring move`, and `mainspring move --abort` ends it.",
    )


_SQLITE: Final = (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD"))

_FUNCTION: Final = f"""
CREATE OR REPLACE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql AS $fence$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.project_id <> {{project}} THEN RETURN OLD; END IF;
    ELSIF NEW.project_id <> {{project}} THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING ERRCODE = '{_SQLSTATE}', MESSAGE = {{said}};
END
$fence$
"""


def _name(project_id: str) -> str:
    return f"moved_{hashlib.sha256(project_id.encode()).hexdigest()[:12]}"


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
