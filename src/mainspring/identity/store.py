"""What the records say of the stores that belong to them: one row a project."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from mainspring.lineage.spec import Value
from mainspring.lineage.store import events
from mainspring.ports.records import Records
from mainspring.ports.records.schema import row, table, value


class Stores(Value):
    """The stores of a project.

    Attributes:
        stores_id: what each of them carries.
        settled: whether all of them were marked: from then on one without a mark is another's.
    """

    stores_id: str
    settled: bool


stores = table("stores", Stores, key=["project_id"])


def find_stores(connection: Connection, project_id: str) -> Stores | None:
    """What the records say; None where nobody said anything yet."""
    found = connection.execute(select(stores).where(stores.c.project_id == project_id)).mappings().first()
    return None if found is None else value(Stores, found)


def begin_stores(records: Records, stores_id: str, project_id: str) -> Stores:
    """Say it first; what holds then, for another process may have been first."""
    with records.write() as connection:
        statement = records.insert(stores).on_conflict_do_nothing()
        connection.execute(statement, row(Stores(stores_id=stores_id, settled=False), project_id))
        found = find_stores(connection, project_id)
    assert found is not None
    return found


def set_stores(connection: Connection, said: Stores, project_id: str) -> None:
    """Say it anew."""
    mine = stores.c.project_id == project_id
    connection.execute(update(stores).where(mine).values(stores_id=said.stores_id, settled=said.settled))


def has_history(connection: Connection, project_id: str) -> bool:
    """Whether anything was ever published here by the project."""
    query = select(events.c.seq).where(events.c.project_id == project_id).limit(1)
    return connection.execute(query).first() is not None
