"""What an examination finds, as frozen values."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from mainspring.errors import MainspringError
from mainspring.lineage.spec import Value
from mainspring.log.progress import Progress
from mainspring.project import Project

DRAFT_MAX_AGE: Final = timedelta(days=1)
"""A staged file that nothing was added to for longer has lost its process."""


class Severity(enum.StrEnum):
    """How much a finding matters. Only an error means that something recorded is damaged, missing or unreadable."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Repair(enum.StrEnum):
    """What can be done about a finding without losing anything."""

    CALL_LOST = "call_lost"
    DELETE_DRAFTS = "delete_drafts"
    MATERIALIZE = "materialize"
    NAME_WEIGHTS = "name_weights"
    RECORD_WEIGHTS = "record_weights"
    PUBLISH_LOG = "publish_log"


class Finding(Value):
    """One thing that an examination has to say.

    Attributes:
        check: what was looked at.
        what: what was found.
        where: the file, table or id.
        do: what to do; empty where nothing is to be done.
        repair: what `doctor --repair` does about it; None = nothing, it is not safe or not possible.
        subjects: ids or names that a repair works on.
    """

    check: str
    severity: Severity
    what: str
    where: str
    do: str = ""
    repair: Repair | None = None
    subjects: tuple[str, ...] = ()


class Repaired(Value):
    """One repair that was made.

    Attributes:
        execution_id: the execution that records it.
        done: what it did, in words.
    """

    repair: Repair
    execution_id: str
    subjects: tuple[str, ...]
    done: str


class Examination(Value):
    """What was found, check by check.

    Attributes:
        quick: whether bytes and rows were left unread.
        repaired: what was repaired before this examination.
    """

    project_id: str
    home: str
    quick: bool
    findings: tuple[Finding, ...]
    repaired: tuple[Repaired, ...] = ()

    @property
    def problems(self) -> list[Finding]:
        """What is not simply well."""
        return [finding for finding in self.findings if finding.severity is not Severity.OK]

    @property
    def healthy(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


@dataclass(frozen=True)
class Patient:
    """What the checks look at.

    Attributes:
        project: opened as it is; nothing was made or migrated.
        quick: look at presence and sizes, and read neither bytes nor rows.
    """

    project: Project
    quick: bool
    progress: Progress


Check: TypeAlias = Callable[[Patient], Iterator[Finding]]


def refused(check: str, error: OSError) -> Finding:
    """What the operating system would not do, as a finding."""
    return Finding(
        check=check,
        severity=Severity.ERROR,
        what=f"the operating system refuses: {error.strerror or error}",
        where=str(error.filename or ""),
        do="Give whoever runs mainspring the right to read and write the home; then look at the disk.",
    )


def told(check: str, error: MainspringError) -> Finding:
    """An error as a finding."""
    return Finding(
        check=check,
        severity=Severity.ERROR,
        what=f"expected {error.expected}, got {error.got}",
        where=error.where,
        do=error.hint,
    )


def shown(names: list[str], most: int = 3) -> str:
    """A few of many names."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
