"""Temporary files of joins that are larger than memory: gone when their block ends, or when the next one begins."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mainspring.ports._disk import locked, make_folder, refusals

_LOCK: Final = "in_use"
_MAKING: Final = "making"


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


def _remove_abandoned(root: Path) -> None:
    """Remove the folders that no living process holds."""
    for place in root.glob(f"*/{_LOCK}"):
        # Its owner may be removing it.
        with suppress(FileNotFoundError), locked(place, os.O_RDWR) as held:
            if held is not None:
                shutil.rmtree(place.parent, ignore_errors=True)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """The block, when no other process is in it: no folder is looked at that is being made."""
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
