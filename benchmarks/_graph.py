"""Fills a project's records with a graph of many assets, by bulk inserts into the tables as they are.

The graph is of families, as projects have them: 30 commits become a dataset, which goes through 19 layers of four
streams; each execution takes one to three results of the layer before, of its own family. One in eight also takes one
of 50 hubs, such as a table of holidays, which come from elsewhere; a third of these take the busiest.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import psycopg

from mainspring.lineage.spec import AssetKind, Direction, Event
from mainspring.lineage.store import event_sha256
from mainspring.types import digest, from_us

PROJECT_ID: Final = "bench"
COMMITS: Final = 30
LAYERS: Final = 20
STREAMS: Final = 4
FAMILY: Final = COMMITS + 1 + (LAYERS - 1) * STREAMS
"""Assets of a family. Its last results are 20 executions away from its commits."""

HUBS: Final = 50
HUB_EVERY: Final = 8
_START_MS: Final = 1_700_000_000_000
_AT_ONCE: Final = 50_000

COLUMNS: Final = {
    "executions": (
        "project_id",
        "id",
        "kind",
        "name",
        "state",
        "actor",
        "code_digest",
        "parameters",
        "occurred_us",
        "started_us",
        "finished_us",
        "fence",
    ),
    "assets": ("project_id", "id", "kind", "name", "digest", "attributes", "execution_id", "created_us"),
    "links": ("project_id", "execution_id", "direction", "role", "asset_id", "attributes"),
    "events": (
        "project_id",
        "id",
        "kind",
        "schema_version",
        "subject",
        "execution",
        "actor",
        "occurred_us",
        "recorded_us",
        "payload",
        "sha256",
    ),
}

Row = tuple[str, tuple[Any, ...]]
"""A table's name, and values in the order of its columns here."""


@dataclass
class Made:
    """What a graph has.

    Attributes:
        deep: an asset of each family, 20 executions away from the furthest that it is made of.
        first: an asset of each family, 20 executions away from the furthest that is made of it.
        hub: the asset that most executions use.
    """

    n_assets: int = 0
    n_links: int = 0
    deep: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    hub: str = ""


def fill(url: str, n_assets: int, seed: int, *, with_events: bool = False) -> Made:
    """Load a graph of at most `n_assets` assets, in whole families, into empty records.

    Args:
        url: of the records, with this version's tables.
        with_events: also a chained log, with an event for every asset.
    """
    graph = _Graph(random.Random(seed), with_events)
    rows = graph.rows(n_assets)
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            for table, part in _batches(rows):
                load(connection, table, COLUMNS[table], part)
            connection.commit()
    else:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
            for table, part in _batches(rows):
                with server.cursor().copy(f"COPY {table} ({', '.join(COLUMNS[table])}) FROM STDIN") as copy:
                    for values in part:
                        copy.write_row(values)
            # As the server does by itself within a minute.
            server.execute("ANALYZE")
    return graph.made


def load(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows into a table."""
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def _batches(rows: Iterator[Row]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    while part := list(islice(rows, _AT_ONCE)):
        by_table: dict[str, list[tuple[Any, ...]]] = {}
        for table, values in part:
            by_table.setdefault(table, []).append(values)
        yield from by_table.items()


class _Graph:
    """Makes the rows, in the order in which they would have been published."""

    def __init__(self, chance: random.Random, with_events: bool) -> None:
        self.made = Made()
        self._chance = chance
        self._with_events = with_events
        self._number = 0
        self._sha256 = ""
        self._hubs: list[str] = []

    def rows(self, n_assets: int) -> Iterator[Row]:
        for number in range(HUBS):
            yield from self._execution(AssetKind.SOURCE, f"hub-{number}", [])
            self._hubs.append(self._last)
        self.made.hub = self._hubs[0]
        while self.made.n_assets + FAMILY <= n_assets:
            yield from self._family(f"family-{len(self.made.deep)}")

    def _family(self, name: str) -> Iterator[Row]:
        commits = []
        for _ in range(COMMITS):
            yield from self._execution(AssetKind.COMMIT, name, [])
            commits.append(self._last)
        yield from self._execution(AssetKind.COMMIT, name, commits)
        before = [self._last]
        for _ in range(LAYERS - 1):
            layer = []
            for stream in range(STREAMS):
                # Each stream goes on with its own result, so that the last one is as deep as there are layers.
                others = self._chance.choices(before, k=self._chance.randint(0, 2))
                yield from self._execution(
                    AssetKind.ARTIFACT, name, sorted({before[stream % len(before)], *others})
                )
                layer.append(self._last)
            before = layer
        self.made.deep.append(before[0])
        self.made.first.append(commits[0])

    def _execution(self, kind: AssetKind, name: str, used: list[str]) -> Iterator[Row]:
        """One execution that makes one asset, `_last`."""
        execution_id, asset_id = self._id(), self._id()
        us = (_START_MS + self._number) * 1_000
        yield (
            "executions",
            (
                PROJECT_ID,
                execution_id,
                "work",
                name,
                "completed",
                "user:bench",
                "0" * 64,
                f'{{"number":{self._number}}}',
                us,
                us,
                us,
                0,
            ),
        )
        content = digest([kind.value, self._number])
        yield "assets", (PROJECT_ID, asset_id, kind.value, name, content, '{"n_rows":100}', execution_id, us)
        ties = [
            (Direction.OUTPUT, kind.value, asset_id),
            *((Direction.INPUT, "input", each) for each in used),
        ]
        if used and self._chance.randrange(HUB_EVERY) == 0:
            which = min(int(self._chance.expovariate(0.4)), HUBS - 1)
            ties.append((Direction.INPUT, "hub", self._hubs[which]))
        for direction, role, other in ties:
            yield "links", (PROJECT_ID, execution_id, direction.value, role, other, "{}")
        if self._with_events:
            yield "events", self._event(execution_id, asset_id, us)
        self.made.n_assets += 1
        self.made.n_links += len(ties)
        self._last = asset_id

    def _event(self, execution_id: str, asset_id: str, us: int) -> tuple[Any, ...]:
        entry = Event(
            seq=None,
            id=self._id(),
            kind="asset.made",
            schema_version=1,
            subject=asset_id,
            execution=execution_id,
            actor="user:bench",
            on_behalf_of=None,
            occurred_at=from_us(us),
            recorded_at=from_us(us),
            payload={},
            sha256="",
        )
        self._sha256 = event_sha256(entry, self._sha256)
        return (
            PROJECT_ID,
            entry.id,
            entry.kind,
            1,
            asset_id,
            execution_id,
            entry.actor,
            us,
            us,
            "{}",
            self._sha256,
        )

    def _id(self) -> str:
        """A UUIDv7 of its place in the order."""
        self._number += 1
        return (
            f"{_START_MS + self._number:012x}7{self._number & 0xFFF:03x}8{self._chance.getrandbits(60):015x}"
        )
