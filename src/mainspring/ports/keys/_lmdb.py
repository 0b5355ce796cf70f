"""Keys in LMDB: one memory-mapped file, many reader processes, one writer at a time."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import eq, itemgetter
from pathlib import Path
from typing import Final, TypeVar

import lmdb

from mainspring.errors import AccessError, IntegrityError, MainspringError, UnavailableError
from mainspring.ports._disk import refusals
from mainspring.ports.keys._base import Keys
from mainspring.ports.keys._codec import decode, decode_many, encode_many, forms, is_newer, prefix
from mainspring.ports.keys._columns import Columns
from mainspring.ports.keys._entry import Entry, check_keys
from mainspring.ports.keys._guards import Guards, encode_guards, overtaken
from mainspring.ports.keys._lmdb_store import (
    DATA_FILE,
    ENTRIES_AT_ONCE,
    LmdbStore,
    acquire,
    registry,
    release,
)

FIRST_MAP_BYTES: Final = 1 << 28

_T = TypeVar("_T")


class LmdbKeys(Keys):
    """Keys in a folder of one data file and one lock file.

    All spaces share LMDB's unnamed database, told apart by a prefix, so that there may be any number. The map
    doubles when it is full. LMDB needs a local file system.
    """

    def __init__(
        self, folder: Path, first_map_bytes: int = FIRST_MAP_BYTES, *, read_only: bool = False
    ) -> None:
        self._folder = folder
        self._read_only = read_only
        self._first_map_bytes = first_map_bytes
        self._store: LmdbStore | None = None

    def put(self, space: str, entries: Sequence[Entry], *, guards: Guards | None = None) -> int:
        start = prefix(space)
        rows = encode_many(space, start, entries)
        guarded = encode_guards(space, start, guards)
        # In the order of the tree, in which neighbours share pages.
        rows.sort(key=itemgetter(0))

        def put(transaction: lmdb.Transaction[bytes]) -> int:
            if any(transaction.get(key) != stored for key, stored in guarded):
                raise overtaken(space, str(self._folder))
            return _put(transaction, rows)

        return self._write(put)

    def get(self, space: str, keys: Sequence[bytes]) -> list[Entry | None]:
        return decode_many(space, keys, self._stored(space, keys))

    def get_columns(self, space: str, keys: Sequence[bytes]) -> Columns:
        return Columns.of(space, keys, self._stored(space, keys))

    def _stored(self, space: str, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        start = prefix(space)
        check_keys(space, keys)
        store = self._store or self._opened()
        if store is None:
            return [None] * len(keys)
        try:
            return store.read([start + key for key in keys])
        except lmdb.Error as error:
            raise _meaning(error, self._folder) from error

    def entries(self, space: str) -> Iterator[Entry]:
        start = prefix(space)
        with self._translated():
            store = self._opened()
            after: bytes | None = None
            while store is not None:
                rows = store.slice(start, after)
                for key, stored in rows:
                    yield decode(space, key[len(start) :], stored)
                if len(rows) < ENTRIES_AT_ONCE:
                    return
                after = rows[-1][0]

    def delete(self, space: str, keys: Sequence[bytes]) -> int:
        start = prefix(space)
        return self._write(lambda transaction: sum(transaction.delete(start + key) for key in keys))

    def remove(self, space: str, entries: Sequence[Entry]) -> int:
        start = prefix(space)
        rows = [(start + entry.key, forms(space, entry)) for entry in entries]
        return self._write(
            lambda transaction: sum(
                transaction.get(key) in stored and transaction.delete(key) for key, stored in rows
            )
        )

    def clear(self, space: str) -> None:
        start = prefix(space)
        self._write(lambda transaction: _clear(transaction, start))

    def close(self) -> None:
        with registry:
            if self._store is not None:
                release(self._store)
                self._store = None

    def _write(self, work: Callable[[lmdb.Transaction[bytes]], _T]) -> _T:
        with self._translated():
            store = self._opened() or self._create()
            return store.write(work)

    def _opened(self) -> LmdbStore | None:
        """The open store; None where nothing was ever put."""
        if self._store is not None:
            return self._store
        if not (self._folder / DATA_FILE).exists():
            return None
        return self._create()

    def _create(self) -> LmdbStore:
        with self._translated(), registry:
            if self._store is None:
                self._store = acquire(self._folder, self._first_map_bytes, self._read_only)
            return self._store

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with refusals(self._folder):
                yield
        except lmdb.Error as error:
            raise _meaning(error, self._folder) from error


def _put(transaction: lmdb.Transaction[bytes], rows: Sequence[tuple[bytes, bytes]]) -> int:
    """Write rows, sorted by key, that are newer than what is there."""
    keys = [key for key, _ in rows]
    if any(map(eq, keys, keys[1:])):
        return sum(_put_one(transaction, key, encoded) for key, encoded in rows)
    found = map(transaction.get, keys)
    newer = [
        row for row, stored in zip(rows, found, strict=True) if stored is None or is_newer(row[1], stored)
    ]
    with transaction.cursor() as cursor:
        cursor.putmulti(newer)
    return len(newer)


def _put_one(transaction: lmdb.Transaction[bytes], key: bytes, encoded: bytes) -> bool:
    return is_newer(encoded, transaction.get(key)) and transaction.put(key, encoded)


def _clear(transaction: lmdb.Transaction[bytes], start: bytes) -> None:
    with transaction.cursor() as cursor:
        more = cursor.set_range(start)
        while more and cursor.key().startswith(start):
            # Deleting moves the cursor to the next key.
            more = cursor.delete()


def _meaning(error: lmdb.Error, folder: Path) -> MainspringError:
    if isinstance(error, lmdb.ReadonlyError) or error.code in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return AccessError(
            expected="a folder that can be read and written",
            got=str(error),
            where=str(folder),
            hint="Give this user write permission, or choose another home in mainspring.toml.",
        )
    if isinstance(
        error, lmdb.CorruptedError | lmdb.InvalidError | lmdb.PageNotFoundError | lmdb.VersionMismatchError
    ):
        return IntegrityError(
            expected="an LMDB store",
            got=str(error),
            where=str(folder),
            hint="Remove the folder and materialise it again; the tables hold the truth.",
        )
    return UnavailableError(
        expected="a working store",
        got=str(error),
        where=str(folder),
        hint="Look for a full disk, or more than 1024 reading processes.",
    )
