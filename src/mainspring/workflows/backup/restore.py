"""Makes a project of a backup, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mainspring.config import FILE_NAME
from mainspring.errors import InputError, IntegrityError, StateError
from mainspring.features.upkeep.maintenance import ROLES
from mainspring.log import get_logger
from mainspring.log.progress import Progress, silent
from mainspring.ports._disk import locked, make_folder, refusals, sync_file, sync_folder
from mainspring.ports.blobs import Blobs, open_blobs
from mainspring.ports.clock import ReplayClock
from mainspring.ports.records import open_records
from mainspring.ports.records.migrations import REVISIONS, Schema, newer
from mainspring.project import Project, open_project
from mainspring.tracking import points_schema
from mainspring.tracking.points import TablePoints, points_file
from mainspring.types import new_id
from mainspring.workflows.backup.folder import BackupFolder
from mainspring.workflows.backup.spec import RECORDS, Manifest, Piece, Restored

_log = get_logger(__name__)

CHUNK_BYTES = 1 << 20


def restore_backup(
    folder: Path,
    target: Path,
    *,
    number: int | None = None,
    records_url: str | None = None,
    progress: Progress = silent,
) -> Restored:
    """Make a home of a backup; every digest is verified, and the target appears by one rename at the end.

    The target is a project's folder as well: it gets a mainspring.toml that names itself as home. The online store
    is materialised anew, up to the project clock's present. What an older version made is migrated on the way.

    Args:
        folder: where backups are kept.
        target: must not exist, or be empty.
        number: which backup; None = the newest.
        records_url: an empty PostgreSQL database for the records; None = SQLite in the target.

    Raises:
        InputError: the URL is not one of PostgreSQL.
        StateError: the target or the database has something in it, or the backup was interrupted.
        UnknownNameError: no such backup.
        SchemaVersionError: a newer mainspring made it.
        IntegrityError: something in the backup is missing or damaged. Nothing was restored.
        AccessError, UnavailableError: the target cannot be written.
    """
    if records_url is not None and not records_url.startswith("postgres"):
        raise InputError(
            expected="a postgresql: URL, or none",
            got=records_url.split(":", 1)[0] + ":…",
            where="records",
            hint="Leave it out for SQLite: its file is made in the target.",
        )
    source = BackupFolder(folder)
    manifest = source.get(number)
    _check_known(manifest, source.path)
    target = target.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StateError(
            expected="a folder that does not exist, or is empty",
            got="one with something in it",
            where=str(target),
            hint="Choose another folder, or move this one away. Nothing was restored.",
        )
    with refusals(target):
        make_folder(target.parent)
        with _staged(target) as home:
            _bring(source.contents, manifest, home, progress)
            _migrate(home)
            _configure(home, manifest, records_url)
            if records_url is not None:
                _load(home, records_url, manifest.project_id)
            n_online = _settle(home, target, records_url)
            _sync(home)
            os.replace(home, target)
            sync_folder(target.parent)
    made = Restored(
        home=str(target),
        number=manifest.number,
        project_id=manifest.project_id,
        created_at=manifest.created_at,
        n_files=len(manifest.files),
        n_blobs=len(manifest.blobs),
        size_bytes=manifest.size_bytes,
        n_online=n_online,
    )
    _log.info(
        "restore.done",
        f"backup {made.number} restored in {target}: {made.n_files} files ({made.size_bytes:,} bytes)",
        **made.model_dump(exclude={"project_id"}),
    )
    return made


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """A folder beside the target, removed if anything fails; what killed restores left is removed first."""
    prefix = f".{target.name}.restoring-"
    for left in target.parent.glob(f"{prefix}*"):
        with locked(left, os.O_RDONLY) as ours:
            if ours is not None:
                shutil.rmtree(left)
    home = target.parent / f"{prefix}{new_id()}"
    make_folder(home)
    with locked(home, os.O_RDONLY):
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


def _bring(contents: Blobs, manifest: Manifest, home: Path, progress: Progress) -> None:
    blobs = open_blobs(home / "blobs")
    with progress("restored", len(manifest.files) + len(manifest.blobs)) as advance:
        for piece in manifest.files:
            _bring_file(contents, piece, home)
            advance()
        for blob in manifest.blobs:
            place = _content(contents, blob.sha256, f"blob {blob.sha256}")
            found = blobs.put_file(place).sha256
            if found != blob.sha256:
                raise _damaged(place, blob.sha256, found)
            advance()


def _bring_file(contents: Blobs, piece: Piece, home: Path) -> None:
    """Copy one file and digest what is copied."""
    source = _content(contents, piece.sha256, piece.path)
    place = home / piece.path
    if not place.resolve().is_relative_to(home.resolve()):
        raise IntegrityError(
            expected="paths inside the home",
            got=piece.path,
            where="manifest",
            hint="Somebody changed the manifest; restore another backup.",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    seen = hashlib.sha256()
    with source.open("rb") as given, place.open("xb") as made:
        while chunk := given.read(CHUNK_BYTES):
            seen.update(chunk)
            made.write(chunk)
        made.flush()
        os.fsync(made.fileno())
    if seen.hexdigest() != piece.sha256:
        raise _damaged(source, piece.sha256, seen.hexdigest())


def _content(contents: Blobs, sha256: str, what: str) -> Path:
    if contents.find(sha256) is None:
        raise IntegrityError(
            expected=f"the content of {what}",
            got=f"nothing of SHA-256 {sha256}",
            where="backup",
            hint="The folder lost files. Restore another backup, or back the project up again if it still lives.",
        )
    return contents.path(sha256)


def _damaged(place: Path, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        expected=f"bytes with SHA-256 {expected}",
        got=f"bytes with SHA-256 {found}",
        where=str(place),
        hint="Nothing was restored. Remove the damaged file and back up again, or restore another backup.",
    )


def _check_known(manifest: Manifest, folder: Path) -> None:
    if manifest.schema_revision not in REVISIONS:
        raise newer(
            Schema(manifest.schema_revision, manifest.version), f"backup {manifest.number} in {folder}"
        )


def _migrate(home: Path) -> None:
    """Bring what an older version made to this one's schema; the backup keeps it as it was."""
    with closing(open_records(f"sqlite:///{home / RECORDS}")) as records:
        points_schema.migrate(points_file(home / RECORDS))
        records.migrate()


