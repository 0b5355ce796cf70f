"""The commit log of a Delta table on a local disk: durable, and mended after power loss.

delta-rs writes data files and commits without fsync. So a version is acknowledged only after its files, and
those of every version before it, were synced here. The file `_synced` remembers how far that went; it is
written after the syncs, so whatever it says after a crash is true, and what it does not say is done again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from mainspring.ports._disk import sync_file, sync_folder
from mainspring.ports.tables._base import LeftBehind, TableDamage
from mainspring.ports.tables._sums import NAME as SUMS
from mainspring.ports.tables._sums import Sums
from mainspring.types import new_id

CHECKPOINT_EVERY: Final = 100
"""Versions between two checkpoints: of the log, a reader reads what came since the last."""

ABANDONED_S: Final = 3_600
"""Seconds after which a file that no version names is nobody's."""

WORTH_A_THREAD_BYTES: Final = 1 << 20
"""So much is digested in a thread of its own, which costs as much as the digest of a tenth of it."""

_PARQUET_END: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class Commit:
    """What one version did.

    Attributes:
        files: those that it added, with their sizes in bytes.
        removed: those that it and later versions read no more, with the machine's time in milliseconds.
        tokens: those that it carries.
    """

    files: dict[str, int]
    removed: dict[str, int]
    tokens: frozenset[str]


