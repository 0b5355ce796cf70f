"""Where a home lies: what tells a home that was moved from one that was copied.

The file `place` of a home holds the home's id, where it lay when that was written, and the file's own number on its
disk. A move keeps the number, a copy has another one.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mainspring.errors import StateError
from mainspring.identity.marks import FORMAT, said_in, unreadable
from mainspring.ports._disk import refusals, replacing

PLACE_MARK: Final = "place"
MOVED_MARK: Final = "moved-to"
"""The file of a home that `mainspring move` brings, or has brought, to another folder."""

MACHINE_ID: Final = Path("/etc/machine-id")
"""Linux's id of the machine; where there is none, its name on the network stands for it."""


@dataclass(frozen=True)
class Place:
    """What a home says of itself.

    Attributes:
        home_id: drawn when it was first opened.
        path: where it lay when that was written.
        stores_id: what all its stores carry; empty in a home of 0.1.0.
        machine: a digest of the id of the machine that wrote it; empty likewise.
        host: the machine's name, for people; empty likewise.
        inode: the number of the file on its disk; 0 likewise.
    """

    home_id: str
    path: Path
    stores_id: str = ""
    machine: str = ""
    host: str = ""
    inode: int = 0


def machine() -> str:
    """A digest of what this machine is known by."""
    try:
        known = MACHINE_ID.read_text(encoding="utf-8").strip()
    except OSError:
        known = ""
    return hashlib.sha256(f"mainspring {known or socket.gethostname()}".encode()).hexdigest()[:16]


def find_place(home: Path) -> Place | None:
    """What a home says of itself; None where there is no home, or one that was never opened.

    Raises:
        SchemaVersionError: a newer mainspring wrote it.
        IntegrityError: it cannot be read.
        AccessError: this user may not read it.
    """
    file = home / PLACE_MARK
    with refusals(file):
        try:
            content = file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    if not content:
        return None
    try:
        found = said_in(content, file) if content.startswith(b"{") else _said_plainly(content)
        texts = {name: str(found[name]) for name in ("home_id", "stores_id", "machine", "host")}
        return Place(**texts, path=Path(found["path"]), inode=int(found["inode"]))
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(file, "where the home lies") from error


def _said_plainly(content: bytes) -> dict[str, Any]:
    """As 0.1.0 wrote it: two lines."""
    home_id, path = content.decode().removesuffix("\n").split("\n")
    return {"home_id": home_id, "path": path, "stores_id": "", "machine": "", "host": "", "inode": 0}


def write_place(home: Path, stores_id: str, *, home_id: str, lies_at: Path | None = None) -> None:
    """Say where a home lies, durably.

    Args:
        lies_at: where it will lie; None = where it lies.
    """
    with replacing(home / PLACE_MARK) as file:
        place = Place(
            home_id=home_id,
            path=lies_at or home,
            stores_id=stores_id,
            machine=machine(),
            host=socket.gethostname(),
            inode=os.fstat(file.fileno()).st_ino,
        )
        file.write(json.dumps({"format": FORMAT, **asdict(place), "path": str(place.path)}) + "\n")


def is_settled(home: Path, place: Place) -> bool:
    """Whether a home lies where it says."""
    return place.path == home and place.inode in {0, _inode(home)}


def find_original(home: Path) -> str | None:
    """Where the home lies, or may lie, that this one is a copy of; None for one that is no copy.

    Of a home that another machine wrote, and whose file has another number, nobody here can tell whether its original
    is still in use.
    """
    place = find_place(home)
    if place is None or is_settled(home, place):
        return None
    if place.path != home and find_place(place.path) == place:
        # One folder by two paths, as a bind mount gives, is no copy.
        return None if os.path.samefile(home, place.path) else str(place.path)
    if place.inode in {0, _inode(home)} or place.machine == machine():
        return None
    return f"{place.path} on the machine {place.host}"


def find_moved(home: Path) -> str:
    """Where the home moves, or has moved, to; empty for one that is in use."""
    try:
        return (home / MOVED_MARK).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def check_in_use(home: Path) -> None:
    """The home is in use.

    Raises:
        StateError: it moves, or has moved.
    """
    if moved := find_moved(home):
        raise StateError(
            expected="a home that is in use",
            got=f"one that moves, or has moved, to {moved}",
            where=str(home),
            hint="Name that one in home.path. A move that was interrupted goes on with `mainspring move`, and "
            "`mainspring move --abort` ends it.",
        )


def _inode(home: Path) -> int:
    return (home / PLACE_MARK).stat().st_ino
