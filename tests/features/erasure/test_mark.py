"""What was read before an erasure does not come online after it, and what came since stays, on every online store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.features.conftest import at
from tests.redis_servers import OwnRedis

from mainspring.features.api import Features
from mainspring.features.erasure import mark as erasure_mark
from mainspring.features.group import FeatureGroup
from mainspring.features.online.materialize import forget
from mainspring.features.online.packing import SPACE
from mainspring.lineage import Graph
from mainspring.ports.clock import ReplayClock
from mainspring.ports.keys import Keys, open_keys
from mainspring.ports.tables import open_tables

Process = Callable[[], Features]


@pytest.fixture(params=["lmdb", "redis"])
def process(
    request: pytest.FixtureRequest, graph: Graph, clock: ReplayClock, tmp_path: Path
) -> Iterator[Process]:
    """Opens one feature store as another process would: with an online store and nothing in memory of its own."""
    clock.set(at(3))
    server = OwnRedis(tmp_path / "redis") if request.param == "redis" else None
    address = f"lmdb:{tmp_path}/keys" if server is None else server.url
    opened: list[Keys] = []

    def made() -> Features:
        keys = open_keys(address, namespace=graph.project_id)
        opened.append(keys)
        return Features(graph, open_tables(f"file:{tmp_path}/tables"), lambda: keys)

    yield made
    for keys in opened:
        keys.close()
    if server is not None:
        server.close()


def rows(*names: str, hour: float = 1, x: float = 1.0) -> pl.DataFrame:
    n = len(names)
    return pl.DataFrame(
        {"name": names, "t": [at(hour)] * n, "x": [x] * n, "id": [f"{name}{hour}" for name in names]}
    )


def people(features: Features) -> FeatureGroup:
    schema = {"name": str, "t": "datetime", "x": float}
    return features.group("people", keys=["name"], event_time="t", online=True, schema=schema)


def seen(features: Features, name: str, hour: float = 99) -> object:
    """The value that is online; None = no row is."""
    group = features.get_group("people")
    reader = features.view("v", features=[group["x"]]).online()
    return reader.read({"name": name}, {}, at(hour)).values["x"]


def before(keys: Keys, method: str, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something once, in the instant before a store's method is called next."""
    done = getattr(keys, method)

    def first(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(keys, method, done)
        work()
        return done(*given, **named)

    monkeypatch.setattr(keys, method, first)


def erase(features: Features, name: str = "Zebedee") -> None:
    features.get_group("people").erase({"name": name}, reason="asked")


def test_a_push_in_flight(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the journal, the erasure comes and goes, and then it would go online; the others of it do."""
    pusher, other = process(), process()
    group = people(pusher)
    before(pusher._stores.keys, "put", lambda: erase(other), monkeypatch)
    assert group.push(rows("Ada", "Zebedee"), event_id="id").n_rows == 2
    assert (seen(other, "Zebedee"), seen(other, "Ada")) == (None, 1.0)
    assert group.read().to_polars()["name"].to_list() == ["Ada"]


def test_a_materialisation_in_flight(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read the rows, the erasure comes and goes, and then it would put them; the others of it are put."""
    writer, other = process(), process()
    people(writer).insert(rows("Ada", "Zebedee").drop("id"))
    before(writer._stores.keys, "put", lambda: erase(other), monkeypatch)
    assert writer.materialize(at(2)) == 1
    assert (seen(other, "Zebedee"), seen(other, "Ada")) == (None, 1.0)


def test_rows_that_another_process_holds_for_later(process: Process) -> None:
    """They are read again, from where the entity's are not any more."""
    writer, other = process(), process()
    people(writer).insert(rows("Ada", "Zebedee", hour=5).drop("id"))
    writer.materialize(at(2))
    erase(other)
    assert writer.materialize(at(6)) == 1
    assert (seen(other, "Zebedee"), seen(other, "Ada")) == (None, 1.0)


def test_rows_that_come_meanwhile_stay(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entity that is met again while its rows are erased is new."""
    pusher, other = process(), process()
    group = people(pusher)
    group.push(rows("Zebedee"), event_id="id")
    again = rows("Zebedee", hour=2, x=7.0)
    tables = other._stores.tables
    taken = tables.erase

    def late(*given: Any) -> Any:
        group.push(again, event_id="id")
        return taken(*given)

    monkeypatch.setattr(tables, "erase", late)
    erase(other)
    assert seen(other, "Zebedee") == 7.0
    group.flush()
    assert group.read().to_polars()["x"].to_list() == [7.0]


def test_the_mark_outlives_what_is_forgotten(process: Process) -> None:
    """Whoever fills the group anew may still meet a put of rows from before the erasure."""
    features = process()
    group = people(features)
    group.push(rows("Zebedee"), event_id="id")
    erase(features)
    keys, group_id = features._stores.keys, group.spec.group_id
    marks = erasure_mark.seen(keys, [group_id])
    assert None not in marks.values()
    forget(keys, group_id)
    assert erasure_mark.seen(keys, [group_id]) == marks
    assert [erasure_mark.is_mark(entry) for entry in keys.entries(SPACE)] == [True]
