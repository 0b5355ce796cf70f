"""Counts the calls of a child process that wait for the disk, by a library that is loaded before libc."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).with_name("_syncs.c")
_PLACE: Final = "SYNCS_LIBRARY"


def build(folder: Path) -> Path | None:
    """Compile the library into a folder; None where there is no Linux or no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "syncs.so"
    words = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    subprocess.run(words, check=True)
    return library


def environment(library: Path | None, *, skip: bool = False) -> dict[str, str]:
    """The variables of a child that counts.

    Args:
        skip: answer without waiting for the disk.
    """
    if library is None:
        return {}
    counting = {"LD_PRELOAD": str(library), _PLACE: str(library)}
    return {**counting, "SYNCS_SKIP": "1"} if skip else counting


def find_counter() -> Callable[[], int] | None:
    """In the child: how many calls there were. None where nothing counts."""
    place = os.environ.get(_PLACE)
    if place is None:
        return None
    counted: Callable[[], int] = ctypes.CDLL(place).syncs_counted
    return counted
