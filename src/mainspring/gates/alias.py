"""Moving an alias: inside the publication of what allows it, and only if no alias moved since that was planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from mainspring.errors import ConflictError
from mainspring.lineage import Graph, Publication, names
from mainspring.lineage.spec import Noun
from mainspring.models import store
from mainspring.models.spec import ALIAS_MOVED, AliasMove

_Made = TypeVar("_Made")

PROMOTION_ATTEMPTS: Final = 100
"""Promotions that may come in between before one gives up."""


class OvertakenError(Exception):
    """What a ruling looked at changed before it was acted on: it must be made again."""


def until_not_overtaken(attempt: Callable[[], _Made], where: str) -> _Made:
    """What `attempt`, which rules and acts on the ruling, comes to once nobody comes in between.

    Args:
        where: what it changes, for people.

    Raises:
        ConflictError: somebody came in between each time.
    """
    for _ in range(PROMOTION_ATTEMPTS):
        try:
            return attempt()
        except OvertakenError:
            continue
    raise ConflictError(
        expected=f"nobody else who promotes during one of {PROMOTION_ATTEMPTS} attempts",
        got="another promotion each time",
        where=where,
        hint="Find out who else promotes this model, then promote again.",
    )


def place_alias(
    graph: Graph,
    work: Publication,
    move: AliasMove,
    version_id: str,
    seen: Mapping[str, int],
    told: Mapping[str, Any] | None = None,
) -> None:
    """Put an alias on a version when `work` is published.

    Args:
        work: the publication of the ruling, or of the deployment revision that rests on one.
        version_id: asset of the version that it goes to; the event's subject.
        seen: alias → version number as it was when the move was planned, of all aliases of the model.
        told: what the event says besides.

    Raises:
        OvertakenError: at the end of the publication, which then publishes nothing.
    """
    payload = {
        "name": move.name,
        "alias": move.alias,
        "number": move.number,
        "previous_number": move.previous_number,
        "decision": move.decision_id,
    }
    work.event(ALIAS_MOVED, version_id, {**payload, **(told or {})})
    work.write(lambda connection: _place(graph, connection, move, seen))


def _place(graph: Graph, connection: Connection, move: AliasMove, seen: Mapping[str, int]) -> None:
    names.hold(graph.records, connection, Noun.MODEL, graph.project_id)
    present = store.list_aliases(connection, graph.project_id, move.name)
    if {alias.alias: alias.number for alias in present} != dict(seen):
        raise OvertakenError
    store.move_alias(graph.records, connection, move, graph.project_id)
