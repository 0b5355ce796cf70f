"""Makes a backup while the project is in use.

The order of copying is what makes it consistent; see decision 0070. Things refer to what was there before them, so
what refers is copied first and what is referred to afterwards: log segments, then how far the log's tables are, then
the weight tables' epochs, then one snapshot of the records, and after it all that the snapshot needs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from mainspring import __version__
from mainspring.config import Config, Section
from mainspring.errors import InputError, IntegrityError
from mainspring.features import store as features
from mainspring.features.upkeep import maintenance
from mainspring.log import get_logger
from mainspring.log.progress import Progress, silent
from mainspring.ports.records import open_records
from mainspring.ports.records.migrations import HEAD, revision_of
from mainspring.project import PROJECT_MARK, Project
from mainspring.serving import store as serving
from mainspring.serving import weights
from mainspring.serving.replay import deployed_in, weights_folder
from mainspring.serving.wal import find_segments
from mainspring.tracking.points import open_points, points_file
from mainspring.workflows.backup.folder import BackupFolder
from mainspring.workflows.backup.spec import FORMAT, RECORDS, Backup, BlobPiece, Manifest, Piece
from mainspring.workflows.prediction_logs import log_tables, prediction_logs
from mainspring.workflows.references import METRIC_POINTS, blob_references

_log = get_logger(__name__)

NOT_CONFIGURED: Final = frozenset({"home", "records", "blobs", "tables", "keys"})
"""Sections that say where things lie: a restored project has its own places."""


def make_backup(
    project: Project, folder: Path, *, verify: bool = False, progress: Progress = silent
) -> Backup:
    """Back a project up into a folder, copying only what the folder does not have.

    Everything that was acknowledged before the call is in the backup; of what comes meanwhile, whole publications
    or nothing. The online store is left out: it is made again from the tables.

    The records are copied at the revision that they are at, which may be an older one: such a backup is one that
    the version which made the database restores.

    Args:
        verify: read what the folder has already, and copy again what is damaged there; else its presence and size
            are enough.

    Raises:
        InputError: the folder lies in the project's home, or holds backups of another project.
        StateError: another backup is being made there, or the folder holds something else than backups.
        IntegrityError: something that the records need is damaged or missing here.
        AccessError: the folder cannot be written.
        UnavailableError: its disk is full or failing.
    """
    target = BackupFolder(folder)
    if target.path.is_relative_to(project.home.absolute()):
        raise InputError(
            expected="a folder outside the project's home",
            got=str(target.path),
            where="backup",
            hint="Choose another disk: a backup beside the original is lost with it.",
        )
    target.check_own()
    with target.held():
        before = target.find_newest()
        _check_same(target, before, project.config.project.id)
        created_at = datetime.now(UTC)
        number = target.begin()
        for draft in target.contents.drafts():
            # We write here alone: what is staged is left of a backup that was killed.
            target.contents.delete_draft(draft.name)
        copy = _Copy(project, target, before, verify, progress)
        with _work_folder(target.path) as work, _at_rest(project):
            manifest = _copied(copy, work, number, created_at)
        target.complete(manifest)
    made = Backup(
        folder=str(target.path),
        number=number,
        project_id=manifest.project_id,
        created_at=created_at,
        n_files=len(manifest.files),
        n_blobs=len(manifest.blobs),
        size_bytes=manifest.size_bytes,
        n_copied=copy.n_copied,
        copied_bytes=copy.copied_bytes,
    )
    _log.info(
        "backup.done",
        f"backup {number} in {target.path}: {copy.n_copied} files copied ({copy.copied_bytes:,} bytes)",
        **made.model_dump(exclude={"project_id"}),
    )
    return made


@contextmanager
def _at_rest(project: Project) -> Iterator[None]:
    """While no group's files are compacted, vacuumed or erased from: what the snapshot refers to stays as it was.

    Rows come as ever. Nobody maintains tables of a home that is only there for reading.
    """
    with ExitStack() as held:
        if not project.read_only:
            with project.records.read() as connection:
                # As they were made, which is how whoever fills a version from the one before takes them.
                tables = features.all_tables(connection, project.config.project.id)
            is_current = project.records.schema_revision() == HEAD
            for table in tables:
                if is_current:
                    held.enter_context(maintenance.of_table(project.tables, project.graph.leases, table))
                else:
                    # Processes of the version that made the database know the lock file alone.
                    held.enter_context(project.tables.alone(table))
        yield


def _check_same(target: BackupFolder, before: Manifest | None, project_id: str) -> None:
    if before is not None and before.project_id != project_id:
        raise InputError(
            expected=f"a folder of backups of project {project_id!r}",
            got=f"one of project {before.project_id!r}",
            where=str(target.path),
            hint="Choose a folder for each project.",
        )


def _copied(copy: _Copy, work: Path, number: int, created_at: datetime) -> Manifest:
    project = copy.project
    copy.log_segments()
    versions = {name: project.tables.version(name) for name in log_tables(project)}
    epochs = {name: _epoch(project, name) for name in deployed_in(project.home)}
    project.records.export(work / RECORDS, leave_out={METRIC_POINTS})
    copy.file(RECORDS, work / RECORDS)
    points = points_file(work / RECORDS)
    open_points(project.records, project.config.project.id).export(points)
    copy.file(points.name, points)
    copy.marks()
    with _snapshot(work / RECORDS) as found:
        revision = revision_of(found) or ""
    with _snapshot(_readable(work, revision)) as snapshot:
        for name, epoch in _recorded_epochs(snapshot, project.config.project.id).items():
            epochs[name] = max(epoch, epochs.get(name, 0))
        copy.blobs(snapshot)
        copy.weights(epochs)
        copy.tables(snapshot, versions)
    return Manifest(
        format=FORMAT,
        number=number,
        created_at=created_at,
        version=__version__,
        project_id=project.config.project.id,
        schema_revision=revision,
        config=_configured(project.config),
        files=tuple(copy.pieces.values()),
        blobs=tuple(copy.blob_pieces),
    )


class _Copy:
    """What has been copied so far.

    Attributes:
        before: the backup before this one: files that never change are not read again.
    """

    def __init__(
        self,
        project: Project,
        target: BackupFolder,
        before: Manifest | None,
        verify: bool,
        progress: Progress,
    ) -> None:
        self.project = project
        self.pieces: dict[str, Piece] = {}
        self.blob_pieces: list[BlobPiece] = []
        self.n_copied = 0
        self.copied_bytes = 0
        self._contents = target.contents
        self._verify = verify
        self._verified: set[str] = set()
        self._before = {piece.path: piece for piece in before.files} if before is not None else {}
        self._progress = progress

    def file(self, path: str, source: Path) -> None:
        """A file that nobody changes while it is copied."""
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._put(sha256, source)
        self.pieces[path] = Piece(path=path, sha256=sha256, size_bytes=source.stat().st_size)

    def data(self, path: str, data: bytes) -> None:
        """Bytes that were read already."""
        sha256 = hashlib.sha256(data).hexdigest()
        if not self._has(sha256, len(data)):
            self._contents.put(data)
            self._count(len(data))
        self.pieces[path] = Piece(path=path, sha256=sha256, size_bytes=len(data))

    def fixed(self, path: str, source: Path) -> None:
        """A file that has never another content under this path: the digest of the last backup holds."""
        known = self._before.get(path)
        size_bytes = source.stat().st_size
        if known is not None and known.size_bytes == size_bytes and self._has(known.sha256, size_bytes):
            self.pieces[path] = known
        else:
            self.file(path, source)

    def log_segments(self) -> None:
        """The ids that callers gave, then segments, and damaged ones that were kept.

        In this order an id that the copy knows is in the copy's log.
        """
        for log in prediction_logs(self.project):
            folder = log.folder
            given = folder / "given.ids"
            if given.exists():
                self.data(self._relative(given), _read_shared(given))
            for place in [*find_segments(folder), *sorted(folder.glob("*.damaged"))]:
                try:
                    self.data(self._relative(place), place.read_bytes())
                except FileNotFoundError:
                    # Published between the listing and the reading: the table is copied later and has it.
                    continue

    def marks(self) -> None:
        """Whose home it is, and what a replay clock says."""
        for name in (PROJECT_MARK, "clock"):
            place = self.project.home / name
            if place.exists():
                self.data(name, place.read_bytes())

    def blobs(self, snapshot: Connection) -> None:
        """Every blob; those that the snapshot needs have to be there and whole."""
        project_id = self.project.config.project.id
        needed = {item.sha256: item.owner for item in blob_references(snapshot, project_id)}
        there = {blob.sha256: blob.size_bytes for blob in self.project.blobs.walk()}
        missing = sorted(set(needed) - set(there))
        if missing:
            raise _lost(missing[0], needed[missing[0]], "it is missing")
        with self._progress("blobs", len(there)) as advance:
            for sha256, size_bytes in there.items():
                if not self._has(sha256, size_bytes):
                    found = self._contents.put_file(self.project.blobs.path(sha256)).sha256
                    self._count(size_bytes)
                    if found != sha256:
                        if sha256 in needed:
                            raise _lost(sha256, needed[sha256], f"its bytes have SHA-256 {found}")
                        continue
                self.blob_pieces.append(BlobPiece(sha256=sha256, size_bytes=size_bytes))
                advance()

    def weights(self, epochs: Mapping[str, int]) -> None:
        """The weight tables up to these epochs; the last is the one in force."""
        for name, epoch in epochs.items():
            folder = weights_folder(self.project.home, name)
            for table in weights.history(folder):
                if table.epoch <= epoch:
                    place = weights.place_of(folder, table.epoch)
                    self.data(self._relative(place), place.read_bytes())
            current = weights.place_of(folder, epoch).read_bytes()
            self.data(self._relative(folder / weights.CURRENT), current)

    def tables(self, snapshot: Connection, log_versions: Mapping[str, int]) -> None:
        """The project's tables: those of its log at the given versions, those of its groups at the snapshot's.

        A group's table ends with the last append that the snapshot publishes. A later one would be found again by
        its token when its insert is repeated on the copy, whose records know nothing of its rows.
        """
        versions = dict(log_versions)
        for group in features.all_groups(snapshot, self.project.config.project.id):
            tokens = [commit.token for commit in features.published(snapshot, group.group_id)]
            name = features.table_name(group)
            version = self.project.tables.last_append(name, tokens) if tokens else None
            if version is not None:
                versions[name] = version
            elif tokens:
                raise _lost(f"of table {name}", f"group {group.label}", "no append of its commits is there")
            rejects = features.rejects_table_name(group)
            if self.project.tables.exists(rejects):
                version = self.project.tables.last_append(rejects, tokens) if tokens else None
                versions |= {} if version is None else {rejects: version}
        tables = self.project.tables
        with self._progress("tables", len(versions)) as advance:
            for name, version in versions.items():
                files = tables.files(name, version)
                for path, source in files.fixed.items():
                    # A torn entry of a log may be replaced under its name; data files never are.
                    copy = self.file if path.startswith("_delta_log/") else self.fixed
                    copy(f"tables/{name}/{path}", source)
                    found = self.pieces[f"tables/{name}/{path}"].sha256
                    if files.digests.get(path, found) != found:
                        del self.pieces[f"tables/{name}/{path}"]
                        raise _lost(files.digests[path], str(source), f"its bytes have SHA-256 {found}")
                for path, data in files.written.items():
                    self.data(f"tables/{name}/{path}", data)
                advance()

    def _relative(self, place: Path) -> str:
        return place.relative_to(self.project.home).as_posix()

    def _put(self, sha256: str, source: Path) -> None:
        size_bytes = source.stat().st_size
        if not self._has(sha256, size_bytes):
            found = self._contents.put_file(source).sha256
            self._count(size_bytes)
            if found != sha256:
                raise _lost(sha256, str(source), "it changed while it was read")

    def _has(self, sha256: str, size_bytes: int) -> bool:
        found = self._contents.find(sha256)
        if found is None or found.size_bytes != size_bytes:
            return False
        return not self._verify or self._is_whole(sha256)

    def _is_whole(self, sha256: str) -> bool:
        """Whether what the folder has is what was put there; removes it if not, so that it is copied again."""
        if sha256 not in self._verified:
            with self._contents.path(sha256).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    self._contents.delete(sha256)
                    return False
            self._verified.add(sha256)
        return True

    def _count(self, size_bytes: int) -> None:
        self.n_copied += 1
        self.copied_bytes += size_bytes


@contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """A folder for what is written before it is copied; one that a killed process left is removed."""
    work = target / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _readable(work: Path, revision: str) -> Path:
    """The exported records at this version's schema: the backup itself keeps them as they are."""
    if revision == HEAD:
        return work / RECORDS
    copy = work / "current.db"
    shutil.copy(work / RECORDS, copy)
    with closing(open_records(f"sqlite:///{copy}")) as records:
        records.migrate()
    return copy


