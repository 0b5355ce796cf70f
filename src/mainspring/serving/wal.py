"""Segments of the write-ahead log: frames that are handed to the operating system before a reply goes out.

A segment is a file `<segment id>.wal`: eight bytes of magic, then frames. A frame is the payload's length and
its CRC-32 (both little-endian, 32 bits), then the payload. A process that is killed loses nothing that
`append` returned for, because the bytes are then in the kernel's page cache; power loss may take what was
appended since the file was last synced. A torn last frame is one whose append never returned.

Whoever writes a segment holds a lock on its file, which the kernel drops when the process ends however it
ends. So a segment whose lock can be taken has no writer any more, and may be published and deleted.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mainspring.errors import (
    InputError,
    IntegrityError,
    MainspringError,
    SchemaVersionError,
    UnavailableError,
)
from mainspring.ports._disk import refusal
from mainspring.types import new_id

_MARK: Final = b"MSWAL"
FORMAT: Final = 1
"""Of the file: its first bytes, and how a frame is laid out. What frames hold has a format of its own."""
_END: Final = b"\r\n"
MAGIC: Final = _MARK + bytes([FORMAT]) + _END
SUFFIX: Final = ".wal"
MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
HIDDEN_MAX_AGE_S: Final = 60.0

_HIDDEN: Final = "."
_HEAD: Final = struct.Struct("<II")

_MAX_SOUGHT_BYTES: Final = 1024 * 1024
"""No longer frame is looked for after damage: each byte might begin one, whose checksum is to be computed."""


def frame(payload: bytes) -> bytes:
    """`payload` with its length and checksum in front."""
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise InputError(
            expected=f"a log record of 1 to {MAX_PAYLOAD_BYTES} bytes",
            got=f"{len(payload)} bytes",
            where="prediction log",
            hint="Send less data with one request.",
        )
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


@dataclass(frozen=True)
class Damage:
    """What of a segment cannot be read.

    Attributes:
        offset: bytes into the file, where the first unreadable frame begins.
        torn: True if the file merely ends inside a frame, as after kill -9: that frame was never acknowledged.
            False if bytes were changed: what they held may have been acknowledged.
        n_bytes_lost: bytes of unreadable frames.
        n_frames_lost: frames among them that may have been acknowledged, as far as their lengths can be followed.
    """

    offset: int
    torn: bool
    n_bytes_lost: int
    n_frames_lost: int


@dataclass(frozen=True)
class Segment:
    """What could be read of a segment: every payload whose checksum is right.

    Attributes:
        id: the segment's id, from its file name.
        payloads: in the order they were appended.
        damage: None if all of the file was read.
    """

    id: str
    payloads: list[bytes]
    damage: Damage | None


def read_segment(path: Path) -> Segment:
    """Read a segment, whether or not it is still written to.

    Raises:
        FileNotFoundError: it was published and deleted meanwhile.
        IntegrityError: the file is not a segment.
        SchemaVersionError: a newer version wrote it.
    """
    data = path.read_bytes()
    if data.startswith(_MARK) and data[len(_MARK) + 1 : len(MAGIC)] == _END and data[len(_MARK)] > FORMAT:
        raise SchemaVersionError(
            expected=f"a prediction log segment of format {FORMAT}",
            got=f"format {data[len(_MARK)]}",
            where=str(path),
            hint="A newer mainspring wrote it: use that one. The segment stays where it is.",
        )
    if not data.startswith(MAGIC):
        raise IntegrityError(
            expected="a prediction log segment",
            got=f"a file that begins with {data[:8]!r}",
            where=str(path),
            hint="Move the file away; nothing in this folder should be written by hand.",
        )
    payloads: list[bytes] = []
    damages: list[Damage] = []
    offset = len(MAGIC)
    while offset < len(data):
        payload = _payload_at(data, offset)
        if payload is not None:
            offset += _HEAD.size + len(payload)
        else:
            end = _find_frame(data, offset)
            payload = _payload_until(data, offset, end)
            damages.append(_damage(data, offset, end, whole=payload is not None))
            offset = end
        if payload is not None:
            payloads.append(payload)
    return Segment(path.stem, payloads, _together(damages))


def payloads_from(path: Path, offset: int) -> tuple[list[bytes], int, int]:
    """The whole frames from a byte offset on; a frame in the making is left out.

    Returns:
        The payloads, the offset behind the last of them, and how many damaged bytes lie before it.

    Raises:
        FileNotFoundError: the segment was published and deleted meanwhile.
    """
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read()
    payloads: list[bytes] = []
    place = n_damaged = 0
    while place < len(data):
        payload = _payload_at(data, place)
        if payload is not None:
            place += _HEAD.size + len(payload)
        else:
            end = _find_frame(data, place)
            if end == len(data):
                break
            payload = _payload_until(data, place, end)
            n_damaged += 0 if payload is not None else end - place
            place = end
        if payload is not None:
            payloads.append(payload)
    return payloads, offset + place, n_damaged


def _payload_at(data: bytes, offset: int, max_bytes: int = MAX_PAYLOAD_BYTES) -> bytes | None:
    start = offset + _HEAD.size
    if start > len(data):
        return None
    length, checksum = _HEAD.unpack_from(data, offset)
    # A zero length is never written, but a file system may leave zeros where data never reached the disk.
    if not 0 < length <= max_bytes or start + length > len(data):
        return None
    payload = data[start : start + length]
    return payload if zlib.crc32(payload) == checksum else None


def _find_frame(data: bytes, damaged: int) -> int:
    """Where the next readable frame begins after a damaged one; the end of the data if there is none."""
    # Not where the damaged length points to: a changed one may point beyond frames that are whole.
    for offset in range(damaged + 1, len(data) - _HEAD.size):
        if _payload_at(data, offset, _MAX_SOUGHT_BYTES) is not None:
            return offset
    return len(data)


def _payload_until(data: bytes, offset: int, end: int) -> bytes | None:
    """The payload of a frame of which nothing but the length was changed, if it ends at `end`."""
    payload = data[offset + _HEAD.size : end]
    if not payload or zlib.crc32(payload) != _HEAD.unpack_from(data, offset)[1]:
        return None
    return payload


def _damage(data: bytes, offset: int, end: int, *, whole: bool) -> Damage:
    if whole:
        return Damage(offset, False, 0, 0)
    if end == len(data) and _ends_inside_frame(data, offset):
        return Damage(offset, True, end - offset, 0)
    place, n_lost = offset, 0
    while place < end:
        n_lost += 1
        length = _HEAD.unpack_from(data, place)[0] if place + _HEAD.size <= end else 0
        if not 0 < length <= end - place - _HEAD.size:
            break
        place += _HEAD.size + length
    return Damage(offset, False, end - offset, n_lost)


def _together(damages: Sequence[Damage]) -> Damage | None:
    if not damages:
        return None
    return Damage(
        damages[0].offset,
        all(damage.torn for damage in damages),
        sum(damage.n_bytes_lost for damage in damages),
        sum(damage.n_frames_lost for damage in damages),
    )


def _ends_inside_frame(data: bytes, offset: int) -> bool:
    if offset + _HEAD.size > len(data):
        return True
    length, _ = _HEAD.unpack_from(data, offset)
    return bool(0 < length <= MAX_PAYLOAD_BYTES and offset + _HEAD.size + length > len(data))


class SegmentWriter:
    """The only writer of one segment. Not for many threads at once.

    Args:
        folder: where segments of one deployment lie; made if missing.
        first: the payload of the first frame, there before anybody can see the file.

    Raises:
        AccessError: the folder may not be written.
        UnavailableError: the disk is full or failing. Nothing is left of the segment.
    """

    def __init__(self, folder: Path, first: bytes) -> None:
        self.id = new_id()
        self.path = folder / (self.id + SUFFIX)
        self.opened_monotonic_s = time.monotonic()
        # Made under another name and locked first: a publisher must never find it without its lock.
        hidden = folder / (_HIDDEN + self.id)
        self.n_bytes = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        except OSError as error:
            raise refused(error, folder) from error
        try:
            self._begin(hidden, first)
        except BaseException:
            os.close(self._descriptor)
            self._descriptor = -1
            hidden.unlink(missing_ok=True)
            raise

    def _begin(self, hidden: Path, first: bytes) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise refused(error, hidden) from error
        self._write(MAGIC + frame(first))
        try:
            os.rename(hidden, self.path)
        except OSError as error:
            raise refused(error, hidden) from error

    def append(self, payload: bytes) -> None:
        """Hand one frame to the operating system, in one write.

        Raises:
            UnavailableError: the disk is full or failing; the segment is as it was before.
        """
        self._write(frame(payload))

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._descriptor, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes were taken")
        except OSError as error:
            self._take_back()
            raise UnavailableError(
                expected="room for a log record on the disk",
                got=str(error),
                where=str(self.path),
                hint="Free disk space. Predictions that cannot be logged are refused.",
            ) from error
        self.n_bytes += len(data)

    def _take_back(self) -> None:
        """Of a frame that was not written whole."""
        try:
            os.ftruncate(self._descriptor, self.n_bytes)
        except OSError:
            # It stays as damage, which readers step over; what comes after it must not be cut off by the next one.
            self.n_bytes = os.fstat(self._descriptor).st_size

    def duplicate(self) -> int:
        """A descriptor of the file, for whoever wants to sync it in its own time; to be closed by them."""
        return os.dup(self._descriptor)

    def close(self) -> None:
        """Sync and let the segment go: it may be published from now on."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                os.fsync(descriptor)
            finally:
                # Said outright: a process that was forked meanwhile holds the same file open, and would keep the lock.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)


def find_segments(folder: Path) -> list[Path]:
    """The segments of a folder, oldest first."""
    return sorted(folder.glob("*" + SUFFIX))


def sweep(folder: Path) -> int:
    """Delete segments that were never begun: their process died before anything was logged. Returns how many.

    One that is locked, or young enough that its writer may be about to lock it, stays.
    """
    n_deleted = 0
    for path in folder.glob(_HIDDEN + "[0-9a-f]*"):
        with claimed(path) as ours:
            if ours and time.time() - path.stat().st_mtime > HIDDEN_MAX_AGE_S:
                path.unlink()
                n_deleted += 1
    return n_deleted


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether the segment has no writer and is now ours alone, until the block ends."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    except OSError as error:
        raise refused(error, path) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        # Another publisher may have finished with it between our opening and our locking.
        yield path.exists()
    finally:
        os.close(descriptor)


def refused(error: OSError, path: Path) -> MainspringError:
    """What it means that the system refuses a file of the prediction log."""
    return refusal(error, path) or UnavailableError(
        expected="a file for the prediction log",
        got=str(error.strerror).lower(),
        where=str(error.filename or path),
        hint="Look at the folder and at the limits of the process. Predictions that cannot be logged are refused.",
    )
