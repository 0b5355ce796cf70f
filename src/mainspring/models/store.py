"""The models' SQL tables, and the statements that read and write them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, insert, select

from mainspring.lineage.marks import visible
from mainspring.lineage.store import events
from mainspring.models.spec import ALIAS_MOVED, Alias, AliasMove, ModelPackage, ModelVersion
from mainspring.ports.records import Records
from mainspring.ports.records.schema import row, table, value

packages = table("model_packages", ModelPackage, key=["id"], indexes=[["project_id", "digest"]])
versions = table(
    "model_versions",
    ModelVersion,
    key=["project_id", "name", "number"],
    unique=[["asset_id"]],
    indexes=[["package_id"], ["run_id"]],
)
aliases = table("model_aliases", Alias, key=["project_id", "name", "alias"])
alias_moves = table(
    "model_alias_moves", AliasMove, key=["id"], indexes=[["project_id", "name", "alias", "moved_us"]]
)


def add_package(connection: Connection, package: ModelPackage, project_id: str) -> None:
    """Insert a package."""
    connection.execute(insert(packages).values(row(package, project_id)))


def add_version(connection: Connection, version: ModelVersion, project_id: str) -> None:
    """Insert a version under its number."""
    connection.execute(insert(versions).values(row(version, project_id)))


def last_number(connection: Connection, project_id: str, name: str) -> int:
    """The highest number of that model; 0 without versions."""
    query = select(func.max(versions.c.number)).where(
        versions.c.project_id == project_id, versions.c.name == name
    )
    return connection.execute(query).scalar_one() or 0


def find_package(connection: Connection, package_id: str) -> ModelPackage | None:
    """The package of that asset id."""
    found = connection.execute(select(packages).where(packages.c.id == package_id)).mappings().one_or_none()
    return None if found is None else value(ModelPackage, found)


def find_version(connection: Connection, project_id: str, name: str, number: int) -> ModelVersion | None:
    """The version of that number."""
    query = select(versions).where(
        versions.c.project_id == project_id, versions.c.name == name, versions.c.number == number
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(ModelVersion, found)


def find_version_by_asset(connection: Connection, asset_id: str) -> ModelVersion | None:
    """The version whose asset it is."""
    found = (
        connection.execute(select(versions).where(versions.c.asset_id == asset_id)).mappings().one_or_none()
    )
    return None if found is None else value(ModelVersion, found)


def list_versions(
    connection: Connection, project_id: str, name: str | None, *, archived: bool
) -> list[ModelVersion]:
    """Versions by name and number, of one model or of all; archived and deleted ones only if asked for."""
    query = select(versions).where(versions.c.project_id == project_id)
    if not archived:
        query = query.where(visible(versions.c.asset_id, project_id))
    if name is not None:
        query = query.where(versions.c.name == name)
    query = query.order_by(versions.c.name, versions.c.number)
    return [value(ModelVersion, found) for found in connection.execute(query).mappings()]


def list_aliases(connection: Connection, project_id: str, name: str | None) -> list[Alias]:
    """Aliases by model and name, of one model or of all."""
    query = select(aliases).where(aliases.c.project_id == project_id)
    if name is not None:
        query = query.where(aliases.c.name == name)
    return [
        value(Alias, found)
        for found in connection.execute(query.order_by(aliases.c.name, aliases.c.alias)).mappings()
    ]


def find_alias(connection: Connection, project_id: str, name: str, alias: str) -> Alias | None:
    """Where the alias stands; None if it was never set."""
    query = select(aliases).where(
        and_(aliases.c.project_id == project_id, aliases.c.name == name, aliases.c.alias == alias)
    )
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Alias, found)


def list_moves(connection: Connection, project_id: str, name: str, alias: str | None) -> Sequence[AliasMove]:
    """The history of a model's aliases, oldest first."""
    # By the log, not by the time: a clock may be set back between two moves.
    told = (events.c.execution == alias_moves.c.execution_id) & (events.c.kind == ALIAS_MOVED)
    query = (
        select(alias_moves)
        .join(events, told & (events.c.project_id == alias_moves.c.project_id))
        .where(alias_moves.c.project_id == project_id, alias_moves.c.name == name)
    )
    if alias is not None:
        query = query.where(alias_moves.c.alias == alias)
    query = query.order_by(events.c.seq)
    return [value(AliasMove, found) for found in connection.execute(query).mappings()]


def move_alias(records: Records, connection: Connection, move: AliasMove, project_id: str) -> None:
    """Put the alias on `move.number` and write the step down.

    Gates call this beside their decision, and serving beside the revision that a decision allows; no one else.
    """
    placed = row(
        Alias(
            name=move.name,
            alias=move.alias,
            number=move.number,
            decision_id=move.decision_id,
            moved_at=move.moved_at,
        ),
        project_id,
    )
    changed = {column: placed[column] for column in ("number", "decision_id", "moved_us")}
    statement = records.insert(aliases).values(placed)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["project_id", "name", "alias"], set_=changed)
    )
    connection.execute(insert(alias_moves).values(row(move, project_id)))
