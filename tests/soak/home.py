"""A home read with plain tools: sqlite3 or psycopg, deltalake, files. Nothing of mainspring's own reading."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import lmdb
import msgspec
import polars as pl
import psycopg
import redis
from deltalake import DeltaTable
from psycopg.rows import dict_row
from tests.soak.world import PROJECT

Row = dict[str, Any]


class Home:
    """What lies in a home at this moment; nobody writes to it meanwhile."""

    def __init__(self, folder: Path, records_url: str, keys_url: str = "") -> None:
        self._folder = folder
        self._url = records_url
        self._keys_url = keys_url

    def rows(self, table: str) -> list[Row]:
        """All rows of a table of the records."""
        if self._url.startswith("sqlite"):
            return _sqlite_rows(Path(self._url.removeprefix("sqlite:///")), table)
        address = self._url.replace("+psycopg", "")
        with psycopg.connect(address, row_factory=dict_row) as connection:
            return connection.execute(f'SELECT * FROM "{table}"').fetchall()  # type: ignore[arg-type]

    def by(self, table: str, key: str) -> dict[str, Row]:
        """All rows of a table by one of its columns, which is unique."""
        rows = self.rows(table)
        found = {row[key]: row for row in rows}
        assert len(found) == len(rows), f"{table}.{key} is not unique"
        return found

    @cached_property
    def metric_points(self) -> list[Row]:
        """Metric points, wherever they are kept."""
        if self._url.startswith("sqlite"):
            return _sqlite_rows(self._folder / "records-metrics.db", "metric_points")
        return self.rows("metric_points")

    @cached_property
    def blobs(self) -> dict[str, Path]:
        """Every blob by its name, which ought to be the SHA-256 of its bytes."""
        return {file.name: file for file in (self._folder / "blobs" / "objects").glob("*/*")}

    def false_blobs(self) -> Iterator[str]:
        """Blobs whose bytes have another SHA-256 than their name."""
        for name, file in self.blobs.items():
            with file.open("rb") as bytes_of:
                if hashlib.file_digest(bytes_of, "sha256").hexdigest() != name:
                    yield name

    def table(self, prefix: str) -> pl.DataFrame:
        """All rows of the columnar table whose name begins so, as any engine reads them."""
        folders = list((self._folder / "tables").glob(f"{prefix}*"))
        if not folders:
            return pl.DataFrame()
        (folder,) = folders
        files = [Path(unquote(uri.removeprefix("file://"))) for uri in DeltaTable(folder).file_uris()]
        return pl.concat([pl.read_parquet(file) for file in files], how="diagonal_relaxed")

    def pushed(self, group_id: str) -> pl.DataFrame:
        """Rows of the journal that no commit holds."""
        rows = [row["rows"] for row in self.rows("feature_pushes") if row["group_id"] == group_id]
        return (
            pl.concat([pl.read_ipc(io.BytesIO(each)) for each in rows], how="diagonal")
            if rows
            else pl.DataFrame()
        )

    def online(self, group_id: str) -> dict[str, list[Any]]:
        """What a group that is keyed by one text has online: key → features."""
        start = bytes.fromhex(group_id) + b"s"
        return {
            key[len(start) + 4 :].decode(): msgspec.msgpack.decode(stored[29 + 16 :])
            for key, stored in self._entries()
            if key.startswith(start)
        }

    def _entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of the online store's space of features, as they are stored."""
        if self._keys_url:
            with redis.Redis.from_url(self._keys_url) as client:
                yield from client.hgetall(f"mainspring:{{{PROJECT}}}:features").items()
            return
        space = b"\x08features"
        with (
            lmdb.open(str(self._folder / "keys"), readonly=True, lock=False) as environment,
            environment.begin() as transaction,
        ):
            for key, stored in transaction.cursor():
                if key.startswith(space):
                    yield key[len(space) :], stored

    def weight_tables(self, deployment: str) -> dict[int, Row]:
        """Every weight table of a deployment up to the one in force, by epoch."""
        folder = self._folder / "serving" / deployment / "weights"
        current = json.loads((folder / "current.json").read_bytes())
        tables = {int(file.stem): json.loads(file.read_bytes()) for file in folder.glob("[0-9]*.json")}
        return {epoch: table for epoch, table in tables.items() if epoch <= current["epoch"]}


def plain(value: Any) -> Any:
    """A JSON column's value: SQLite gives its text."""
    return json.loads(value) if isinstance(value, str) else value


def _sqlite_rows(file: Path, table: str) -> list[Row]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]
