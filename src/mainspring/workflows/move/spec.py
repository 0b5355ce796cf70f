"""What is moved, as frozen values."""

from __future__ import annotations

import enum
from typing import Final

from mainspring.lineage.spec import Value

INTENT: Final = "move.json"
"""The file of a home that says what move was begun and is not over."""


class Subject(enum.StrEnum):
    """What is moved."""

    RECORDS = "records"
    HOME = "home"


class Intent(Value):
    """A move that was begun.

    Attributes:
        id: tells what it made in the target from what others made there.
        target: the address or folder, as it will stand in the configuration; it may hold a password.
        source: the old home; empty for a move of records, as is what follows.
        names: folders of the old home that are brought, relative to it. The configuration may be changed meanwhile.
        files: small files of it, likewise.
        records: the address of the records that are fenced, without a password.
    """

    id: str
    subject: Subject
    target: str
    source: str = ""
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    records: str = ""


class Obstacle(Value):
    """Something that stands in the way of a move.

    Attributes:
        what: what was found.
        where: the file, address or name.
        do: how to clear it away.
    """

    what: str
    where: str
    do: str


class Survey(Value):
    """What a move would do.

    Attributes:
        source, target: addresses without passwords, or folders.
        parts: name → rows of that table, or files of that part of the home.
        size_bytes: what they take in the source.
        goes_on: whether an interrupted move would go on.
        obstacles: what stands in the way; a move begins only when there is nothing.
    """

    subject: Subject
    source: str
    target: str
    parts: dict[str, int]
    size_bytes: int
    goes_on: bool
    obstacles: tuple[Obstacle, ...]


class Part(Value):
    """One part that is in the target.

    Attributes:
        n: its rows, or 1 for a file.
        sha256: the sum, modulo 2**256, of the SHA-256 of each row in canonical JSON: the same in whatever order a
            database gives rows. Of a file, the SHA-256 of its bytes.
    """

    name: str
    n: int
    sha256: str


class Moved(Value):
    """What one run of `move` did.

    Attributes:
        n_parts: all that is in the target and was compared.
        n_before: of these, what an interrupted run had brought there.
        n: rows or files, all together.
        left: what is still in the old place, whole and fenced.
        remove: how to be rid of it.
    """

    subject: Subject
    source: str
    target: str
    n_parts: int
    n_before: int
    n: int
    left: str
    remove: str


class Aborted(Value):
    """What was given up.

    Attributes:
        source: in use again.
        target: what is left there: nothing, unless `target_left` says so.
        target_left: why the target could not be cleared; empty where it was.
    """

    subject: Subject
    source: str
    target: str
    target_left: str = ""
