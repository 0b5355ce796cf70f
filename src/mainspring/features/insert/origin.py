"""Where rows came from: files by the digest of their bytes, a query or rows by the digest of their values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mainspring.errors import AccessError, ConflictError, InputError
from mainspring.features.insert import frames
from mainspring.features.insert.files import find_paths
from mainspring.features.insert.sql import SqlQuery
from mainspring.features.read import Read
from mainspring.features.store import Stores
from mainspring.lineage.spec import Asset, AssetKind
from mainspring.log.progress import Progress, silent
from mainspring.types import digest


@dataclass(frozen=True)
class Origin:
    """What rows came from, before it is an asset.

    Attributes:
        name: the file's name, or what the caller called it; None where rows were handed over without a name.
        sha256: of the file's bytes, or over those of several files; None where there are none.
        size_bytes: of the files; None where there are none.
        told: what else is to be known of it: the files of a pattern, the query of a database.
        assets: what the rows are of that is in the graph already: commits of a group. Nothing else is then said.
    """

    name: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[str, ...] = ()


def read(
    data: object,
    source: str | Path | None,
    where: str,
    types: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> tuple[pl.DataFrame, Origin]:
    """The frame, and where it came from.

    Args:
        data: whatever `frames.frame_of` takes; files, a query and a read of a group are their own origin.
        source: a file or a name, for rows that the caller read. Of a file, the bytes that it has now count.
        types: column → logical type, as far as they are known.
        progress: told of each file or chunk.

    Raises:
        ConflictError: a file was written to while it was read.
        AccessError: the operating system refuses to read a file.
        InputError: as for `check_rows` and `frames.frame_of`.
        UnavailableError: as for `frames.frame_of`.
    """
    check_rows(data, where)
    if source is not None and not isinstance(source, str | Path):
        raise InputError.of_kind(
            "a file or a name", source, f"{where}, source", "Leave it out, or name it in quotes."
        )
    paths = find_paths(data, where)
    if paths is not None:
        return _from_files(data, paths, where, types, progress)
    frame = frames.frame_of(data, where, types, progress)
    if isinstance(data, SqlQuery):
        return frame, Origin(data.place, told=data.told)
    if isinstance(data, Read):
        return frame, Origin(assets=tuple(item.asset_id for item in data.commits if item.asset_id))
    return frame, Origin() if source is None else _origin(source, where)


def check_rows(data: object, where: str) -> None:
    """Refuse a read of a group's history: what was deleted, and what was replaced, would be rows among the others.

    Raises:
        InputError: it is one.
    """
    if isinstance(data, Read) and data.history:
        raise InputError(
            expected="rows, such as a read of a group as it stood",
            got=f"the {data!r}, deletes and replaced rows among them",
            where=where,
            hint="Read without history=True, or take the versions that you mean: "
            "read.filter(...).to_polars(system=True), whose `_op` is 1 for a delete.",
        )


def source_asset(stores: Stores, group: str, origin: Origin, content: str, n_rows: int) -> Asset:
    """The source asset of an origin; the same files, query or rows under the same name are found again.

    Args:
        content: digest of the rows, where there is no file.
    """
    graph = stores.graph
    name = origin.name or f"{group} rows"
    sha256 = origin.sha256 or (digest([origin.told, content]) if origin.told else content)
    existing = graph.find_assets(kind=AssetKind.SOURCE, name=name, digest=sha256)
    if existing:
        return existing[-1]
    attributes: dict[str, Any] = {**origin.told}
    if origin.sha256 is None:
        attributes["n_rows"] = n_rows
    else:
        attributes |= {"file": name, "size_bytes": origin.size_bytes}
    with graph.execution("receive", name) as work:
        return work.add(AssetKind.SOURCE, name, digest=sha256, attributes=attributes)


def _from_files(
    data: object, paths: Sequence[Path], where: str, types: Mapping[str, str] | None, progress: Progress
) -> tuple[pl.DataFrame, Origin]:
    # The digests are taken before the rows are: what has the same stamp afterwards was not written in between.
    before, origins = [_stamp(path) for path in paths], []
    with progress(f"{where}: digests of files taken", len(paths)) as advance:
        for path in paths:
            origins.append(_origin(path, where))
            advance()
    frame = frames.frame_of(list(paths), where, types, progress)
    for path, stamp in zip(paths, before, strict=True):
        if _stamp(path) != stamp:
            raise ConflictError(
                expected="a file that nobody writes to",
                got="one that was changed while it was read",
                where=f"{where}: {path}",
                hint="Wait until it is complete, then try again. Nothing was written.",
            )
    return frame, origins[0] if len(origins) == 1 else _together(data, origins)


def _together(data: object, origins: Sequence[Origin]) -> Origin:
    """Several files as one origin, under the pattern that found them or the first one's name."""
    files = [{"file": item.name, "sha256": item.sha256, "size_bytes": item.size_bytes} for item in origins]
    name = (
        Path(data).name if isinstance(data, str | Path) else f"{origins[0].name} and {len(origins) - 1} more"
    )
    return Origin(
        name,
        digest([[item.name, item.sha256] for item in origins]),
        sum(item.size_bytes or 0 for item in origins),
        {"files": files},
    )


def _origin(source: str | Path, where: str) -> Origin:
    path = Path(source)
    if not path.is_file():
        return Origin(source if isinstance(source, str) else path.name)
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
