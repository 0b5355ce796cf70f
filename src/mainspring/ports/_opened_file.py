"""A file that this process has open, and that has to be where it was: the system forgets one that was deleted."""

from __future__ import annotations

import os
from pathlib import Path

from mainspring.errors import UnavailableError


class OpenedFile:
    """Remembers which file it was, and says when it is not there any more.

    Args:
        what: it is, in words: `the database file`.
        where: as errors name it.
    """

    def __init__(self, file: Path, what: str, where: str) -> None:
        self._file = file
        self._what = what
        self._where = where
        self._opened: tuple[int, int] | None = None

    def remember(self) -> None:
        """It was opened; the first of several times counts, until it is let go."""
        if self._opened is None:
            found = os.stat(self._file)
            self._opened = (found.st_dev, found.st_ino)

    def let_go(self) -> None:
        """It was closed: the next one that is opened may be another."""
        self._opened = None

    def check(self) -> None:
        """Refuse to use what nobody else can find: it is forgotten when this process ends.

        Raises:
            UnavailableError: it is gone, or another is in its place.
        """
        if self._opened is None:
            return
        try:
            found = os.stat(self._file)
            got = "another file in its place" if (found.st_dev, found.st_ino) != self._opened else ""
        except (FileNotFoundError, NotADirectoryError):
            got = "no such file any more"
        if got:
            raise UnavailableError(
                expected=f"{self._what} where it was opened",
                got=got,
                where=self._where,
                hint="Put the file back where it was, or restore a backup, and open the project again.",
            )
