"""Leases as rows: taken, renewed, suspected, given up and taken away, each by one statement that compares first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from mainspring.lineage.spec import Lease
from mainspring.lineage.store import leases
from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.schema import value
from mainspring.types import from_us, to_us

Present = ColumnElement[int]
"""The present as SQL, in microseconds since 1970: see `Records.present_us`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease that somebody wants to have from now on.

    Attributes:
        project_id: the project that the subject is of.
        subject, holder, ttl_s: as in `Lease`.
        present: when it is taken.
    """

    project_id: str
    subject: str
    holder: str
    ttl_s: float
    present: Present

    def row(self, token: int) -> dict[str, object]:
        """The lease as it is stored."""
        return {
            "project_id": self.project_id,
            "subject": self.subject,
            "holder": self.holder,
            "token": token,
            "ttl_s": self.ttl_s,
            "taken_us": self.present,
            "renewed_us": self.present,
            "suspected_us": None,
        }


def begin(connection: Connection, claim: Claim, token: int) -> None:
    """Take the lease of something that begins, and that nobody else can know of."""
    connection.execute(insert(leases).values(claim.row(token)))


def take_over(connection: Connection, records: Records, claim: Claim) -> int:
    """Take a role, from whoever has it; returns the token, greater than that of every holder before."""
    statement = _taking(records, claim, where=None)
    return int(connection.execute(statement.returning(leases.c.token)).scalar_one())


def take_free(connection: Connection, records: Records, claim: Claim) -> int | None:
    """Take a role that nobody has; returns the token as `take_over` does, None where somebody has it."""
    statement = _taking(records, claim, where=leases.c.holder.is_(None))
    found = connection.execute(statement.returning(leases.c.token)).scalar_one_or_none()
    return None if found is None else int(found)


def _taking(records: Records, claim: Claim, where: ColumnElement[bool] | None) -> Any:
    taken = claim.row(1)
    change = {name: given for name, given in taken.items() if name not in {"project_id", "subject", "token"}}
    return (
        records.insert(leases)
        .values(taken)
        .on_conflict_do_update(
            index_elements=["project_id", "subject"],
            set_={**change, "token": leases.c.token + 1},
            where=where,
        )
    )


def renew(
    connection: Connection, present: Present, holder: str, subjects: Iterable[str], project_id: str
) -> dict[str, int]:
    """Give a sign of life for all of these; returns the tokens of those that the holder still has, by subject."""
    statement = update(leases).where(
        leases.c.project_id == project_id, leases.c.holder == holder, among(leases.c.subject, subjects)
    )
    statement = statement.values(renewed_us=present, suspected_us=None)
    found = connection.execute(statement.returning(leases.c.subject, leases.c.token))
    return {str(subject): int(token) for subject, token in found}


def found(
    connection: Connection, present: Present, project_id: str, subjects: Iterable[str] | None = None
) -> tuple[datetime, list[Lease]]:
    """The present and the leases, of these subjects or all, by subject."""
    query = select(leases).where(leases.c.project_id == project_id).order_by(leases.c.subject)
    if subjects is not None:
        query = query.where(among(leases.c.subject, subjects))
    rows = [value(Lease, mapping) for mapping in connection.execute(query).mappings()]
    now_us = int(connection.execute(select(present)).scalar_one())
    return from_us(now_us), rows


def suspect(connection: Connection, present: Present, seen: Lease, project_id: str) -> bool:
    """Say that a lease is overdue. False when it is not any more as it was seen."""
    statement = update(leases).where(_as_seen(seen, project_id)).values(suspected_us=present)
    return connection.execute(statement).rowcount == 1


def end(connection: Connection, subject: str, holder: str, token: int, project_id: str) -> bool:
    """Give up the lease of something that ends. False when it was taken away."""
    mine = and_(
        leases.c.project_id == project_id,
        leases.c.subject == subject,
        leases.c.holder == holder,
        leases.c.token == token,
    )
    return connection.execute(delete(leases).where(mine)).rowcount == 1


def leave(connection: Connection, subject: str, holder: str, token: int, project_id: str) -> bool:
    """Give up a role. Its row stays, so that tokens go on rising. False when it was taken away."""
    mine = and_(
        leases.c.project_id == project_id,
        leases.c.subject == subject,
        leases.c.holder == holder,
        leases.c.token == token,
    )
    return connection.execute(update(leases).where(mine).values(holder=None)).rowcount == 1


def free(connection: Connection, start: str, project_id: str) -> None:
    """Take every role whose name begins so away from whoever has it."""
    mine = and_(leases.c.project_id == project_id, leases.c.subject.startswith(start, autoescape=True))
    connection.execute(update(leases).where(mine).values(holder=None, suspected_us=None))


def take_away(connection: Connection, seen: Lease, project_id: str) -> bool:
    """Take the lease of an execution away. False when it is not any more as it was seen: only one can do it."""
    return connection.execute(delete(leases).where(_as_seen(seen, project_id))).rowcount == 1


def vacate(connection: Connection, seen: Lease, project_id: str) -> bool:
    """Take a role away. False when it is not any more as it was seen: only one can do it."""
    statement = update(leases).where(_as_seen(seen, project_id)).values(holder=None, suspected_us=None)
    return connection.execute(statement).rowcount == 1


def _as_seen(seen: Lease, project_id: str) -> ColumnElement[bool]:
    suspected_us = None if seen.suspected_at is None else to_us(seen.suspected_at)
    return and_(
        leases.c.project_id == project_id,
        leases.c.subject == seen.subject,
        leases.c.holder == seen.holder,
        leases.c.token == seen.token,
        leases.c.renewed_us == to_us(seen.renewed_at),
        func.coalesce(leases.c.suspected_us, -1) == (-1 if suspected_us is None else suspected_us),
    )
