"""A disk as it would be found after power loss: what was not synced is gone, or there without its bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest


class Disk:
    """Watches every fsync of this process below `root`, and can write down what would be left of it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.at_sync: Callable[[], None] = lambda: None
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {root.stat().st_ino: {}}
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._watched_fsync)

    def after_power_loss(self, target: Path, *, names_survive: bool) -> Path:
        """Write what would be left to `target`.

        Args:
            target: a new folder.
            names_survive: what a file system may do either way with names that were not synced: keep them, the
                files empty (true), or lose them (false).
        """
        target.mkdir()
        self._restore(self.root, self.root.stat().st_ino, target, names_survive)
        return target

    def _watched_fsync(self, descriptor: int) -> None:
        self._fsync(descriptor)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            with os.scandir(descriptor) as entries:
                self._names[status.st_ino] = {entry.name: entry.inode() for entry in entries}
        else:
            # The descriptor may be open for writing only.
            files = (place for place in self.root.rglob("*") if place.is_file())
            self._bytes[status.st_ino] = next(
                f for f in files if f.stat().st_ino == status.st_ino
            ).read_bytes()
        self.at_sync()

    def _restore(self, place: Path, inode: int, target: Path, names_survive: bool) -> None:
        names = {child.name: child.stat().st_ino for child in place.iterdir()} if place.is_dir() else {}
        if not names_survive:
            names = self._names.get(inode, {})
        for name, child in names.items():
            if child in self._names or (place / name).is_dir():
                (target / name).mkdir()
                self._restore(place / name, child, target / name, names_survive)
            else:
                (target / name).write_bytes(self._bytes.get(child, b""))
