"""A fence around a project's rows: triggers that refuse every write, whichever process or version it comes from.

A copy of the records is only whole if nothing is acknowledged after it was made. No process is asked whether it knows
of the copy: the database itself refuses. On PostgreSQL making a trigger waits for the transactions that write to the
table, and on SQLite for the one writer, so what was acknowledged before the fence is there to be copied.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from mainspring.errors import StateError, UnavailableError

_SAID: Final = "mainspring: moved to "
_SQLSTATE: Final = "MS001"
_CANCELLED: Final = "57014"
LOCK_TRY_MS: Final = 200
LOCK_WAIT_S: Final = 30.0
_FENCED: Final = text(
    "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE tgname = :name AND relnamespace = CAST(current_schema() AS regnamespace)"
)


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
    # Readers are not held up, and a trigger that is there is not made again: that would wait for them.
    lock_all(connection, tables, "SHARE ROW EXCLUSIVE")
    function = _FUNCTION.format(name=name, project=_quoted(project_id), said=_quoted(_SAID + to))
    # An address has colons, which would be names of parameters.
    connection.execute(text(function.replace(":", r"\:")))
    there = set(connection.execute(_FENCED, {"name": name}).scalars())
    for table in (each for each in tables if each not in there):
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
    there = set(connection.execute(_FENCED, {"name": name}).scalars())
    fenced = [each for each in tables if each in there]
    lock_all(connection, fenced, "ACCESS EXCLUSIVE")
    for table in fenced:
        connection.execute(text(f'DROP TRIGGER IF EXISTS {name} ON "{table}"'))
    connection.execute(text(f"DROP FUNCTION IF EXISTS {name}()"))


def lock_all(connection: Connection, tables: Sequence[str], mode: str) -> None:
    """Lock tables of PostgreSQL until the transaction ends: all of them, or none while it waits.

    Writers take theirs in orders of their own. Whoever keeps some and waits for others would sooner or later be in a
    circle with one of them, and the server would end either: so what cannot be had at once is given back, and all
    are asked for again.

    Raises:
        UnavailableError: they could not be had within `LOCK_WAIT_S`.
    """
    if not tables:
        return
    names = ", ".join(f'"{table}"' for table in tables)
    ends_s = time.monotonic() + LOCK_WAIT_S
    # Less than the server waits before it looks for circles; for all of them, where `lock_timeout` is for each.
    connection.execute(text(f"SET LOCAL statement_timeout = {LOCK_TRY_MS}"))
    while not _locked(connection, f"LOCK TABLE {names} IN {mode} MODE"):
        if time.monotonic() > ends_s:
            raise UnavailableError(
                expected=f"every table of the records, locked at once, within {LOCK_WAIT_S:.0f} s",
                got="transactions that did not end meanwhile",
                where=f"tables {tables[0]} … {tables[-1]}",
                hint="Find what holds them in pg_stat_activity and let it end; then run the command again.",
            )
        time.sleep(random.uniform(0.0, LOCK_TRY_MS / 1_000))
    connection.execute(text("SET LOCAL statement_timeout TO DEFAULT"))


def _locked(connection: Connection, statement: str) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(text(statement))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _CANCELLED:
            raise
        return False
    return True


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
