"""A fresh PostgreSQL schema for a benchmark, where a server answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from mainspring.types import new_id

SERVER: Final = os.environ.get(
    "MAINSPRING_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
)


def find_server() -> str | None:
    """The server's address as its driver takes it; None, said, where it does not answer."""
    address = SERVER.replace("+psycopg", "")
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        print(f"PostgreSQL is left out: {str(error).strip()}. MAINSPRING_TEST_POSTGRES names a server.")
        return None
    return address


@contextmanager
def schema(server: str) -> Iterator[str]:
    """The URL of an empty schema, which is dropped in the end. Commits are as durable as the server's defaults."""
    name = f"bench_{new_id()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{name}"')
        try:
            yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
        finally:
            connection.execute(f'DROP SCHEMA "{name}" CASCADE')


def count_syncs(server: str) -> int | None:
    """How often the server has synced its write-ahead log; None where it does not say."""
    with psycopg.connect(server, autocommit=True) as connection:
        for query in (
            "SELECT wal_sync FROM pg_stat_wal",
            "SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'",
        ):
            try:
                found = connection.execute(query).fetchone()
            except psycopg.errors.UndefinedColumn:
                continue
            return int(found[0]) if found and found[0] is not None else None
    return None
