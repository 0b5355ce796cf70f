"""The folder: is it there, may we use it, has it room, and does it lie on a disk that can be trusted?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mainspring.config import Config
from mainspring.features.join.spill import find_abandoned
from mainspring.identity.disks import find_remote
from mainspring.identity.place import find_moved
from mainspring.ports.file_systems import find_network_mount
from mainspring.project import PROJECT_MARK, spill_root
from mainspring.workflows.doctor.spec import Finding, Patient, Severity, shown
from mainspring.workflows.move.spec import INTENT

CHECK: Final = "home"
LITTLE_BYTES: Final = 1 << 30
NEARLY_NONE_BYTES: Final = 100 << 20


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
    yield from _begun_move(home)
    yield from _permissions(home)
    yield from _spilled(home)
    yield from of_file_systems(patient.project.config)
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


def _begun_move(home: Path) -> Iterator[Finding]:
    if (home / INTENT).exists():
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what="a move was begun and is not over: nothing can be written",
            where=str(home / INTENT),
            do="Run `mainspring move` with the same target again, or give it up: `mainspring move --abort`.",
        )
    elif moved := find_moved(home):
        yield Finding(
            check=CHECK,
            severity=Severity.ERROR,
            what=f"the home has moved to {moved}",
            where=str(home),
            do="Name that one in home.path.",
        )


def _spilled(home: Path) -> Iterator[Finding]:
    if left := find_abandoned(spill_root(home)):
        size_bytes = sum(each.size_bytes for each in left)
        yield Finding(
            check=CHECK,
            severity=Severity.INFO,
            what=f"temporary files ({size_bytes:,} bytes) of {len(left)} joins are leftovers of processes that ended",
            where=shown([str(spill_root(home) / each.name) for each in left]),
            do="Nothing has to be done: the next large join removes them, and `mainspring gc --delete` does it now.",
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


def of_file_systems(config: Config) -> Iterator[Finding]:
    """What lies on a network file system: a warning where it needs a disk of this machine."""
    remote = list(find_remote(config))
    for kind, where in remote:
        yield Finding(
            check=CHECK,
            severity=Severity.WARNING,
            what=f"SQLite or LMDB on a network file system ({kind})",
            where=where,
            do="Back up, and restore to a local disk: they need locks and shared memory that network disks lack. "
            "Records alone: `mainspring move --to-records`.",
        )
    if not remote and (found := find_network_mount(config.home_path)) is not None:
        kind, point = found
        yield Finding(
            check=CHECK,
            severity=Severity.INFO,
            what=f"the home lies on a network file system ({kind})",
            where=f"{config.home_path}, mounted at {point}",
            do="Nothing has to be done: what needs a disk of this machine lies elsewhere.",
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
