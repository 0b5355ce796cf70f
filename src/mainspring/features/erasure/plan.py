"""What an erasure is to take, decided from what was found: no store is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mainspring.features.erasure.spec import Copies, Erased, Found, Plan
from mainspring.features.join.point_in_time import COMMIT
from mainspring.features.spec import CommitSpec


def planned(found: Found) -> Plan:
    """The commits that rows go from, and those that something else may have been made of."""
    rejected = set(found.rejected[COMMIT].to_list())
    # Of a commit that is not published, what it says of rows that it did not take is still to be told.
    staged = {item.ticket for item in found.commits if item.number is None}
    tickets = {*found.rows[COMMIT].to_list(), *found.pending, *(rejected & staged)}
    plan = Plan(
        found=found,
        commits=tuple(item for item in found.commits if item.ticket in tickets),
        told=(),
        sources=(),
    )
    return published_since(plan, found.commits)


def published_since(plan: Plan, commits: Iterable[CommitSpec]) -> Plan:
    """The plan with what the commits are now: some may have been published since they were looked for."""
    touched = plan.tickets | set(plan.found.rejected[COMMIT].to_list())
    told = {item.ticket: item.asset_id for item in commits if item.asset_id is not None}
    return replace(
        plan,
        told=tuple(told[ticket] for ticket in told if ticket in touched),
        sources=tuple(told[ticket] for ticket in told if ticket in touched | plan.found.erased),
    )


def counted(
    group: str,
    plan: Plan,
    *,
    n_online: int,
    n_profiles: int,
    datasets: dict[str, int],
    copies: Copies,
    names: Mapping[str, str],
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
        names=names,
    )
