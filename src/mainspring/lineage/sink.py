"""Where a reader of the event log delivers what it tells: a file of lines, or an HTTP endpoint."""

from __future__ import annotations

import http.client
import os
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from mainspring.errors import InputError, IntegrityError, UnavailableError
from mainspring.ports._disk import locked, make_folder, refusals, sync_folder

TRY_AGAIN: Final = frozenset({408, 425, 429})
"""Client errors that ask for another try; every other one refuses the event itself."""


@dataclass(frozen=True)
class Destination:
    """Where lines go, and how errors speak of it.

    Attributes:
        url: `file:PATH`, `http:` or `https:`.
        lines: what they are, in the plural: "OpenLineage events".
        first_bytes: how every line begins.
        setting: the configuration key of the URL.
        token: sent to an HTTP endpoint as a bearer token; empty = none.
        token_setting: its configuration key.
        shown: the URL as errors name it; empty = as it is. For URLs that are secrets themselves.
    """

    url: str
    lines: str
    first_bytes: bytes
    setting: str
    token: str = ""
    token_setting: str = ""
    shown: str = ""

    @property
    def where(self) -> str:
        """The URL for errors."""
        return self.shown or self.url


class Sink(ABC):
    """Takes lines, in order.

    Attributes:
        n_runs_at_once: after so many runs the reader notes its place; what was delivered since is delivered again
            after a crash.
    """

    n_runs_at_once: int

    @abstractmethod
    def deliver(self, lines: Sequence[bytes]) -> None:
        """Returns when all lines are delivered for good.

        Raises:
            UnavailableError: it did not work now; some may have been delivered.
            InputError: the other side will never take the first that it has not got.
        """


class FileSink(Sink):
    """Appends lines to a file, fsynced. Open it with `open_sink`, which holds it alone.

    A last line without its end was torn by a crash before it was acknowledged: it is cut off and written again.
    """

    n_runs_at_once = 200

    def __init__(self, path: Path, descriptor: int, to: Destination) -> None:
        self._path = path
        self._descriptor = descriptor
        self._end = _mended(path, descriptor, to)

    def deliver(self, lines: Sequence[bytes]) -> None:
        data = memoryview(b"".join(line + b"\n" for line in lines))
        with refusals(self._path):
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self._end + written)
            os.fsync(self._descriptor)
        self._end += len(data)


def _mended(path: Path, descriptor: int, to: Destination) -> int:
    """Cut a torn last line off; returns where the file ends.

    Raises:
        IntegrityError: the last line is no torn line of ours, so the file is not ours to cut.
    """
    with refusals(path):
        size = os.fstat(descriptor).st_size
        whole, torn = size, b""
        while whole:
            start = max(0, whole - 65_536)
            block = os.pread(descriptor, whole - start, start)
            newline = block.rfind(b"\n")
            torn = block[newline + 1 :] + torn
            whole = start + newline + 1
            if newline >= 0:
                break
        if not torn:
            return size
        if not (torn.startswith(to.first_bytes) or to.first_bytes.startswith(torn)):
            raise IntegrityError(
                expected=f"a file of {to.lines}, a line each",
                got=f"a last line that begins with {torn[:20]!r} and has no end",
                where=str(path),
                hint=f"Name another file in {to.setting}; this one was left as it is.",
            )
        os.ftruncate(descriptor, whole)
        os.fsync(descriptor)
        return whole


@dataclass(frozen=True)
class Patience:
    """How long an endpoint that does not answer is tried.

    Attributes:
        n_tries: in all, the first included.
        first_wait_s: before the second try; each further wait is twice as long.
        timeout_s: for one try to connect, and for each read.
    """

    n_tries: int = 5
    first_wait_s: float = 0.5
    timeout_s: float = 10.0


