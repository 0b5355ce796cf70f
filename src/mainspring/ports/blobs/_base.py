"""The contract of the blobs port: bytes under the name of their own digest."""

from __future__ import annotations

import hashlib
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mainspring.errors import InputError, IntegrityError, UnknownNameError

# Large enough that the digest, not the system call, is what takes the time.
CHUNK_BYTES: Final = 1 << 20


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


class Stage(ABC):
    """Bytes that come in pieces and become a blob when they are all there; a context manager, for one thread at a time.

    Whoever leaves the block without `publish` leaves nothing; a killed process leaves a draft at most.
    """

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            AccessError: the store cannot be written.
            UnavailableError: it is full, failing, or cannot be reached.
        """

    @abstractmethod
    def publish(self) -> Blob:
        """Make a blob of what was written, as `put` does. To be called once."""

    @abstractmethod
    def discard(self) -> None:
        """Give up what was written and not published; doing so again changes nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class Blobs(ABC):
    """Immutable bytes, named by their SHA-256.

    Threads and processes: any number may share a store; an instance is safe in all threads and after a fork.

    Ownership: equal bytes are one blob, whoever puts them. Nobody owns a blob, so only a collector that has
    looked for references may delete. Callers never change a file that `path` gave them.

    Atomicity: a blob is there whole or not at all; no reader sees half a blob.

    Durability: when `put`, `put_file` or a stage's `publish` has returned, the blob survives kill -9 and power loss. A
    crash before that may lose the blob, and may leave a staged file that no reader sees.
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

    def stage(self) -> Stage:
        """Begin a blob whose bytes come in pieces, in memory that does not grow with it.

        A backend that can stage in its own place does so; others are given a file of the system's temporary folder.

        Raises:
            AccessError: the store cannot be written.
            UnavailableError: it is full, failing, or cannot be reached.
        """
        return _StagedFile(self)

    @abstractmethod
    def get(self, sha256: str) -> bytes:
        """The bytes, checked against their digest.

        Raises:
            UnknownNameError: no such blob.
            IntegrityError: what is stored is not what was put.
        """

    def stream(self, sha256: str) -> Iterator[bytes]:
        """The bytes in pieces of at most 1 MiB, in memory that does not grow with them.

        The last piece comes after all of them were checked against the digest: whoever has every byte has the right
        ones. Of no bytes there is no piece.

        Raises:
            UnknownNameError: no such blob; at once, and not with the first piece.
            IntegrityError: what is stored is not what was put.
        """
        return _checked(self.path(sha256), sha256)

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


class _StagedFile(Stage):
    """A temporary file that is put as a whole."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._file = tempfile.NamedTemporaryFile(prefix="mainspring-stage-")  # noqa: SIM115 - closed by `discard`

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def publish(self) -> Blob:
        self._file.flush()
        return self._blobs.put_file(self._file.name)

    def discard(self) -> None:
        self._file.close()


def _checked(place: Path, sha256: str) -> Iterator[bytes]:
    """The file's bytes in pieces, the last of them once all have been compared with the digest."""
    file = place.open("rb")

    def pieces() -> Iterator[bytes]:
        content = hashlib.sha256()
        n_bytes = 0
        with file:
            held = file.read(CHUNK_BYTES)
            while held:
                content.update(held)
                n_bytes += len(held)
                following = file.read(CHUNK_BYTES)
                if following:
                    yield held
                else:
                    break
                held = following
        if (found := content.hexdigest()) != sha256:
            raise damaged(sha256, n_bytes, found, str(place))
        if held:
            yield held

    return pieces()


def damaged(sha256: str, n_bytes: int, found: str, where: str) -> IntegrityError:
    """For stored bytes that are not those of their name."""
    return IntegrityError(
        expected=f"bytes with SHA-256 {sha256}",
        got=f"{n_bytes} bytes with SHA-256 {found}",
        where=where,
        hint="The file was damaged or edited. Restore it from a backup, or put the right bytes again.",
    )


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
