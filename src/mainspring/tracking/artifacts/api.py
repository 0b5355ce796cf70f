"""The files of one run: kept, listed, read and deleted."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from mainspring.errors import ConflictError, InputError, UnknownNameError
from mainspring.frames import frame_in_memory
from mainspring.lineage import AssetKind, Graph, marks
from mainspring.lineage.spec import ExecutionState, Mark, MarkKind, Noun
from mainspring.lineage.store import all_stand, find_execution
from mainspring.ports._disk import sync_folder
from mainspring.ports.blobs import Blob
from mainspring.tracking.artifacts import store
from mainspring.tracking.artifacts.folders import files_below, place_below
from mainspring.tracking.artifacts.locations import read_path
from mainspring.tracking.artifacts.spec import Entry
from mainspring.tracking.spec import Artifact
from mainspring.tracking.store import LATE, find_run_row, lost_run, no_run
from mainspring.types import new_id

if TYPE_CHECKING:
    import polars as pl


TABLES: Final = (".parquet", ".csv", ".jsonl")


class RunArtifacts:
    """The artifacts of one run. Threads may share it.

    While the run goes on they are the run's, and become assets when it finishes; what is kept later becomes an asset
    at once, by an execution of its own.

    Attributes:
        run_id: of the run.
    """

    def __init__(self, graph: Graph, run_id: str) -> None:
        self._graph = graph
        self.run_id = run_id

    def entries(self, folder: str = "") -> list[Entry]:
        """The files and folders right in a folder, by path; empty where there is no such folder.

        Args:
            folder: its path; empty = the top.
        """
        below = self.files(folder)
        start = len(folder) + 1 if folder else 0
        found: dict[str, Entry] = {}
        for artifact in below:
            if artifact.name == folder:
                continue
            first, _, rest = artifact.name[start:].partition("/")
            path = f"{folder}/{first}" if folder else first
            size_bytes = None if rest else artifact.size_bytes
            found.setdefault(path, Entry(path=path, is_folder=bool(rest), size_bytes=size_bytes))
        return sorted(found.values(), key=lambda entry: entry.path)

    def files(self, path: str = "") -> list[Artifact]:
        """The file of a path, or every file below it, by name; empty = all of the run."""
        with self._graph.records.read() as connection:
            return store.artifacts_at(connection, self.run_id, path)

    def find(self, path: str) -> Artifact | None:
        """The file of that path; None if there is none."""
        with self._graph.records.read() as connection:
            return store.find_artifact(connection, self.run_id, path)

    def get(self, path: str) -> Artifact:
        """The file of that path.

        Raises:
            UnknownNameError: there is none.
        """
        found = self.find(path)
        if found is None:
            known = [artifact.name for artifact in self.files()]
            raise UnknownNameError.of("artifact", path, known, f"run {self.run_id}")
        return found

    def stream(self, path: str) -> Iterator[bytes]:
        """A file's bytes in pieces, in memory that does not grow with it; checked before the last one comes.

        Raises:
            UnknownNameError: there is none.
            DeletedError: the run's content was deleted.
            IntegrityError: what is stored is not what was kept.
        """
        found = self.get(path)
        self._graph.check_there(self.run_id)
        return self._graph.blobs.stream(found.sha256)

    def read(self, path: str) -> bytes:
        """A file's bytes at once; errors as of `stream`."""
        return b"".join(self.stream(path))

    def read_table(self, path: str) -> pl.DataFrame:
        """The rows of a file that `table` wrote, or any other in Parquet, CSV or JSON Lines.

        Raises:
            InputError: its name ends in none of .parquet, .csv, .jsonl.
        """
        import polars as pl

        suffix = _suffix(path, TABLES, "read_table")
        rows = io.BytesIO(self.read(path))
        if suffix == ".parquet":
            return pl.read_parquet(rows)
        return pl.read_csv(rows) if suffix == ".csv" else pl.read_ndjson(rows)

    def download(self, to: str | Path, path: str = "") -> list[Path]:
        """Write files into a folder of this machine, each one whole or not at all; what is there is replaced.

        Args:
            to: the folder; made when it is not there.
            path: of a file, or of a folder with everything in it; empty = all of the run.

        Returns:
            The files written, by name.

        Raises:
            UnknownNameError: there is nothing of that path.
            InputError: something in the folder is in the way: a link, or a folder where a file goes.
        """
        found = self.files(path)
        if not found and path:
            self.get(path)
        return [self._write(artifact, place_below(Path(to), artifact.name)) for artifact in found]

    def _write(self, artifact: Artifact, place: Path) -> Path:
        draft = place.with_name(f".{place.name[:200]}.{new_id()}")
        try:
            with draft.open("xb") as file:
                for piece in self.stream(artifact.name):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(place.parent)
        return place

    def put(self, path: str, content: bytes | str | Path, *, replace: bool = False) -> Artifact:
        """Keep a file.

        Args:
            path: what it is called in the run: names with slashes between them.
            content: bytes, or the path of a file.
            replace: of one of that path with other content this one takes the place; else that is refused.

        Raises:
            ConflictError: there is one of that path with other content, or a folder.
            InputError: that cannot be its path, or there is no such file.
            UnknownNameError: there is no such run.
            StateError: the run is archived, or its content was deleted.
            FencedError: the run was called lost.
        """
        read_path(path, "artifact")
        blobs = self._graph.blobs
        blob = blobs.put(content) if isinstance(content, bytes) else blobs.put_file(content)
        return self.keep(path, blob, replace=replace)

    def put_folder(self, folder: str | Path, into: str = "", *, replace: bool = False) -> list[Artifact]:
        """Keep every file below a folder of this machine.

        Args:
            into: the folder of the run that they come into; empty = the top.
            replace: as of `put`.

        Raises:
            InputError: it is no folder; or something in it is a link that leads out of it, or no file. Nothing is kept.
            ConflictError, StateError, UnknownNameError, FencedError: as of `put`.
        """
        given = [(f"{into}/{name}" if into else name, place) for name, place in files_below(Path(folder))]
        for path, _ in given:
            read_path(path, "artifact")
        return [self.put(path, place, replace=replace) for path, place in given]

    def put_figure(self, path: str, figure: Any, *, replace: bool = False) -> Artifact:
        """Keep a picture of a figure of matplotlib, or of anything else with a `savefig`.

        Args:
            path: its ending says the format: .png, .svg, .pdf.
            replace: as of `put`.

        Raises:
            InputError: it has no `savefig`, or the ending is of another format.
            ConflictError, StateError, UnknownNameError, FencedError: as of `put`.
        """
        suffix = _suffix(path, (".png", ".svg", ".pdf"), "put_figure")
        if not hasattr(figure, "savefig"):
            raise InputError.of_kind(
                "a figure with a `savefig`", figure, path, "Save it yourself and put the file."
            )
        # Without the time and the library's version: equal figures are equal files.
        undated = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        drawn = io.BytesIO()
        figure.savefig(drawn, format=suffix[1:], metadata=undated[suffix])
        return self.put(path, drawn.getvalue(), replace=replace)

    def put_table(self, path: str, table: object, *, replace: bool = False) -> Artifact:
        """Keep rows as a file.

        Args:
            path: its ending says the format: .parquet, .csv or .jsonl (an object a line).
            table: a polars or pandas frame, or Arrow data.
            replace: as of `put`.

        Raises:
            InputError: it is no frame, or the ending is of another format.
            ConflictError, StateError, UnknownNameError, FencedError: as of `put`.
        """
        suffix = _suffix(path, TABLES, "put_table")
        frame, written = frame_in_memory(table, path), io.BytesIO()
        if suffix == ".parquet":
            frame.write_parquet(written)
        elif suffix == ".csv":
            frame.write_csv(written)
        else:
            frame.write_ndjson(written)
        return self.put(path, written.getvalue(), replace=replace)

    def put_json(self, path: str, value: object, *, replace: bool = False) -> Artifact:
        """Keep plain data as JSON.

        Raises:
            InputError: it is no plain data.
            ConflictError, StateError, UnknownNameError, FencedError: as of `put`.
        """
        try:
            text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=True)
        except (TypeError, ValueError) as error:
            raise InputError(
                expected="plain data", got=str(error), where=path, hint="Put the bytes of a file instead."
            ) from error
        return self.put(path, text.encode(), replace=replace)

    def keep(self, path: str, blob: Blob, *, replace: bool = False) -> Artifact:
        """Keep a file whose bytes are in the blobs; else as `put`."""
        wanted = Artifact(
            run_id=self.run_id,
            name=read_path(path, "artifact"),
            sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            asset_id=new_id(),
            logged_at=datetime.now(UTC),
        )
        with self._graph.records.write() as connection:
            if self._is_running(connection):
                return self._put(connection, wanted, replace=replace)
            there = store.find_artifact(connection, self.run_id, path)
        if there is not None and there.sha256 == wanted.sha256:
            return there
        self._publish_late(wanted, replace=replace)
        return wanted

    def _publish_late(self, wanted: Artifact, *, replace: bool) -> None:
        told = {"run_id": self.run_id, "name": wanted.name}
        with self._graph.execution(LATE, wanted.name, parameters=told, parent_id=self.run_id) as work:
            work.add(
                AssetKind.ARTIFACT,
                wanted.name,
                digest=wanted.sha256,
                attributes={"size_bytes": wanted.size_bytes, "run_id": self.run_id},
                asset_id=wanted.asset_id,
                role=wanted.name,
            )
            work.event("artifact.added", wanted.asset_id, told)
            work.write(lambda connection: self._put(connection, wanted, replace=replace))

    def _put(self, connection: Connection, wanted: Artifact, *, replace: bool) -> Artifact:
        graph = self._graph
        marks.check_usable(connection, graph.project_id, [self.run_id])
        in_the_way = store.find_in_the_way(connection, self.run_id, wanted.name)
        if in_the_way is not None:
            raise ConflictError(
                expected="a path that is no file's and no folder's",
                got=f"{wanted.name!r} beside {in_the_way!r}",
                where=f"run {self.run_id}, artifact",
                hint="What is a file cannot be a folder too; choose another name.",
            )
        kept = store.put_artifact(connection, graph.records, wanted, graph.project_id, replace=replace)
        if kept.sha256 != wanted.sha256:
            raise ConflictError(
                expected=f"the content that {wanted.name!r} already has ({kept.sha256[:12]}…)",
                got=f"other content ({wanted.sha256[:12]}…)",
                where=f"run {self.run_id}, artifact",
                hint="Choose another name, or say `replace=True`.",
            )
        return kept

    def delete(self, path: str = "") -> int:
        """Take a file, or a folder with everything in it, out of the run; its bytes go with the next collection.

        That it was there stays on record once the run has finished.

        Args:
            path: empty = all of the run's.

        Returns:
            How many files that were.

        Raises:
            UnknownNameError: there is nothing of that path; or no such run.
            FencedError: the run was called lost.
        """
        with self._graph.records.write() as connection:
            self._is_running(connection)
            due = store.artifacts_at(connection, self.run_id, path)
            published = store.published(connection, [artifact.asset_id for artifact in due])
            if not published:
                store.delete_artifacts(connection, self.run_id, [artifact.name for artifact in due])
        if not due and path:
            self.get(path)
        if published:
            self._delete_published(due, published)
        return len(due)

    def _delete_published(self, due: list[Artifact], published: set[str]) -> None:
        graph = self._graph
        told = {"run_id": self.run_id, "names": [artifact.name for artifact in due[:100]], "n": len(due)}
        with graph.execution("delete", f"artifacts of run {self.run_id}", parameters=told) as work:
            given = [self._mark(artifact, work.id) for artifact in due if artifact.asset_id in published]
            for mark in given:
                work.event("artifact.deleted", mark.subject_id, {"run_id": self.run_id})

            def take_out(connection: Connection) -> None:
                marks.add(graph.records, connection, given, graph.project_id)
                store.delete_artifacts(connection, self.run_id, [artifact.name for artifact in due])

            work.write(take_out)

    def _mark(self, artifact: Artifact, execution_id: str) -> Mark:
        return Mark(
            subject_id=artifact.asset_id,
            kind=MarkKind.DELETED,
            noun=Noun.RUN,
            name=self.run_id,
            part_of=None,
            reason=f"artifact {artifact.name}",
            actor=self._graph.actor,
            execution_id=execution_id,
            marked_at=self._graph.clock.now(),
        )

    def check_may_keep(self, path: str) -> None:
        """A file of that path could be kept: before its bytes are sent.

        Raises:
            InputError: that cannot be its path.
            UnknownNameError: there is no such run.
            StateError: the run is archived, or its content was deleted.
        """
        read_path(path, "artifact")
        with self._graph.records.read() as connection:
            self._execution_id(connection)
            marks.check_usable(connection, self._graph.project_id, [self.run_id])

    def _is_running(self, connection: Connection) -> bool:
        """Whether the run goes on; it does not end before the transaction does."""
        execution_id = self._execution_id(connection)
        if not all_stand(connection, [execution_id]):
            raise lost_run(self.run_id)
        found = find_execution(connection, execution_id, self._graph.project_id)
        return found is not None and found.state is ExecutionState.RUNNING

    def _execution_id(self, connection: Connection) -> str:
        row = find_run_row(connection, self._graph.project_id, self.run_id)
        if row is None:
            raise no_run(self.run_id)
        return row.execution_id


def _suffix(path: str, known: Iterable[str], where: str) -> str:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in known:
        raise InputError(
            expected=f"a name that ends in {', '.join(known)}",
            got=repr(path),
            where=where,
            hint="The ending says the format; of any other write the bytes yourself, and put those.",
        )
    return suffix
