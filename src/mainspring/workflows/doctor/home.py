"""The folder: is it there, may we use it, has it room, and does it lie on a disk that can be trusted?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mainspring.project import PLACE_MARK, PROJECT_MARK, find_place
from mainspring.workflows.doctor.spec import Finding, Patient, Severity, shown

CHECK: Final = "home"
LITTLE_BYTES: Final = 1 << 30
NEARLY_NONE_BYTES: Final = 100 << 20

_MOUNTS: Final = Path("/proc/self/mounts")
_NETWORK: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"}
)
_NETWORK_BY_FUSE: Final = frozenset({"fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs"})


def check_home(patient: Patient) -> Iterator[Finding]:
    """Presence, permissions, file system and free space."""
    home = patient.project.home
    if not home.is_dir():
        yield Finding(
            check=CHECK,
            severity=Severity.ERROR,
            what="there is no home folder",
            where=str(home),
            do="Run any command that writes to make a new one, restore a backup, or correct `home.path`.",
        )
        return
    yield from _owner(home, patient.project.config.project.id)
    yield from _twin(home)
    yield from _permissions(home)
    if _MOUNTS.exists():
        yield from of_file_system(home.resolve(), _MOUNTS.read_text(encoding="utf-8"))
    yield from of_free_space(home, shutil.disk_usage(home).free)


def _owner(home: Path, project_id: str) -> Iterator[Finding]:
    mark = home / PROJECT_MARK
    found = mark.read_text(encoding="utf-8") if mark.exists() else project_id
    if found != project_id:
        yield Finding(
            check=CHECK,
            severity=Severity.ERROR,
            what=f"this is the home of project {found!r}, the configuration says {project_id!r}",
            where=str(mark),
            do="Correct `project.id` or `home.path`: a home is one project's.",
        )


def _twin(home: Path) -> Iterator[Finding]:
    place = find_place(home)
    if place is not None and place.path != home and find_place(place.path) == place:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what="two homes have the same id: one is a copy of the other",
            where=f"{home} and {place.path}",
            do=f"Go on with one of them. To keep both, remove {home / PLACE_MARK}: this one then gets its own id; "
            "and see that they do not share a database.",
        )


def _permissions(home: Path) -> Iterator[Finding]:
    refused: list[str] = []
    for folder, _, files in os.walk(home):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            refused.append(folder)
        refused += [str(Path(folder, file)) for file in files if not os.access(Path(folder, file), os.R_OK)]
    if refused:
        yield Finding(
            check=CHECK,
            severity=Severity.ERROR,
            what=f"{len(refused)} files or folders may not be read or written by this user",
            where=shown(sorted(set(refused))),
            do="Give this user read permission on files, and read and write permission on folders.",
        )


def of_file_system(home: Path, mounts: str) -> Iterator[Finding]:
    """A warning where the home lies on a network file system.

    Args:
        home: absolute, links resolved.
        mounts: as in /proc/self/mounts.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, found, *_ = line.split(" ")
        # Blanks in a mount point are written as octal escapes.
        point = point.replace("\\040", " ")
        if home.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    if kind in _NETWORK | _NETWORK_BY_FUSE:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"the home lies on a network file system ({kind})",
            where=f"{home}, mounted at {best}",
            do="Move it to a local disk: SQLite and LMDB need locks and shared memory that network disks lack.",
        )


def of_free_space(home: Path, free_bytes: int) -> Iterator[Finding]:
    """A finding where the disk is nearly full."""
    if free_bytes < LITTLE_BYTES:
        yield Finding(
            check=CHECK,
            severity=Severity.ERROR if free_bytes < NEARLY_NONE_BYTES else Severity.WARNING,
            what=f"{free_bytes / (1 << 20):,.0f} MiB are free",
            where=str(home),
            do="Free some space: `mainspring gc` shows what nothing refers to.",
        )