class DeltaLog:
    """The log of the table in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "_delta_log"
        self._mark = folder / "_synced"
        self.sums = Sums(folder)

    def find_token(self, token: str, from_version: int) -> int | None:
        """The first version at or after `from_version` that carries the token."""
        version = max(from_version, 0)
        while (commit := self._read(version)) is not None:
            if token in commit.tokens:
                return version
            version += 1
        return None

    def find_last(self, tokens: frozenset[str], from_version: int) -> int | None:
        """The last version at or before `from_version` that carries one of the tokens; if its files went since, the
        first one after it whose files are all there.
        """
        is_rearranged = False
        for version in range(from_version, -1, -1):
            commit = self._read(version)
            if commit is not None and commit.tokens & tokens:
                return self._first_whole(version, from_version) if is_rearranged else version
            is_rearranged |= commit is not None and bool(commit.removed)
        return None

    def _first_whole(self, version: int, newest: int) -> int:
        live: set[str] = set()
        for number in range(newest + 1):
            commit = self._read(number)
            if commit is not None:
                live = (live | set(commit.files)) - set(commit.removed)
            if number >= version and all((self.folder / file).exists() for file in live):
                return number
        return version

    def make_durable(self, version: int) -> None:
        """Return when `version` and all before it survive power loss."""
        done = self.synced()
        if version <= done:
            return
        made: dict[str, int] = {}
        for number in range(done + 1, version + 1):
            commit = self._read(number)
            made |= {} if commit is None else commit.files
            made[self._relative(self._place(number))] = 0
        # The processor takes digests while the disk writes.
        with self.sums.adding(made, beside=sum(made.values()) >= WORTH_A_THREAD_BYTES):
            for file in made:
                _sync_if_there(self.folder / file)
            sync_folder(self._log)
            sync_folder(self.folder)
        self._remember(version)

    def check(self, data: Iterable[str], version: int) -> None:
        """The data files that a read of `version` needs, and the entries of the log since its last checkpoint, are
        what was written; each is compared once in a process.

        Raises:
            IntegrityError: one is not.
        """
        entries = range(max(0, version - CHECKPOINT_EVERY), version + 1)
        self.sums.check([*data, *(self._relative(self._place(number)) for number in entries)])

    def make_checkpoints_durable(self) -> None:
        """Return when the shortcuts that the last checkpoint wrote survive power loss."""
        for place in [*self._log.glob("*.checkpoint*.parquet"), self._log / "_last_checkpoint"]:
            _sync_if_there(place)
        sync_folder(self._log)

    def mend(self) -> None:
        """Take away what power loss tore: commits that nobody was told of, and broken checkpoints.

        A commit is only ever seen whole while the machine runs, so a torn one is a leftover of a crash.
        """
        if not self._log.is_dir() or not self._is_torn():
            return
        with alone(self.folder / "_mending"):
            if (first := self._first_torn()) is not None:
                # Newest first, so that a process that looks meanwhile still sees the torn one.
                for number in sorted((n for n in self._versions() if n >= first), reverse=True):
                    os.replace(self._place(number), self._log / f"torn-{number}-{new_id()}")
            for place in self._torn_checkpoints():
                (self._log / "_last_checkpoint").unlink(missing_ok=True)
                place.unlink(missing_ok=True)
            sync_folder(self._log)

    def files(self, version: int) -> dict[str, Path]:
        """What a copy at `version` needs, by path relative to the folder: commits, data, checkpoints.

        `_last_checkpoint` is left out: it may name a later one, and readers find the others without it.
        """
        found = {}
        for number in range(version + 1):
            found[self._relative(self._place(number))] = self._place(number)
            commit = self._read(number)
            for file in commit.files if commit is not None else ():
                # Compaction takes files of earlier versions away; what `version` reads is there.
                if (self.folder / file).exists():
                    found[file] = self.folder / file
        for place in self._log.glob("*.checkpoint*.parquet"):
            if int(place.name.split(".", 1)[0]) <= version:
                found[self._relative(place)] = place
        return found

    def marks(self, version: int) -> dict[str, bytes]:
        """The files that say of a copy at `version` how far it is durable, and what its files' digests are."""
        return {self._mark.name: str(version).encode(), SUMS: self.sums.text(self.files(version))}

    def damages(self, version: int | None, *, read: bool = False) -> list[TableDamage]:
        """What of the versions up to `version` (None = all) is missing or has another size; nothing is changed.

        Args:
            read: read all that is there, and compare its digests.
        """
        synced = self.synced()
        there = sorted(self._versions())
        last = max([*there, synced]) if version is None else version
        commits = {number: self._read(number) for number in range(last + 1)}
        removed = {file for commit in commits.values() if commit is not None for file in commit.removed}
        found = []
        for number, commit in commits.items():
            told = number <= synced or version is not None
            if commit is None:
                what = "cannot be read" if number in there else "is missing"
                found.append(TableDamage(self._relative(self._place(number)), what, told))
                continue
            for file, size_bytes in commit.files.items():
                if file not in removed and (what := _flaw(self.folder / file, size_bytes)):
                    found.append(TableDamage(file, what, told))
        if read:
            named = {item.file for item in found}
            changed = self.sums.changed([file for file in self.files(last) if file not in named])
            found += [TableDamage(file, "has other bytes than were written", True) for file in changed]
        return found

    def left_behind(self) -> list[LeftBehind]:
        """Files that are there and that no version that is durable and the newest reads, or that no version names and
        nobody has written to for so long that who did is gone.
        """
        removed: dict[str, float] = {}
        named: set[str] = set()
        synced = self.synced()
        is_readable = True
        for number in range(max([*self._versions(), synced]) + 1):
            commit = self._read(number)
            if commit is None:
                is_readable = False
                continue
            named |= set(commit.files)
            if number <= synced:
                removed |= {file: at_ms / 1_000 for file, at_ms in commit.removed.items()}
        # What a damaged entry named may be what others read.
        removed |= self._abandoned(named) if is_readable else {}
        found = []
        for file, since_s in sorted(removed.items()):
            with contextlib.suppress(FileNotFoundError):
                size_bytes = (self.folder / file).stat().st_size
                found.append(LeftBehind(file, size_bytes, datetime.fromtimestamp(since_s, UTC)))
        return found

    def _abandoned(self, named: set[str]) -> dict[str, float]:
        """Data files beside those that are named, with the time at which they were written last, long ago."""
        found = {}
        for place in self.folder.glob("*.parquet"):
            with contextlib.suppress(FileNotFoundError):
                written_s = place.stat().st_mtime
                if place.name not in named and time.time() - written_s >= ABANDONED_S:
                    found[place.name] = written_s
        return found

    def forget(self, live: set[str], version: int) -> list[str]:
        """Take away all that earlier versions had beyond `live`, the files that `version` reads: the files, their
        statistics in the log, and the checkpoints before `version`'s.

        Returns:
            Files that no version names and that may be somebody's who is at work.
        """
        with alone(self.folder / "_mending"):
            for place in self._log.glob("*.checkpoint*.parquet"):
                if int(place.name.split(".", 1)[0]) < version:
                    place.unlink(missing_ok=True)
            for place in self._log.glob("torn-*"):
                place.unlink(missing_ok=True)
            for number in range(version + 1):
                self._forget_statistics(number, live)
            named = {
                file for number in range(version + 1) if (found := self._read(number)) for file in found.files
            }
            for file in named - live:
                (self.folder / file).unlink(missing_ok=True)
            sync_folder(self._log)
            young = [file for file in self._unnamed(named, version) if not self._give_up_if_old(file)]
            sync_folder(self.folder)
            return young

    def _forget_statistics(self, number: int, live: set[str]) -> None:
        """Write an entry of the log anew without the smallest and largest values of files that are gone."""
        place = self._place(number)
        actions = [json.loads(line) for line in place.read_bytes().splitlines() if line.strip()]
        gone = [
            action["add"]
            for action in actions
            if "add" in action and unquote(action["add"]["path"]) not in live and action["add"].get("stats")
        ]
        if not gone:
            return
        for add in gone:
            add["stats"] = None
        relative = self._relative(place)
        staged = self.folder / f"_entry-{new_id()}"
        staged.write_bytes("".join(f"{json.dumps(action)}\n" for action in actions).encode())
        sync_file(staged)
        # First nobody can compare it, then it is another one, then its digest is that of the other one.
        self.sums.forget([relative])
        os.replace(staged, place)
        self.sums.add([relative])

    def _unnamed(self, named: set[str], version: int) -> list[str]:
        """Data files that no version up to the newest names: left by a killed append, or being written."""
        later = range(version + 1, max(self._versions(), default=version) + 1)
        named = named | {file for number in later if (found := self._read(number)) for file in found.files}
        found_files = (place.relative_to(self.folder).as_posix() for place in self.folder.glob("*.parquet"))
        return [file for file in found_files if file not in named]

    def _give_up_if_old(self, file: str) -> bool:
        try:
            if time.time() - (self.folder / file).stat().st_mtime < ABANDONED_S:
                return False
        except FileNotFoundError:
            return True
        (self.folder / file).unlink(missing_ok=True)
        return True

    def _relative(self, place: Path) -> str:
        return place.relative_to(self.folder).as_posix()

    def _is_torn(self) -> bool:
        return self._first_torn() is not None or bool(self._torn_checkpoints())

    def _first_torn(self) -> int | None:
        synced = self.synced()
        numbers = sorted(number for number in self._versions() if number > synced)
        commits = {number: self._read(number) for number in numbers}
        # What compaction took away later is rightly missing.
        removed = {file for commit in commits.values() if commit is not None for file in commit.removed}
        expected = synced + 1
        if numbers and synced < 0 and any(self._log.glob("*.checkpoint*.parquet")):
            # Without its mark, as a backup may leave it; the checkpoint stands for the commits before.
            expected = numbers[0]
        for number in numbers:
            commit = commits[number] if number == expected else None
            if commit is None or not self._is_there(commit, removed):
                return expected
            expected += 1
        return None

    def _is_there(self, commit: Commit, removed: set[str]) -> bool:
        return all(
            _is_whole(self.folder / file, size) for file, size in commit.files.items() if file not in removed
        )

    def _torn_checkpoints(self) -> list[Path]:
        return [place for place in self._log.glob("*.checkpoint*.parquet") if not _is_whole(place, None)]

    def _versions(self) -> Iterator[int]:
        for place in self._log.glob("*.json"):
            if place.stem.isdigit():
                yield int(place.stem)

    def _place(self, version: int) -> Path:
        return self._log / f"{version:020d}.json"

    def _read(self, version: int) -> Commit | None:
        """What a version added; None if there is no such version, or it is torn."""
        try:
            lines = self._place(version).read_bytes().splitlines()
            actions: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
        except (FileNotFoundError, ValueError):
            return None
        if not actions:
            return None
        adds = [action["add"] for action in actions if "add" in action]
        return Commit(
            files={unquote(add["path"]): int(add["size"]) for add in adds},
            removed={
                unquote(action["remove"]["path"]): int(action["remove"].get("deletionTimestamp") or 0)
                for action in actions
                if "remove" in action
            },
            tokens=frozenset(action["txn"]["appId"] for action in actions if "txn" in action),
        )

    def synced(self) -> int:
        """The version that is known to be durable, with all before it; -1 if none is."""
        try:
            return int(self._mark.read_bytes())
        except (FileNotFoundError, ValueError):
            return -1

    def _remember(self, version: int) -> None:
        staged = self.folder / f"_synced-{new_id()}"
        staged.write_bytes(str(version).encode())
        os.replace(staged, self._mark)


def _sync_if_there(place: Path) -> None:
    try:
        sync_file(place)
    except FileNotFoundError:
        # Compaction may have taken it since; then no later version needs it.
        return


def _flaw(place: Path, size_bytes: int) -> str:
    """What is wrong with a data file, in words; empty if nothing is."""
    try:
        found = place.stat().st_size
    except FileNotFoundError:
        return "is missing"
    if found != size_bytes:
        return f"has {found:,} bytes, was written with {size_bytes:,}"
    return "" if _is_whole(place, size_bytes) else "does not end as a Parquet file does"


def _is_whole(place: Path, size_bytes: int | None) -> bool:
    try:
        found = place.stat().st_size
        if found < len(_PARQUET_END) or size_bytes not in {None, found}:
            return False
        with place.open("rb") as file:
            file.seek(-len(_PARQUET_END), os.SEEK_END)
            return file.read() == _PARQUET_END
    except FileNotFoundError:
        return False


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold a lock file against all processes of this machine; a killed holder lets go."""
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