class HttpSink(Sink):
    """Posts each line to an endpoint, one after another.

    Args:
        to: the whole address, such as http://localhost:5000/api/v1/lineage.
        wait: sleeps so many seconds between tries; True = stop trying.
    """

    n_runs_at_once = 1

    def __init__(
        self,
        to: Destination,
        patience: Patience | None = None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._to = to
        self._address = urlsplit(to.url)
        self._headers = {"Content-Type": "application/json"}
        if to.token:
            self._headers["Authorization"] = f"Bearer {to.token}"
        self._patience = patience or Patience()
        self._wait = wait or _sleep

    def deliver(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self._post(line)

    def _post(self, line: bytes) -> None:
        wait_s = self._patience.first_wait_s
        for n_tried in range(1, self._patience.n_tries + 1):
            got = self._try(line)
            if got is None:
                return
            if n_tried == self._patience.n_tries or self._wait(wait_s):
                raise UnavailableError(
                    expected=f"an endpoint that takes {self._to.lines}",
                    got=f"{got}, {n_tried} time(s)",
                    where=self._to.where,
                    hint="Nothing is lost: the next delivery goes on with this one.",
                )
            wait_s *= 2

    def _try(self, line: bytes) -> str | None:
        """Post once. None = taken; else what was wrong, which may pass."""
        try:
            status, body = self._exchange(line)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        if 200 <= status < 300:
            return None
        said = f"HTTP status {status}" + (f": {body}" if body else "")
        if status >= 500 or status in TRY_AGAIN:
            return said
        raise InputError(
            expected=f"an endpoint that takes {self._to.lines}",
            got=said,
            where=self._to.where,
            hint=f"Delivery stops here and skips nothing. Check the address and {self._to.token_setting}.",
        )

    def _exchange(self, line: bytes) -> tuple[int, str]:
        address, timeout_s = self._address, self._patience.timeout_s
        connection: http.client.HTTPConnection
        host = address.hostname or ""
        if address.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, address.port, timeout=timeout_s, context=context)
        else:
            connection = http.client.HTTPConnection(host, address.port, timeout=timeout_s)
        try:
            connection.request("POST", _target(address), line, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read(200).decode(errors="replace").strip()
        finally:
            connection.close()


def _target(address: SplitResult) -> str:
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@contextmanager
def open_sink(
    to: Destination,
    folder: Path,
    patience: Patience | None = None,
    wait: Callable[[float], bool] | None = None,
) -> Iterator[Sink]:
    """The sink that a destination names, held for the block.

    Args:
        folder: relative paths are relative to it.
        patience, wait: see `HttpSink`.

    Raises:
        InputError: the URL names no sink.
        UnavailableError: another process writes to the file.
        IntegrityError: the file holds something else.
        AccessError: the file cannot be written.
    """
    check_destination(to)
    if to.url.startswith("file:"):
        path = (folder / to.url.removeprefix("file:").removeprefix("//")).resolve()
        with held(path) as descriptor:
            yield FileSink(path, descriptor, to)
    else:
        yield HttpSink(to, patience, wait)


def check_destination(to: Destination) -> None:
    """Refuse what names no sink.

    Raises:
        InputError: it is not `file:PATH`, `http://HOST…` or `https://HOST…`, or carries a password.
    """
    url = to.url
    try:
        address = urlsplit(url)
        port_is_a_number = address.port is None or address.port > 0
    except ValueError:
        address, port_is_a_number = urlsplit(""), False
    on_disk = address.scheme == "file" and bool(address.path.strip("/")) and not address.netloc
    on_the_net = address.scheme in {"http", "https"} and bool(address.hostname) and "@" not in address.netloc
    if not (port_is_a_number and (on_disk or on_the_net)):
        raise InputError(
            expected="file:PATH, http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH, without a password in it",
            got=repr(url) if "@" not in url else "an address with a password, or none of these",
            where=to.setting,
            hint=f"For example file:{{home}}/told.ndjson; a secret belongs in {to.token_setting}.",
        )


@contextmanager
def held(path: Path) -> Iterator[int]:
    """The open file, made where there is none, locked for this process alone until the block ends.

    Raises:
        UnavailableError: another process holds it.
        InputError: no file can have that path.
        AccessError: it cannot be written.
    """
    if path.is_dir() or any(above.is_file() for above in path.parents):
        raise InputError(
            expected="the path of a file, in folders that are there or can be made",
            got="a folder" if path.is_dir() else "a path that goes through a file",
            where=str(path),
            hint="Name another file in the configuration.",
        )
    with refusals(path):
        make_folder(path.parent)
        is_new = not path.exists()
    with locked(path) as descriptor:
        if is_new:
            sync_folder(path.parent)
        if descriptor is None:
            raise UnavailableError(
                expected="one process that delivers",
                got="another one that is at it",
                where=str(path),
                hint="Let it finish: it delivers everything that the log has.",
            )
        yield descriptor
