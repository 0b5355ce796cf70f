"""The one place where what clients call a path, a location or a source is read: pure, and wary.

Whatever comes through here unrefused is a relative path of named parts, or a URI below a place that somebody who runs
the server named. What it refuses: ways up and out (`..`, absolute paths, drives, other servers), in any encoding that
one more decoding would turn into one; what file systems and clients read differently (backslashes, control characters,
`#`); what is too long; and archives whose members would do any of that, or would not fit.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from mainspring.errors import InputError

MAX_PATH_BYTES: Final = 1_024
MAX_PART_BYTES: Final = 255
"""Of one name in a path, in UTF-8: what file systems take, so that whatever is kept can be downloaded."""
MAX_LOCATION_BYTES: Final = 2_048
MAX_DECODINGS: Final = 5
MAX_MEMBERS: Final = 100_000
MAX_UNPACKED_BYTES: Final = 16 << 30
MAX_RATIO: Final = 200
SMALL_BYTES: Final = 256 << 20
"""Unpacked, so much is no burden however well it was packed."""

PROXIED: Final = "mlflow-artifacts"
"""The scheme of what clients write through the server."""
DIRECT: Final = frozenset({"file", "s3", "gs", "abfss", "wasbs", "hdfs"})
"""Schemes of places that clients can write to themselves, where an operator says so. Never http: it is the scheme of
other servers, whom nobody may be sent to."""

_DRIVE_OR_SCHEME: Final = re.compile(r"[A-Za-z]:|file:|[A-Za-z][A-Za-z0-9+.\-]*:/", re.IGNORECASE)
_UNSEEN: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][\w\-]{0,255}", re.ASCII)
_MODEL_ID: Final = re.compile(r"m-[0-9a-f]{32}")


class Owner(enum.Enum):
    """Whose artifacts a place is for."""

    RUN = "run"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an artifact lies among those that the server keeps.

    Attributes:
        prefix: the experiment's part of the path.
        owner_id: of the run or the model.
        path: of the file or folder in it; empty = all of it.
    """

    prefix: str
    owner: Owner
    owner_id: str
    path: str


