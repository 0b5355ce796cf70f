"""The contract of the blobs port: bytes under the name of their own digest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mainspring.errors import InputError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored bytes.

    Attributes:
        sha256: 64 lower-case hex digits over the bytes; the blob's only name.
        size_bytes: how many bytes.
    """

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredBlob(Blob):
    """A blob as it lies in the store.

    Attributes:
        put_at: when it was put last, by the machine's clock, aware UTC.
    """

    put_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """Bytes that were staged and never became a blob: their process is at work, or was killed.

    Attributes:
        name: of the draft, for `delete_draft`.
        written_at: when bytes were added last, by the machine's clock, aware UTC.
    """

    name: str
    size_bytes: int
    written_at: datetime


class Blobs(ABC):
    """Immutable bytes, named by their SHA-256.

    Threads and processes: any number may share a store; an instance is safe in all threads and after a fork.

    Ownership: equal bytes are one blob, whoever puts them. Nobody owns a blob, so only a collector that has
    looked for references may delete. Callers never change a file that `path` gave them.

    Atomicity: a blob is there whole or not at all; no reader sees half a blob.

    Durability: when `put` or `put_file` has returned, the blob survives kill -9 and power loss. A crash before
    that may lose the blob, and may leave a staged file that no reader sees.
    """

    @abstractmethod
    def put(self, data: bytes) -> Blob:
        """Store bytes; storing them again changes nothing.

        Raises:
            AccessError: the store cannot be written.
            UnavailableError: it is full, failing, or cannot be reached.
        """

    @abstractmethod
    def put_file(self, path: str | Path) -> Blob:
        """Store a file's bytes as they are now, in memory that does not grow with the file.

        Raises:
            InputError: `path` is no file that can be read.
            AccessError: the store cannot be written.
            UnavailableError: it is full, failing, or cannot be reached.
        """

    @abstractmethod
    def get(self, sha256: str) -> bytes:
        """The bytes, checked against their digest.

        Raises:
            UnknownNameError: no such blob.
            IntegrityError: what is stored is not what was put.
        """

    @abstractmethod
    def find(self, sha256: str) -> Blob | None:
        """The blob's name and size without reading it; None if there is none."""

    @abstractmethod
    def path(self, sha256: str) -> Path:
        """A local file with the bytes, to read only. The digest is not checked.

        Raises:
            UnknownNameError: no such blob.
        """

    @abstractmethod
    def walk(self) -> Iterator[StoredBlob]:
        """Every blob, in order of digest, without reading any. Those put or removed meanwhile may be left out."""

    @abstractmethod
    def collect(self, sha256: str, put_before: datetime) -> bool:
        """Remove a blob if nobody has put it since a moment; False if somebody has, or there is none.

        Atomic with `put`: one that returns after the removal has stored the bytes again.
        """

    @abstractmethod
    def drafts(self) -> list[Draft]:
        """What is staged, oldest first."""

    @abstractmethod
    def delete_draft(self, name: str) -> None:
        """Remove a draft; its process, if it still lives, fails. Removing one that is not there changes nothing."""

    @abstractmethod
    def delete(self, sha256: str) -> None:
        """Remove a blob; removing one that is not there changes nothing. After a crash it may be back."""


def check_sha256(sha256: str) -> str:
    """The digest itself.

    Raises:
        InputError: it is not 64 lower-case hex digits (a path or a prefix, for example).
    """
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise InputError(
            expected="a SHA-256 as 64 lower-case hex digits",
            got=repr(sha256),
            where="blobs",
            hint="Pass the `sha256` of the Blob that `put` returned.",
        )
    return sha256


def unknown_blob(sha256: str, where: str) -> UnknownNameError:
    """For a digest under which nothing is stored."""
    return UnknownNameError(
        expected="the digest of a stored blob",
        got=sha256,
        where=where,
        hint="It was never stored here, or was collected; restore it from a backup or make it again.",
    )
