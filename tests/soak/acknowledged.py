"""What writers were told, written down where no kill can take it back: one line, one write, one file a writer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

BEGINS: Final = "begins"
DONE: Final = "done"
REFUSED: Final = "refused"
ENDED: Final = "ended"


@dataclass(frozen=True)
class Line:
    """One thing that a writer said.

    Attributes:
        at: `begins` before it asks for anything, `done` once it was acknowledged, `refused` when it was told why not,
            `ended` with what it measured.
        kind: the kind of publication.
        writer: whose file it is in.
        what: ids, digests and values.
    """

    at: str
    kind: str
    writer: str
    what: dict[str, Any] = field(default_factory=dict)


class Ledger:
    """A writer's own file, only ever appended to."""

    def __init__(self, folder: Path, writer: str) -> None:
        self.writer = writer
        self._descriptor = os.open(_file(folder, writer), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def say(self, at: str, kind: str, **what: Any) -> None:
        """Hand one line to the operating system."""
        line = json.dumps([at, kind, what]).encode() + b"\n"
        assert os.write(self._descriptor, line) == len(line)


def _file(folder: Path, writer: str) -> Path:
    return folder / f"{writer}.jsonl"


def lines_of(folder: Path, writer: str) -> list[Line]:
    """What one writer said, in order."""
    file = _file(folder, writer)
    if not file.exists():
        return []
    said = file.read_bytes().splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in said), f"{file} ends inside a line"
    return [Line(at, kind, writer, what) for at, kind, what in map(json.loads, said)]


def all_lines(folder: Path) -> Iterator[Line]:
    """What every writer said, writer by writer."""
    for file in sorted(folder.glob("*.jsonl")):
        yield from lines_of(folder, file.stem)


def interruptions(folder: Path) -> Iterator[Line]:
    """What writers had begun when they were killed, one for each kill that did not fall between two things."""
    for file in sorted(folder.glob("*.jsonl")):
        lines = lines_of(folder, file.stem)
        for line, following in zip(lines, [*lines[1:], None], strict=True):
            if line.at == BEGINS and (following is None or following.at == BEGINS):
                yield line


def interrupted(lines: list[Line]) -> Line | None:
    """What the writer had begun when it was killed; None if it was between two things."""
    return lines[-1] if lines and lines[-1].at == BEGINS else None
