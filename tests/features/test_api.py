"""Groups: definition, the door, commits, reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection
from tests.features.conftest import at

from mainspring.checks import expect
from mainspring.checks.spec import Expectation
from mainspring.errors import (
    ConflictError,
    ExpectationError,
    FencedError,
    InputError,
    StateError,
    UnknownNameError,
)
from mainspring.features.api import Features
from mainspring.features.column import column
from mainspring.features.define import lock_group
from mainspring.features.group import FeatureGroup
from mainspring.features.insert import api as ingest
from mainspring.features.insert import publish
from mainspring.features.store import Stores
from mainspring.lineage import AssetKind, Graph, Verdict
from mainspring.ports.clock import ReplayClock


def rows(*temps: float | None, origin: str = "JFK", hour: float = 0) -> pl.DataFrame:
    """One row an hour."""
    return pl.DataFrame(
        {
            "origin": [origin] * len(temps),
            "observed_at": [at(hour + i) for i in range(len(temps))],
            "temp": pl.Series(temps, dtype=pl.Float64),
        }
    )


def weather(features: Features, **options: Any) -> FeatureGroup:
    """The group of these rows."""
    return features.group("weather", keys=["origin"], event_time="observed_at", **options)


def nothing_written(features: Features, group: FeatureGroup) -> bool:
    """Whether no commit, event or schema is there."""
    return not group.commits() and group.spec.columns is None


# --- definition


def test_defining_twice_is_once(features: Features) -> None:
    """The same definition finds the group; another version is another group."""
    assert weather(features).spec == weather(features).spec
    assert weather(features, version=2).spec.group_id != weather(features).spec.group_id
    assert [group.spec.label for group in features.groups()] == ["weather@1", "weather@2"]


def test_nothing_is_defined_inside_what_was_lost(features: Features, graph: Graph) -> None:
    """Neither a new group nor a change; what is there already is found."""
    before = weather(features)
    with pytest.raises(FencedError), graph.execution("step", "s", durable=True) as step:
        running = graph.find_execution(step.id)
        assert running is not None
        graph.lose(running, "lost: it stood still")
        for changed in ({"version": 2}, {"description": "changed"}):
            with pytest.raises(FencedError, match=f"execution {step.id}, of which this is a part"):
                weather(features, **changed)
        assert weather(features).spec == before.spec
    assert [group.spec for group in features.groups()] == [before.spec]


@pytest.mark.parametrize(
    "change",
    [{"keys": ["o"]}, {"event_time": "t"}, {"known_time": "commit"}, {"ttl_s": 5.0}, {"source_delay_s": 1.0}],
)
def test_changed_meaning_is_a_conflict(features: Features, change: dict[str, Any]) -> None:
    """Keys, times, ttl and delay belong to the version."""
    weather(features)
    with pytest.raises(ConflictError, match="define version 2"):
        features.group("weather", **{"keys": ["origin"], "event_time": "observed_at", **change})


def test_notes_may_change_and_columns_may_be_added(features: Features) -> None:
    """Description, expectations and appended columns change within a version; a column's type does not."""
    group = weather(features)
    group.insert(rows(1.0))
    schema = {"origin": str, "observed_at": datetime, "temp": float}
    wider = weather(features, schema={**schema, "wind": float}, description="hourly")
    assert (wider.spec.revision, wider.spec.description) == (2, "hourly")
    wider.insert(rows(2.0, hour=1).with_columns(wind=pl.lit(3.0)))
    assert wider.read().to_polars()["wind"].to_list() == [None, 3.0]
    with pytest.raises(ConflictError, match="'temp' of type float64"):
        weather(features, schema={**schema, "temp": str, "wind": float})


WIDER = {
    "origin": str,
    "observed_at": datetime,
    "temp": float,
    "wind": column("float64", default=7.0),
}


