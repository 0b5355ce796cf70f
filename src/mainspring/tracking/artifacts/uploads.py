"""Artifacts that are sent in parts: begun, sent in any order and again, put together, or given up.

A part is a blob as soon as it is acknowledged, so that a sender who was killed, or a server, goes on where it was. Of
the artifact nothing is visible until all parts are one. What nobody completes is collected by `mainspring gc`.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Final

from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage import Graph
from mainspring.ports.blobs import Blob
from mainspring.tracking.artifacts import store
from mainspring.tracking.artifacts.api import RunArtifacts
from mainspring.tracking.artifacts.spec import Part, Upload
from mainspring.tracking.spec import Artifact

MAX_PARTS: Final = 10_000


class Uploads:
    """Threads may share it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def begin(self, run_id: str, path: str, n_parts: int) -> Upload:
        """Begin to send an artifact of a run.

        Args:
            n_parts: how many parts it will have.

        Raises:
            InputError: that cannot be its path, or so many parts are none or too many.
            UnknownNameError: there is no such run.
            StateError: the run is archived, or its content was deleted.
        """
        if not 1 <= n_parts <= MAX_PARTS:
            raise InputError(
                expected=f"1 to {MAX_PARTS} parts",
                got=str(n_parts),
                where=f"upload of {path!r}",
                hint="Send larger parts.",
            )
        RunArtifacts(self._graph, run_id).check_may_keep(path)
        now = datetime.now(UTC)
        begun = Upload(
            id=secrets.token_hex(16), run_id=run_id, name=path, n_parts=n_parts, began_at=now, touched_at=now
        )
        with self._graph.records.write() as connection:
            store.add_upload(connection, begun, self._graph.project_id)
        return begun

    def get(self, upload_id: str) -> Upload:
        """The upload of that id.

        Raises:
            UnknownNameError: there is none, or it is over.
        """
        with self._graph.records.read() as connection:
            found = store.find_upload(connection, upload_id, self._graph.project_id)
        if found is None:
            raise _over(upload_id)
        return found

    def parts(self, upload_id: str) -> list[Part]:
        """What has come of it, by number: the others are to be sent.

        Raises:
            UnknownNameError: there is no such upload, or it is over.
        """
        with self._graph.records.read() as connection:
            return store.parts_of(connection, self.get(upload_id).id)

    def put(self, upload_id: str, number: int, blob: Blob) -> Part:
        """Keep a part whose bytes are in the blobs; one that came before under the number is replaced.

        Raises:
            InputError: the upload has no part of that number.
            UnknownNameError: there is no such upload, or it is over.
        """
        upload = self.get(upload_id)
        if not 1 <= number <= upload.n_parts:
            raise InputError(
                expected=f"a part from 1 to {upload.n_parts}",
                got=str(number),
                where=f"upload of {upload.name!r}",
                hint="Begin another upload for more parts.",
            )
        part = Part(
            upload_id=upload_id,
            number=number,
            sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            put_at=datetime.now(UTC),
        )
        with self._graph.records.write() as connection:
            if not store.put_part(connection, self._graph.records, part, self._graph.project_id):
                raise _over(upload_id)
        return part

    def complete(self, upload_id: str, *, replace: bool = False) -> Artifact:
        """Put the parts together and keep the whole with the run.

        Args:
            replace: as of `RunArtifacts.put`.

        Raises:
            InputError: a part has not come.
            UnknownNameError: there is no such upload, or it is over.
            ConflictError: as of `RunArtifacts.put`.
        """
        upload, parts = self.get(upload_id), self.parts(upload_id)
        missing = sorted(set(range(1, upload.n_parts + 1)) - {part.number for part in parts})
        if missing:
            raise InputError(
                expected=f"all {upload.n_parts} parts",
                got=f"{len(missing)} missing: {', '.join(map(str, missing[:10]))}{' …' if len(missing) > 10 else ''}",
                where=f"upload of {upload.name!r}",
                hint="Send them, then complete it again: what has come is kept.",
            )
        blobs = self._graph.blobs
        with blobs.stage() as staged:
            for part in parts:
                for piece in blobs.stream(part.sha256):
                    staged.write(piece)
            whole = staged.publish()
        kept = RunArtifacts(self._graph, upload.run_id).keep(upload.name, whole, replace=replace)
        self.abort(upload_id)
        return kept

    def abort(self, upload_id: str) -> None:
        """Give an upload up; again changes nothing. The bytes of its parts go with the next collection."""
        with self._graph.records.write() as connection:
            store.delete_upload(connection, upload_id)


def _over(upload_id: str) -> UnknownNameError:
    return UnknownNameError(
        expected="an upload that goes on",
        got=repr(upload_id),
        where="upload in parts",
        hint="It was completed or given up, or nothing came for long: begin it anew.",
    )
