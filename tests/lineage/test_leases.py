"""Leases between real processes: the killed is found, the slow is left alone, the late publishes nothing."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select
from tests.log.conftest import Lines
from tests.log.conftest import lines as lines  # noqa: PLC0414 - a fixture

from mainspring.errors import FencedError, UnavailableError
from mainspring.lineage import AssetKind, ExecutionState, Graph, lease
from mainspring.lineage.leases import Leases
from mainspring.lineage.spec import Lease, Standing
from mainspring.lineage.standing import beat_s, bound_s
from mainspring.lineage.store import executions
from mainspring.log import bound
from mainspring.ports.records import open_records

HOUR_S = 3_600.0
OTHER = "elsewhere:1:1@another"


@dataclass
class Shifted:
    """The database's clock, put forward or back by `by_s`."""

    graph: Graph
    by_s: float = 0.0

    def __call__(self) -> ColumnElement[int]:
        return self.graph.records.present_us + int(self.by_s * 1e6)


class Watch:
    """Somebody who looks again and again, and may be at another time than the others."""

    def __init__(self, graph: Graph) -> None:
        self.clock = Shifted(graph)
        self.passed_s = 0.0
        self.leases = Leases(
            lambda: graph._scope, graph.vacate, present=self.clock, elapsed_s=lambda: self.passed_s
        )

    def wait(self, seconds: float) -> None:
        """Time goes by, and the clock with it."""
        self.passed_s += seconds
        self.clock.by_s += seconds


@pytest.fixture
def watch(graph: Graph) -> Watch:
    return Watch(graph)


@dataclass
class Child:
    """A process that has begun an execution, and ends it when it is told to."""

    pid: int
    execution_id: str
    said: Any
    told: int

    def go_on(self) -> str:
        """Let it publish; returns `published` or the code of the error."""
        os.write(self.told, b"!")
        return str(self.said.read())


@contextmanager
def child(graph: Graph, url: str, host: str | None = None) -> Iterator[Child]:
    """A process at work, of this machine or, as far as anybody can see, of another."""
    listen, say = os.pipe()
    heard, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work(graph, url, host, heard, say)
        finally:
            os._exit(1)
    os.close(say)
    os.close(heard)
    with os.fdopen(listen) as said:
        try:
            yield Child(pid, said.readline().strip(), said, tell)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(tell)


def work(graph: Graph, url: str, host: str | None, heard: int, say: int) -> None:
    """What the child does."""
    if host is not None:
        socket.gethostname = lambda: host
    graph.records = open_records(url)
    try:
        with graph.execution("train", "slowly", durable=True) as execution:
            os.write(say, f"{execution.id}\n".encode())
            os.read(heard, 1)
            execution.add(AssetKind.ARTIFACT, "made")
            execution.event("work.done", execution.id)
        os.write(say, b"published")
    except FencedError as error:
        os.write(say, error.code.encode())
    os._exit(0)


def state(graph: Graph, execution_id: str) -> ExecutionState:
    found = graph.find_execution(execution_id)
    assert found is not None
    return found.state


def beats_until_lost(watch: Watch, ttl_s: float) -> int:
    """How many looks, a beat apart, it takes until something is called lost."""
    for n_beats in range(20):
        if watch.leases.look():
            return n_beats
        watch.wait(beat_s(ttl_s))
    raise AssertionError("never called lost")


def test_a_killed_process_is_found_at_the_first_look(graph: Graph, records_url: str, watch: Watch) -> None:
    """On its own machine a process that is gone is known to be gone; its run ends as lost, with one event."""
    with child(graph, records_url) as killed:
        assert watch.leases.look() == []
        os.kill(killed.pid, signal.SIGKILL)
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        assert watch.leases.look() == [killed.execution_id]
    assert watch.leases.look() == []
    lost = graph.find_execution(killed.execution_id)
    assert lost is not None
    assert (lost.state, lost.fence) == (ExecutionState.LOST, 1)
    assert "its process ended" in str(lost.error)
    (event,) = graph.events(kinds=["execution.lost"])
    assert (event.subject, event.payload["error"]) == (killed.execution_id, lost.error)


