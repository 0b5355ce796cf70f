"""What one execution did, gathered for those who tell others of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from mainspring.errors import IntegrityError
from mainspring.lineage import store
from mainspring.lineage.spec import Asset, Direction, Evidence, Execution, Link


@dataclass(frozen=True)
class Tie:
    """An asset that an execution used, made or found, and in which roles."""

    asset: Asset
    roles: tuple[str, ...]
    direction: Direction


@dataclass(frozen=True)
class Work:
    """An execution, whole.

    Attributes:
        above: the executions that it was a part of, the nearest first, to the top.
        ties: what it used, made and found, by role.
        findings: evidence about the assets that it used, by asset id: what was found where they were made, and
            what this execution itself found. It never grows, so that the same work always reads the same.
    """

    execution: Execution
    above: tuple[Execution, ...]
    ties: tuple[Tie, ...]
    findings: Mapping[str, tuple[Evidence, ...]]

    def inputs(self) -> list[Tie]:
        """What it used."""
        return [tie for tie in self.ties if tie.direction is Direction.INPUT]

    def outputs(self) -> list[Tie]:
        """What it made or found."""
        return [tie for tie in self.ties if tie.direction is not Direction.INPUT]


def gather(connection: Connection, execution_ids: Sequence[str]) -> dict[str, Work]:
    """The work of these executions, by id, in as many statements for one as for many.

    Raises:
        IntegrityError: an execution or an asset that the log or a link names does not exist.
    """
    executions = _with_parents(connection, execution_ids)
    missing = set(execution_ids) - set(executions)
    if missing:
        raise _gone("execution", min(missing))
    links = sorted(
        store.links_of(connection, execution_ids), key=lambda link: (link.direction, link.role, link.asset_id)
    )
    assets = {found.id: found for found in store.assets_by_id(connection, [link.asset_id for link in links])}
    findings = _findings(connection, [link.asset_id for link in links if link.direction is Direction.INPUT])
    by_execution: dict[str, list[Link]] = {}
    for link in links:
        by_execution.setdefault(link.execution_id, []).append(link)
    works = {}
    for execution_id in execution_ids:
        ties = _ties(by_execution.get(execution_id, ()), assets)
        about = {
            tie.asset.id: tuple(
                finding
                for finding, made_by in findings.get(tie.asset.id, ())
                if made_by in (tie.asset.execution_id, execution_id)
            )
            for tie in ties
        }
        works[execution_id] = Work(
            executions[execution_id],
            _above(executions, executions[execution_id]),
            ties,
            {asset_id: found for asset_id, found in about.items() if found},
        )
    return works


def _with_parents(connection: Connection, execution_ids: Sequence[str]) -> dict[str, Execution]:
    found: dict[str, Execution] = {}
    wanted = set(execution_ids)
    while wanted:
        fresh = {execution.id: execution for execution in store.executions_by_id(connection, wanted)}
        found |= fresh
        wanted = {each.parent_id for each in fresh.values() if each.parent_id is not None} - set(found)
    return found


def _above(executions: Mapping[str, Execution], below: Execution) -> tuple[Execution, ...]:
    above: list[Execution] = []
    while below.parent_id is not None and below.parent_id in executions:
        below = executions[below.parent_id]
        above.append(below)
    return tuple(above)


def _ties(links: Sequence[Link], assets: Mapping[str, Asset]) -> tuple[Tie, ...]:
    roles: dict[tuple[Direction, str], list[str]] = {}
    for link in links:
        if link.asset_id not in assets:
            raise _gone("asset", link.asset_id)
        roles.setdefault((link.direction, link.asset_id), []).append(link.role)
    return tuple(Tie(assets[asset_id], tuple(held), way) for (way, asset_id), held in roles.items())


def _findings(connection: Connection, asset_ids: Sequence[str]) -> dict[str, list[tuple[Evidence, str]]]:
    """Evidence about each asset, with the execution that found it, oldest first."""
    evidence = store.evidence_for(connection, asset_ids, None)
    made = {
        asset.id: asset.execution_id
        for asset in store.assets_by_id(connection, [finding.id for finding in evidence])
    }
    found: dict[str, list[tuple[Evidence, str]]] = {}
    for finding in evidence:
        found.setdefault(finding.subject_id, []).append((finding, made[finding.id]))
    return found


def _gone(kind: str, missing_id: str) -> IntegrityError:
    return IntegrityError(
        expected=f"the {kind} that the log or a link names",
        got=f"no {kind} of that id",
        where=f"{kind} {missing_id}",
        hint="Rows were removed from the records by hand; restore them from a backup.",
    )
