"""What a backup consists of, as frozen values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from mainspring.lineage.spec import Value

FORMAT: Final = 1
RECORDS: Final = "records.db"
"""The records, as a SQLite file whatever database they came from."""


class Piece(Value):
    """A file of the home.

    Attributes:
        path: relative to the home, with slashes.
    """

    path: str
    sha256: str
    size_bytes: int


class BlobPiece(Value):
    """A blob."""

    sha256: str
    size_bytes: int


class Manifest(Value):
    """One complete backup: every file with its digest.

    Attributes:
        format: of the backup's folder.
        number: counts the backups in a folder from 1; an interrupted one uses up a number.
        created_at: the machine's clock when it began. Everything acknowledged before is in it.
        schema_revision: of the records.
        config: section → key → value of what the restored project is configured with.
        files: records, metric points, tables, weight tables, log segments.
        blobs: every blob.
    """

    format: int
    number: int
    created_at: datetime
    version: str
    project_id: str
    schema_revision: str
    config: dict[str, dict[str, Any]]
    files: tuple[Piece, ...]
    blobs: tuple[BlobPiece, ...]

    @property
    def size_bytes(self) -> int:
        """Everything together, once restored."""
        return sum(file.size_bytes for file in self.files) + sum(blob.size_bytes for blob in self.blobs)


class Backup(Value):
    """What one run of `backup` did.

    Attributes:
        folder: where backups are kept.
        n_files, n_blobs, size_bytes: of the whole backup.
        n_copied, copied_bytes: what the folder did not have yet.
    """

    folder: str
    number: int
    project_id: str
    created_at: datetime
    n_files: int
    n_blobs: int
    size_bytes: int
    n_copied: int
    copied_bytes: int


class Restored(Value):
    """What one run of `restore` did.

    Attributes:
        home: the new home, which is also a project's folder with a configuration of its own.
        n_online: entries written to the online store, which is not part of a backup.
    """

    home: str
    number: int
    project_id: str
    created_at: datetime
    n_files: int
    n_blobs: int
    size_bytes: int
    n_online: int