def test_a_process_of_another_machine_is_found_within_the_bound(
    graph: Graph, records_url: str, watch: Watch
) -> None:
    """Where nobody can see whether it lives, its silence decides: not before the ttl, and not after the bound."""
    ttl_s = graph.leases.ttl_s
    with child(graph, records_url, host="elsewhere") as killed:
        os.kill(killed.pid, signal.SIGKILL)
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        n_beats = beats_until_lost(watch, ttl_s)
    assert ttl_s / beat_s(ttl_s) <= n_beats <= bound_s(ttl_s) / beat_s(ttl_s)
    assert state(graph, killed.execution_id) is ExecutionState.LOST
    assert "not heard of for 30 s" in str(graph.events(kinds=["execution.lost"])[0].payload["error"])


def test_a_stopped_process_that_goes_on_publishes_nothing(
    graph: Graph, records_url: str, watch: Watch
) -> None:
    """It was called lost while it stood still; when it goes on its publication is refused, whole."""
    with child(graph, records_url) as stopped:
        os.kill(stopped.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
        beats_until_lost(watch, graph.leases.ttl_s)
        os.kill(stopped.pid, signal.SIGCONT)
        assert stopped.go_on() == "publication.fenced"
    assert graph.find_assets() == []
    assert [event.kind for event in graph.events()] == ["execution.started", "execution.lost"]
    assert state(graph, stopped.execution_id) is ExecutionState.LOST


def test_a_process_that_lives_ends_in_peace(graph: Graph, records_url: str, watch: Watch) -> None:
    """Being looked at and suspected harms nobody who is heard of in time; an end gives the lease up."""
    with child(graph, records_url) as living:
        watch.clock.by_s = graph.leases.ttl_s * 0.6
        assert watch.leases.look() == []
        assert [each.standing for each in watch.leases.list()] == [Standing.SUSPECTED]
        assert living.go_on() == "published"
    assert watch.leases.list() == []
    assert [asset.name for asset in graph.find_assets()] == ["made"]


def test_a_slow_one_that_renews_is_never_called_lost(graph: Graph, watch: Watch) -> None:
    """Through ten ttls, with somebody of another machine looking after every beat."""
    clock = Shifted(graph)
    graph.leases = Leases(lambda: graph._scope, graph.vacate, present=clock)
    with graph.execution("train", "slowly", durable=True) as work:
        for _ in range(40):
            clock.by_s += beat_s(graph.leases.ttl_s)
            watch.clock.by_s = clock.by_s + 0.9 * beat_s(graph.leases.ttl_s)
            graph.leases.beat()
            assert watch.leases.look() == []
    assert state(graph, work.id) is ExecutionState.COMPLETED
    graph.leases.close()


@pytest.mark.parametrize("hours", [5, -5])
def test_a_clock_that_jumps_harms_nobody(graph: Graph, watch: Watch, hours: int) -> None:
    """Forward or back: the living are only suspected, and take that back; the dead are found within the bound."""
    clock = Shifted(graph)
    graph.leases = Leases(lambda: graph._scope, graph.vacate, present=clock)
    late = pytest.raises(FencedError, match="called lost")
    with late, graph.execution("train", "slowly", durable=True) as work:
        clock.by_s = watch.clock.by_s = hours * HOUR_S
        assert watch.leases.look() == []
        assert [each.standing for each in watch.leases.list()] == [Standing.SUSPECTED]
        graph.leases.beat()
        assert [each.standing for each in watch.leases.list()] == [Standing.HELD]
        graph.leases.forget(work.id)
        clock.by_s = watch.clock.by_s = 0.0
        n_beats = beats_until_lost(watch, graph.leases.ttl_s)
        assert n_beats <= bound_s(graph.leases.ttl_s) / beat_s(graph.leases.ttl_s)
    graph.leases.close()


def test_a_clock_that_steps_twice_harms_nobody_who_is_watched(graph: Graph, watch: Watch) -> None:
    """Whoever lives to look again waits by his own clock too, however the database's is set meanwhile."""
    with graph.execution("train", "slowly", durable=True) as work:
        for _ in range(4):
            watch.clock.by_s += HOUR_S
            assert watch.leases.look() == []
            watch.wait(beat_s(graph.leases.ttl_s) / 2)
        graph.leases.beat()
    assert state(graph, work.id) is ExecutionState.COMPLETED


def test_a_living_holder_that_was_called_lost_is_told(graph: Graph, lines: Lines) -> None:
    """Two steps of the clock within a beat, seen by two that live for a moment: what it published before stays whole,
    and at its next sign of life it knows; its next word is refused, and nothing of it is visible.
    """
    with (
        pytest.raises(FencedError, match="was called lost"),
        graph.execution("train", "m", durable=True) as work,
    ):
        with graph.execution("insert", "acknowledged") as before:
            kept = before.add(AssetKind.ARTIFACT, "acknowledged")
        for hours in (1, 2):
            moment = Leases(lambda: graph._scope, graph.vacate, present=Shifted(graph, hours * HOUR_S))
            lost = moment.look()
        assert lost == [work.id]
        graph.leases.beat()
        (taken,) = (line for line in lines() if line["event"] == "lease.taken")
        assert (taken["subject"], taken["execution_id"], taken["level"]) == (work.id, work.id, "warning")
        work.add(AssetKind.ARTIFACT, "late")
    assert graph.find_assets() == [kept]


def test_renewals_that_fail_are_said(graph: Graph, lines: Lines) -> None:
    """The first of a row, and once that others may act on it; what is refused then says why; so is the end of it."""
    passed_s = [0.0]
    graph.leases = leases = Leases(lambda: graph._scope, graph.vacate, elapsed_s=lambda: passed_s[0])
    away = UnavailableError(expected="a database", got="none", where="the test", hint="Wait.")

    def said() -> list[str]:
        return [line["event"] for line in lines() if line["event"].startswith("lease.")]

    with bound(run_id="r"), graph.execution("train", "m", durable=True) as work:
        for _ in range(5):
            passed_s[0] += leases.ttl_s / 4
            leases._miss(away)
        assert said() == ["lease.renewal_failed", "lease.in_doubt"]
        assert "for 38 s this process could not renew it: the test" in work._fenced().got
        leases.beat()
        assert said()[2:] == ["lease.renewed"]
        leases._miss(away)
        leases.beat()
        assert said()[3:] == ["lease.renewal_failed", "lease.renewed"]
        assert leases.silence == ""
    found = [line for line in lines() if line["event"].startswith("lease.")]
    assert {(line["subject"], line["execution_id"], line["run_id"]) for line in found} == {
        (work.id, work.id, "r")
    }
    assert {line["correlation_id"] for line in found} == {"order-1"}
    leases.close()


def test_many_that_look_call_it_lost_once(graph: Graph, records_url: str) -> None:
    """Whoever looks at the same time, each lost run is one observer's, and has one event."""
    for name in "abc":
        work = graph.execution("train", name, durable=True)
        work.__enter__()
        graph.leases.forget(work.id)
    early = Leases(lambda: graph._scope, graph.vacate, present=Shifted(graph, graph.leases.ttl_s))
    assert early.look() == []
    together = threading.Barrier(6)
    found: list[str] = []

    def look() -> None:
        records = open_records(records_url)
        leases = Leases(lambda: graph._scope, graph.vacate, present=Shifted(graph, 2 * graph.leases.ttl_s))
        together.wait()
        found.extend(leases.look())
        records.close()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [event.subject for event in graph.events(kinds=["execution.lost"])]
    assert len(lost) == 3
    assert sorted(found) == sorted(lost)


def test_looks_of_one_process_at_the_same_time(graph: Graph, watch: Watch) -> None:
    """One waits for its turn to write while the other, that of the renewing thread, sees nothing in doubt any more."""
    names = "ab"
    for name in names:
        work = graph.execution("train", name, durable=True)
        work.__enter__()
        graph.leases.forget(work.id)
    watch.wait(graph.leases.ttl_s)
    assert watch.leases.look() == []
    watch.wait(graph.leases.ttl_s)
    take_away = watch.leases._take_away

    def meanwhile(lease: Lease) -> bool:
        watch.leases._take_away = take_away  # type: ignore[method-assign]
        lost.extend(watch.leases.look())
        assert watch.leases.look() == []
        return take_away(lease)

    watch.leases._take_away = meanwhile  # type: ignore[method-assign]
    lost: list[str] = []
    lost += watch.leases.look()
    assert len(lost) == len(set(lost)) == len(names)


def test_what_nobody_foresaw_does_not_end_the_renewals(graph: Graph, lines: Lines) -> None:
    """An error of whoever is told of a loss is said; the leases of the others here are renewed on."""
    graph.leases = Leases(lambda: graph._scope, graph.vacate, ttl_s=0.2)
    renewed = threading.Semaphore(0)
    beat = graph.leases.beat

    def broken() -> None:
        raise KeyError("unforeseen")

    def counted() -> None:
        beat()
        renewed.release()

    graph.leases.beat = counted  # type: ignore[method-assign]
    with graph.leases.role("server/a"), graph.leases.role("server/b", broken):
        with graph.records.write() as connection:
            claim = lease.Claim(graph.project_id, "server/b", OTHER, 60, graph.records.present_us)
            lease.take_over(connection, graph.records, claim)
        assert all(renewed.acquire(timeout=5) for _ in range(3))
    graph.leases.close()
    (said,) = (line for line in lines() if line["event"] == "lease.renewal_failed")
    assert (said["subject"], "unforeseen" in said["text"]) == ("server/a", True)


def test_parts_of_a_lost_execution(graph: Graph, watch: Watch) -> None:
    """What runs below it under its lease is lost with it, and nothing below it begins or publishes afterwards."""
    with pytest.raises(FencedError), graph.execution("pipeline", "p", durable=True) as whole:
        below: dict[str, Any] = {"parent_id": whole.id, "durable": True}
        step = graph.execution("step", "under way", covered=True, **below)
        step.__enter__()
        own = graph.execution("run", "elsewhere", **below)
        own.__enter__()
        graph.leases.forget(whole.id)
        lost_by(graph, watch, whole.id)
        assert state(graph, step.id) is ExecutionState.LOST
        assert state(graph, own.id) is ExecutionState.RUNNING
        for late in (
            graph.execution("step", "new", parent_id=whole.id, durable=True, covered=True),
            graph.execution("step", "reused", parent_id=whole.id, covered=True),
        ):
            with pytest.raises(FencedError, match="of which this is a part"), late:
                late.add(AssetKind.ARTIFACT, "late")
        with pytest.raises(FencedError):
            step.__exit__(None, None, None)
    with pytest.raises(FencedError):
        own.__exit__(None, None, None)
    assert graph.find_assets() == []
    with graph.records.read() as connection:
        assert set(connection.execute(select(executions.c.state)).scalars()) == {"lost", "failed"}


def lost_by(graph: Graph, watch: Watch, execution_id: str) -> None:
    """Call one execution lost, and leave the other leases held."""
    for _ in range(2):
        watch.wait(graph.leases.ttl_s / 2)
        graph.leases.beat()
        for each in watch.leases.list([execution_id]):
            if each.standing is Standing.OVERDUE:
                watch.leases._suspect(each.lease)
            else:
                assert watch.leases._take_away(each.lease)


def test_the_thread_renews_and_outlives_a_database_that_is_away(graph: Graph) -> None:
    """One thread renews whatever is held; an error is the occasion to try again, and the last end is its own."""
    away = threading.Event()
    graph.leases = Leases(lambda: graph._scope, graph.vacate, ttl_s=0.2)
    beaten = threading.Semaphore(0)
    beat = graph.leases.beat

    def counted() -> None:
        beaten.release()
        if away.is_set():
            raise UnavailableError(expected="a database", got="none", where="the test", hint="Wait.")
        beat()

    graph.leases.beat = counted  # type: ignore[method-assign]

    def renewed() -> set[Any]:
        return {found.lease.renewed_at for found in graph.leases.list()}

    with graph.execution("a", "a", durable=True), graph.execution("b", "b", durable=True):
        before = renewed()
        away.set()
        assert all(beaten.acquire(timeout=60) for _ in range(3))
        away.clear()
        assert all(beaten.acquire(timeout=60) for _ in range(3))
        assert len(graph.leases.list()) == 2
        assert min(renewed()) > max(before)
        thread = graph.leases._thread
        assert thread is not None
    thread.join(60)
    assert not thread.is_alive()


def test_a_role_goes_to_the_newest(graph: Graph, watch: Watch) -> None:
    """Its token rises with every holder, given up or not; the one before learns that it has lost it."""
    told = threading.Event()
    with graph.leases.role("server/host:1", told.set) as first:
        with watch.leases.role("server/host:1") as second:
            graph.leases.beat()
            assert told.is_set()
            assert [found.lease.token for found in watch.leases.list()] == [second]
        assert watch.leases.list() == []
    with graph.leases.role("server/host:1") as third:
        assert first < second < third
        graph.leases.forget("server/host:1")
        n_beats = beats_until_lost(watch, graph.leases.ttl_s)
        assert n_beats <= bound_s(graph.leases.ttl_s) / beat_s(graph.leases.ttl_s)
        (event,) = graph.events(kinds=["lease.lost"])
        assert (event.payload["subject"], event.payload["token"]) == ("server/host:1", third)
        assert watch.leases.list() == []
        with watch.leases.role("server/host:1") as fourth:
            assert third < fourth
    watch.leases.close()


def test_a_forked_child_holds_nothing(graph: Graph) -> None:
    """It does not renew what its parent holds, nor publish in its name."""
    with graph.execution("train", "m", durable=True) as work:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work.__exit__(None, None, None)
            except FencedError:
                code = 0
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert state(graph, work.id) is ExecutionState.RUNNING
    assert state(graph, work.id) is ExecutionState.COMPLETED


def test_a_role_that_only_one_may_have_is_waited_for(graph: Graph, watch: Watch) -> None:
    """Whoever comes second has it when the first is through, under a greater token."""
    has, over, got = threading.Event(), threading.Event(), list[int]()

    def second() -> None:
        has.wait()
        with watch.leases.exclusive("maintenance/t") as token:
            got.append(token)
            over.set()

    waiting = threading.Thread(target=second)
    waiting.start()
    with graph.leases.exclusive("maintenance/t") as token:
        has.set()
        assert not over.wait(0.3)
        assert got == []
    waiting.join()
    assert got == [token + 1]
    watch.leases.close()


def test_copied_records_say_who_had_a_role_elsewhere(graph: Graph) -> None:
    """Freed by whoever knows that nobody has it there, it can be had at once; others of other names stay."""
    with graph.leases.exclusive("maintenance/t") as first, graph.leases.exclusive("other"):
        graph.leases.free("maintenance/")
        assert [each.lease.subject for each in graph.leases.list()] == ["other"]
        with Leases(lambda: graph._scope, graph.vacate).exclusive("maintenance/t") as second:
            assert second == first + 1
