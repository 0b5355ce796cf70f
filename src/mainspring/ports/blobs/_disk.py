"""Blobs as files: `objects/<first two digits>/<sha256>`, published by a rename."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mainspring.errors import InputError
from mainspring.ports._disk import make_folder, refusals, sync_folder
from mainspring.ports.blobs._base import (
    CHUNK_BYTES,
    Blob,
    Blobs,
    Draft,
    Stage,
    StoredBlob,
    check_sha256,
    damaged,
    unknown_blob,
)
from mainspring.types import digest_bytes, new_id


class DiskBlobs(Blobs):
    """Blobs in a local folder.

    Stage, fsync, rename, fsync the folder. The staged file lies in the same file system, so that the rename is
    atomic. Objects are read-only files.
    """

    def __init__(self, folder: Path) -> None:
        self._objects = folder / "objects"
        self._staging = folder / "staging"
        self._durable_folders: set[Path] = set()

    def put(self, data: bytes) -> Blob:
        blob = Blob(digest_bytes(data), len(data))
        with refusals(self._objects):
            if self.publish_existing(blob):
                return blob
        with self.stage() as staged:
            staged.write(data)
            return staged.publish()

    def put_file(self, path: str | Path) -> Blob:
        with refusals(self._objects), self.stage() as staged:
            for chunk in _chunks(Path(path)):
                staged.write(chunk)
            return staged.publish()

    def stage(self) -> Stage:
        with refusals(self._objects):
            make_folder(self._staging)
            return _DiskStage(self, self._staging / new_id())

    def get(self, sha256: str) -> bytes:
        place = self._place(sha256)
        with refusals(place):
            try:
                data = place.read_bytes()
            except FileNotFoundError as error:
                raise unknown_blob(sha256, str(self._objects)) from error
        if (found := digest_bytes(data)) != sha256:
            raise damaged(sha256, len(data), found, str(place))
        return data

    def find(self, sha256: str) -> Blob | None:
        place = self._place(sha256)
        with refusals(place):
            try:
                return Blob(sha256, place.stat().st_size)
            except FileNotFoundError:
                return None

    def path(self, sha256: str) -> Path:
        if self.find(sha256) is None:
            raise unknown_blob(sha256, str(self._objects))
        return self._place(sha256)

    def delete(self, sha256: str) -> None:
        place = self._place(sha256)
        with refusals(place):
            place.unlink(missing_ok=True)

    def walk(self) -> Iterator[StoredBlob]:
        with refusals(self._objects):
            for place in sorted(self._objects.glob("??/*")):
                try:
                    found = place.stat()
                except FileNotFoundError:
                    continue
                yield StoredBlob(place.name, found.st_size, _instant(found.st_mtime))

    def collect(self, sha256: str, put_before: datetime) -> bool:
        place = self._place(sha256)
        with refusals(place), _held(place, fcntl.LOCK_EX) as found:
            if found is None or _instant(found.st_mtime) >= put_before:
                return False
            place.unlink()
            return True

    def drafts(self) -> list[Draft]:
        found = []
        with refusals(self._staging):
            for place in self._staging.glob("*"):
                try:
                    status = place.stat()
                except FileNotFoundError:
                    continue
                found.append(Draft(place.name, status.st_size, _instant(status.st_mtime)))
        return sorted(found, key=lambda draft: draft.written_at)

    def delete_draft(self, name: str) -> None:
        place = self._staging / Path(name).name
        with refusals(place):
            place.unlink(missing_ok=True)

    def _place(self, sha256: str) -> Path:
        return self._objects / check_sha256(sha256)[:2] / sha256

    def publish(self, staged: Path, blob: Blob) -> None:
        """Give a staged file that is on stable storage the blob's name."""
        place = self._place(blob.sha256)
        self._make_durable(place.parent)
        try:
            os.replace(staged, place)
        except FileNotFoundError:
            # The folder was removed under us. A store that is opened anew would make it again, and so do we.
            self._durable_folders.clear()
            self._make_durable(place.parent)
            os.replace(staged, place)
        sync_folder(place.parent)

    def publish_existing(self, blob: Blob) -> bool:
        """Whether the blob is there already, whole by its size; then it is durable too."""
        place = self._place(blob.sha256)
        with _held(place, fcntl.LOCK_SH) as found:
            if found is None or found.st_size != blob.size_bytes:
                # Truncated by something else than us. The rename that follows puts the right bytes in place.
                return False
            try:
                # Young again, so that no collector takes what is about to be referred to.
                os.utime(place)
            except PermissionError:
                # Another user's file: our own copy of the same bytes takes its place.
                return False
        # Whoever renamed it may not have synced the folder yet, and we are about to acknowledge it.
        self._make_durable(place.parent)
        sync_folder(place.parent)
        return True

    def _make_durable(self, folder: Path) -> None:
        if folder in self._durable_folders:
            return
        make_folder(folder)
        # Another process may have made it without having synced yet.
        sync_folder(folder.parent)
        self._durable_folders.add(folder)


@contextmanager
def _held(place: Path, how: int) -> Iterator[os.stat_result | None]:
    """The file's status, while nobody collects it (shared) or puts it again (exclusive); None if it is gone."""
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(descriptor, how)
        found = os.fstat(descriptor)
        # Without a name it was collected, or replaced, while we waited.
        yield found if found.st_nlink else None
    finally:
        os.close(descriptor)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class _DiskStage(Stage):
    """A file that is digested and counted as it is written, in the file system of the objects."""

    def __init__(self, blobs: DiskBlobs, place: Path) -> None:
        self._blobs = blobs
        self._place = place
        self._file = place.open("xb", buffering=0)
        self._sha256 = hashlib.sha256()
        self._size_bytes = 0

    def write(self, data: bytes) -> None:
        with refusals(self._place):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._sha256.update(data)
        self._size_bytes += len(data)

    def publish(self) -> Blob:
        blob = Blob(self._sha256.hexdigest(), self._size_bytes)
        with refusals(self._place):
            if self._blobs.publish_existing(blob):
                self.discard()
                return blob
            os.fchmod(self._file.fileno(), 0o444)
            os.fsync(self._file.fileno())
            self._file.close()
            self._blobs.publish(self._place, blob)
        return blob

    def discard(self) -> None:
        self._file.close()
        # What was published has another name by now.
        self._place.unlink(missing_ok=True)


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(
            expected="a file that can be read",
            got=str(error.strerror).lower(),
            where=str(path),
            hint="Check the path and its permissions. Nothing was stored.",
        ) from error
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
