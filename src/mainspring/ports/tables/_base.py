"""The contract of the tables port: typed columns, appended and read by version."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mainspring.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    import polars as pl

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class TableFiles:
    """What a copy of a table at one version is made of.

    Attributes:
        version: the version.
        fixed: relative path → file that never changes again under that path.
        written: relative path → content of a file that the copy is to be given.
        digests: relative path → SHA-256 of a fixed file as it was written, where that is known.
    """

    version: int
    fixed: Mapping[str, Path]
    written: Mapping[str, bytes]
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """What a table knows of the rows of one of its files without reading it.

    Attributes:
        n_rows: how many there are.
        n_null: column → rows without a value. A column that is not named has none that are known; so below.
        low, high: column → bounds of its values; None where there is no value. Of whole numbers, booleans and dates
            they are values themselves, of times no value is beyond them. Floats have none, as nothing is said of NaN,
            nor have texts.
    """

    n_rows: int
    n_null: Mapping[str, int]
    low: Mapping[str, Any]
    high: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TableDamage:
    """Something wrong with a table's own files.

    Attributes:
        file: its path relative to the table.
        what: what is wrong, in words.
        acknowledged: whether it belongs to a version that somebody was told of; the rest is a leftover of a crash,
            which the next reader takes away.
    """

    file: str
    what: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A file that the newest version reads no more, because its rows were taken out or written anew elsewhere; or that
    no version ever read, because who wrote it was killed.

    Attributes:
        file: its path relative to the table.
        removed_at: when the version that reads it no more was made, or when it was written last; by the machine's
            clock.
    """

    file: str
    size_bytes: int
    removed_at: datetime


@dataclass(frozen=True, slots=True)
class Compaction:
    """What compacting a table came to.

    Attributes:
        n_before, n_after: files that a read of the newest version needs.
    """

    n_before: int
    n_after: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """What erasing rows of a table came to.

    Attributes:
        n_rows: rows that were taken out.
        unsettled: files that no version names and that are too young to be a dead process's: an append that is under
            way may be writing them. They are as they were.
    """

    n_rows: int
    unsettled: tuple[str, ...]


