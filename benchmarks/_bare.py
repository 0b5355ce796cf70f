"""One publication, and what it is compared with: the driver of SQLite called by hand, with the same durability."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from mainspring.lineage import AssetKind, Graph
from mainspring.types import new_id

LINKS: Final = 2
_ROWS: Final = {"executions": 1, "assets": 1, "links": LINKS, "events": 1}
_COUNTER: Final = "seq"

Rows = list[tuple[str, dict[str, Any]]]


def publish(graph: Graph, name: str, source: str | None = None) -> str:
    """Publish an asset made of another, and say so; its id."""
    with graph.execution("bench", name) as work:
        if source is not None:
            work.use(source, role="input")
        asset = work.add(AssetKind.ARTIFACT, name)
        work.event("artifact.made", asset.id, {"n": 1})
    return asset.id


def last_publication(file: Path) -> Rows:
    """The rows of the last one, by table."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        return [
            (table, {name: row[name] for name in row.keys() if name != _COUNTER})  # noqa: SIM118 - no dict
            for table, n in _ROWS.items()
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT {n}")
        ]


def connect(file: Path) -> sqlite3.Connection:
    """As the records are: a write-ahead log, synced at every commit."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=30.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def bare_insert(file: Path, size_bytes: int) -> Callable[[], None]:
    """One row of so many bytes in a transaction of its own."""
    connection = connect(file)
    connection.execute("CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, payload TEXT)")
    payload = "x" * (size_bytes - len(new_id()))

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?, ?)", (new_id(), payload))
        connection.execute("COMMIT")

    return insert


def bare_rows(home: Path, rows: Rows) -> Callable[[], None]:
    """The rows of a publication into tables with the same indexes, and nothing asked or computed."""
    file = home / "rows.db"
    with closing(sqlite3.connect(home / ".mainspring" / "records.db")) as there:
        there.execute("VACUUM INTO ?", (str(file),))
    connection = connect(file)
    fresh = {row["id"] for table, row in rows if table != "links"}
    statements = [
        (f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        for table, row in rows
    ]

    def insert() -> None:
        ids = {old: new_id() for old in fresh}
        connection.execute("BEGIN IMMEDIATE")
        for statement, values in statements:
            connection.execute(statement, [ids.get(value, value) for value in values])
        connection.execute("COMMIT")

    return insert
