"""The file in a folder of ours that says whose it is.

Projects may share a folder of blobs or tables, so each has a file of its own there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mainspring.errors import IntegrityError, SchemaVersionError
from mainspring.ports._disk import make_folder, refusals, write_whole

FORMAT: Final = 1
MARK_PREFIX: Final = "belongs-"


@dataclass(frozen=True)
class Mark:
    """Whose a folder is.

    Attributes:
        project_id: the project's.
        stores_id: all stores that belong together carry the same.
        kind: `blobs`, `tables`, `keys` or `serving`.
    """

    project_id: str
    stores_id: str
    kind: str


def mark_file(folder: Path, project_id: str) -> Path:
    """Where a project's mark lies in a folder."""
    return folder / f"{MARK_PREFIX}{hashlib.sha256(project_id.encode()).hexdigest()[:12]}.json"


def find_mark(folder: Path, project_id: str) -> Mark | None:
    """The project's mark in a folder; None where there is no such folder, or none of this project.

    Raises:
        SchemaVersionError: a newer mainspring wrote it.
        IntegrityError: it cannot be read.
        AccessError: this user may not read it.
    """
    place = mark_file(folder, project_id)
    with refusals(place):
        try:
            content = place.read_bytes()
        except FileNotFoundError:
            return None
    found = said_in(content, place)
    try:
        return Mark(**{name: str(found[name]) for name in ("project_id", "stores_id", "kind")})
    except KeyError as error:
        raise unreadable(place, "whose the folder is") from error


def said_in(content: bytes, place: Path) -> dict[str, Any]:
    """What a file of ours says, by name; nothing where its content cannot be read.

    Raises:
        SchemaVersionError: a newer mainspring wrote it.
    """
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    found = said if isinstance(said, dict) else {}
    if (version := found.get("format", FORMAT)) != FORMAT:
        raise SchemaVersionError(
            expected=f"a file of format {FORMAT}",
            got=f"format {version}",
            where=str(place),
            hint="A newer mainspring wrote it: use that one.",
        )
    return found


def unreadable(place: Path, what: str) -> IntegrityError:
    """For a file that was cut off, or changed by somebody else."""
    return IntegrityError(
        expected=f"a file that says {what}",
        got="something that cannot be read",
        where=str(place),
        hint="If the folder is the right one, `mainspring adopt` writes it anew; else restore a backup.",
    )


def write_mark(folder: Path, mark: Mark) -> None:
    """Say whose a folder is, durably; a folder that is not there is made.

    Raises:
        AccessError, UnavailableError: the folder cannot be written.
    """
    place = mark_file(folder, mark.project_id)
    with refusals(folder):
        make_folder(folder)
        write_whole(place, json.dumps({"format": FORMAT, **asdict(mark)}) + "\n")
