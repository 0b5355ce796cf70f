"""The folder that backups are kept in: a store of contents by digest, and a manifest for each backup.

`objects/` holds every content once, whichever backups need it. `manifests/N.json` is written last, synced and moved
into place; `manifests/N.begun` is there while backup N is being made, and stays when that was interrupted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mainspring.errors import IntegrityError, StateError, UnknownNameError
from mainspring.ports._disk import locked, make_folder, refusals, sync_file, sync_folder
from mainspring.ports.blobs import Blobs, open_blobs
from mainspring.types import digest_bytes
from mainspring.workflows.backup.spec import FORMAT, Manifest

_JSON: Final = ".json"
_BEGUN: Final = ".begun"
_OWN: Final = frozenset({"objects", "staging", "manifests", "work", ".lock", "lost+found"})
"""What a folder has before its first backup is begun; the last is a file system's own."""


class BackupFolder:
    """A folder of backups.

    Attributes:
        path: absolute.
        contents: every content of every backup, by digest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.contents: Blobs = open_blobs(self.path)
        self._manifests = self.path / "manifests"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write to the folder, alone among all processes.

        Raises:
            StateError: another backup is being made here.
        """
        with refusals(self.path):
            make_folder(self._manifests)
        with locked(self.path / ".lock") as ours:
            if ours is None:
                raise StateError(
                    expected="one backup at a time into a folder",
                    got="another one that is being made",
                    where=str(self.path),
                    hint="Wait for it, or choose another folder.",
                )
            yield

    def check_own(self) -> None:
        """There is no folder yet, or an empty one, or one of backups.

        Raises:
            StateError: there is something else in it. Nothing was made.
            AccessError: it cannot be read.
        """
        with refusals(self.path):
            strange = {place.name for place in self.path.iterdir()} - _OWN if self.path.exists() else set()
        if strange and not (self.numbers() or self.interrupted()):
            raise StateError(
                expected="a folder of backups, one that is empty, or a new one",
                got=f"one with {min(strange)!r} in it",
                where=str(self.path),
                hint="Choose a folder for backups alone; it is made if it is missing. Nothing was written.",
            )

    def numbers(self) -> list[int]:
        """Complete backups, oldest first."""
        return self._numbered(_JSON)

    def interrupted(self) -> list[int]:
        """Backups that were begun and not completed, oldest first."""
        return sorted(set(self._numbered(_BEGUN)) - set(self.numbers()))

    def begin(self) -> int:
        """The number of a new backup, which is interrupted until `complete`."""
        number = max([0, *self.numbers(), *self._numbered(_BEGUN)]) + 1
        with refusals(self._manifests):
            place = self._place(number, _BEGUN)
            place.touch()
            sync_file(place)
            sync_folder(self._manifests)
        return number

    def complete(self, manifest: Manifest) -> None:
        """Write the manifest; when this returns the backup survives power loss."""
        body = manifest.model_dump_json(indent=1).encode()
        with refusals(self._manifests):
            staged = self._place(manifest.number, ".draft")
            with staged.open("wb") as file:
                file.write(f"{digest_bytes(body)}\n".encode() + body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(staged, self._place(manifest.number, _JSON))
            sync_folder(self._manifests)
            # What was interrupted before has been made good: everything of it that is needed is in this one.
            for number in self._numbered(_BEGUN):
                self._place(number, _BEGUN).unlink()

    def find_newest(self) -> Manifest | None:
        """The newest complete backup whose manifest can be read; None if there is none.

        For whoever makes the next one: damage keeps nobody from backing up.
        """
        for number in reversed(self.numbers()):
            with contextlib.suppress(IntegrityError):
                return self.get(number)
        return None

    def get(self, number: int | None) -> Manifest:
        """The complete backup of that number; None = the newest.

        Raises:
            UnknownNameError: there is none.
            StateError: none is asked for by number, and the newest was interrupted.
            IntegrityError: its manifest is damaged, or of another format.
        """
        numbers, interrupted = self.numbers(), self.interrupted()
        if number is None:
            if interrupted and interrupted[-1] > max(numbers, default=0):
                raise self._cut(interrupted[-1], numbers)
            number = max(numbers, default=None)
        elif number in interrupted:
            raise self._cut(number, numbers)
        if not numbers:
            raise UnknownNameError(
                expected="a folder with a backup in it",
                got="one without" if self.path.is_dir() else "no such folder",
                where=str(self.path),
                hint="Name the folder that `mainspring backup` was given.",
            )
        if number not in numbers:
            raise UnknownNameError.of("backup", number, numbers, str(self.path))
        return self._read(self._place(number, _JSON))

    def _read(self, place: Path) -> Manifest:
        with refusals(place):
            said, _, body = place.read_bytes().partition(b"\n")
        if said.decode(errors="replace") != digest_bytes(body):
            raise self._damaged(place, "bytes with another digest")
        try:
            manifest = Manifest.model_validate_json(body)
        except ValidationError as error:
            raise self._damaged(place, str(error).splitlines()[0]) from error
        if manifest.format != FORMAT:
            raise self._damaged(place, f"format {manifest.format}")
        return manifest

    def _damaged(self, place: Path, got: str) -> IntegrityError:
        return IntegrityError(
            expected=f"a manifest of format {FORMAT} as it was written",
            got=got,
            where=str(place),
            hint="Restore another backup of the folder, or make a new one; contents that are there are used again.",
        )

    def _cut(self, number: int, numbers: list[int]) -> StateError:
        older = f", or restore the one before with --number {numbers[-1]}" if numbers else ""
        return StateError(
            expected="a backup that was completed",
            got=f"backup {number}, which was interrupted",
            where=str(self.path),
            hint=f"Run `mainspring backup` again: it goes on from what is there{older}.",
        )

    def _numbered(self, suffix: str) -> list[int]:
        return sorted(int(place.stem) for place in self._manifests.glob(f"[0-9]*{suffix}"))

    def _place(self, number: int, suffix: str) -> Path:
        return self._manifests / f"{number:08d}{suffix}"
