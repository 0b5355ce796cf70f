"""PostgreSQL: one database for a team and many machines."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Table,
    Text,
    bindparam,
    cast,
    create_engine,
    extract,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError

from mainspring.errors import AccessError, MainspringError, UnavailableError
from mainspring.ports.records import _portable as portable
from mainspring.ports.records._compiled import KEPT, Alike, driver
from mainspring.ports.records._sql import SqlRecords, to_json
from mainspring.ports.records.prepared import Prepared

_SCOPED: Final = func.concat(func.current_schema(), "/", bindparam("name", type_=Text()))
_DEADLOCK: Final = "40P01"
_LOCK: Final = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended(_SCOPED, 0))))


class PostgresDialect(Alike, PGDialect_psycopg):
    """SQLAlchemy's, but for what is kept of compiled statements."""

    supports_statement_cache = True


_DRIVER: Final = driver(PostgresDialect)


class PostgresRecords(SqlRecords):
    """Records in a PostgreSQL schema (the first of the connection's `search_path`).

    Writers run concurrently at READ COMMITTED; readers at REPEATABLE READ, read-only. Durability is the
    server's: with its default `synchronous_commit = on`, what `write()` acknowledged survives power loss.
    """

    dialect = "postgresql"
    # Not now(), which stands still in a transaction, however long it waits for a row.
    present_us = cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        super().__init__(url, read_only=read_only)
        parsed = make_url(url)
        if parsed.drivername in {"postgresql", "postgres"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.url = parsed.render_as_string(hide_password=True)
        self._parsed = parsed.set(drivername=_DRIVER) if parsed.drivername == "postgresql+psycopg" else parsed

    def _open_engines(self) -> tuple[Engine, Engine]:
        writer = create_engine(
            self._parsed,
            pool_size=4,
            max_overflow=28,
            pool_pre_ping=True,
            json_serializer=to_json,
            execution_options=KEPT,
            connect_args={"connect_timeout": 10},
        )
        reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return writer, reader

    def _translate(self, error: DatabaseError) -> MainspringError | None:
        state = getattr(error.orig, "sqlstate", None)
        if state is None or state.startswith(("08", "57P")):
            return UnavailableError(
                expected="a PostgreSQL server that answers",
                got=str(error.orig).strip().splitlines()[0],
                where=self.url,
                hint="Start the server, or correct `records.url` in mainspring.toml.",
            )
        if state == _DEADLOCK:
            return UnavailableError(
                expected="transactions that do not wait for each other in a circle",
                got="one that did, and that the server ended",
                where=self.url,
                hint="Nothing of it was written. Do it again.",
            )
        if state.startswith(("28", "42501", "25006")):
            return AccessError(
                expected="a role that may read and write",
                got=str(error.orig).strip(),
                where=self.url,
                hint="Grant the role its rights on the schema.",
            )
        return None

    def export(self, path: Path, leave_out: Collection[str] = ()) -> None:
        with self.read() as connection:
            portable.export(connection, path, leave_out, self.url)

    def lock(self, connection: Connection, name: str) -> None:
        _LOCK.ask(connection, {"name": name})

    def forget_deleted(self) -> str:
        return "PostgreSQL's tables feature_pushes and assets until VACUUM FULL, and what its server archives"

    def insert(self, table: Table) -> Any:
        return insert(table)
