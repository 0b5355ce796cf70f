"""Materialising and reading online: only what is available, and what the join would answer."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.conftest import at

from mainspring.errors import InputError, IntegrityError, StateError
from mainspring.features.api import Features, request
from mainspring.features.column import column
from mainspring.features.on_demand import on_demand
from mainspring.features.online.packing import ASSET_BYTES, SPACE
from mainspring.lineage import Graph
from mainspring.ports.clock import ReplayClock
from mainspring.ports.keys import Entry, open_keys
from mainspring.ports.tables import open_tables
from mainspring.types import to_us

# Asked of rows and files; every statement on the records that runs here is run on both databases by others.
pytestmark = pytest.mark.once


@on_demand
def doubled(temp):  # type: ignore[no-untyped-def]
    """Twice the temperature."""
    return temp * 2


def weather_rows(*rows: tuple[str, float, float, float | None]) -> pl.DataFrame:
    """Rows of (origin, event hour, known hour, temp)."""
    return pl.DataFrame(
        {
            "origin": [row[0] for row in rows],
            "observed_at": [at(row[1]) for row in rows],
            "reported_at": [None if row[2] is None else at(row[2]) for row in rows],
            "temp": pl.Series([row[3] for row in rows], dtype=pl.Float64),
        }
    )


def weather_group(features: Features, **rules: Any) -> Any:
    """An online group with event and known time."""
    return features.group(
        "weather", keys=["origin"], event_time="observed_at", known_time="reported_at", online=True, **rules
    )


def reader_of(features: Features, group: Any, **options: Any) -> tuple[Any, Any]:
    """A view of the temperature, and its reader."""
    view = features.view("v", features=[group["temp"]], spine_time="t", **options)
    return view, view.online()


def test_only_what_is_available_is_written(features: Features) -> None:
    """A row whose known time lies ahead is not in the store, and appears when its time has come."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0), ("JFK", 2, 5, 20.0)))
    _, reader = reader_of(features, group)
    assert group.materialize(at(3)) == 1
    assert reader.read({"origin": "JFK"}, {}, at(3)).values == {"temp": 10.0}
    assert group.materialize(at(5)) == 1
    assert reader.read({"origin": "JFK"}, {}, at(5)).values == {"temp": 20.0}


def test_nothing_new_writes_nothing(features: Features) -> None:
    """Materialising again, or for an earlier time, writes nothing."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    assert [group.materialize(at(hour)) for hour in (2, 2, 3, 1)] == [1, 0, 0, 0]


def test_late_commit_about_the_past_is_written(features: Features) -> None:
    """A correction with the same event time and a later known time replaces the value; an older event does not."""
    group = weather_group(features)
    first = group.insert(weather_rows(("JFK", 2, 2, 10.0)))
    _, reader = reader_of(features, group)
    group.materialize(at(10))
    assert reader.read({"origin": "JFK"}, {}, at(10)).commits == {"weather": first.number}
    corrected = group.insert(weather_rows(("JFK", 2, 9, 11.0), ("JFK", 1, 9.5, 99.0)))
    assert group.materialize(at(10)) == 1
    vector = reader.read({"origin": "JFK"}, {}, at(10))
    assert vector.values == {"temp": 11.0}
    assert vector.commits == {"weather": 2}
    assert vector.assets == {"weather": corrected.asset_id}
    assert vector.event_times == {"weather": at(2)}


def test_statuses(features: Features) -> None:
    """Present, null, missing and expired can be told apart; the deciding commit is named unless there is none."""
    group = weather_group(features, ttl_s=3600.0)
    group.insert(weather_rows(("JFK", 5, 5, 10.0), ("LGA", 5, 5, None), ("EWR", 1, 1, 30.0)))
    _, reader = reader_of(features, group)
    group.materialize(at(5))
    read = {name: reader.read({"origin": name}, {}, at(5)) for name in ["JFK", "LGA", "EWR", "XXX", None]}
    assert [vector.status["weather"] for vector in read.values()] == [
        "present", "null", "expired", "missing", "missing",
    ]  # fmt: skip
    assert [vector.values["temp"] for vector in read.values()] == [10.0, None, None, None, None]
    assert [vector.commits["weather"] for vector in read.values()] == [1, 1, 1, None, None]


def test_reader_does_not_answer_from_the_future(features: Features) -> None:
    """A store that is ahead of the moment asked about answers nothing rather than the future."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 5, 5, 10.0)))
    _, reader = reader_of(features, group)
    group.materialize(at(9))
    assert reader.read({"origin": "JFK"}, {}, at(4)).status == {"weather": "missing"}


