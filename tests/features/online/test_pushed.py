"""Online reads over histories of inserts, deletes, pushes and new columns, beside the join of each moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.conftest import at
from tests.features.online.test_api import store_at
from tests.redis_servers import OwnRedis

from mainspring.features.api import Features
from mainspring.features.on_demand import on_demand
from mainspring.lineage import Graph
from mainspring.ports.clock import ReplayClock
from mainspring.ports.keys import open_keys
from mainspring.ports.tables import open_tables

HOURS = st.integers(0, 9)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        HOURS,
        st.one_of(st.none(), HOURS),
        st.one_of(st.none(), st.floats(0, 1)),
    ),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "push", "push", "widen", "wait"]), ROWS),
    min_size=1,
    max_size=7,
)
HISTORIES = given(
    steps=STEPS,
    ttl=st.one_of(st.none(), st.integers(1, 5)),
    delay=st.integers(0, 2),
    known=st.sampled_from([None, "known", "commit"]),
)
SCHEMA: dict[str, Any] = {"user": str, "seen": datetime, "known": datetime, "score": float}
_examples = iter(range(10**9))


@on_demand
def weighed(score, weight):  # type: ignore[no-untyped-def]
    """The score, times what the request says; 0 where there is none."""
    return np.nan_to_num(score) * weight


class History:
    """One group, its view, and events that it was sent."""

    def __init__(self, features: Features, ttl: int | None, delay: int, known: str | None) -> None:
        number = next(_examples)
        self.features, self.name, self.begin = features, f"users{number}", 100 * number
        self._rules: dict[str, Any] = {
            "keys": ["user"], "event_time": "seen", "known_time": known, "online": True,
            "ttl_s": None if ttl is None else ttl * 3600.0, "source_delay_s": delay * 3600.0,
        }  # fmt: skip
        self._events = iter(range(10**9))
        self._columns = {name: kind for name, kind in SCHEMA.items() if known == "known" or name != "known"}
        self.group = features.group(self.name, schema=self._columns, **self._rules)
        self.view = features.view(
            self.name, features=[self.group["score"]], on_demand=[weighed], spine_time="t"
        )

    def write(self, way: str, rows: list[Any]) -> None:
        """One step; a push is not committed."""
        if way == "widen":
            self._columns[f"more{len(self._columns)}"] = float
            self.group = self.features.group(self.name, schema=self._columns, **self._rules)
        elif way == "push":
            given = self._frame(rows).with_columns(id=pl.Series([next(self._events) for _ in rows]))
            self.group.push(given.to_dicts(), event_id="id")
        elif way == "insert":
            self.group.insert(self._frame(rows))
        elif way == "delete":
            self.group.delete(self._frame(rows).select(set(self._columns) & {"user", "seen", "known"}))

    def _frame(self, rows: list[Any]) -> pl.DataFrame:
        frame = pl.DataFrame(
            {
                "user": [row[0] for row in rows],
                "seen": [at(self.begin + row[1]) for row in rows],
                "known": pl.Series(
                    [None if row[2] is None else at(self.begin + row[2]) for row in rows],
                    dtype=pl.Datetime("us", "UTC"),
                ),
                "score": pl.Series([row[3] for row in rows], dtype=pl.Float64),
            }
        )
        more = [name for name in self._columns if name.startswith("more")]
        kept = [name for name in frame.columns if name in self._columns]
        return frame.select(kept).with_columns(pl.lit(0.5).alias(name) for name in more)

    def told(self, now: datetime) -> Any:
        """What many are answered, each as it is answered alone."""
        reader, names = self.view.online(), ["ann", "bob", "eve"]
        together = reader.many([{"user": name} for name in names], {"weight": 2.0}, now)
        for row, name in enumerate(names):
            alone = reader.read({"user": name}, {"weight": 2.0}, now)
            assert alone.values == {feature: values[row] for feature, values in together.values.items()}
            assert alone.statuses == {feature: states[row] for feature, states in together.statuses.items()}
            for side in together.status:
                assert alone.assets[side] == together.assets[side][row]
        return together


def live(history: History, clock: ReplayClock, steps: Any) -> None:
    """Step by step: what is pushed answers as the join will once it is committed; all else as the join does."""
    for hour, (way, rows) in enumerate(steps):
        now = at(history.begin + hour)
        clock.set(now)
        history.group.materialize()
        history.write(way, rows)
        pushed = history.told(now)
        history.group.flush()
        history.group.materialize()
        told = history.told(now)
        joined = history.view.join(
            pl.DataFrame({"user": ["ann", "bob", "eve"], "t": [now] * 3, "weight": [2.0] * 3})
        )
        assert told.to_polars().equals(joined.frame.select(history.view.features))
        decided = joined.provenance[history.name]
        assert told.commits[history.name] == decided["number"].to_list()
        states = {"present": "matched", "null": "matched"}
        assert [states.get(each, each) for each in told.status[history.name]] == decided["status"].to_list()
        if way == "push":
            assert (pushed.values, pushed.statuses, pushed.assets) == (
                told.values,
                told.statuses,
                told.assets,
            )


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@HISTORIES
def test_online_is_the_join_at_each_step(
    graph: Graph, clock: ReplayClock, steps: Any, ttl: int | None, delay: int, known: str | None
) -> None:
    """On LMDB, with rows of the past and the future, nulls, deletes, times to live, delays and known times (R20)."""
    with store_at(graph) as features:
        live(History(features, ttl, delay, known), clock, steps)


@pytest.fixture
def in_redis(graph: Graph, tmp_path: Path) -> Iterator[Features]:
    """A feature store whose online side is a Redis of its own."""
    server = OwnRedis(tmp_path / "redis")
    keys = open_keys(server.url, namespace=graph.project_id)
    yield Features(graph, open_tables(f"file:{tmp_path}/tables"), lambda: keys)
    keys.close()
    server.close()


@pytest.mark.once
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@HISTORIES
def test_online_is_the_join_at_each_step_in_redis(
    in_redis: Features, clock: ReplayClock, steps: Any, ttl: int | None, delay: int, known: str | None
) -> None:
    """The same on Redis."""
    live(History(in_redis, ttl, delay, known), clock, steps)
