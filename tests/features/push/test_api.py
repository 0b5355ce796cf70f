"""Pushed rows: online at once, offline in batches, each event once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.features.conftest import at
from tests.features.online.test_api import store_at

from mainspring.checks import expect
from mainspring.errors import ConflictError, ExpectationError, InputError, IntegrityError, StateError
from mainspring.features.api import Features
from mainspring.features.push import api as push
from mainspring.features.push import journal
from mainspring.lineage import Graph
from mainspring.ports.clock import ReplayClock
from mainspring.project import Project

SCHEMA = {"user": str, "seen": datetime, "score": float}


def users(features: Features, name: str = "users", **rules: Any) -> Any:
    """An online group of a stream."""
    return features.group(name, keys=["user"], event_time="seen", online=True, schema=SCHEMA, **rules)


def row(event: object, user: str = "ann", hour: float = 0, score: float | None = 1.0) -> dict[str, Any]:
    return {"id": event, "user": user, "seen": at(hour), "score": score}


def read(features: Features, group: Any, user: str = "ann") -> tuple[Any, str]:
    view = features.view("v", features=[group["score"]], spine_time="t")
    vector = view.online({"user": user})
    return vector.values["score"], vector.status["users"]


def test_online_at_once_and_offline_when_committed(features: Features, clock: ReplayClock) -> None:
    """A pushed row answers online before any commit holds it; the commit that takes it over is named afterwards."""
    group = users(features)
    clock.set(at(1))
    done = group.push([row(1, hour=0.5, score=7.0)], event_id="id")
    assert (done.n_rows, done.n_repeated, done.commits) == (1, 0, ())
    assert read(features, group) == (7.0, "present")
    assert group.commits() == []
    before = features.get_view("v").online({"user": "ann"})
    (commit,) = group.flush()
    after = features.get_view("v").online({"user": "ann"})
    assert before.assets == after.assets == {"users": commit.asset_id}
    assert after.commits == {"users": commit.number}
    assert group.read().to_polars().rows() == [("ann", at(0.5), 7.0)]
    assert group.flush() == []


def test_an_event_counts_once(features: Features, reopen: Callable[[], Features], clock: ReplayClock) -> None:
    """A re-sent id changes nothing: within one push, before and after the commit, in another process, as a number."""
    group = users(features)
    clock.set(at(1))
    done = group.push([row("1"), row("1"), row("2", "bob")], event_id="id")
    assert (done.n_rows, done.n_repeated) == (2, 1)
    for _ in range(2):
        again = reopen().get_group("users")
        assert again.push([row(1)], event_id="id").n_rows == 0
        assert read(features, group) == (1.0, "present")
        again.flush()
    assert group.read(history=True).to_polars().height == 2
    assert len(group.commits()) == 1


@pytest.mark.parametrize("is_committed", [False, True])
def test_an_event_with_other_content_is_refused(
    features: Features, clock: ReplayClock, *, is_committed: bool
) -> None:
    """With all that was sent with it, in the journal and in a commit; NaN and null are the same again."""
    group = users(features)
    clock.set(at(1))
    first = [row("1"), row("2", score=float("nan")), row("3", score=None)]
    group.push(first, event_id="id")
    if is_committed:
        group.flush()
    assert group.push(first, event_id="id").n_repeated == 3
    for other in (row("1", score=3.0), row("3", score=0.0), row("2", hour=0.5, score=float("nan"))):
        with pytest.raises(ConflictError, match=f"other values of (score|seen) in '{other['id']}'"):
            group.push([row("4", "bob"), other], event_id="id")
    assert read(features, group, "bob") == (None, "missing")
    with pytest.raises(ConflictError, match="other values of user in '5'"):
        group.push([row("5"), row("5", "bob")], event_id="id")
    group.flush()
    assert group.read(history=True).to_polars().height == 3


def test_an_event_is_learnt_of_again(features: Features, clock: ReplayClock) -> None:
    """Whoever sends it again knows of it since later; and of a row that was erased there is nothing to compare."""
    schema = {"user": str, "seen": datetime, "told": datetime, "score": float}
    options: dict[str, Any] = {"keys": ["user"], "event_time": "seen", "known_time": "told"}
    group = features.group("told", schema=schema, **options)
    clock.set(at(5))
    group.push([row("1") | {"told": at(1)}], event_id="id")
    assert group.push([row("1") | {"told": at(2)}], event_id="id").n_repeated == 1
    group.flush()
    assert group.push([row("1") | {"told": at(3)}], event_id="id").n_repeated == 1
    group.erase({"user": "ann"}, reason="asked")
    assert group.push([row("1", score=9.0) | {"told": at(3)}], event_id="id").n_rows == 0


def test_a_column_that_came_later_is_no_other_content(features: Features, clock: ReplayClock) -> None:
    """The event had no value of it when it was sent first."""
    group = users(features)
    clock.set(at(1))
    group.push([row("1")], event_id="id")
    group.flush()
    group.push([row("2")], event_id="id")
    wider = features.group(
        "users", keys=["user"], event_time="seen", online=True, schema={**SCHEMA, "late": int}
    )
    again = [row(event) | {"late": 7} for event in ("1", "2")]
    assert wider.push(again, event_id="id").n_repeated == 2


def test_ids_are_forgotten_when_told_to(
    features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of rows that were committed before a moment, in parts; not of later ones, nor of rows that still wait."""
    monkeypatch.setattr(push, "IDS_AT_ONCE", 2)
    group, other = users(features), users(features, "other")
    clock.set(at(1))
    for each in (group, other):
        each.push([row(number, f"u{number}") for number in range(3)], event_id="id")
    group.flush()
    clock.set(at(2))
    group.push([row(3, "u3")], event_id="id")
    group.flush()
    clock.set(at(9))
    for _ in range(2):
        assert features.forget_event_ids(at(2)) == {"users@1": 3}
    assert features.forget_event_ids(at(1), delete=True) == {}
    assert features.forget_event_ids(at(2), delete=True) == {"users@1": 3}
    assert features.forget_event_ids(at(2), delete=True) == {}
    again = [row(number, f"u{number}") for number in range(4)]
    assert group.push(again, event_id="id").n_rows == 3
    assert other.push(again, event_id="id").n_rows == 1


