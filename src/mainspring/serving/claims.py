"""Which prediction ids callers chose, and for what: one small file that all processes of a deployment share.

The file is a ring: how many ids were ever claimed (little-endian, 64 bits), then `N_KEPT` slots of 32 bytes, the
digest of the id and the digest of its content. Whoever claims holds a lock on the file for some microseconds,
reads what others claimed since, adds its own, and logs what it claimed the id for; what cannot be logged is
not claimed either. As with the log, kill -9 takes back nothing; power loss may.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import struct
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mainspring.errors import ConflictError
from mainspring.serving.wal import refused

N_KEPT: Final = 100_000
"""Ids that are remembered: the latest, of all processes together."""

_COUNT: Final = struct.Struct("<Q")
_DIGEST_BYTES: Final = 16
_SLOT_BYTES: Final = 2 * _DIGEST_BYTES


class Claims:
    """Keeps an id from being used for two contents. Processes may share the file; not for many threads at once.

    Args:
        path: the file; made with the first claim.
        n_kept: how many ids are remembered; the same for all who share the file.
    """

    def __init__(self, path: Path, n_kept: int = N_KEPT) -> None:
        self._path = path
        self._n_kept = n_kept
        self._descriptor = -1
        self._n_read = 0
        self._contents: OrderedDict[bytes, bytes] = OrderedDict()

    def claim(self, prediction_id: str, content: str) -> None:
        """As `claimed`, for no longer than it takes."""
        with self.claimed(prediction_id, content):
            pass

    def is_claimed(self, prediction_id: str, content: str) -> bool:
        """Whether any process bound the id to this content.

        Raises:
            ConflictError, AccessError, UnavailableError: as for `claimed`.
        """
        with self._held():
            return self._is_bound(prediction_id, content)

    @contextmanager
    def claimed(self, prediction_id: str, content: str) -> Iterator[bool]:
        """Bind an id to its content, in whatever process it is used next; no other process claims meanwhile.

        If what is done with it meanwhile fails for want of the disk, an id that was free is free again.

        Yields:
            Whether it was bound to the same content before.

        Raises:
            ConflictError: the id is bound to other content.
            AccessError: the file may not be written.
            UnavailableError: the disk is full or failing.
        """
        with self._held():
            if self._is_bound(prediction_id, content):
                yield True
                return
            overwritten = self._add(_digest(prediction_id), _digest(content))
            try:
                yield False
            except OSError:
                self._take_back(overwritten)
                raise

    def _is_bound(self, prediction_id: str, content: str) -> bool:
        before = self._contents.get(_digest(prediction_id))
        if before not in (None, _digest(content)):
            raise other_content(prediction_id)
        return before is not None

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._hold()
        try:
            yield
        finally:
            self._release()

    def _hold(self) -> None:
        """Keep the others out, knowing what they claimed."""
        try:
            if self._descriptor < 0:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self._catch_up()
            except BaseException:
                self._release()
                raise
        except OSError as error:
            raise refused(error, self._path) from error

    def _release(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _catch_up(self) -> None:
        count = self._count()
        number = max(self._n_read, count - self._n_kept)
        while number < count:
            slot = number % self._n_kept
            n_slots = min(count - number, self._n_kept - slot)
            data = os.pread(self._descriptor, n_slots * _SLOT_BYTES, self._place(slot))
            for start in range(0, len(data), _SLOT_BYTES):
                middle = start + _DIGEST_BYTES
                self._remember(data[start:middle], data[middle : start + _SLOT_BYTES])
            number += n_slots
        self._n_read = count

    def _count(self) -> int:
        head = os.pread(self._descriptor, _COUNT.size, 0)
        return int(_COUNT.unpack(head)[0]) if len(head) == _COUNT.size else 0

    def _add(self, key: bytes, bound: bytes) -> bytes:
        """Claim; returns what was in the slot, empty where the ring is not full yet."""
        place = self._place(self._n_read % self._n_kept)
        # The count last: a slot that it does not cover was never claimed.
        try:
            overwritten = os.pread(self._descriptor, _SLOT_BYTES, place)
            os.pwrite(self._descriptor, key + bound, place)
            os.pwrite(self._descriptor, _COUNT.pack(self._n_read + 1), 0)
        except OSError as error:
            raise refused(error, self._path) from error
        self._n_read += 1
        self._remember(key, bound)
        return overwritten

    def _take_back(self, overwritten: bytes) -> None:
        """Undo the last `_add`, before anybody else could see it."""
        self._contents.popitem()
        self._n_read -= 1
        # Else the ring is not full yet, and no claim was in the slot whatever is.
        if self._n_read >= self._n_kept:
            oldest = overwritten[:_DIGEST_BYTES]
            self._contents[oldest] = overwritten[_DIGEST_BYTES:]
            self._contents.move_to_end(oldest, last=False)
        # Where the disk refuses even this, which takes no room, the id stays bound: it is read again.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, overwritten, self._place(self._n_read % self._n_kept))
            os.pwrite(self._descriptor, _COUNT.pack(self._n_read), 0)

    def _remember(self, key: bytes, bound: bytes) -> None:
        self._contents[key] = bound
        if len(self._contents) > self._n_kept:
            self._contents.popitem(last=False)

    @staticmethod
    def _place(slot: int) -> int:
        return _COUNT.size + slot * _SLOT_BYTES

    def close(self) -> None:
        """Give the file back. Claiming again opens it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def other_content(prediction_id: str) -> ConflictError:
    """What it is to use an id again for something else."""
    return ConflictError(
        expected="the keys and request that this prediction id came with first",
        got="others",
        where=f"prediction_id {prediction_id!r}",
        hint="Use a new id for a new request, or leave it out.",
    )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