def test_a_handle_takes_rows_as_the_group_is_by_then(features: Features) -> None:
    """A column with a default, a suite and a policy that came since, by whomever, hold for a handle from before."""
    held = weather(features)
    held.insert(rows(1.0))
    weather(features, schema=WIDER)
    held.insert(rows(2.0, hour=1))
    held.insert(rows(3.0, hour=2).with_columns(wind=pl.lit(4.0)))
    assert held.read().to_polars().sort("observed_at")["wind"].to_list() == [7.0, 7.0, 4.0]
    assert held["wind"].spec.columns == held.features[1:] == ("wind",)
    weather(features, expectations=[expect.between("temp", 0, 10)], on_failure="block")
    with pytest.raises(ExpectationError):
        held.insert(rows(99.0))
    assert held.failing_rows(rows(99.0)).height == 1


def test_what_is_online_stays_so(features: Features) -> None:
    """Taking it away is refused and not passed over; whoever says nothing of it changes nothing."""
    assert not weather(features).spec.online
    assert not weather(features, online=False).spec.online
    assert weather(features, online=True).spec.online
    assert weather(features, description="hourly").spec.online
    with pytest.raises(ConflictError, match="online=False.*defined as version 2 without it"):
        weather(features, online=False, description="daily")
    assert weather(features).spec.description == "hourly"


def test_a_group_that_came_online_since_is_materialised_by_a_handle_from_before(features: Features) -> None:
    """Whether a group is online is not what it was when the handle was made."""
    held = weather(features)
    held.insert(rows(1.0))
    weather(features, online=True)
    assert held.materialize(at(1)) == 1


