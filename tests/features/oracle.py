"""The point-in-time join by brute force, written from its contract alone: plain Python, row by row.

For each row of the spine every row of the group is looked at. Nothing of the join's code is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fact:
    """One row of a group as its contract sees it.

    Attributes:
        key: the entity; any None in it means that it can never match.
        event: when it was true; None in a group without event time.
        known: when it was learnt; None = not known.
        commit, ordinal: the order of writing.
        deleted: whether it says that there is no row from `event` on.
        values: the features.
    """

    key: tuple[Any, ...]
    event: int | None
    known: int | None
    commit: int
    ordinal: int
    deleted: bool
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What one spine row gets of one group: status, the deciding fact, and the values (None where not matched)."""

    status: str
    fact: Fact | None


def ask(
    key: tuple[Any, ...],
    moment: int,
    facts: Sequence[Fact],
    *,
    delay: int = 0,
    ttl: int | None = None,
    cutoff: bool = False,
    strict: bool = False,
) -> Answer:
    """The answer to (key, moment)."""
    best: Fact | None = None
    for fact in facts:
        if any(part is None for part in key) or any(part is None for part in fact.key):
            continue
        if not _equal(fact.key, key):
            continue
        if fact.event is not None:
            ready = fact.event + delay
            if not (ready < moment if strict else ready <= moment):
                continue
        if cutoff and (fact.known is None or not fact.known <= moment):
            continue
        if best is None or _beats(fact, best, cutoff=cutoff):
            best = fact
    if best is None or best.deleted:
        return Answer("missing", best)
    if ttl is not None and best.event is not None and not best.event >= moment - ttl:
        return Answer("expired", best)
    return Answer("matched", best)


def _equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(
        type(a) is type(b) and a == b for a, b in zip(one, other, strict=True)
    )


def _beats(new: Fact, old: Fact, *, cutoff: bool) -> bool:
    """Later event, else learnt later, else written later."""
    if new.event != old.event:
        assert new.event is not None
        assert old.event is not None
        return new.event > old.event
    if cutoff and new.known != old.known:
        assert new.known is not None
        assert old.known is not None
        return new.known > old.known
    return (new.commit, new.ordinal) > (old.commit, old.ordinal)
