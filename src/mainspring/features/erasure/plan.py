"""What an erasure is to take, decided from what was found: no store is asked."""

from __future__ import annotations

from collections.abc import Collection

from mainspring.features.erasure.spec import Copies, Erased, Found, Plan
from mainspring.features.join.point_in_time import COMMIT


def planned(found: Found) -> Plan:
    """The commits that rows go from, and those that something else may have been made of."""
    tickets = {*found.rows[COMMIT].to_list(), *found.pending}
    touched = tickets | set(found.rejected[COMMIT].to_list())
    return Plan(
        found=found,
        commits=tuple(item for item in found.commits if item.ticket in tickets),
        told=_assets(found, touched),
        sources=_assets(found, touched | found.erased),
    )


def _assets(found: Found, tickets: Collection[int]) -> tuple[str, ...]:
    """Of the published ones of these commits."""
    return tuple(
        item.asset_id for item in found.commits if item.ticket in tickets and item.asset_id is not None
    )


def counted(
    group: str,
    plan: Plan,
    *,
    n_online: int,
    n_profiles: int,
    datasets: dict[str, int],
    copies: Copies,
    receipt_id: str | None = None,
) -> Erased:
    """What is told of an erasure."""
    found = plan.found
    numbers = {commit.ticket: commit.number or 0 for commit in plan.commits}
    tickets = set(found.rows[COMMIT].to_list())
    return Erased(
        group=group,
        n_rows=found.rows.height,
        n_waiting=found.waiting.height,
        commits=tuple(sorted({numbers.get(ticket, 0) for ticket in tickets})),
        n_rejected=found.rejected.height,
        n_online=n_online,
        n_profiles=n_profiles,
        datasets=datasets,
        copies=copies,
        receipt_id=receipt_id,
    )
