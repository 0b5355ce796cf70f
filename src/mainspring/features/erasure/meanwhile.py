"""Whether rows of groups were erased while something was made of them, and before it is published.

Who makes something of rows looks before it reads them, and checks in the transaction that publishes it. An erasure
writes editions down before rows go, looks for what was made of them when they are gone, and settles the editions at
its end. So what is published before the first is found by the erasure; what read before the last and is published
after the first is refused here. Of an erasure that was killed nothing is refused: the one that ends it looks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from mainspring.errors import IntegrityError, StateError
from mainspring.features import store
from mainspring.features.define import lock_group
from mainspring.features.spec import EditionSpec, FeatureGroupSpec
from mainspring.features.store import Stores
from mainspring.lineage import store as lineage
from mainspring.lineage.spec import ExecutionState


@dataclass(frozen=True)
class Seen:
    """The editions that a group had when somebody looked."""

    group: FeatureGroupSpec
    editions: tuple[EditionSpec, ...]


def look(stores: Stores, groups: Iterable[FeatureGroupSpec]) -> list[Seen]:
    """To be done before anything of the groups is read; one statement a group."""
    once = {group.group_id: group for group in groups}
    with stores.records.read() as connection:
        return [
            Seen(group, tuple(store.editions_of(connection, group_id)))
            for group_id, group in sorted(once.items())
        ]


def check(stores: Stores, connection: Connection, seen: Iterable[Seen], where: str) -> None:
    """To be done in the transaction that publishes.

    Raises:
        StateError: an erasure took rows of one of the groups since, or is about to.
    """
    for item in seen:
        lock_group(stores, connection, item.group.group_id)
        now = tuple(store.editions_of(connection, item.group.group_id))
        if now != item.editions or any(_is_under_way(stores, connection, edition) for edition in now):
            raise StateError(
                expected="rows that nobody erases while something is made of them",
                got=f"an erasure in {item.group.label}",
                where=where,
                hint="Do it again when the erasure is over: it reads what is left then.",
            )


@contextmanager
def told(stores: Stores, seen: Iterable[Seen], where: str) -> Iterator[None]:
    """Say of rows which cannot be read within that an erasure took them, where one did.

    Raises:
        StateError: as `check`.
    """
    try:
        yield
    except (IntegrityError, StateError):
        with stores.records.write() as connection:
            check(stores, connection, seen, where)
        raise


def _is_under_way(stores: Stores, connection: Connection, edition: EditionSpec) -> bool:
    if edition.is_done:
        return False
    work = lineage.find_execution(connection, edition.execution_id, stores.project_id)
    return work is not None and work.state is ExecutionState.RUNNING
