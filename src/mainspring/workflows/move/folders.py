"""The folders of a home brought to another one, file by file, while nobody can write them.

Whoever has the old home open would go on writing there. So its folders are put aside under another name, and a file
lies in the place of each: the operating system then refuses every process, whichever version it is of.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mainspring.errors import IntegrityError, StateError
from mainspring.log.progress import Progress
from mainspring.ports._disk import make_folder, refusals, sync_file, sync_folder, write_whole
from mainspring.serving.wal import claimed, find_segments
from mainspring.workflows.move.spec import Intent, Part

ASIDE: Final = "moved"
"""The folder of the old home in which its folders lie once they are fenced."""

_DRAFT: Final = ".moving"
_NOT_BROUGHT: Final = frozenset({"lock.mdb"})
"""LMDB makes its lock file anew; the old one holds the readers of the old folder."""


@dataclass(frozen=True)
class Folders:
    """What of a home lies in folders and small files.

    Attributes:
        home, target: the old home and the new one.
        names: folders, relative to the home.
        files: small files, likewise; those that are not there are left out.
    """

    home: Path
    target: Path
    names: tuple[str, ...]
    files: tuple[str, ...]

    def fence(self, said: str) -> None:
        """Put the folders aside; what was put aside already stays so.

        Raises:
            StateError: somebody made a folder again meanwhile, and a file in it that differs from the one put aside.
        """
        with refusals(self.home):
            for name in self.names:
                place, aside = self.home / name, self._aside(name)
                make_folder(aside.parent)
                while not place.is_file():
                    if place.is_dir():
                        _fold(place, aside)
                    aside.mkdir(exist_ok=True)
                    with contextlib.suppress(IsADirectoryError):
                        # Whoever has the home open may have made the folder again meanwhile.
                        write_whole(place, said)
                sync_folder(place.parent)
                sync_folder(aside.parent)

    def unfence(self) -> None:
        """Put the folders back.

        Raises:
            StateError: something would be lost: two files of one name that differ, or something put aside that is in
                none of the folders. Both stay where they are.
        """
        with refusals(self.home):
            for name in self.names:
                place, aside = self.home / name, self._aside(name)
                if aside.is_dir():
                    if place.is_file():
                        place.unlink()
                    _fold(aside, place)
                    sync_folder(place.parent)
            if not _remove_empty(self.home / ASIDE):
                raise StateError(
                    expected=f"only what the move put aside: {', '.join(self.names)}",
                    got=", ".join(sorted(place.name for place in (self.home / ASIDE).iterdir())),
                    where=str(self.home / ASIDE),
                    hint="Bring that to another place, and run the same command again.",
                )
            sync_folder(self.home)

    def find_writers(self) -> list[Path]:
        """Segments of the prediction log that a living process appends to."""
        found = []
        for name in self.names:
            for folder in (self.home / name, self._aside(name)):
                for log in folder.glob("*/log"):
                    for segment in find_segments(log):
                        with claimed(segment) as ours:
                            if not ours and segment.exists():
                                found.append(segment)
        return found

    def size_bytes(self) -> int:
        """What they take."""
        return sum(source.stat().st_size for source, _ in self._pairs())

    def count(self) -> dict[str, int]:
        """Files of each folder."""
        return {name: sum(1 for _ in self._pairs_of(name)) for name in self.names}

    def bring(self, progress: Progress) -> int:
        """Copy what is not in the target yet, each file durably; the number that was there already."""
        n_before, pairs = 0, list(self._pairs())
        with refusals(self.target), progress("moved", len(pairs)) as advance:
            for name in self.names:
                make_folder(self.target / name)
            for source, target in pairs:
                if target.exists() and target.stat().st_size == source.stat().st_size:
                    n_before += 1
                else:
                    _copy(source, target)
                advance()
            for folder, _, _ in os.walk(self.target):
                sync_folder(Path(folder))
        return n_before

    def compare(self, progress: Progress) -> list[Part]:
        """Read every file on both sides.

        Raises:
            IntegrityError: two differ, or one is missing.
        """
        pairs, done = list(self._pairs()), []
        with progress("compared", len(pairs)) as advance:
            for source, target in pairs:
                wanted, found = _sha256(source), _sha256(target) if target.exists() else "nothing"
                if wanted != found:
                    raise IntegrityError(
                        expected=f"a file with SHA-256 {wanted}",
                        got=found,
                        where=str(target),
                        hint="Somebody wrote to one of the two meanwhile, or the disk does not keep what it is "
                        "given. Remove that file and run the same command again, or `mainspring move --abort`.",
                    )
                done.append(Part(name=target.relative_to(self.target).as_posix(), n=1, sha256=found))
                advance()
        return done

    def _aside(self, name: str) -> Path:
        return self.home / ASIDE / name

    def _pairs(self) -> Iterator[tuple[Path, Path]]:
        for name in self.names:
            yield from self._pairs_of(name)
        for name in self.files:
            if (self.home / name).is_file():
                yield self.home / name, self.target / name

    def _pairs_of(self, name: str) -> Iterator[tuple[Path, Path]]:
        source = self._aside(name) if self._aside(name).is_dir() else self.home / name
        for place in sorted(source.rglob("*")):
            if place.is_file() and place.name not in _NOT_BROUGHT:
                yield place, self.target / name / place.relative_to(source)


def folders_of(home: Path, intent: Intent) -> Folders:
    """Those that a move has fenced, or is to fence."""
    return Folders(home=home, target=Path(intent.target), names=intent.names, files=intent.files)


def _fold(source: Path, target: Path) -> None:
    """Rename a folder; where the target is there already, what it lacks goes into it, and what is alike is dropped.

    Raises:
        StateError: a file is on both sides, and differs. Nothing was changed.
    """
    if not target.exists():
        os.replace(source, target)
        return
    files = [place for place in sorted(source.rglob("*")) if place.is_file()]
    there = {place: target / place.relative_to(source) for place in files}
    for place in files:
        if there[place].exists() and place.name not in _NOT_BROUGHT:
            _check_alike(place, there[place])
    for place in files:
        if there[place].exists():
            place.unlink()
        else:
            there[place].parent.mkdir(parents=True, exist_ok=True)
            os.replace(place, there[place])
    _remove_empty(source)


def _check_alike(one: Path, other: Path) -> None:
    if one.stat().st_size != other.stat().st_size or _sha256(one) != _sha256(other):
        raise StateError(
            expected="one file of that name, or two that are alike",
            got="two that differ",
            where=f"{one}; {other}",
            hint="A process wrote there while the home moved. Bring the one that is not wanted to another place, and "
            "run the same command again.",
        )


def _remove_empty(folder: Path) -> bool:
    """Remove a folder with the empty ones in it; whether it is gone."""
    for place, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(place)
        except OSError as error:
            # Somebody's file is there, or came meanwhile.
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
    return not folder.exists()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}{_DRAFT}")
    draft.unlink(missing_ok=True)
    shutil.copyfile(source, draft)
    # When a blob was put last says whether it may be collected.
    shutil.copystat(source, draft)
    sync_file(draft)
    os.replace(draft, target)


def _sha256(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