class Tables(ABC):
    """Append-only columnar tables with numbered versions.

    Threads and processes: any number may append to and read the same table, and an instance is safe in all
    threads; appends of one table wait for one another. Backends may run threads of their own, so a process
    that has used tables starts others by spawn, not by fork.

    Ownership: rows belong to the table and never change. Whoever appends publishes the version elsewhere; rows
    of an append that nobody published are there, and are for the reader to leave out. Rows leave a table by
    `delete_before`, and its earlier versions have them until `discard`; or by `erase`, after which nothing has them.

    Atomicity: an append is a version: all its rows, or no version at all. The same token appends once, also
    when two processes try at the same time or one was killed and tries again.

    Durability: when `append` or `find_append` has returned, that version and all before it survive kill -9 and
    power loss. A crash before that may lose the append, or leave it for the next call with the same token to
    find; it never harms earlier versions.

    Order: rows keep the order of their frame within an append, but a scan promises no order; whoever needs one
    stores it in a column.

    Types: booleans, integers, floats, strings, bytes, dates, times of day excluded, datetimes in microseconds
    UTC (a naive datetime is read as UTC), decimals, and lists and structs of these. Unsigned integers become
    the next wider signed type, categories become strings. A column keeps its type for ever: a narrower number
    of the same kind is widened, anything else is refused. A new column is added, null in earlier rows; a
    missing column is null in the new rows.
    """

    @abstractmethod
    def append(self, name: str, frame: pl.DataFrame, *, token: str) -> int:
        """Append rows as one version, creating the table at the first append.

        Args:
            name: letters, digits, `_`, `.`, `-`; at most 128.
            frame: shape (n, columns); n may be 0.
            token: names this append for ever. The same token again changes nothing, whatever the frame.

        Returns:
            The version that holds these rows.

        Raises:
            InputError: a bad name or token, a type that cannot be stored, or a column that changed its type.
            AccessError: the table cannot be written.
            UnavailableError: the store is full or failing, or others' appends kept winning.
            IntegrityError: the table's own files are damaged.
        """

    @abstractmethod
    def find_append(self, name: str, token: str) -> int | None:
        """The version that the token's append made; None if it made none."""

    @abstractmethod
    def delete_before(self, name: str, column: str, moment: datetime) -> int:
        """Take out the rows whose time in `column` is before `moment`, as one version; returns how many they were.

        None makes no version, so that doing it again changes nothing. Tokens of appends stay known. Earlier versions,
        and the bytes, stay until the files are discarded.

        Raises:
            UnknownNameError: no such table.
            UnavailableError: the store is full or failing, or others' appends kept winning.
        """

    @abstractmethod
    def compact(self, name: str) -> Compaction:
        """Write the rows of small files into few large ones, as one version; where there is nothing to gain, none.

        Every read answers the same before and after. The small files stay until they are discarded, for whoever reads
        an earlier version.

        Raises:
            UnknownNameError: no such table.
            UnavailableError: the store is full or failing, or others' commits kept winning.
        """

    @abstractmethod
    def erase(self, name: str, rows: pl.DataFrame) -> Erasure:
        """Take rows out of every file: of the newest version, of all that is left behind, and of the log's statistics.

        Earlier versions cannot be read afterwards. One that was killed is ended by calling it again, also with no rows.

        Args:
            rows: whole numbers; the rows that equal one of these in all its columns go.

        Raises:
            UnknownNameError: no such table.
            UnavailableError: the store is full or failing, or others' commits kept winning.
        """

    @abstractmethod
    def alone(self, name: str) -> AbstractContextManager[None]:
        """Begin when no other thread or process is in such a block of the same table name; a killed one has left it.

        Reads and writes do not wait for it. The table need not exist. Not to be entered twice by one thread.
        """

    @abstractmethod
    def left_behind(self, name: str) -> list[LeftBehind]:
        """Files that are there and that the newest version reads no more; none for a table that does not exist."""

    @abstractmethod
    def discard(self, name: str, files: Collection[str]) -> list[str]:
        """Delete files that were left behind: versions before their removal cannot be read any more.

        What was left behind is looked up once, however many files are given.

        Returns:
            Those that were deleted, in the order given; not one that the newest version reads, or that is not there.
        """

    @abstractmethod
    def last_append(self, name: str, tokens: Collection[str]) -> int | None:
        """The newest version that one of the tokens' appends made; None if none of them made any.

        Where files of that version were discarded since, the first one after it whose files are all there. All that is
        read is the log from the newest version down to the answer, if nothing was compacted or deleted since.
        """

    @abstractmethod
    def scan(self, name: str, version: int | None = None) -> pl.LazyFrame:
        """A lazy read of all rows up to and including a version; None is the newest one now.

        The frame stays at that version whatever is appended before it is collected. Filters and column choices
        reach the files: what cannot match is not read.

        A process compares each file with its digest before it first reads of it, unless it was opened otherwise.

        Raises:
            UnknownNameError: no such table, or no such version.
            IntegrityError: the table's own files are damaged.
        """

    @abstractmethod
    def version(self, name: str) -> int:
        """The newest version, from 0.

        Raises:
            UnknownNameError: no such table.
        """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether anything was ever appended."""

    @abstractmethod
    def names(self) -> list[str]:
        """Every table that exists, in order."""

    @abstractmethod
    def files(self, name: str, version: int) -> TableFiles:
        """The files of which a copy of the table at a version is made. Later appends change none of them.

        Raises:
            UnknownNameError: no such table, or no such version.
            IntegrityError: a file is missing or has another size than was written.
        """

    @abstractmethod
    def damages(self, name: str, *, read: bool = False) -> list[TableDamage]:
        """What is wrong with the table's files, by their presence and size; no row is read, and nothing is changed.

        Args:
            read: by their digests too, as far as a backend knows them.
        """

    def statistics(self, name: str) -> list[FileStatistics] | None:  # noqa: ARG002 - of no table, unless a backend has any
        """Of each file that the newest version reads; None where a file has none. No row is read.

        Raises:
            UnknownNameError: no such table.
            IntegrityError: the table's own files are damaged.
        """
        return None

    def without_digest(self, name: str) -> list[str]:  # noqa: ARG002 - of no table, unless a backend keeps digests
        """Files of what was acknowledged whose digest was not taken, or was lost: a bit that flips in one is not found.

        Raises:
            UnknownNameError: no such table.
            IntegrityError: a file is missing or has another size than was written.
        """
        return []


def check_name(name: str) -> str:
    """The table's name itself, or InputError."""
    if _NAME.fullmatch(name):
        return name
    raise InputError(
        expected="a table name of letters, digits, '_', '.' and '-', at most 128",
        got=repr(name),
        where="tables",
        hint="Begin with a letter or digit.",
    )


def unknown_table(name: str, where: str) -> UnknownNameError:
    """For a table to which nothing was ever appended."""
    return UnknownNameError(
        expected="a table that exists",
        got=repr(name),
        where=where,
        hint="Append to it first, or check the name.",
    )


def unknown_version(name: str, version: int, newest: int) -> UnknownNameError:
    """For a version that a table has not reached."""
    return UnknownNameError(
        expected=f"a version from 0 to {newest}",
        got=str(version),
        where=f"table {name!r}",
        hint="Leave the version out for the newest one.",
    )
