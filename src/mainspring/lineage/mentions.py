"""Which rows of the database mention a digest, whatever room they are of.

Equal bytes are one blob, so whoever takes bytes away asks first who else has them. It asks every table that is there:
a room below need not know the rooms above it, and no way to refer can be forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from sqlalchemy import JSON, Connection, Text, cast, column, func, inspect, or_, select, table
from sqlalchemy.types import String

from mainspring.lineage.store import assets, events

_LENGTH: Final = 64
"""Of a digest; most texts are shorter."""


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
    query = select(*(asked.c[key] for key in keys), *said)
    query = query.where(or_(*(func.length(text) >= _LENGTH for text in said)))
    if name == assets.name and besides:
        query = query.where(asked.c.kind.not_in(besides))
    # Looked for here: a database takes its time for each digest in each text.
    for row in connection.execution_options(yield_per=5_000).execute(query):
        text = "\n".join(value for value in row[len(keys) :] if value is not None)
        for sha256 in digests:
            if sha256 in text:
                yield sha256, " ".join(map(str, [name, *row[: len(keys)]]))