def between_read_and_stage(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Have something done by another writer, once, after the next insert has looked at its group."""
    read = ingest.read

    def worked(*args: Any) -> Any:
        monkeypatch.setattr(ingest, "read", read)
        work()
        return read(*args)

    monkeypatch.setattr(ingest, "read", worked)


def test_a_column_that_comes_during_an_insert_has_its_default(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are brought to the schema that the group has by then."""
    group = weather(features)
    group.insert(rows(1.0))
    between_read_and_stage(monkeypatch, lambda: weather(features, schema=WIDER))
    group.insert(rows(2.0, hour=1))
    assert group.read().to_polars()["wind"].to_list() == [7.0, 7.0]


def test_of_two_first_inserts_the_later_takes_the_schema_of_the_other(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole numbers become floats; what cannot be is refused, and says which value of which column."""
    whole = rows(2.0, hour=1).with_columns(pl.col("temp").cast(pl.Int64))
    first, second = weather(features), weather(features, version=2)
    between_read_and_stage(monkeypatch, lambda: first.insert(rows(1.5)))
    first.insert(whole)
    assert first.read().to_polars()["temp"].to_list() == [1.5, 2.0]
    between_read_and_stage(monkeypatch, lambda: second.insert(whole))
    with pytest.raises(InputError, match="column 'temp'"):
        second.insert(rows(1.5))


def test_added_column_can_be_read_before_any_row_has_it(features: Features) -> None:
    """An appended column is null in every row that was written before it."""
    weather(features).insert(rows(1.0))
    wider = weather(features, schema={"origin": str, "observed_at": datetime, "temp": float, "wind": float})
    assert wider.read().to_polars()["wind"].to_list() == [None]


@pytest.mark.parametrize(
    "options",
    [
        {"keys": "origin"},
        {"keys": ["a", "a"]},
        {"keys": ["a"], "event_time": "a"},
        {"keys": ["a"], "event_time": "t", "known_time": "t"},
        {"keys": ["a"], "event_time": "t", "ttl_s": 0},
        {"keys": ["a"], "ttl_s": 5},
        {"keys": ["a"], "source_delay_s": -1},
        {"keys": ["a"], "on_failure": "ignore"},
        {"keys": ["a"], "version": 0},
        {"keys": ["a"], "schema": {"b": int}},
        {"keys": ["a"], "schema": {"a": float}},
    ],
)
def test_bad_definitions_are_refused(features: Features, options: dict[str, Any]) -> None:
    """What no group can be is refused before it exists."""
    with pytest.raises(InputError):
        features.group("bad", **options)
    assert not features.groups()


def test_unknown_group_is_named(features: Features) -> None:
    """A typing mistake gets the nearest name."""
    weather(features)
    with pytest.raises(UnknownNameError, match="got 'wether'. Did you mean 'weather'"):
        features.get_group("wether")


# --- the door


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.clear(), "an empty frame"),
        (lambda frame: frame.with_columns(tmp=pl.lit(1)), "unknown column 'tmp'"),
        (lambda frame: frame.drop("temp"), "no column 'temp'"),
        (lambda frame: frame.with_columns(temp=pl.lit("warm")), "type String, the first 'warm' in row 0"),
        (lambda frame: frame.with_columns(origin=pl.lit(None, pl.String)), "1 null, the first in row 0"),
        (lambda frame: frame.with_columns(observed_at=pl.lit(None, pl.Datetime("us"))), "1 null"),
        (lambda frame: frame.with_columns(observed_at=pl.lit("2013-01-01")), "type String"),
        (lambda frame: frame.with_columns(observed_at=pl.lit(1).cast(pl.Datetime("ns"))), "nanoseconds"),
        (lambda _: 7, "got int"),
        (lambda _: "missing.csv", "an existing file"),
    ],
)  # fmt: skip
def test_bad_rows_are_refused_whole(
    features: Features, change: Callable[[pl.DataFrame], Any], message: str
) -> None:
    """Each mistake is named, and neither a commit nor a row is left behind."""
    group = weather(features)
    group.insert(rows(1.0))
    with pytest.raises(InputError, match=message):
        group.insert(change(rows(2.0)))
    assert len(group.commits()) == 1
    assert group.read(history=True).to_polars()["temp"].to_list() == [1.0]


def test_bad_first_insert_leaves_no_schema(features: Features) -> None:
    """A first insert that is refused settles nothing."""
    group = weather(features)
    with pytest.raises(InputError, match="only nulls"):
        group.insert(rows(1.0).with_columns(x=pl.lit(None)))
    with pytest.raises(InputError, match="do not begin with '_'"):
        group.insert(rows(1.0).with_columns(_commit=pl.lit(1)))
    assert nothing_written(features, group)


def test_times_become_utc(features: Features) -> None:
    """Naive is UTC, aware is converted across a change of the clocks, a date is its midnight."""
    group = features.group("times", keys=["k"], event_time="t")
    group.insert(pl.DataFrame({"k": [1], "t": [datetime(2013, 3, 10, 6, 59)]}))
    zone = "America/New_York"
    local = pl.Series([datetime(2013, 3, 10, 1, 59), datetime(2013, 3, 10, 3, 0)]).dt.replace_time_zone(zone)
    group.insert(pl.DataFrame({"k": [2, 3], "t": local}))
    group.insert(pl.DataFrame({"k": [4], "t": [datetime(2013, 3, 10, tzinfo=UTC).date()]}))
    assert group.read().to_polars()["t"].to_list() == [
        datetime(2013, 3, 10, 6, 59, tzinfo=UTC),
        datetime(2013, 3, 10, 6, 59, tzinfo=UTC),
        datetime(2013, 3, 10, 7, 0, tzinfo=UTC),
        datetime(2013, 3, 10, 0, 0, tzinfo=UTC),
    ]


def test_widths_of_numbers_do_not_count(features: Features) -> None:
    """int32 and int64 are one type, whole numbers go into a column of fractions, and not the other way."""
    group = features.group("numbers", keys=["k"])
    group.insert(pl.DataFrame({"k": pl.Series([1], dtype=pl.Int32), "x": [0.5], "n": [1]}))
    group.insert(pl.DataFrame({"k": pl.Series([2], dtype=pl.UInt8), "x": [1], "n": [2]}))
    with pytest.raises(InputError, match="type int64"):
        group.insert(pl.DataFrame({"k": [3], "x": [0.5], "n": [0.5]}))
    assert group.read().to_polars().schema == {"k": pl.Int64, "x": pl.Float64, "n": pl.Int64}


def test_pandas_and_arrow_are_taken(features: Features) -> None:
    """Frames of other libraries come in, and reads go out to them."""
    group = weather(features)
    group.insert(rows(1.0, None).to_pandas())
    group.insert(rows(3.0, hour=5).to_arrow())
    assert group.read().to_pandas()["temp"].notna().to_list() == [True, False, True]
    assert group.read().to_arrow().num_rows == 3


def test_pandas_times_of_several_zones(features: Features) -> None:
    """A column that mixes naive and aware times becomes UTC."""
    pandas = pytest.importorskip("pandas")
    east = datetime.fromisoformat("2013-01-01T00:00:00-05:00")
    mixed = pandas.DataFrame(
        {"origin": ["A", "B"], "observed_at": pandas.Series([east, datetime(2013, 1, 1)], dtype=object)}
    )
    group = weather(features)
    group.insert(mixed.assign(temp=1.0))
    assert group.read().to_polars()["observed_at"].to_list() == [at(5), at(0)]


# --- commits, lineage, expectations


def test_commit_tells_what_it_holds(features: Features, graph: Graph) -> None:
    """Numbers count from 1; asset, event and source are in the graph."""
    group = weather(features)
    commit = group.insert(rows(1.0, 2.0))
    assert (commit.number, commit.n_rows, commit.min_event, commit.max_event) == (1, 2, at(0), at(1))
    asset = graph.get_asset(commit.asset_id)
    assert asset.kind is AssetKind.COMMIT
    assert [item.kind for item in graph.upstream(commit.asset_id)] == [AssetKind.SOURCE, AssetKind.COMMIT]
    (event,) = graph.events(kinds=["commit.published"])
    assert (event.subject, event.payload["n_rows"]) == (commit.asset_id, 2)


def test_file_is_the_source(features: Features, graph: Graph, tmp_path: Path) -> None:
    """Rows from a file hang on its digest; two inserts from one file hang on one source."""
    path = tmp_path / "weather.csv"
    rows(1.0, 2.0).with_columns(pl.col("observed_at").dt.replace_time_zone(None)).write_csv(path)
    group = weather(features)
    group.insert(path)
    group.insert(rows(5.0, hour=9), source=path)
    (source,) = graph.find_assets(kind=AssetKind.SOURCE)
    assert source.name == "weather.csv"
    assert len(graph.downstream(source.id).of_kind(AssetKind.COMMIT)) == 2


def test_failing_rows_are_counted_kept_and_shown(features: Features, graph: Graph) -> None:
    """With "alert" rows that break an expectation are published, counted, found again, and evidence says so."""
    group = weather(features, expectations=[expect.between("temp", -40, 130), expect.not_null("temp")])
    commit = group.insert(rows(1.0, 200.0, None))
    assert (commit.n_failed, commit.verdict) == (2, "fail")
    assert group.failing_rows(commit)["_row"].to_list() == [1, 2]
    (evidence,) = graph.evidence_for(commit.asset_id)
    assert evidence.verdict is Verdict.FAIL
    assert evidence.figures["n_failed"] == 2
    assert group.insert(rows(5.0, hour=9)).verdict == "pass"
    assert group.commits()[0] == group.get_commit(1) == commit
    assert commit.validation is not None and [item.n_failed for item in commit.validation.results] == [1, 1]


def test_a_commit_found_again_has_its_validation(features: Features) -> None:
    """An insert that was made already answers as the first time; without expectations there is nothing to say."""
    group = weather(features, expectations=[expect.between("temp", -40, 130)])
    first = group.insert(rows(200.0), idempotency_key="hour-0")
    assert first.validation is not None
    assert group.insert(rows(200.0), idempotency_key="hour-0") == first
    other = features.group("other", keys=["origin"], event_time="observed_at")
    assert other.insert(rows(1.0)).validation is None


@pytest.mark.parametrize(
    "expectation",
    [
        expect.between("origin", 1, 2),
        expect.between("temp", "cold", "warm"),
        expect.between("observed_at", "yesterday"),
        expect.in_set("temp", ["cold"]),
        expect.matches("temp", "[a-z]+"),
        expect.between("tmp", 1, 2),
    ],
    ids=lambda each: each.name,
)
def test_an_expectation_that_cannot_be_judged_is_refused(
    features: Features, expectation: Expectation
) -> None:
    """A conflict with a column's type is told when the group is defined or, before it has columns, at the insert."""
    declared = {"origin": str, "observed_at": datetime, "temp": float}
    with pytest.raises((InputError, UnknownNameError), match=f"expectation {expectation.kind}"):
        weather(features, schema=declared, expectations=[expectation])
    assert not features.groups()
    group = weather(features, expectations=[expectation])
    with pytest.raises((InputError, UnknownNameError), match=f"expectation {expectation.kind}"):
        group.insert(rows(1.0))
    assert nothing_written(features, group)
    group = weather(features, expectations=[])
    group.insert(rows(1.0))
    with pytest.raises((InputError, UnknownNameError), match=f"expectation {expectation.kind}"):
        weather(features, expectations=[expectation])
    assert group.spec.expectations == ()


@pytest.mark.parametrize("given", [expect.not_null("temp"), "not_null(temp)", ["not_null(temp)"]])
def test_what_is_no_expectation_is_refused(features: Features, given: Any) -> None:
    """One alone, or its name, is answered with how a list of them is written."""
    with pytest.raises(InputError, match=r"\[ms\.expect\.not_null"):
        weather(features, expectations=given)
    assert not features.groups()


def test_refusing_group_writes_nothing(features: Features) -> None:
    """With "block" a broken critical expectation leaves no trace; the rows can be looked at."""
    group = weather(features, expectations=[expect.between("temp", -40, 130)], on_failure="block")
    with pytest.raises(ExpectationError, match="1 of 2 rows"):
        group.insert(rows(1.0, 200.0))
    assert nothing_written(features, group)
    assert group.failing_rows(rows(1.0, 200.0))["temp"].to_list() == [200.0]


def test_idempotency_key_is_one_commit(features: Features) -> None:
    """The same rows under the same key are written once; other rows are a conflict."""
    group = weather(features)
    first = group.insert(rows(1.0), idempotency_key="hour-0")
    assert group.insert(rows(1.0), idempotency_key="hour-0").asset_id == first.asset_id
    with pytest.raises(ConflictError, match="other rows"):
        group.insert(rows(2.0), idempotency_key="hour-0")
    assert len(group.read(history=True).to_polars()) == 1


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["before the append", "before the publication"])
def test_retry_adopts_what_a_dead_process_left(
    features: Features, reopen: Callable[[], Features], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A process that died in an insert left nothing visible; the retry publishes the rows once."""
    group = weather(features)
    group.insert(rows(1.0))

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if step == "before the append":
            patch.setattr(type(features._stores.tables), "append", die)
        else:
            patch.setattr(ingest, "publish", die)
        group.insert(rows(2.0, hour=5), idempotency_key="k")
    assert reopen().get_group("weather").read(history=True).to_polars()["temp"].to_list() == [1.0]
    other = group.insert(rows(3.0, hour=9))
    assert other.number == 2
    with pytest.raises(ConflictError, match="nobody can read the first ones.*was killed, or is under way"):
        reopen().get_group("weather").insert(rows(9.0, hour=5), idempotency_key="k")
    adopted = reopen().get_group("weather").insert(rows(2.0, hour=5), idempotency_key="k")
    assert adopted.number == 3
    with pytest.raises(ConflictError, match="got other rows. Use a new key"):
        group.insert(rows(9.0, hour=5), idempotency_key="k")
    assert adopted.ticket < other.ticket
    assert group.read(2).to_polars()["temp"].to_list() == [1.0, 3.0]
    assert group.read().to_polars()["temp"].to_list() == [1.0, 3.0, 2.0]


# --- reads


def test_reads_do_not_change(features: Features) -> None:
    """A read at a commit is the same after corrections, deletes and late tickets."""
    group = weather(features)
    first = group.insert(rows(1.0, 2.0))
    before = group.read(first).to_polars()
    group.insert(rows(9.0))
    group.delete(rows(0.0, hour=1).drop("temp"))
    assert group.read(first).to_polars().equals(before)
    assert group.read(2).to_polars()["temp"].sort().to_list() == [2.0, 9.0]
    assert group.read().to_polars()["temp"].to_list() == [9.0]
    assert len(group.read(history=True).to_polars()) == 4


def test_a_notebook_shows_commits_and_reads(features: Features) -> None:
    """With the validation of the commit, and without reading a row; texts are escaped."""
    group = weather(features, expectations=[expect.between("temp", -40, 1)])
    commit = group.insert(rows(1.0, 2.0))
    group.describe(columns={"temp": column(description="<b>°F")})
    shown = commit._repr_html_()
    assert "<h4>commit 1 of weather@1</h4>" in shown
    assert "between(temp, low=-40, high=1)" in shown
    read = group.read().filter(pl.col("temp") > 1)
    assert repr(read) == "<Read rows of weather@1 as of commit 1, 1 filters>"
    assert "<td>temp</td><td>float64</td><td>&lt;b&gt;°F</td>" in read._repr_html_()


def test_read_as_of_a_moment(features: Features, clock: ReplayClock) -> None:
    """A moment of the project clock reads what was published by then."""
    group = weather(features)
    group.insert(rows(1.0))
    clock.set(at(10))
    group.insert(rows(2.0))
    assert group.read(at(9)).to_polars()["temp"].to_list() == [1.0]
    assert group.read(at(10)).to_polars()["temp"].to_list() == [2.0]
    assert group.read(at(0) - timedelta(1)).to_polars().height == 0


def test_a_commit_is_of_the_moment_when_its_writer_has_waited(
    features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that waits for the group's lock does not publish into a past that somebody may have read."""
    group = weather(features)

    def lock_after_an_hour(stores: Stores, connection: Connection, group_id: str) -> None:
        lock_group(stores, connection, group_id)
        clock.set(at(1))

    monkeypatch.setattr(publish, "lock_group", lock_after_an_hour)
    assert group.insert(rows(1.0)).published_at == at(1)
    assert group.read(at(0.5)).to_polars().is_empty()


def test_of_two_commits_the_later_is_not_of_an_earlier_moment(
    features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the machine that publishes second may be behind."""
    group = weather(features)
    clock.set(at(2))
    group.insert(rows(1.0))
    with monkeypatch.context() as behind:
        behind.setattr(ReplayClock, "now", lambda _: at(1))
        assert group.insert(rows(2.0)).published_at == at(2)
    clock.set(at(3))
    assert group.insert(rows(3.0)).published_at == at(3)


def test_later_known_row_is_current(features: Features) -> None:
    """Of two rows of one key and event time the later known one is read, however they were written."""
    group = weather(features, known_time="known")
    frame = rows(1.0).with_columns(known=pl.lit(at(5)))
    group.insert(frame)
    group.insert(frame.with_columns(temp=pl.lit(2.0), known=pl.lit(at(3))))
    assert group.read().to_polars()["temp"].to_list() == [1.0]


def test_read_filters_lazily(features: Features) -> None:
    """A filtered read stays a read, with its commits."""
    group = weather(features)
    group.insert(rows(1.0, 2.0, 3.0))
    read = group.read().filter(pl.col("temp") > 1, pl.col("temp") < 3)
    assert read.to_polars()["temp"].to_list() == [2.0]
    assert read.number == 1


def test_unknown_commit_and_empty_group(features: Features) -> None:
    """A commit that is not there, and a group without schema, are named."""
    group = weather(features)
    with pytest.raises(StateError, match="no insert yet"):
        group.read()
    with pytest.raises(StateError, match="no insert yet"):
        group["temp"]
    group.insert(rows(1.0))
    with pytest.raises(UnknownNameError, match="commit"):
        group.read(7)
    with pytest.raises(UnknownNameError, match="Did you mean 'temp'"):
        group["tempo"]


def test_declared_schema_reads_empty(features: Features) -> None:
    """A declared group without rows reads as an empty frame of its types."""
    group = weather(features, schema={"origin": "string", "observed_at": datetime, "temp": pl.Float32})
    assert group.read().to_polars().schema == {
        "origin": pl.String, "observed_at": pl.Datetime("us", "UTC"), "temp": pl.Float64,
    }  # fmt: skip


# --- many writers


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of so many threads that begin together."""
    barrier = threading.Barrier(count)

    def begin(i: int) -> Any:
        barrier.wait()
        return work(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_writers_get_numbers_in_the_order_of_publication(features: Features, graph: Graph) -> None:
    """Inserts at the same time become commits 1 to n, each readable whole, none twice."""
    group = weather(features)
    group.insert(rows(0.0))
    commits = in_threads(4, lambda i: group.insert(rows(float(i), float(i), origin=f"A{i}")))
    assert sorted(commit.number for commit in commits) == [2, 3, 4, 5]
    for commit in commits:
        assert group.read(commit).to_polars().height == 1 + 2 * (commit.number - 1)
    published = [event.subject for event in graph.events(kinds=["commit.published"])][1:]
    assert published == [commit.asset_id for commit in sorted(commits, key=lambda commit: commit.number)]


def test_one_key_in_many_threads_is_one_commit(features: Features) -> None:
    """A first insert that several threads retry at once is one commit."""
    group = weather(features)
    commits = in_threads(4, lambda _: group.insert(rows(1.0), idempotency_key="k"))
    assert {commit.number for commit in commits} == {1}
    assert group.read(history=True).to_polars().height == 1


def test_definitions_in_many_threads_are_one(features: Features, graph: Graph) -> None:
    """Group and view are made once, whoever comes first."""
    groups = in_threads(4, lambda _: weather(features).spec.group_id)
    assert len(set(groups)) == 1
    group = weather(features)
    group.insert(rows(1.0))
    views = in_threads(4, lambda _: features.view("v", features=[group["temp"]]).asset_id)
    assert len(set(views)) == 1
    assert len(graph.find_assets(kind=AssetKind.FEATURE_VIEW)) == 1


def test_a_group_is_defined_with_its_keys(features: Features) -> None:
    """Without them it is no definition; the refusal says how to get a group that there is."""
    features.group("weather", keys=["city"])
    with pytest.raises(InputError, match="the columns that name the entity") as refusal:
        features.group("weather")
    assert "features.get_group('weather', 1)" in refusal.value.hint


@pytest.mark.once
@pytest.mark.parametrize("key", ["", " ", 7])
def test_an_idempotency_key_that_tells_nothing_apart_is_refused(features: Features, key: Any) -> None:
    """It is not taken for none: two calls would be two commits without a word."""
    group = features.group("weather", keys=["origin"], event_time="observed_at")
    group.insert(rows(1.0))
    for call in (group.insert, group.delete):
        with pytest.raises(InputError, match="idempotency_key: expected text that is not empty"):
            call(rows(2.0), idempotency_key=key)
    assert len(group.commits()) == 1


@pytest.mark.once
@pytest.mark.parametrize("name", [None, 3])
def test_a_name_is_text(features: Features, name: Any) -> None:
    """Of groups and of views."""
    with pytest.raises(InputError, match=f"expected a name of letters.*got {name}"):
        features.group(name, keys=["k"])


@pytest.mark.once
def test_online_is_true_or_false(features: Features) -> None:
    """Text that is true of itself, such as 'no', is not taken for True."""
    with pytest.raises(InputError, match="online as True or False, got 'no'"):
        features.group("weather", keys=["origin"], online="no")  # type: ignore[arg-type]


@pytest.mark.once
def test_a_span_may_be_text_and_is_refused_at_the_call(features: Features) -> None:
    """What is no time is not first seen where rows are read."""
    group = features.group("weather", keys=["origin"], event_time="observed_at")
    group.insert(rows(1.0, 2.0, 3.0))
    found = group.read().within("2013-01-01T01:00:00Z", at(2))
    assert found.to_polars()["temp"].to_list() == [2.0]
    with pytest.raises(InputError, match="within: expected a time such as"):
        group.read().within("yesterday", None)


@pytest.mark.once
def test_a_filter_of_an_unknown_column_is_refused_at_the_call(features: Features) -> None:
    """With the columns that there are; those that the system adds, and patterns, are known."""
    group = features.group("weather", keys=["origin"], event_time="observed_at")
    group.insert(rows(1.0, 2.0))
    with pytest.raises(UnknownNameError, match=r"observed_at, origin, temp.*got 'tmp'.*Did you mean 'temp'"):
        group.read().filter(pl.col("tmp") > 1)
    with pytest.raises(InputError, match="expected polars expressions, got True"):
        group.read().filter(True)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="filter: expected predicates over columns.*temp Float64.*compare"):
        group.read().filter(pl.col("temp") == "warm")
    with pytest.raises(InputError, match="say yes or no of each row, got temp of type Float64"):
        group.read().filter(pl.col("temp") + 1)
    kept = group.read().filter(pl.col("^te.*$") > 1, pl.col("_number") == 1)
    assert kept.to_polars()["temp"].to_list() == [2.0]


@pytest.mark.once
def test_a_span_ends_after_it_starts_and_asks_for_event_times(features: Features) -> None:
    """What would answer with no row, or with all, says nothing of a span."""
    group = features.group("weather", keys=["origin"], event_time="observed_at")
    group.insert(rows(1.0))
    with pytest.raises(InputError, match="within: expected a start before the end"):
        group.read().within(at(2), at(1))
    static = features.group("airports", keys=["faa"])
    static.insert(pl.DataFrame({"faa": ["JFK"], "lat": [40.0]}))
    for start, end in ((at(0), None), (None, at(0))):
        with pytest.raises(InputError, match="airports@1, within: expected a group with an event time"):
            static.read().within(start, end)
    assert static.read().within(None, None).to_polars().height == 1


def test_a_commit_of_another_group_is_refused(features: Features) -> None:
    """Each group counts its commits for itself: a number of one says nothing of another."""
    one, other = (features.group(name, keys=["origin"], event_time="observed_at") for name in ("one", "two"))
    of_one, of_other = one.insert(rows(1.0)), other.insert(rows(2.0))
    for ask in (one.read, one.changes, one.profile, one.rejects, one.failing_rows):
        with pytest.raises(InputError, match="a commit of feature group one@1, got commit 1 of two@1"):
            ask(of_other)
    with pytest.raises(InputError, match="got commit 1 of two@1"):
        one.check([expect.not_null("temp")], of_other)
    assert features.get_group("one", 1).read(of_one).to_polars().height == 1


def test_a_history_is_no_data(features: Features) -> None:
    """Deletes and replaced rows would become rows: of an insert, of a delete and of a spine."""
    group = features.group("weather", keys=["origin"], event_time="observed_at")
    group.insert(rows(1.0, 2.0))
    group.delete(rows(1.0).drop("temp"))
    view = features.view("v", features=[group["temp"].on(prefix="its_")], spine_time="observed_at")
    history = group.read(history=True)
    for take in (group.insert, group.delete, view.join, view.training_dataset):
        with pytest.raises(InputError, match="deletes and replaced rows among them"):
            take(history)
    assert group.read().number == 2
    assert group.insert(group.read()).n_rows == 1


def test_rows_that_replace_each_other_in_one_insert_are_counted(features: Features) -> None:
    """The last of a key and event time is there; the commit says how many others came with it."""
    group = features.group("weather", keys=["origin"], event_time="observed_at")
    twice = pl.concat([rows(1.0, 2.0), rows(3.0), rows(4.0)])
    found = group.insert(twice)
    assert (found.n_rows, found.n_replaced, group.read().to_polars()["temp"].to_list()) == (4, 2, [2.0, 4.0])
    assert group.insert(rows(5.0)).n_replaced == 0
    assert group.get_commit(1).n_replaced == 2
