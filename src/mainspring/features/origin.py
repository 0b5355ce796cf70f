"""Where rows came from: a file by the digest of its bytes, or rows by the digest of their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mainspring.errors import AccessError, ConflictError
from mainspring.features import schema
from mainspring.features.store import Stores
from mainspring.lineage.spec import Asset, AssetKind


@dataclass(frozen=True)
class Origin:
    """What rows came from, before it is an asset.

    Attributes:
        name: the file's name, or what the caller called it; None where rows were handed over without a name.
        sha256: of the file's bytes; None where it is no file.
        size_bytes: of the file; None where it is no file.
    """

    name: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None


def read(
    data: object, source: str | Path | None, where: str, types: Mapping[str, str] | None = None
) -> tuple[pl.DataFrame, Origin]:
    """The frame, and where it came from.

    Args:
        data: whatever `schema.frame_of` takes; a path is its own origin.
        source: a file or a name, for rows that the caller read. Of a file, the bytes that it has now count.
        types: column → logical type, as far as they are known.

    Raises:
        ConflictError: the file was written to while it was read.
        AccessError: the operating system refuses to read the file.
        InputError: as for `schema.frame_of`.
    """
    if not isinstance(data, str | Path):
        frame = schema.frame_of(data, where, types)
        return frame, Origin() if source is None else _origin(Path(source), where)
    path = Path(data)
    # The digest is taken before the rows are: what has the same stamp afterwards was not written in between.
    before, origin = _stamp(path), _origin(path, where)
    frame = schema.frame_of(path, where, types)
    if _stamp(path) != before:
        raise ConflictError(
            expected="a file that nobody writes to",
            got="one that was changed while it was read",
            where=f"{where}: {path}",
            hint="Wait until it is complete, then try again. Nothing was written.",
        )
    return frame, origin


def source_asset(stores: Stores, group: str, origin: Origin, content: str, n_rows: int) -> Asset:
    """The source asset of an origin; the same file or rows under the same name are found again.

    Args:
        content: digest of the rows, where there is no file.
    """
    graph = stores.graph
    name = origin.name or f"{group} rows"
    sha256 = origin.sha256 or content
    existing = graph.find_assets(kind=AssetKind.SOURCE, name=name, digest=sha256)
    if existing:
        return existing[-1]
    attributes = (
        {"n_rows": n_rows} if origin.sha256 is None else {"file": name, "size_bytes": origin.size_bytes}
    )
    with graph.execution("receive", name) as work:
        return work.add(AssetKind.SOURCE, name, digest=sha256, attributes=attributes)


def _origin(path: Path, where: str) -> Origin:
    if not path.is_file():
        return Origin(path.name)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return Origin(path.name, sha256, file.tell())
    except PermissionError as error:
        raise AccessError(
            expected="a readable file", got=str(path), where=where, hint="Check the file's permissions."
        ) from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written to or replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
