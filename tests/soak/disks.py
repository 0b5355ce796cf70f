"""Disks of a test's own: one that can be full, a folder that can be made read-only. They take root, on Linux."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*arguments: str | Path) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a disk of a test's own")
    done = subprocess.run(["mount", *map(str, arguments)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[None]:
    """An empty disk of that size at the folder, until the block ends."""
    _mount("-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", folder)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Whatever is opened in the folder inside the block can only be read; what is open already stays as it is."""
    _mount("--bind", folder, folder)
    try:
        _mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is free on the folder's disk inside the block."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for n_bytes in (1 << 16, 1 << 10, 1):
            try:
                while True:
                    file.write(b"0" * n_bytes)
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()
