"""The SQL of artifacts: the rows of runs' files, and the tables of uploads in parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, true, update

from mainspring.lineage.store import assets
from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.schema import row, table, value
from mainspring.tracking.artifacts.spec import Part, Upload
from mainspring.tracking.spec import Artifact
from mainspring.tracking.store import artifacts
from mainspring.types import to_us

uploads = table("artifact_uploads", Upload, key=["id"], indexes=[["run_id"], ["project_id", "touched_us"]])
parts = table("artifact_parts", Part, key=["upload_id", "number"])


def _at_or_below(path: str) -> ColumnElement[bool]:
    """The file of that path, or everything in the folder of that path; all where it is empty."""
    if not path:
        return true()
    return or_(artifacts.c.name == path, _below(path))


def _below(folder: str) -> ColumnElement[bool]:
    # Compared as it is written: LIKE would have wildcards, and a range an order, which differs between databases.
    return func.substr(artifacts.c.name, 1, len(folder) + 1) == f"{folder}/"


def artifacts_at(connection: Connection, run_id: str, path: str) -> list[Artifact]:
    """The run's file of that path, or its files below it; all of them for the empty path. By name."""
    query = (
        select(artifacts).where(artifacts.c.run_id == run_id, _at_or_below(path)).order_by(artifacts.c.name)
    )
    return [value(Artifact, found) for found in connection.execute(query).mappings()]


def find_artifact(connection: Connection, run_id: str, path: str) -> Artifact | None:
    """The run's file of that path."""
    query = select(artifacts).where(artifacts.c.run_id == run_id, artifacts.c.name == path)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Artifact, found)


def find_in_the_way(connection: Connection, run_id: str, path: str) -> str | None:
    """A file of the run that would have to be a folder, or the other way round, if there were one of that path."""
    parents = [path[:place] for place, character in enumerate(path) if character == "/"]
    query = select(artifacts.c.name).where(
        artifacts.c.run_id == run_id, or_(among(artifacts.c.name, parents), _below(path))
    )
    return connection.execute(query.limit(1)).scalar_one_or_none()


def put_artifact(
    connection: Connection, records: Records, artifact: Artifact, project_id: str, *, replace: bool
) -> Artifact:
    """Write an artifact; the one that is there now.

    Args:
        replace: of one of that name with other content the new one takes the place; else it stays.
    """
    statement = records.insert(artifacts).values(row(artifact, project_id))
    if replace:
        new = statement.excluded
        changed = {name: new[name] for name in ("sha256", "size_bytes", "asset_id", "logged_us")}
        statement = statement.on_conflict_do_update(
            index_elements=["run_id", "name"], set_=changed, where=artifacts.c.sha256 != new.sha256
        )
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement)
    there = find_artifact(connection, artifact.run_id, artifact.name)
    assert there is not None
    return there


def delete_artifacts(connection: Connection, run_id: str, names: Sequence[str]) -> None:
    """Take files out of a run."""
    connection.execute(delete(artifacts).where(artifacts.c.run_id == run_id, among(artifacts.c.name, names)))


def published(connection: Connection, asset_ids: Sequence[str]) -> set[str]:
    """Those of the assets that exist."""
    return set(connection.execute(select(assets.c.id).where(among(assets.c.id, asset_ids))).scalars())


def add_upload(connection: Connection, upload: Upload, project_id: str) -> None:
    """Record that an upload began."""
    connection.execute(insert(uploads).values(row(upload, project_id)))


def find_upload(connection: Connection, upload_id: str, project_id: str) -> Upload | None:
    """The upload of that id, unless it is over."""
    query = select(uploads).where(uploads.c.id == upload_id, uploads.c.project_id == project_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Upload, found)


def put_part(connection: Connection, records: Records, part: Part, project_id: str) -> bool:
    """Write a part, in the place of one of that number; False where its upload is over."""
    touched = (
        update(uploads)
        .where(uploads.c.id == part.upload_id, uploads.c.project_id == project_id)
        .values(touched_us=to_us(part.put_at))
    )
    if connection.execute(touched).rowcount != 1:
        return False
    statement = records.insert(parts).values(row(part, project_id))
    changed = {name: statement.excluded[name] for name in ("sha256", "size_bytes", "put_us")}
    connection.execute(statement.on_conflict_do_update(index_elements=["upload_id", "number"], set_=changed))
    return True


def parts_of(connection: Connection, upload_id: str) -> list[Part]:
    """The parts that have come, by number."""
    query = select(parts).where(parts.c.upload_id == upload_id).order_by(parts.c.number)
    return [value(Part, found) for found in connection.execute(query).mappings()]


def uploads_before(connection: Connection, touched_before: datetime, project_id: str | None) -> list[Upload]:
    """Uploads that nothing came of since then, oldest first; of one project, or None for all."""
    query = select(uploads).where(uploads.c.touched_us < to_us(touched_before)).order_by(uploads.c.touched_us)
    if project_id is not None:
        query = query.where(uploads.c.project_id == project_id)
    return [value(Upload, found) for found in connection.execute(query).mappings()]


def delete_upload(connection: Connection, upload_id: str, touched_before: datetime | None = None) -> bool:
    """Forget an upload with its parts; False where it is over.

    Args:
        touched_before: not if anything came of it since then; None = in any case.
    """
    which = uploads.c.id == upload_id
    if touched_before is not None:
        which &= uploads.c.touched_us < to_us(touched_before)
    if connection.execute(delete(uploads).where(which)).rowcount != 1:
        return False
    connection.execute(delete(parts).where(parts.c.upload_id == upload_id))
    return True