def test_rows_that_wait_have_a_column_that_came_meanwhile(features: Features) -> None:
    """They were read before the group had it, and no commit came with it."""
    columns = {"origin": str, "observed_at": datetime, "reported_at": datetime, "temp": float}
    group = weather_group(features, schema=columns)
    group.insert(weather_rows(("JFK", 5, 5, 10.0)))
    group.materialize(at(1))
    wider = weather_group(features, schema={**columns, "wind": column(float, default=3.0)})
    view = features.view("v", features=[wider["temp", "wind"]], spine_time="t")
    wider.materialize(at(5))
    vector = view.online().read({"origin": "JFK"}, {}, at(5))
    assert vector.values == {"temp": 10.0, "wind": 3.0}


def test_delete_ends_the_value(features: Features) -> None:
    """After a delete the key is missing; the delete's commit is named."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    group.delete(weather_rows(("JFK", 3, 3, None)).drop("temp"))
    _, reader = reader_of(features, group)
    group.materialize(at(2))
    assert reader.read({"origin": "JFK"}, {}, at(2)).status == {"weather": "present"}
    group.materialize(at(3))
    vector = reader.read({"origin": "JFK"}, {}, at(3))
    assert (vector.status, vector.commits) == ({"weather": "missing"}, {"weather": 2})


def test_cursor_survives_the_process(features: Features, reopen: Callable[[], Features]) -> None:
    """Another process goes on where the first one stopped, and knows how far the store is."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0), ("JFK", 4, 4, 20.0)))
    group.materialize(at(2))
    again = reopen().get_group("weather")
    assert again.watermark() == (at(2), 1)
    assert again.materialize(at(3)) == 0
    assert again.materialize(at(4)) == 1


def test_a_call_for_the_future_holds_no_later_commit_back(
    features: Features, reopen: Callable[[], Features]
) -> None:
    """Whoever asks for an earlier moment afterwards, in any process, still writes what was inserted since."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    group.materialize(at(100_000))
    group.insert(weather_rows(("JFK", 2, 2, 20.0)))
    assert group.materialize(at(3)) == 1
    assert group.materialize(at(3)) == 0
    again = reopen().get_group("weather")
    again.insert(weather_rows(("JFK", 3, 3, 30.0)))
    assert again.materialize(at(4)) == 1
    assert again.watermark() == (at(100_000), 3)
    _, reader = reader_of(features, group)
    assert reader.read({"origin": "JFK"}, {}, at(4)).values["temp"] == 30.0


def test_memory_is_bounded(features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group larger than the window is written in several steps with the same end."""
    monkeypatch.setattr("mainspring.features.online.materialize.WINDOW_ROWS", 3)
    group = weather_group(features)
    rows = [(name, hour, hour + hour % 3, float(hour)) for hour in range(12) for name in ("JFK", "LGA")]
    group.insert(weather_rows(*rows[::-1]))
    view, reader = reader_of(features, group)
    for hour in range(14):
        group.materialize(at(hour))
        if hour == 6:
            group.insert(weather_rows(*[("EWR", h, h, float(h)) for h in range(12)]))
            group.materialize(at(hour))
        for name in ("JFK", "LGA", "EWR"):
            joined = view.join(pl.DataFrame({"origin": [name], "t": [at(hour)]}))
            assert reader.read({"origin": name}, {}, at(hour)).values["temp"] == joined.frame["temp"][0]


def test_all_online_groups_at_once(features: Features) -> None:
    """`features.materialize` brings every online group up to date, and leaves the others alone."""
    weather_group(features).insert(weather_rows(("JFK", 1, 1, 10.0)))
    features.group("planes", keys=["tailnum"]).insert(pl.DataFrame({"tailnum": ["N1"], "year": [1999]}))
    airports = features.group("airports", keys=["faa"], online=True)
    airports.insert(pl.DataFrame({"faa": ["JFK"], "lat": [40.6]}))
    assert features.materialize(at(2)) == 2
    airports.insert(pl.DataFrame({"faa": ["JFK", "LGA"], "lat": [40.7, 40.8]}))
    assert features.materialize(at(2)) == 2


