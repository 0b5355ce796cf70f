"""The clock port: what time it is, for everything that must be replayable."""

from __future__ import annotations

import mmap
import os
import struct
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

from mainspring.errors import AccessError, InputError, StateError
from mainspring.types import from_us, to_us


class Clock(ABC):
    """Tells the present, in aware UTC. Safe to share by threads and processes."""

    @abstractmethod
    def now(self) -> datetime:
        """The present as an aware UTC datetime, in whole microseconds."""


class SystemClock(Clock):
    """The operating system's clock. It may jump when the machine's time is corrected."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ReplayClock(Clock):
    """A present that somebody sets, shared by processes through a file of eight bytes.

    Used to live the past again. It only moves forward. A reader in another process sees a new time as soon as
    `set` has returned; the time survives kill -9 of all of them, not power loss.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self._path = Path(path)
        try:
            descriptor = os.open(self._path, os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise AccessError(
                expected="a clock file that can be opened and written",
                got=str(error.strerror),
                where=str(self._path),
                hint="Check the folder's permissions, or use the system clock.",
            ) from error
        try:
            if not read_only and os.fstat(descriptor).st_size < 8:
                os.ftruncate(descriptor, 8)
            self._memory = mmap.mmap(
                descriptor, 8, access=mmap.ACCESS_READ if read_only else mmap.ACCESS_WRITE
            )
        finally:
            os.close(descriptor)

    def now(self) -> datetime:
        stamp = self._stamp()
        if stamp == 0:
            raise StateError(
                expected="a replay clock that was set",
                got="it was never set",
                where=str(self._path),
                hint="Call clock.set(datetime) before anything asks for the time.",
            )
        return from_us(stamp)

    def find(self) -> datetime | None:
        """The time that was set last; None if none ever was."""
        return from_us(stamp) if (stamp := self._stamp()) else None

    def set(self, present: datetime) -> None:
        """Move the present to `present` (naive = UTC).

        Raises:
            InputError: `present` lies before the present that is set.
        """
        stamp = to_us(present)
        if stamp < (before := self._stamp()):
            raise InputError(
                expected=f"a time at or after {from_us(before).isoformat()}",
                got=from_us(stamp).isoformat(),
                where=str(self._path),
                hint="A replay clock only moves forward; start again with a new home to go back.",
            )
        # An aligned store of eight bytes: readers see the old time or the new one, never a mixture.
        struct.pack_into("=q", self._memory, 0, stamp)

    def _stamp(self) -> int:
        return int(struct.unpack_from("=q", self._memory, 0)[0])


def open_clock(kind: str, path: Path, *, read_only: bool = False) -> Clock:
    """The clock that the configuration names: `system`, or `replay` with its file at `path`."""
    if kind == "system":
        return SystemClock()
    if kind == "replay":
        return ReplayClock(path, read_only=read_only)
    raise InputError(
        expected="'system' or 'replay'",
        got=repr(kind),
        where="clock.kind",
        hint="Correct it in mainspring.toml.",
    )
