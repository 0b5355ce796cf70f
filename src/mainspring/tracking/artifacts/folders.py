"""Folders of this machine that artifacts come from and go to: what is in them, and what is not though it looks so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mainspring.errors import InputError
from mainspring.tracking.artifacts.locations import read_path


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder by its path in it, in the order of those.

    Raises:
        InputError: it is no folder, or something in it is a link that leads out of it, or no file.
    """
    if not folder.is_dir():
        raise _refused("a folder", "no folder", folder)
    top = folder.resolve()
    for place in sorted(folder.rglob("*")):
        kind = place.lstat().st_mode
        if stat.S_ISLNK(kind):
            target = place.resolve()
            if not target.is_relative_to(top) or not target.is_file():
                raise _refused("files, and links to files of the same folder", f"a link to {target}", place)
        elif stat.S_ISDIR(kind):
            continue
        elif not stat.S_ISREG(kind):
            raise _refused("files", "a device, a pipe or a socket", place)
        yield place.relative_to(folder).as_posix(), place


def place_below(folder: Path, path: str) -> Path:
    """Where a file of that path goes in a folder; the folders on the way are made.

    Raises:
        InputError: the path leads out of the folder, or what is there already does: a link is never followed.
    """
    *parents, name = read_path(path, "download").split("/")
    folder.mkdir(parents=True, exist_ok=True)
    at = folder
    for parent in parents:
        at /= parent
        if at.is_symlink():
            raise _refused("a folder", f"a link to {os.readlink(at)}", at)
        at.mkdir(exist_ok=True)
    place = at / name
    if place.is_symlink() or place.is_dir():
        raise _refused("a file, or nothing yet", "a link" if place.is_symlink() else "a folder", place)
    return place


def _refused(expected: str, got: str, place: Path) -> InputError:
    return InputError(
        expected=expected, got=got, where=str(place), hint="Nothing of it was read or written; move it away."
    )
