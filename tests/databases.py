"""PostgreSQL schemas for tests: one a worker, migrated once, emptied before every test."""

from __future__ import annotations

import os
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from mainspring.ports.records import open_records
from mainspring.ports.records.migrations import HEAD, VERSION_TABLE
from mainspring.types import new_id

SERVER: Final = os.environ.get(
    "MAINSPRING_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
)
LOCK_WAIT_MS: Final = 2_000


class PostgresSchemas:
    """Hands out an empty schema a test: the same one, emptied, unless a test spoiled or still holds it."""

    def __init__(self) -> None:
        self._engine: Engine = create_engine(SERVER, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._made: list[str] = []
        self._others: list[str] = []
        self._tables: list[str] = []
        self._counters: list[str] = []

    def fresh(self) -> str:
        """The URL of a migrated schema without a row."""
        if not self._made or not self._emptied(self._made[-1]):
            self._create()
        return self._url(self._made[-1])

    def empty(self) -> str:
        """The URL of a schema of its own, without a table."""
        schema = self._add()
        self._others.append(schema)
        return self._url(schema)

    def close(self) -> None:
        """Drop every schema that was made."""
        with self._engine.connect() as connection:
            connection.execute(text(f"SET lock_timeout = {LOCK_WAIT_MS}"))
            for name in [*self._made, *self._others]:
                connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
        self._engine.dispose()

    def _url(self, schema: str) -> str:
        # synchronous_commit only matters when the server's machine dies: our tests kill clients.
        options = f"-csearch_path%3D{schema}%20-csynchronous_commit%3Doff"
        return f"{SERVER}{'&' if '?' in SERVER else '?'}options={options}"

    def _add(self) -> str:
        schema = f"test_{new_id()}"
        with self._engine.connect() as connection:
            connection.execute(text(f'CREATE SCHEMA "{schema}"'))
        return schema

    def _create(self) -> None:
        schema = self._add()
        self._made.append(schema)
        records = open_records(self._url(schema))
        records.migrate()
        records.close()
        with self._engine.connect() as connection:
            found = connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = :schema"), {"schema": schema}
            )
            self._tables = sorted(name for (name,) in found if name != VERSION_TABLE)
            counters = text("SELECT sequencename FROM pg_sequences WHERE schemaname = :schema")
            self._counters = list(connection.execute(counters, {"schema": schema}).scalars())

    def _emptied(self, schema: str) -> bool:
        with self._engine.connect() as connection:
            connection.execute(text(f"SET lock_timeout = {LOCK_WAIT_MS}"))
            connection.execute(text(f'SET search_path = "{schema}"'))
            revision = connection.execute(
                text(f"SELECT version_num FROM {VERSION_TABLE}")
            ).scalar_one_or_none()
            if revision != HEAD:
                return False
            try:
                if used := self._used(connection):
                    connection.exec_driver_sql(self._emptying(used))
            except OperationalError:
                return False  # a connection that a test left open holds a lock: leave it that schema
        return True

    def _emptying(self, used: list[str]) -> str:
        """One transaction: TRUNCATE would give each table and index a new file, which takes longer than most tests."""
        # No foreign keys, no triggers: any order will do. The lock finds out whether somebody is still at work here.
        steps = [
            f"LOCK TABLE {', '.join(used)} IN ACCESS EXCLUSIVE MODE",
            *(f"DELETE FROM {name}" for name in used),
        ]
        steps += [f"SELECT setval('\"{name}\"', 1, false)" for name in self._counters]
        return "; ".join(["BEGIN", "SET LOCAL synchronous_commit = off", *steps, "COMMIT"])

    def _used(self, connection: Connection) -> list[str]:
        probes = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in self._tables]
        return [f'"{name}"' for (name,) in connection.execute(text(" UNION ALL ".join(probes)))]