def test_later_of_equally_new_rows(features: Features, clock: ReplayClock) -> None:
    """Where event times are equal, or there are none, the row that was pushed later answers, committed or not."""
    states = features.group("states", keys=["user"], online=True, schema={"user": str, "state": str})
    view = features.view("s", features=[states["state"].static()], spine_time="t")
    clock.set(at(1))
    states.insert(pl.DataFrame({"user": ["ann"], "state": ["inserted"]}))
    states.materialize()
    for number, state in enumerate(["a", "b", "c"]):
        states.push([{"id": number, "user": "ann", "state": state}], event_id="id")
        assert view.online({"user": "ann"}).values["state"] == state
        if state == "b":
            states.insert(pl.DataFrame({"user": ["bob"], "state": ["inserted"]}))
            states.flush()
    states.flush()
    assert view.online({"user": "ann"}).values["state"] == "c"
    assert view.online({"user": "ann"}).commits == {"states": 4}


def test_only_what_is_available_is_online(features: Features, clock: ReplayClock) -> None:
    """A row of the future is durable and waits; it comes when its time has come, with its commit."""
    group = users(features, source_delay_s=3600.0)
    clock.set(at(1))
    group.push([row(1, hour=1)], event_id="id")
    assert read(features, group) == (None, "missing")
    clock.set(at(2))
    features.materialize()
    assert read(features, group) == (1.0, "present")


