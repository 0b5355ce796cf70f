"""The digests of a table's files, taken when an append is acknowledged and compared when a process first reads.

Parquet as delta-rs writes it has no checksums: a flipped bit is another number. The file `_sums` has a line a file. It
is not synced: what power loss takes of it is a file without a digest, which nobody can compare, and no wrong one.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mainspring.errors import IntegrityError

NAME: Final = "_sums"
#: In the place of a digest: the file has none.
_FORGOTTEN: Final = "0" * 64
AT_ONCE: Final = min(4, os.cpu_count() or 1)


class Sums:
    """The digests of the files in one table's folder. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place = folder / NAME
        self._known: dict[str, str] = {}
        self._read_bytes = 0
        self._compared: set[str] = set()
        self._lock = threading.Lock()

    def add(self, files: Iterable[str]) -> None:
        """Note the digests of files as they are now; what is gone already is left out."""
        self._note(self._digests(files))

    @contextmanager
    def adding(self, files: Collection[str], *, beside: bool) -> Iterator[None]:
        """The same at the end of a block that does something else with them; not if the block raises.

        Args:
            beside: take the digests while the block runs, and not before it.
        """
        if not beside:
            found = self._digests(files)
            yield
            self._note(found)
            return
        with ThreadPoolExecutor(1) as thread:
            taken = thread.submit(self._digests, files)
            yield
            self._note(taken.result())

    def _digests(self, files: Iterable[str]) -> dict[str, str]:
        return {file: sha256 for file in files if (sha256 := self._digest(file)) is not None}

    def _note(self, found: dict[str, str]) -> None:
        if not found:
            return
        with self._place.open("ab") as place:
            # A line that power loss tore stays alone.
            place.write(b"\n" + _lines(found))
        with self._lock:
            self._compared |= found.keys()

    def forget(self, files: Collection[str]) -> None:
        """Say that files are about to be other ones: until they are noted again nobody can compare them."""
        if files:
            with self._place.open("ab") as place:
                place.write(b"\n" + _lines(dict.fromkeys(files, _FORGOTTEN)))

    def of(self, files: Collection[str]) -> dict[str, str]:
        """The digests of those files that have one."""
        with self._lock:
            self._read_on()
            return {file: self._known[file] for file in files if file in self._known}

    def check(self, files: Collection[str]) -> None:
        """Compare files that this process has not compared yet.

        Raises:
            IntegrityError: one is not what was written.
        """
        with self._lock:
            due = [file for file in files if file not in self._compared]
        if not due:
            return
        if changed := self.changed(due):
            raise IntegrityError(
                expected="files of a table as they were written",
                got=f"{changed[0]} with other bytes"
                + (f", and {len(changed) - 1} more" if changed[1:] else ""),
                where=str(self._folder / changed[0]),
                hint="A disk or a person changed it: restore the table's folder from a backup. "
                "`mainspring doctor` lists what is wrong.",
            )
        with self._lock:
            self._compared.update(due)

    def changed(self, files: Collection[str]) -> list[str]:
        """Those that are there and have other bytes than were written; one without a digest cannot be told."""
        wanted = self.of(files)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(self._digest, wanted)
        return [
            file for file, sha256 in zip(wanted, found, strict=True) if sha256 not in {None, wanted[file]}
        ]

    def text(self, files: Collection[str]) -> bytes:
        """What the file is to say in a copy that has only these."""
        return _lines(self.of(files))

    def _digest(self, file: str) -> str | None:
        try:
            with (self._folder / file).open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def _read_on(self) -> None:
        """Learn what was noted since the last time, under the lock."""
        try:
            with self._place.open("rb") as place:
                if os.fstat(place.fileno()).st_size < self._read_bytes:
                    # Another file than was read: a restored one, or what power loss left.
                    self._known, self._read_bytes = {}, 0
                place.seek(self._read_bytes)
                noted = place.read()
        except FileNotFoundError:
            self._known, self._read_bytes = {}, 0
            return
        # A line without an end is being written, or torn: it is looked at once it has one.
        whole = noted[: noted.rfind(b"\n") + 1]
        for line in whole.decode(errors="replace").splitlines():
            sha256, _, file = line.partition("  ")
            if len(sha256) == 64 and file:
                self._known[file] = sha256
                if sha256 == _FORGOTTEN:
                    del self._known[file]
        self._read_bytes += len(whole)


def _lines(digests: dict[str, str]) -> bytes:
    return "".join(f"{sha256}  {file}\n" for file, sha256 in digests.items()).encode()
