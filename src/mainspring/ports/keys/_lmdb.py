"""Keys in LMDB: one memory-mapped file, many reader processes, one writer at a time."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import eq, itemgetter
from pathlib import Path
from typing import Final, TypeVar

import lmdb

from mainspring.errors import AccessError, IntegrityError, MainspringError, UnavailableError
from mainspring.ports._disk import make_folder, refusals
from mainspring.ports._opened_file import OpenedFile
from mainspring.ports.keys._base import KEY_MAX_BYTES, Entry, Keys, refuse_key
from mainspring.ports.keys._codec import decode, encode_many, is_newer, prefix
from mainspring.ports.keys._lmdb_pages import check_pages

FIRST_MAP_BYTES: Final = 1 << 28
MAX_READERS: Final = 1024
DATA_FILE: Final = "data.mdb"
LOOK_EVERY_S: Final = 0.02
"""How often, at most, readers look whether the file is there still."""
ENTRIES_AT_ONCE: Final = 10_000
"""How many entries one transaction lists: a long one would keep old pages from being used again."""

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
        self._store: _Store | None = None

    def put(self, space: str, entries: Sequence[Entry]) -> int:
        rows = encode_many(space, prefix(space), entries)
        # In the order of the tree, in which neighbours share pages.
        rows.sort(key=itemgetter(0))
        return self._write(lambda transaction: _put(transaction, rows))

    def get(self, space: str, keys: Sequence[bytes]) -> list[Entry | None]:
        start = prefix(space)
        for key in keys:
            if not 1 <= len(key) <= KEY_MAX_BYTES:
                raise refuse_key(space, key)
        store = self._store or self._opened()
        if store is None:
            return [None] * len(keys)
        try:
            found = store.read([start + key for key in keys])
        except lmdb.Error as error:
            raise _meaning(error, self._folder) from error
        return [
            None if stored is None else decode(space, key, stored)
            for key, stored in zip(keys, found, strict=True)
        ]

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

    def clear(self, space: str) -> None:
        start = prefix(space)
        self._write(lambda transaction: _clear(transaction, start))

    def close(self) -> None:
        with _registry:
            if self._store is not None:
                _release(self._store)
                self._store = None

    def _write(self, work: Callable[[lmdb.Transaction[bytes]], _T]) -> _T:
        with self._translated():
            store = self._opened() or self._create()
            return store.write(work)

    def _opened(self) -> _Store | None:
        """The open store; None where nothing was ever put."""
        if self._store is not None:
            return self._store
        if not (self._folder / DATA_FILE).exists():
            return None
        return self._create()

    def _create(self) -> _Store:
        with self._translated(), _registry:
            if self._store is None:
                self._store = _acquire(self._folder, self._first_map_bytes, self._read_only)
            return self._store

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with refusals(self._folder):
                yield
        except lmdb.Error as error:
            raise _meaning(error, self._folder) from error


class _Store:
    """The environment of one folder in this process: LMDB allows no second one, and none across a fork."""

    def __init__(self, folder: Path, first_map_bytes: int, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.n_users = 0
        self._first_map_bytes = first_map_bytes
        self._environment: lmdb.Environment | None = None
        self._opened = OpenedFile(folder / DATA_FILE, "the online store's file", str(folder))
        self._looks_s = 0.0
        # Writers of this process queue on the first; the second keeps the map in place under a transaction.
        self._writing = threading.Lock()
        self._mapped = threading.Lock()
        if not read_only:
            make_folder(folder)
        self._open()

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        with self._mapped, self._begin() as transaction:
            return list(map(transaction.get, keys))

    def _begin(self) -> lmdb.Transaction[bytes]:
        # A lookup takes a microsecond, and so does a look at the file: not for each.
        if (now_s := time.monotonic()) >= self._looks_s:
            self._opened.check()
            self._looks_s = now_s + LOOK_EVERY_S
        environment = self._environment or self._open()
        try:
            return environment.begin()
        except lmdb.MapResizedError:
            environment.set_mapsize(0)
            return environment.begin()

    def slice(self, start: bytes, after: bytes | None) -> list[tuple[bytes, bytes]]:
        """The first keys and values that begin with `start`, or those after a key."""
        with self._mapped, self._begin() as transaction, transaction.cursor() as cursor:
            if not cursor.set_range(start if after is None else after + b"\x00"):
                return []
            rows = itertools.takewhile(lambda row: row[0].startswith(start), cursor.iternext())
            return list(itertools.islice(rows, ENTRIES_AT_ONCE))

    def write(self, work: Callable[[lmdb.Transaction[bytes]], _T]) -> _T:
        with self._writing:
            self._opened.check()
            with self._mapped:
                environment = self._environment or self._open()
            while True:
                try:
                    with environment.begin(write=True) as transaction:
                        done = work(transaction)
                    # Once more, before anything is acknowledged.
                    self._opened.check()
                    return done
                except lmdb.MapFullError:
                    self._resize(environment, 2 * environment.info()["map_size"])
                except lmdb.MapResizedError:
                    # Another process doubled the map; zero means: take what the file says.
                    self._resize(environment, 0)

    def hold(self) -> None:
        """Close before a fork, and keep every thread out until `let_go`."""
        self._writing.acquire()
        self._mapped.acquire()
        self._close()

    def let_go(self) -> None:
        self._mapped.release()
        self._writing.release()

    def close(self) -> None:
        with self._writing, self._mapped:
            self._close()
            self._opened.let_go()

    def make_writable(self) -> None:
        """Somebody of this process writes: LMDB allows one environment a process, so readers get this one too."""
        with self._writing, self._mapped:
            self._close()
            self.read_only = False

    def _open(self) -> lmdb.Environment:
        # Closed for a fork or a writer, it is the same file that is opened again: LMDB would make a new one.
        self._opened.check()
        environment = _open_reading(self.folder) if self.read_only else self._open_writing()
        try:
            check_pages(environment, self.folder / DATA_FILE)
        except BaseException:
            environment.close()
            raise
        self._opened.remember()
        self._environment = environment
        return environment

    def _open_writing(self) -> lmdb.Environment:
        environment = lmdb.open(
            str(self.folder),
            map_size=self._first_map_bytes,
            max_readers=MAX_READERS,
            max_spare_txns=1,
            readahead=False,
        )
        # Reader slots of processes that were killed would pin old pages for ever.
        environment.reader_check()
        return environment

    def _close(self) -> None:
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _resize(self, environment: lmdb.Environment, map_bytes: int) -> None:
        with self._mapped:
            environment.set_mapsize(map_bytes)


_registry = threading.Lock()
_stores: dict[Path, _Store] = {}


def _open_reading(folder: Path) -> lmdb.Environment:
    try:
        return lmdb.open(str(folder), max_readers=MAX_READERS, readahead=False, readonly=True, create=False)
    except (lmdb.ReadonlyError, lmdb.LockError, lmdb.Error) as error:
        if error.code not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        # No slot in the lock file: two commits of another user within one read, which takes microseconds, could
        # hand its pages to new values.
        return lmdb.open(str(folder), readahead=False, readonly=True, create=False, lock=False)


def _acquire(folder: Path, first_map_bytes: int, read_only: bool) -> _Store:
    """The folder's store, opened if it is not; the caller holds the registry."""
    place = folder.resolve()
    store = _stores.get(place)
    if store is None:
        store = _stores[place] = _Store(place, first_map_bytes, read_only)
    if store.read_only and not read_only:
        store.make_writable()
    store.n_users += 1
    return store


def _release(store: _Store) -> None:
    store.n_users -= 1
    if store.n_users == 0:
        del _stores[store.folder]
        store.close()


def _before_fork() -> None:
    _registry.acquire()
    for store in _stores.values():
        store.hold()


def _after_fork() -> None:
    for store in _stores.values():
        store.let_go()
    _registry.release()


if hasattr(os, "register_at_fork"):
    # A child that inherits an open environment would free its parent's reader slots when it ends, so nothing is
    # open while a process forks; parent and child both open again at their next call.
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


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