@dataclass(frozen=True, slots=True)
class Source:
    """What a model version says that it was made from.

    Attributes:
        owner_id: of the run or model; None where `location` is a place outside.
        path: in the owner's artifacts; empty = all of them.
        location: a URI below one of those that the operator allows; None where an owner is named.
    """

    owner: Owner | None
    owner_id: str | None
    path: str
    location: str | None


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of an archive, as the archive says.

    Attributes:
        is_plain: a file or a folder; not a link, a device or a pipe.
    """

    name: str
    size_bytes: int
    packed_bytes: int
    is_plain: bool


def read_path(given: str, where: str) -> str:
    """The path of one artifact, as given: names with slashes between them.

    Raises:
        InputError: it is none, or it could lead anywhere else.
    """
    n_bytes = len(given.encode("utf-8", "replace"))
    if n_bytes > MAX_PATH_BYTES:
        raise _refused(f"{n_bytes} bytes: {given[:60]!r}…", where, f"at most {MAX_PATH_BYTES} bytes")
    for reading in _readings(given, where):
        if wrong := _wrong(reading):
            raise _refused(f"{given!r}: {wrong}", where)
    return given


def read_folder(given: str | None, where: str) -> str:
    """The path of a folder, or empty for the top one; a slash may end it.

    Raises:
        InputError: as of `read_path`.
    """
    path = (given or "").removesuffix("/") if given != "/" else given
    return read_path(path, where) if path else ""


def read_place(given: str, where: str) -> list[Place]:
    """What a path among the artifacts that the server keeps can mean, likeliest first; empty where nothing.

    It is `<prefix>/<run id>/artifacts/<path>` or `<prefix>/models/<model id>/artifacts/<path>`: which of several is
    meant is known by whose prefix it is.

    Raises:
        InputError: as of `read_path`.
    """
    parts = read_folder(given, where).split("/")
    found = []
    for place in range(1, len(parts)):
        if parts[place] != "artifacts":
            continue
        owner_id, path = parts[place - 1], "/".join(parts[place + 1 :])
        if _MODEL_ID.fullmatch(owner_id) and place > 1 and parts[place - 2] == "models":
            found.append(Place("/".join(parts[: place - 2]), Owner.MODEL, owner_id, path))
        elif _RUN_ID.fullmatch(owner_id):
            found.append(Place("/".join(parts[: place - 1]), Owner.RUN, owner_id, path))
    return found


def read_location(given: str, allowed: Sequence[str], where: str) -> str:
    """Where a client wants artifacts to be kept, in its plainest form, which no slash ends.

    Args:
        allowed: URIs that an operator named; below them, and where the server itself keeps artifacts, is allowed.

    Raises:
        InputError: it is no URI, or of anywhere else.
    """
    found = _read_uri(given, where)
    if not found.startswith(f"{PROXIED}:") and not any(is_below(found, root) for root in allowed):
        below = ", ".join(root for root in allowed if not root.startswith(f"{PROXIED}:"))
        raise _refused(
            f"{given!r}: the operator does not allow it",
            where,
            f"{PROXIED}:/ and a path" + (f", or a place below {below}" if below else ""),
        )
    return found


def read_root(given: str, folder: Path, where: str) -> str:
    """Where an operator wants artifacts to be kept: a URI, or a folder seen from `folder`; as of `read_location`.

    Raises:
        InputError: it is of a scheme that clients cannot write to, or leads out of itself.
    """
    if not _DRIVE_OR_SCHEME.match(given) and not given.startswith(f"{PROXIED}:"):
        if not given or "\0" in given:
            raise _refused(repr(given), where, "a folder or a URI")
        return (folder / given).absolute().as_uri().removesuffix("/")
    return _read_uri(given, where)


def read_source(given: str, allowed: Sequence[str], where: str) -> list[Source]:
    """What a model version can be made from by that URI, likeliest first.

    Args:
        allowed: as of `read_location`.

    Raises:
        InputError: it names no run, no model and no allowed place.
    """
    scheme, _, rest = given.partition(":")
    if scheme in {"models", "runs"}:
        owner_id, _, path = rest.removeprefix("/").partition("/")
        owner, form = (Owner.MODEL, _MODEL_ID) if scheme == "models" else (Owner.RUN, _RUN_ID)
        if rest.startswith("/") and form.fullmatch(owner_id):
            return [Source(owner, owner_id, read_folder(path, where), None)]
    elif given.startswith(f"{PROXIED}:"):
        tail = _read_uri(given, where).removeprefix(f"{PROXIED}:").removeprefix("/")
        if found := [Source(each.owner, each.owner_id, each.path, None) for each in read_place(tail, where)]:
            return found
    elif any(is_below(location := _read_uri(given, where), root) for root in allowed):
        return [Source(None, None, "", location)]
    raise _refused(
        f"{given[:200]!r}",
        where,
        f"runs:/RUN_ID/PATH, models:/MODEL_ID or {PROXIED}:/ and the path of artifacts",
    )


def is_below(location: str, root: str) -> bool:
    """Whether one plain URI is another, or below it."""
    return location == root or location.startswith(root.removesuffix("/") + "/")


def check_members(members: Iterable[Member], where: str) -> None:
    """An archive that may be unpacked: every member below it, none twice, and all of them together of a sane size.

    Raises:
        InputError: it may not.
    """
    names: set[str] = set()
    size_bytes = packed_bytes = 0
    for member in members:
        name = member.name.removesuffix("/")
        read_path(name, where)
        size_bytes += member.size_bytes
        packed_bytes += member.packed_bytes
        bound = min(MAX_UNPACKED_BYTES, max(SMALL_BYTES, MAX_RATIO * packed_bytes))
        if not member.is_plain:
            raise _archive(f"{member.name!r}, which is a link or a device", where)
        if name in names:
            raise _archive(f"{member.name!r} twice", where)
        if len(names) >= MAX_MEMBERS:
            raise _archive(f"more than {MAX_MEMBERS} members", where)
        if size_bytes > bound:
            raise _archive(f"at least {size_bytes} bytes unpacked, of {packed_bytes} packed", where)
        names.add(name)


def _read_uri(given: str, where: str) -> str:
    n_bytes = len(given.encode("utf-8", "replace"))
    if n_bytes > MAX_LOCATION_BYTES:
        raise _refused(f"{n_bytes} bytes: {given[:60]!r}…", where, f"at most {MAX_LOCATION_BYTES} bytes")
    # `urlsplit` drops line breaks and tabs, and what is dropped cannot be refused.
    if any(unicodedata.category(each) in _UNSEEN for each in given) or given != given.strip():
        raise _refused(f"{given!r}: a control character or a blank", where)
    try:
        split = urlsplit(given)
        wrong = _wrong_uri(split)
    except ValueError as error:
        raise _refused(f"{given!r}: {error}", where) from error
    if wrong:
        raise _refused(f"{given!r}: {wrong}", where)
    tail = read_folder(split.path.removeprefix("/"), where)
    if split.scheme == PROXIED:
        return f"{PROXIED}:/{tail}".removesuffix("/")
    host = "" if split.scheme == "file" else split.netloc
    return f"{split.scheme}://{host}/{tail}".removesuffix("/")


def _wrong_uri(split: SplitResult) -> str | None:
    if split.scheme not in {PROXIED, *DIRECT}:
        return f"{split.scheme!r} is none of the schemes {', '.join(sorted((PROXIED, *DIRECT)))}"
    if "?" in split.geturl() or "#" in split.geturl() or split.query or split.fragment:
        return "it has a query or a fragment"
    if split.scheme == PROXIED and split.netloc:
        return "it names another server"
    if split.scheme == "file" and split.netloc not in {"", "localhost"}:
        return "it names another machine"
    if split.username is not None or split.password is not None or split.port is not None:
        return "it has a user, a password or a port"
    if split.scheme not in {PROXIED, "file"} and not re.fullmatch(
        r"[A-Za-z0-9][A-Za-z0-9.\-_]*", split.netloc
    ):
        return "it names no bucket"
    return None


def _readings(given: str, where: str) -> Iterator[str]:
    """The text, and what decoding it again and again makes of it."""
    reading = given
    for _ in range(MAX_DECODINGS):
        yield reading
        decoded = unquote(reading)
        if decoded == reading:
            return
        reading = decoded
    raise _refused(f"{given!r}: encoded over and over", where)


def _wrong(path: str) -> str | None:
    """Why a path is refused; None where it is not."""
    if any(unicodedata.category(each) in _UNSEEN for each in path):
        return "a control character"
    if "\ufffd" in path:
        return "bytes that are no UTF-8"
    if "\\" in path:
        return "a backslash"
    if "#" in path:
        return "a '#', at which clients cut it off"
    if path.startswith("/"):
        return "an absolute path"
    if _DRIVE_OR_SCHEME.match(path):
        return "a drive or a scheme"
    for part in path.split("/"):
        if not part.strip(". "):
            return f"the part {part!r}"
        if len(part.encode()) > MAX_PART_BYTES:
            return f"a part of more than {MAX_PART_BYTES} bytes"
    return None


def _refused(got: str, where: str, expected: str | None = None) -> InputError:
    return InputError(
        expected=expected or "a path such as plots/roc.png, relative and without '..'",
        got=got,
        where=f"Invalid path, {where}",
        hint="Nothing was read or written.",
    )


def _archive(got: str, where: str) -> InputError:
    return InputError(
        expected="an archive of plain files that unpacks to what it says",
        got=got,
        where=f"Invalid archive, {where}",
        hint="Do not unpack it. Nothing of it was written.",
    )
