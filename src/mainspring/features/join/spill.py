"""Temporary files of joins that are larger than memory: gone when their block ends.

Those of a process that was killed, or that ended while somebody held half a result, go when the next large join begins,
with `mainspring gc --delete`, and with the next erasure: they may have rows of anybody.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mainspring.ports._disk import locked, make_folder, refusals

_LOCK: Final = "in_use"
_MAKING: Final = "making"
_MAKING_MAX_S: Final = 60.0
"""A folder that has no lock for so long gets none any more."""


@dataclass(frozen=True)
class Abandoned:
    """A folder that no living process holds.

    Attributes:
        since: when something was made in it last, by the machine's clock, aware UTC.
    """

    name: str
    size_bytes: int
    since: datetime


def find_abandoned(root: Path) -> list[Abandoned]:
    """Such folders, by name; nothing is changed, nor has to be changeable.

    Raises:
        AccessError: one cannot be read.
    """
    with refusals(root):
        return [_looked_at(place) for place in _folders(root) if _is_abandoned(place)]


def remove_abandoned(root: Path) -> set[str]:
    """Remove them; returns their names.

    Raises:
        AccessError: one cannot be removed.
    """
    if not root.is_dir():
        return set()
    with _alone(root / _MAKING), refusals(root):
        return _remove_abandoned(root)


@contextmanager
def spill_folder(root: Path) -> Iterator[Path]:
    """A folder below `root` for as long as the block lasts. What killed processes left there goes first.

    Raises:
        AccessError: `root` cannot be written.
        UnavailableError: the disk is full or failing.
    """
    with refusals(root):
        make_folder(root)
    with _alone(root / _MAKING), refusals(root):
        _remove_abandoned(root)
        made = Path(tempfile.mkdtemp(dir=root))
        descriptor = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with refusals(root):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(descriptor)


def _folders(root: Path) -> list[Path]:
    return sorted(place for place in root.glob("*") if place.is_dir())


def _is_abandoned(place: Path) -> bool:
    try:
        # To hold it for an instant takes no right to write.
        with locked(place / _LOCK, os.O_RDONLY) as held:
            return held is not None
    except FileNotFoundError:
        # Being made or removed; or whoever made it was killed before it could be held.
        with suppress(FileNotFoundError):
            return place.stat().st_mtime < time.time() - _MAKING_MAX_S
        return False


def _looked_at(place: Path) -> Abandoned:
    size_bytes, since_s = 0, 0.0
    for each in (place, *place.rglob("*")):
        with suppress(FileNotFoundError):
            status = each.stat()
            size_bytes += status.st_size if each.is_file() else 0
            since_s = max(since_s, status.st_mtime)
    return Abandoned(place.name, size_bytes, datetime.fromtimestamp(since_s, UTC))


def _remove_abandoned(root: Path) -> set[str]:
    gone = [place for place in _folders(root) if _is_abandoned(place)]
    for place in gone:
        # Its owner may be removing it.
        with suppress(FileNotFoundError):
            shutil.rmtree(place)
    return {place.name for place in gone}


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """The block, when no other process is in it: no folder is looked at that is being made."""
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