def test_types_come_back_as_they_were(features: Features) -> None:
    """Every logical type reads online as the join returns it."""
    group = features.group("types", keys=["k"], event_time="e", online=True)
    group.insert(
        pl.DataFrame(
            {
                "k": [1], "e": [at(0)], "i": [2**53 + 1], "f": [0.1], "s": ["é"], "b": [False],
                "d": [at(30).date()], "t": [at(31)], "y": [b"\x00\xff"], "l": [[1.5, 2.5]],
            }
        )
    )  # fmt: skip
    view = features.view("types", features=[group["i", "f", "s", "b", "d", "t", "y", "l"]], spine_time="at")
    group.materialize(at(1))
    read = view.online().read({"k": 1}, {}, at(1)).values
    joined = view.join(pl.DataFrame({"k": [1], "at": [at(1)]})).frame.select(view.features).row(0, named=True)
    assert read == joined
    assert [type(value) for value in read.values()] == [type(value) for value in joined.values()]


def test_same_group_twice_with_on_demand(features: Features) -> None:
    """One group under two keys, hidden inputs, request columns and a function give one ordered vector."""
    airports = features.group("airports", keys=["faa"], online=True)
    airports.insert(pl.DataFrame({"faa": ["JFK", "LAX"], "lat": [40.0, 33.0]}))

    @on_demand
    def span(origin_lat, dest_lat):  # type: ignore[no-untyped-def]
        return origin_lat - dest_lat

    view = features.view(
        "route",
        features=[
            request("carrier"),
            airports["lat"].on({"faa": "origin"}, prefix="origin_").static().hidden(),
            airports["lat"].on({"faa": "dest"}, prefix="dest_").static().hidden(),
        ],
        on_demand=[span],
        spine_time="t",
    )
    features.materialize(at(0))
    vector = view.online().read({"origin": "JFK", "dest": "LAX"}, {"carrier": "AA"}, at(0))
    assert list(vector.values.items()) == [("carrier", "AA"), ("span", 7.0)]
    assert vector.inputs == {"origin_lat": 40.0, "dest_lat": 33.0}
    assert set(vector.status) == {"origin_airports", "dest_airports"}


def test_offline_groups_cannot_be_read_online(features: Features) -> None:
    """A view of a group with online=False has no reader, and the group cannot be materialised."""
    group = features.group("planes", keys=["tailnum"])
    group.insert(pl.DataFrame({"tailnum": ["N1"], "year": [1999]}))
    view = features.view("v", features=[group["year"].static()], spine_time="t")
    with pytest.raises(StateError, match="online=False"):
        view.online()
    with pytest.raises(StateError, match="online=False"):
        group.materialize(at(1))


@contextmanager
def store_at(graph: Graph) -> Iterator[Features]:
    """A feature store on fresh folders, for each example of a property."""
    with tempfile.TemporaryDirectory() as folder:
        keys = open_keys(f"lmdb:{folder}/keys")
        yield Features(graph, open_tables(f"file:{Path(folder)}/tables"), lambda: keys)
        keys.close()


HOURS = st.integers(0, 8)
ROWS = st.tuples(
    st.sampled_from(["JFK", "LGA"]),
    HOURS,
    st.one_of(st.none(), HOURS),
    st.sampled_from([None, 1.0, 2.0, 3.0]),
)
BATCHES = st.lists(
    st.tuples(st.lists(ROWS, min_size=1, max_size=6), HOURS, st.booleans()), min_size=1, max_size=4
)
_examples = iter(range(10**9))