def test_batches(features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is committed when it is full or old: at the next push, or when features are materialised."""
    monkeypatch.setattr(push, "BATCH_ROWS", 4)
    monkeypatch.setattr(push, "ROWS_AT_ONCE", 3)
    group = users(features)
    clock.set(at(1))
    done = group.push((row(number, f"u{number}") for number in range(10)), event_id="id")
    assert (done.n_rows, done.commits) == (10, (1, 2))
    assert [commit.n_rows for commit in group.commits()] == [6, 4]
    group.push([row(10)], event_id="id")
    features.materialize()
    assert len(group.commits()) == 2
    clock.set(at(1 + push.BATCH_AGE_S / 3600))
    features.materialize()
    assert len(group.commits()) == 3
    group.push([row(11)], event_id="id")
    clock.set(at(3))
    assert group.push([row(12)], event_id="id").commits == (4,)
    assert group.read().to_polars().height == 11


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(None)], "an id in every row"),
        ([row("x" * 201)], "of 1 to 200 characters"),
        ([row("")], "an id in every row"),
        ([row(1.5)], "text or whole numbers"),
        ([{"id": 1, "user": "ann", "seen": at(0)}], "a mapping with id, user, seen, score"),
        ([{**row("1"), "more": 1}], "a mapping with id"),
        ([{**row("1"), "score": "high"}], "values of type float64"),
        ([{**row("1"), "seen": "yesterday"}], "values of type datetime"),
        ([{**row("1"), "user": None}], "a value in every row of 'user'"),
        (pl.DataFrame({"user": ["ann"], "seen": [at(0)], "score": [1.0]}), "a column 'id'"),
    ],
)
def test_bad_rows_are_refused_whole(features: Features, rows: Any, message: str) -> None:
    """Nothing of a push is taken when one of its rows is refused."""
    group = users(features)
    both = rows if isinstance(rows, pl.DataFrame) else [row("first"), *rows]
    with pytest.raises(InputError, match=message):
        group.push(both, event_id="id")
    assert group.flush() == []


def test_expectations_and_schema_come_first(features: Features, clock: ReplayClock) -> None:
    """A group that refuses does so before anything is acknowledged; without a schema nothing can be pushed."""
    strict = users(features, expectations=[expect.between("score", 0, 10)], on_failure="block")
    with pytest.raises(ExpectationError):
        strict.push([row(1, score=11.0)], event_id="id")
    assert strict.push([row(1, score=9.0)], event_id="id").n_rows == 1
    assert strict.flush()[0].verdict == "pass"
    bare = features.group("bare", keys=["user"])
    with pytest.raises(StateError, match="a group with a schema"):
        bare.push([{"id": 1, "user": "ann"}], event_id="id")


def test_a_stream_takes_rows_as_the_group_is_by_then(
    features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy and a suite that came since, by whomever, hold for a handle from before, in the middle of a push."""
    monkeypatch.setattr(push, "ROWS_AT_ONCE", 1)
    held = users(features)
    clock.set(at(1))

    def rows() -> Iterator[dict[str, Any]]:
        yield row(1, score=99.0)
        users(features, expectations=[expect.between("score", 0, 10)], on_failure="block")
        yield row(2, score=98.0)

    with pytest.raises(ExpectationError):
        held.push(rows(), event_id="id")
    assert read(features, held) == (99.0, "present")


def test_a_slow_iterator_is_online_row_by_row(
    features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that comes after a while is online before the next one is waited for."""
    monkeypatch.setattr(push, "AT_ONCE_S", 0.0)
    group = users(features)
    clock.set(at(1))
    seen = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(3):
            yield row(number, hour=number / 10, score=float(number))
            seen.append(read(features, group)[0])

    assert group.push(rows(), event_id="id").n_rows == 3
    assert seen == [0.0, 1.0, 2.0]


def test_an_id_that_is_a_column_of_the_group(features: Features) -> None:
    """It would be dropped with the ids: that is said."""
    group = users(features)
    with pytest.raises(InputError, match="'user', which is a column of the group.*under another name"):
        group.push([row(1)], event_id="user")


def test_text_times_and_columns_that_came_later(features: Features, clock: ReplayClock) -> None:
    """JSON's times are read; rows that were pushed before the group gained a column have no value for it."""
    group = users(features)
    clock.set(at(1))
    group.push([{**row(1), "seen": "2013-01-01T00:30:00Z"}], event_id="id")
    wide = features.group(
        "users", keys=["user"], event_time="seen", online=True, schema={**SCHEMA, "city": str}
    )
    again = wide.push([{**row(1, hour=0.5), "city": "Bonn"}], event_id="id")
    assert again.n_repeated == 1
    wide.push([{**row(2, "bob"), "city": "Ulm"}], event_id="id")
    wide.flush()
    assert wide.read().to_polars().rows() == [("ann", at(0.5), 1.0, None), ("bob", at(0), 1.0, "Ulm")]


def test_a_killed_put_is_made_up_for(
    features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the journal and the online store: sent again, the row is not new, and is online."""
    group = users(features)
    clock.set(at(1))
    with monkeypatch.context() as patch:
        patch.setattr(push, "_bring_online", lambda *_: None)
        group.push([row(1)], event_id="id")
    assert read(features, group) == (None, "missing")
    assert group.push([row(1)], event_id="id").n_repeated == 1
    assert read(features, group) == (1.0, "present")


_examples = iter(range(10**9))
EVENTS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["ann", "bob"]), st.integers(0, 6), st.floats(0, 1)),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(st.one_of(EVENTS, st.just("flush"), st.just("insert")), min_size=1, max_size=8)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, ttl=st.sampled_from([None, 7200.0]), known=st.sampled_from([None, "commit"]))
def test_once_committed_online_is_the_join(
    graph: Graph, clock: ReplayClock, steps: Any, ttl: float | None, known: str | None
) -> None:
    """Over pushes, flushes and inserts in any order: when all is committed, reading online is the join (R20).

    Every event is there exactly once, however often it was sent.
    """
    with store_at(graph) as features:
        number = next(_examples)
        name, begin = f"users{number}", 100 * number
        group = users(features, name, ttl_s=ttl, known_time=known)
        first: dict[int, tuple[Any, ...]] = {}
        for hour, step in enumerate(steps):
            clock.set(at(begin + hour))
            if step == "flush":
                group.flush()
            elif step == "insert":
                group.insert(pl.DataFrame({"user": ["ann"], "seen": [at(begin + 2)], "score": [float(hour)]}))
            else:
                sent = [(event, *first.setdefault(event, tuple(content))) for event, *content in step]
                rows = [row(event, user, begin + at_hour, score) for event, user, at_hour, score in sent]
                group.push(rows, event_id="id")
        end = at(begin + len(steps))
        clock.set(end)
        group.flush()
        group.materialize()
        view = features.view(name, features=[group["score"]], spine_time="t")
        names = ["ann", "bob"]
        joined = view.join(pl.DataFrame({"user": names, "t": [end] * 2}))
        vectors = view.online().many([{"user": name} for name in names], {}, end)
        assert vectors.values["score"] == joined.frame["score"].to_list()
        assert vectors.commits[name] == joined.provenance[name]["number"].to_list()
        stored = group.read(history=True).to_polars().filter(pl.col("score") <= 1)
        pushed = [(user, at(begin + hour), score) for user, hour, score in first.values()]
        inserted = [
            ("ann", at(begin + 2), float(hour))
            for hour, step in enumerate(steps)
            if step == "insert" and hour < 2
        ]
        assert sorted(stored.rows()) == sorted([*pushed, *inserted])


def test_many_push_the_same_at_once(
    features: Features, reopen: Callable[[], Features], clock: ReplayClock
) -> None:
    """Several that push and commit the same events at once: each event is in one commit, once."""
    users(features)
    clock.set(at(1))
    rows = [row(number, f"u{number}") for number in range(40)]

    def work(turn: int) -> int:
        group = reopen().get_group("users")
        done = 0
        for start in range(0, 40, 10):
            part = rows[(start + 10 * turn) % 40 :][:10]
            done += group.push(part, event_id="id").n_rows
            group.flush()
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 40
    stored = features.get_group("users").read(history=True).to_polars()
    assert sorted(stored["user"]) == sorted(f"u{number}" for number in range(40))


@pytest.mark.parametrize("number", [2**62, 1_704_067_200_000, 1.5, True])
def test_a_number_is_no_time(features: Features, number: object) -> None:
    """Nobody knows its unit: text of ISO 8601 or a datetime is asked for, and nothing is written."""
    group = users(features)
    with pytest.raises(InputError, match="column 'seen'.*ISO 8601"):
        group.push([row(1), {**row(2), "seen": number}], event_id="id")
    assert group.flush() == []


@pytest.mark.parametrize("event", ["a\0b", "", "x" * 201])
def test_an_event_id_that_a_database_cannot_hold(features: Features, event: str) -> None:
    """Refused alike on every database."""
    group = users(features)
    with pytest.raises(InputError, match="an id in every row"):
        group.push([row(event)], event_id="id")
    with pytest.raises(InputError, match="idempotency key of text without NUL"):
        group.insert(pl.DataFrame([row(1)]).drop("id"), idempotency_key="a\0b")


def test_a_group_that_cannot_commit_holds_up_no_other(project: Project) -> None:
    """Its rows wait on and it is told of; the others' are committed and brought online."""
    features, clock = project.features, project.clock
    assert isinstance(clock, ReplayClock)
    clock.set(at(1))
    lost, sound = users(features, "lost"), users(features, "sound")
    for group in (lost, sound):
        group.push([row(1, hour=0.5)], event_id="id")
    lost.flush()
    lost.push([row(2, hour=0.6)], event_id="id")
    (table,) = project.home.glob("tables/features_lost_*")
    shutil.rmtree(table)
    clock.set(at(2))
    with pytest.raises(IntegrityError, match="features_lost"):
        features.materialize()
    assert [commit.n_rows for commit in sound.commits()] == [1]
    assert sound.watermark() == (at(2), 1)


def test_what_comes_again_is_looked_up_alone(features: Features, clock: ReplayClock, graph: Graph) -> None:
    """Of a batch only what was pushed with the repeated events: a late copy costs no more the fuller the batch is."""
    group = users(features)
    clock.set(at(1))
    for number in range(6):
        group.push([row(number, f"u{number}"), row(number + 100, f"w{number}")], event_id="id")
    with graph.records.read() as connection:
        known = journal.find_events(connection, group.spec.group_id, ["3", "104"])
        found = journal.pushes_of(connection, known)
        none = journal.pushes_of(connection, [])
    assert [pushed.ordinal for pushed in found] == [6, 8]
    assert none == []
