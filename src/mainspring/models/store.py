"""The models' SQL tables, and the statements that read and write them.

The tables hold lasting names of models. Whatever is given a name here takes any that a model has or had, and what
is returned has the one that it is called by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, insert, select

from mainspring.lineage import names
from mainspring.lineage.marks import visible
from mainspring.lineage.spec import Noun
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


def _of(source: Table, project_id: str, name: str | None) -> Select[Any]:
    """The rows of one model, or of all, by whichever name of it is given."""
    query = names.selected(source, project_id, {"name": Noun.MODEL})
    return query if name is None else query.where(source.c.name == _lasting(project_id, name))


def _lasting(project_id: str, name: str) -> ColumnElement[str]:
    return names.lasting(Noun.MODEL, project_id, name)


def add_package(connection: Connection, package: ModelPackage, project_id: str) -> None:
    """Insert a package."""
    connection.execute(insert(packages).values(row(package, project_id)))


def add_version(connection: Connection, version: ModelVersion, project_id: str) -> None:
    """Insert a version under its number."""
    stored = {**row(version, project_id), "name": _lasting(project_id, version.name)}
    connection.execute(insert(versions).values(stored))


def last_number(connection: Connection, project_id: str, name: str) -> tuple[str, int]:
    """The name that the model is stored under, and its highest number; 0 without versions."""
    stored = _lasting(project_id, name)
    query = select(stored, func.max(versions.c.number)).where(
        versions.c.project_id == project_id, versions.c.name == stored
    )
    found = connection.execute(query).one()
    return str(found[0]), found[1] or 0


def find_package(connection: Connection, package_id: str) -> ModelPackage | None:
    """The package of that asset id."""
    found = connection.execute(select(packages).where(packages.c.id == package_id)).mappings().one_or_none()
    return None if found is None else value(ModelPackage, found)


def find_version(connection: Connection, project_id: str, name: str, number: int) -> ModelVersion | None:
    """The version of that number."""
    query = _of(versions, project_id, name).where(versions.c.number == number)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(ModelVersion, found)


def find_version_by_asset(connection: Connection, project_id: str, asset_id: str) -> ModelVersion | None:
    """The version whose asset it is."""
    query = _of(versions, project_id, None).where(versions.c.asset_id == asset_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(ModelVersion, found)


def list_versions(
    connection: Connection, project_id: str, name: str | None, *, archived: bool
) -> list[ModelVersion]:
    """Versions by name and number, of one model or of all; archived and deleted ones only if asked for."""
    query = _of(versions, project_id, name)
    if not archived:
        query = query.where(visible(versions.c.asset_id, project_id))
    query = query.order_by("name", versions.c.number)
    return [value(ModelVersion, found) for found in connection.execute(query).mappings()]


def list_aliases(connection: Connection, project_id: str, name: str | None) -> list[Alias]:
    """Aliases by model and name, of one model or of all."""
    query = _of(aliases, project_id, name).order_by("name", aliases.c.alias)
    return [value(Alias, found) for found in connection.execute(query).mappings()]


def find_alias(connection: Connection, project_id: str, name: str, alias: str) -> Alias | None:
    """Where the alias stands; None if it was never set."""
    query = _of(aliases, project_id, name).where(aliases.c.alias == alias)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(Alias, found)


def list_moves(connection: Connection, project_id: str, name: str, alias: str | None) -> Sequence[AliasMove]:
    """The history of a model's aliases, oldest first."""
    # By the log, not by the time: a clock may be set back between two moves.
    told = (events.c.execution == alias_moves.c.execution_id) & (events.c.kind == ALIAS_MOVED)
    query = _of(alias_moves, project_id, name).join(
        events, told & (events.c.project_id == alias_moves.c.project_id)
    )
    if alias is not None:
        query = query.where(alias_moves.c.alias == alias)
    query = query.order_by(events.c.seq)
    return [value(AliasMove, found) for found in connection.execute(query).mappings()]


def move_alias(records: Records, connection: Connection, move: AliasMove, project_id: str) -> None:
    """Put the alias on `move.number` and write the step down.

    Gates call this beside their decision, and serving beside the revision that a decision allows; no one else.
    """
    stored = {"name": _lasting(project_id, move.name)}
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
    statement = records.insert(aliases).values(placed | stored)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["project_id", "name", "alias"], set_=changed)
    )
    connection.execute(insert(alias_moves).values(row(move, project_id) | stored))
