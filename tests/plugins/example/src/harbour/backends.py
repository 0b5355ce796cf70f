"""Backends: blobs of our own in one SQLite file, and other ports of mainspring's under names of ours."""

import hashlib
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mainspring.errors import InputError, IntegrityError
from mainspring.ports.blobs import Blob, Blobs, StoredBlob, check_sha256, unknown_blob


class Hold(Blobs):
    """Bytes by digest in one SQLite file; `path` hands out copies."""

    def __init__(self, path):
        self._path = Path(path)

    @contextmanager
    def _open(self):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = FULL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS blobs (sha256 TEXT PRIMARY KEY, bytes BLOB, put_us INT)"
            )
            yield database

    def put(self, data):
        sha256 = hashlib.sha256(data).hexdigest()
        now_us = int(datetime.now(UTC).timestamp() * 1e6)
        with self._open() as database:
            database.execute(
                "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET put_us = excluded.put_us",
                (sha256, data, now_us),
            )
        return Blob(sha256, len(data))

    def put_file(self, path):
        try:
            return self.put(Path(path).read_bytes())
        except OSError as error:
            raise InputError(
                expected="a file that can be read", got=str(error), where=str(path), hint="Check the path."
            ) from error

    def get(self, sha256):
        data = self._read(sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise IntegrityError(
                expected=f"the bytes of {sha256}",
                got="others",
                where=str(self._path),
                hint="Restore a backup.",
            )
        return data

    def find(self, sha256):
        check_sha256(sha256)
        with self._open() as database:
            found = database.execute("SELECT length(bytes) FROM blobs WHERE sha256 = ?", (sha256,)).fetchone()
        return None if found is None else Blob(sha256, found[0])

    def path(self, sha256):
        data = self._read(sha256)
        copy = Path(tempfile.mkdtemp(prefix="hold-", dir=self._path.parent)) / sha256
        copy.write_bytes(data)
        return copy

    def walk(self):
        with self._open() as database:
            rows = database.execute(
                "SELECT sha256, length(bytes), put_us FROM blobs ORDER BY sha256"
            ).fetchall()
        for sha256, size_bytes, put_us in rows:
            yield StoredBlob(sha256, size_bytes, datetime.fromtimestamp(put_us / 1e6, UTC))

    def collect(self, sha256, put_before):
        with self._open() as database:
            gone = database.execute(
                "DELETE FROM blobs WHERE sha256 = ? AND put_us < ?",
                (sha256, int(put_before.timestamp() * 1e6)),
            )
            return gone.rowcount == 1

    def drafts(self):
        return []

    def delete_draft(self, name):
        pass

    def delete(self, sha256):
        check_sha256(sha256)
        with self._open() as database:
            database.execute("DELETE FROM blobs WHERE sha256 = ?", (sha256,))

    def _read(self, sha256):
        check_sha256(sha256)
        with self._open() as database:
            found = database.execute("SELECT bytes FROM blobs WHERE sha256 = ?", (sha256,)).fetchone()
        if found is None:
            raise unknown_blob(sha256, str(self._path))
        return found[0]


def open_blobs(address):
    return Hold(address.partition(":")[2])


def open_records(url):
    from mainspring.ports.records import open_records as ours

    return ours(f"sqlite:///{url.partition(':')[2]}")


def open_tables(address):
    from mainspring.ports.tables import open_tables as ours

    return ours(address.partition(":")[2])


def open_keys(address, *, namespace, connect_timeout_s, read_timeout_s):
    from mainspring.ports.keys import open_keys as ours

    return ours(Path(address.partition(":")[2]) / namespace)


def open_engine(address, *, n_workers, task_timeout_s):
    from mainspring.ports.engine import open_engine as ours

    return ours("local:", 1)


def open_lines(address):
    """Each line of a file is a message, named by its number."""
    from mainspring.ports.streams import IterableStream, Message

    lines = Path(address.partition(":")[2]).read_bytes().splitlines()
    return IterableStream([Message(str(number), line) for number, line in enumerate(lines)])
