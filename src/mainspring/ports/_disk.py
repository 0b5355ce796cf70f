"""What every backend on a local disk needs: durable folders, and the system's refusals in our words."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from mainspring.errors import AccessError, MainspringError, UnavailableError
from mainspring.types import new_id

_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses inside the block into errors that name `path`.

    Raises:
        AccessError: permission denied, or a read-only file system.
        UnavailableError: the disk is full or failing.
    """
    try:
        yield
    except OSError as error:
        meaning = refusal(error, path)
        if meaning is None:
            raise
        raise meaning from error


def refusal(error: OSError, path: Path) -> MainspringError | None:
    """What a failed system call on `path` means to a user; None if it is no refusal of the system's."""
    where = str(error.filename or path)
    if error.errno in _DENIED or isinstance(error, NotADirectoryError):
        return AccessError(
            expected="a folder that can be read and written",
            got=str(error.strerror).lower(),
            where=where,
            hint="Give this user write permission, or choose another home in mainspring.toml.",
        )
    if error.errno in _FULL:
        return UnavailableError(
            expected="room and a working disk",
            got=str(error.strerror).lower(),
            where=where,
            hint="Free some space, then try again; nothing was published.",
        )
    return None


@contextmanager
def locked(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> Iterator[int | None]:
    """The descriptor of the opened file or folder, which this process alone holds until the block ends.

    None where another process holds it. The lock ends with the process, however that ends.

    Raises:
        AccessError: it cannot be opened.
        FileNotFoundError: it is not there and `flags` do not make it.
    """
    with refusals(path):
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def write_whole(place: Path, text: str, *, mode: int = 0o666) -> None:
    """Write a small file, durably; whoever reads it meanwhile sees the one before, or this one.

    Args:
        mode: permissions, less those that the process's mask takes away.
    """
    with replacing(place, mode=mode) as file:
        file.write(text)


@contextmanager
def replacing(place: Path, *, mode: int = 0o666) -> Iterator[TextIO]:
    """A draft to write, which takes the place of a file, durably, when the block ends without an error."""
    draft = place.with_name(f".{place.name}.{new_id()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, place)
    except BaseException:
        # Also on Ctrl-C: a draft belongs to this call alone.
        draft.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)


def drafts_of(place: Path) -> list[Path]:
    """What processes that were killed while they wrote that file left."""
    return list(place.parent.glob(f".{place.name}.*"))


def sync_file(path: Path) -> None:
    """Wait until the file's content is on stable storage."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the folder's entries are on stable storage. Does nothing on Windows, which cannot."""
    if os.name == "posix":
        sync_file(path)


def make_folder(path: Path) -> None:
    """Create a folder and its parents, each durably.

    Raises:
        NotADirectoryError: something else has its name.
        PermissionError: it cannot be made there, as on a file system of the kernel's.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise
        raise PermissionError(errno.EPERM, "no folder can be made there", str(path)) from error
    sync_folder(path.parent)