HISTORIES = given(
    batches=BATCHES,
    moments=st.lists(HOURS, min_size=1, max_size=6),
    ttl=st.one_of(st.none(), st.integers(1, 5)),
    delay=st.integers(0, 2),
    cutoff=st.booleans(),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@HISTORIES
def test_reader_equals_the_join(
    graph: Graph, batches: Any, moments: Any, ttl: int | None, delay: int, cutoff: bool
) -> None:
    """Reading at T after materialising to T is the join at t = T: values, status, commit and event time (R20).

    Commits and deletes arrive between the moments, with late and missing known times.
    """
    with store_at(graph) as features:
        live(features, batches, moments, ttl, delay, cutoff)


def live(features: Features, batches: Any, moments: Any, ttl: int | None, delay: int, cutoff: bool) -> None:
    """A history, read online at each of its moments, together and one by one, beside the join of those moments."""
    group = features.group(
        f"weather{next(_examples)}", keys=["origin"], event_time="observed_at",
        known_time="reported_at" if cutoff else None, online=True,
        ttl_s=None if ttl is None else ttl * 3600.0, source_delay_s=delay * 3600.0,
        schema={"origin": str, "observed_at": datetime, "reported_at": datetime, "temp": float},
    )  # fmt: skip
    view = features.view(group.name, features=[group["temp"]], on_demand=[doubled], spine_time="t")
    reader = view.online()
    names = ["JFK", "LGA", "XXX"]
    waiting = sorted(batches, key=lambda batch: batch[1])
    for moment in sorted(moments):
        while waiting and waiting[0][1] <= moment:
            rows, _, is_delete = waiting.pop(0)
            frame = weather_rows(*rows)
            if is_delete:
                group.delete(frame.drop("temp") if cutoff else frame.drop("temp", "reported_at"))
            else:
                group.insert(frame)
        group.materialize(at(moment))
        joined = view.join(pl.DataFrame({"origin": names, "t": [at(moment)] * 3}))
        together = reader.many([{"origin": name} for name in names], {}, at(moment))
        assert together.to_polars().equals(joined.frame.select(view.features))
        decided = joined.provenance[group.name]
        for row, name in enumerate(names):
            vector = reader.read({"origin": name}, {}, at(moment))
            assert vector.values == joined.frame.select(view.features).row(row, named=True)
            status = vector.status[group.name]
            assert together.status[group.name][row] == status
            assert decided["status"][row] == {"present": "matched", "null": "matched"}.get(status, status)
            assert vector.commits[group.name] == together.commits[group.name][row] == decided["number"][row]
            assert vector.event_times[group.name] == decided["event_time"][row]


def test_many_are_read_as_one_by_one(features: Features) -> None:
    """`many` answers what `read` answers for each, column by column, with its types, and the reason of every None."""
    group = features.group("g", keys=["k"], event_time="e", online=True, ttl_s=3600.0)
    hours = [5, 5, 1]
    group.insert(
        pl.DataFrame(
            {
                "k": [1, 2, 3],
                "e": [at(hour) for hour in hours],
                "a": [1.5, None, 3.5],
                "b": [None, None, at(7)],
            }
        )
    )
    wide = features.group("w", keys=["k"], online=True)
    wide.insert(pl.DataFrame({"k": [1, 2], "c": ["x", None]}))

    @on_demand
    def more(a, plus):  # type: ignore[no-untyped-def]
        return a + plus

    view = features.view(
        "v",
        features=[group["b", "a"], request("free", plus=float), wide["c"].static()],
        on_demand=[more],
        spine_time="t",
    )
    features.materialize(at(5))
    reader = view.online()
    keys = [{"k": key} for key in (1, 2, 3, 4, None, 1)]
    sent = [{"plus": None if row == 1 else 1, "free": row} for row in range(6)]
    together = reader.many(keys, sent, at(5))
    apart = [reader.read(key, one, at(5)) for key, one in zip(keys, sent, strict=True)]
    for part in ("values", "status", "commits", "assets", "event_us", "statuses"):
        found = getattr(together, part)
        assert {name: [getattr(vector, part)[name] for vector in apart] for name in found} == found
    assert together.statuses["a"] == ["present", "null", "expired", "missing", "missing", "present"]
    assert together.statuses["b"][0] == "null"
    assert together.statuses["more"] == ["present", "null", "null", "null", "null", "present"]
    frame = together.to_polars()
    assert frame.columns == list(view.features)
    assert frame.schema["b"] == pl.Datetime("us", "UTC")
    assert frame.schema["c"] == pl.String
    assert reader.many([], {}, at(5)).to_polars().height == 0
    with pytest.raises(InputError, match="as many as keys"):
        reader.many(keys, [{}], at(5))


def test_a_view_answers_now(features: Features, clock: ReplayClock) -> None:
    """`view.online(keys, request)` reads at the project clock's present."""
    group = weather_group(features, ttl_s=3600.0)
    group.insert(weather_rows(("JFK", 1, 1, 10.0)))
    view = features.view("v", features=[group["temp"], request(carrier=str)], spine_time="t")
    clock.set(at(1))
    group.materialize()
    assert view.online({"origin": "JFK"}, {"carrier": "AA"}).values == {"temp": 10.0, "carrier": "AA"}
    clock.set(at(3))
    assert view.online({"origin": "JFK"}, {"carrier": "AA"}).statuses["temp"] == "expired"


def test_versions_are_served_side_by_side(features: Features) -> None:
    """Each version of a group has its own online rows: views of the old and the new one answer at the same time."""
    old = weather_group(features)
    new = features.group("weather", 2, keys=["origin"], event_time="seen", online=True)
    old.insert(weather_rows(("JFK", 1, 1, 10.0)))
    new.insert(pl.DataFrame({"origin": ["JFK"], "seen": [at(2)], "temp": ["warm"]}))
    readers = [
        features.view("v", number, features=[group["temp"]], spine_time="t").online()
        for number, group in ((1, old), (2, new))
    ]
    features.materialize(at(3))
    assert [reader.read({"origin": "JFK"}, {}, at(3)).values["temp"] for reader in readers] == [10.0, "warm"]
    old.insert(weather_rows(("JFK", 3, 3, 30.0)))
    features.materialize(at(3))
    assert [reader.read({"origin": "JFK"}, {}, at(3)).values["temp"] for reader in readers] == [30.0, "warm"]


def test_at_the_moment_of_the_labels_own_row_online_knows_none(features: Features) -> None:
    """The join answers with the row before, which the online store has no more; never is it the row itself (R20)."""
    own = features.group("own", keys=["k"], event_time="t", online=True)
    own.insert(pl.DataFrame({"k": [1, 1], "t": [at(1), at(2)], "x": [1.0, 2.0], "late": [0, 1]}))
    view = features.view("v", features=[own["x"]], label=own["late"].on(prefix="was_"), spine_time="s")
    reader, tick = view.online(), timedelta(microseconds=1)
    found = []
    for moment in (at(2) - tick, at(2), at(2) + tick):
        own.materialize(moment)
        vector = reader.read({"k": 1}, {}, moment)
        joined = view.join(pl.DataFrame({"k": [1], "s": [moment]})).frame["x"].item()
        found.append((joined, vector.values["x"], vector.status["own"]))
    assert found == [(1.0, 1.0, "present"), (1.0, None, "missing"), (2.0, 2.0, "present")]


@pytest.mark.parametrize(
    "value",
    [b"short", bytes(ASSET_BYTES) + b"\x92\x01", bytes(ASSET_BYTES) + b"\x07"],
    ids=["short", "cut", "no row"],
)
def test_a_damaged_value_is_told(features: Features, value: bytes) -> None:
    """With its group and its key, by one read and by one of many, whatever else they find."""
    group = weather_group(features)
    group.insert(weather_rows(("JFK", 1, 1, 10.0), ("LGA", 1, 1, 11.0), ("EWR", 1, 1, 12.0)))
    group.delete(pl.DataFrame({"origin": ["EWR"], "observed_at": [at(2)], "reported_at": [at(2)]}))
    group.materialize(at(9))
    _, reader = reader_of(features, group)
    key = reader._lookups[0].key_of({"origin": "LGA"})
    features._stores.keys.put(SPACE, [Entry(key, to_us(at(2)), to_us(at(2)), 2, value)])
    told = rf"weather@1, online, key {re.escape(repr(key))}"
    with pytest.raises(IntegrityError, match=told):
        reader.read({"origin": "LGA"}, {}, at(9))
    for others in (["JFK"], ["JFK", "EWR"], ["nowhere"]):
        with pytest.raises(IntegrityError, match=told):
            reader.many([{"origin": name} for name in [*others, "LGA"]], {}, at(9))


@pytest.mark.parametrize(
    ("keys", "request_", "message"),
    [
        (3, {}, "a list of mappings of column"),
        ({"place": "a"}, {}, "One entity is asked for by `read`"),
        ("abc", {}, "a list of mappings of column"),
        ([{"place": "a"}], None, "a mapping of column"),
        ([{"place": "a"}], 7, "a mapping of column"),
    ],
)
def test_what_is_no_list_of_entities_is_refused(
    features: Features, keys: Any, request_: Any, message: str
) -> None:
    """With what it should be, and the call for one."""
    group = features.group("g", keys=["place"], event_time="t", online=True)
    group.insert(pl.DataFrame({"place": ["a"], "t": [at(0)], "x": [1.0]}))
    reader = features.view("v_many", features=[group["x"]]).online()
    with pytest.raises(InputError, match=message):
        reader.many(keys, request_, at(1))