@contextmanager
def _snapshot(path: Path) -> Iterator[Connection]:
    """The exported records, to read only: opening them as records would change the file."""
    engine = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _epoch(project: Project, name: str) -> int:
    return weights.read_table(weights_folder(project.home, name)).epoch


def _recorded_epochs(snapshot: Connection, project_id: str) -> dict[str, int]:
    names = serving.deployment_names(snapshot, project_id)
    return {name: max(serving.recorded_epochs(snapshot, name, project_id)) for name in names}


def _configured(config: Config) -> dict[str, dict[str, Any]]:
    """What is not the default, of the sections that hold for a copy as well."""
    found = {}
    for name in type(config).model_fields:
        section = getattr(config, name)
        if isinstance(section, Section) and name not in NOT_CONFIGURED:
            found[name] = section.model_dump(exclude_defaults=True)
    return {name: values for name, values in found.items() if values}


def _read_shared(place: Path) -> bytes:
    """The file's bytes while none of its writers, who lock it, is in the middle of a change."""
    with place.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)


def _lost(content: str, owner: str, got: str) -> IntegrityError:
    return IntegrityError(
        expected=f"content {content} whole, needed by {owner}",
        got=got,
        where="backup",
        hint="Earlier backups are untouched. `mainspring doctor` lists everything that is damaged.",
    )
