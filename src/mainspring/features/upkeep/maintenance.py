"""One maintenance of a table at a time: compaction, vacuum and erasure take files away that others may be at work on.

Two things hold it. A lock file beside the tables is free as soon as its holder's process is gone, and nobody of this
machine ever waits for a clock. A lease in the records holds between machines that share the tables; it is renewed, and
that of a process that was killed is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mainspring.features import store
from mainspring.features.spec import FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage.leases import Leases
from mainspring.ports.tables import Tables

ROLES: Final = "maintenance/"
"""How the leases begin that whoever maintains a table holds."""


def role_of(table: str) -> str:
    """The lease of a table; a group's rejects are maintained with its rows."""
    return f"{ROLES}{store.main_table(table)}"


@contextmanager
def of_table(tables: Tables, leases: Leases, table: str) -> Iterator[None]:
    """Begin when nobody else maintains a table. Not to be entered twice for one table."""
    with tables.alone(store.main_table(table)), leases.exclusive(role_of(table)):
        yield


@contextmanager
def of_group(stores: Stores, group: FeatureGroupSpec) -> Iterator[None]:
    """Begin when nobody else maintains the tables of a group."""
    with of_table(stores.tables, stores.graph.leases, store.table_name(group)):
        yield
