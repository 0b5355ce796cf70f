"""One LMDB environment a folder and process: opened once, closed before a fork, its map doubled when it is full."""

from __future__ import annotations

import errno
import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import lmdb

from mainspring.ports._disk import make_folder
from mainspring.ports._opened_file import OpenedFile
from mainspring.ports.keys._lmdb_pages import check_pages

MAX_READERS: Final = 1024
DATA_FILE: Final = "data.mdb"
LOOK_EVERY_S: Final = 0.02
"""How often, at most, readers look whether the file is there still."""
ENTRIES_AT_ONCE: Final = 10_000
"""How many entries one transaction lists: a long one would keep old pages from being used again."""

_T = TypeVar("_T")


class LmdbStore:
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


registry = threading.Lock()
_stores: dict[Path, LmdbStore] = {}


def _open_reading(folder: Path) -> lmdb.Environment:
    try:
        return lmdb.open(str(folder), max_readers=MAX_READERS, readahead=False, readonly=True, create=False)
    except (lmdb.ReadonlyError, lmdb.LockError, lmdb.Error) as error:
        if error.code not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        # No slot in the lock file: two commits of another user within one read, which takes microseconds, could
        # hand its pages to new values.
        return lmdb.open(str(folder), readahead=False, readonly=True, create=False, lock=False)


def acquire(folder: Path, first_map_bytes: int, read_only: bool) -> LmdbStore:
    """The folder's store, opened if it is not; the caller holds the registry."""
    place = folder.resolve()
    store = _stores.get(place)
    if store is None:
        store = _stores[place] = LmdbStore(place, first_map_bytes, read_only)
    if store.read_only and not read_only:
        store.make_writable()
    store.n_users += 1
    return store


def release(store: LmdbStore) -> None:
    store.n_users -= 1
    if store.n_users == 0:
        del _stores[store.folder]
        store.close()


def _before_fork() -> None:
    registry.acquire()
    for store in _stores.values():
        store.hold()


def _after_fork() -> None:
    for store in _stores.values():
        store.let_go()
    registry.release()


if hasattr(os, "register_at_fork"):
    # A child that inherits an open environment would free its parent's reader slots when it ends, so nothing is
    # open while a process forks; parent and child both open again at their next call.
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
