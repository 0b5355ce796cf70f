"""Which rows of the database mention a digest, whatever room they are of.

Equal bytes are one blob, so whoever takes bytes away asks first who else has them. It asks every table that is there:
a room below need not know the rooms above it, and no way to refer can be forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from sqlalchemy import JSON, Connection, Text, cast, column, inspect, or_, select, table
from sqlalchemy.types import String

from mainspring.lineage.store import assets, events

#: A condition that a database takes has so many terms at most.
_TERMS: Final = 200


def mentions(
    connection: Connection, digests: Collection[str], *, besides: Collection[str] = ()
) -> dict[str, list[str]]:
    """Digest → the rows of any project that mention it, as `table key`; digests that no row mentions are absent.

    The event log only tells of things: what it mentions is not counted.

    Args:
        besides: kinds of assets whose rows are not asked, because they are known better.
    """
    found: dict[str, list[str]] = {}
    inspector = inspect(connection)
    for name in sorted(inspector.get_table_names()):
        if name == events.name or not digests:
            continue
        texts = [
            each["name"] for each in inspector.get_columns(name) if isinstance(each["type"], String | JSON)
        ]
        keys = inspector.get_pk_constraint(name)["constrained_columns"]
        if texts:
            for sha256, row in _rows(connection, name, texts, keys, digests, besides):
                found.setdefault(sha256, []).append(row)
    return found


def _rows(
    connection: Connection,
    name: str,
    texts: list[str],
    keys: list[str],
    digests: Collection[str],
    besides: Collection[str],
) -> Iterator[tuple[str, str]]:
    asked = table(name, *(column(each) for each in dict.fromkeys([*keys, *texts, "kind"])))
    said = [cast(asked.c[each], Text) for each in texts]
    wanted, n = list(digests), max(_TERMS // len(texts), 1)
    for at in range(0, len(wanted), n):
        some = wanted[at : at + n]
        query = select(*(asked.c[key] for key in keys), *said)
        query = query.where(or_(*(text.contains(sha256) for text in said for sha256 in some)))
        if name == assets.name and besides:
            query = query.where(asked.c.kind.not_in(besides))
        for row in connection.execute(query):
            told = " ".join(map(str, [name, *row[: len(keys)]]))
            values = [value for value in row[len(keys) :] if value is not None]
            yield from ((sha256, told) for sha256 in some if any(sha256 in value for value in values))