def _configure(home: Path, manifest: Manifest, records_url: str | None) -> None:
    sections: dict[str, dict[str, Any]] = {"project": {"id": manifest.project_id}, **manifest.config}
    sections["project"] = {"id": manifest.project_id, **manifest.config.get("project", {})}
    sections["home"] = {"path": "."}
    if records_url is not None:
        sections["records"] = {"url": records_url}
    # JSON's texts and numbers are TOML's as well.
    text = "\n".join(
        f"[{section}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for section, values in sections.items()
    )
    place = home / FILE_NAME
    place.write_text(text, encoding="utf-8")
    # The address of a database may hold a password.
    place.chmod(0o600)
    sync_file(place)


def _load(home: Path, records_url: str, project_id: str) -> None:
    """Bring the records into another database; the files that they were in go."""
    records = open_records(records_url)
    try:
        records.set_up()
        records.load(home / RECORDS)
        points = points_file(home / RECORDS)
        TablePoints(records, project_id).load(points)
    finally:
        records.close()
    for place in [home / RECORDS, *home.glob(f"{points.name}*")]:
        place.unlink()


def _settle(home: Path, target: Path, records_url: str | None) -> int:
    """Fill the online store of the staged project, and make it a home of its own; the number of entries."""
    places = {
        "home.path": ".",
        "records.url": records_url or "sqlite:///{home}/records.db",
        "blobs.url": "file:{home}/blobs",
        "tables.url": "file:{home}/tables",
        "keys.url": "lmdb:{home}/keys",
    }
    with open_project(home, overrides=places, as_is=True, importable=False) as project:
        n_online = _materialize(project)
        # The backup held them while it copied the records.
        project.graph.leases.free(ROLES)
        project.identity.claim(lies_at=target.resolve())
        return n_online


def _materialize(project: Project) -> int:
    clock = project.clock
    if isinstance(clock, ReplayClock) and clock.find() is None:
        return 0
    if not any(group.spec.online for group in project.features.groups(archived=True)):
        return 0
    return project.features.materialize()


def _sync(home: Path) -> None:
    for folder, _, _ in os.walk(home):
        sync_folder(Path(folder))
