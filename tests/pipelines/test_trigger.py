"""Triggers: one run for each event, whatever dies in between."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from mainspring.errors import FencedError, StateError
from mainspring.lineage import AssetKind, Event, ExecutionState, Graph, lease
from mainspring.lineage.leases import Leases
from mainspring.pipelines import Pipelines, pipeline, step
from mainspring.pipelines.spec import RequestState
from mainspring.pipelines.trigger import Claim
from mainspring.ports.engine import open_engine
from mainspring.ports.records import open_records


@step
def fit(*, until: int) -> int:
    if until < 0:
        raise ValueError("no data before the beginning")
    return until


@pipeline
def training(until: int = 0) -> int:
    return fit(until=until)


def raise_alert(graph: Graph, until: int, kind: str = "alert.raised") -> None:
    with graph.execution("monitor", "delays") as work:
        report = work.add(AssetKind.REPORT, "finding")
        work.event(kind, report.id, {"until": until})


def until_of(event: Event) -> dict[str, int]:
    return {"until": event.payload["until"]}


def listen(pipelines: Pipelines) -> str:
    trigger = pipelines.on_event("alert.raised", training, parameters=until_of, name="retrain")
    return trigger.name


def test_each_event_starts_one_run(pipelines: Pipelines, graph: Graph) -> None:
    """New events start a run each, with parameters taken from the event; old events and other kinds none."""
    raise_alert(graph, 1)
    listen(pipelines)
    raise_alert(graph, 2)
    raise_alert(graph, 9, kind="alert.cleared")
    raise_alert(graph, 3)
    assert [run.output for run in pipelines.handle_events()] == [2, 3]
    assert pipelines.handle_events() == []


def test_a_filter_chooses_events(pipelines: Pipelines, graph: Graph) -> None:
    """Events that do not count are passed over for good."""
    pipelines.on_event(
        "alert.raised",
        training,
        where=lambda event: event.payload["until"] > 1,
        parameters=until_of,
        from_start=True,
    )
    for until in (1, 2):
        raise_alert(graph, until)
    assert [run.output for run in pipelines.handle_events()] == [2]


def test_the_place_in_the_log_outlives_the_process(pipelines: Pipelines, graph: Graph) -> None:
    """Another process that registers the same trigger goes on where the last one stopped."""
    listen(pipelines)
    raise_alert(graph, 1)
    pipelines.handle_events()
    raise_alert(graph, 2)
    other = Pipelines(graph, open_engine("local:"))
    listen(other)
    assert [run.output for run in other.handle_events()] == [2]
    assert pipelines.handle_events() == []


def test_two_readers_share_the_events(graph: Graph) -> None:
    """Processes that handle events at the same time start one run for each event, all of them together."""
    readers = [Pipelines(graph, open_engine("local:")) for _ in range(2)]
    for reader in readers:
        listen(reader)
    for until in range(6):
        raise_alert(graph, until)
    with ThreadPoolExecutor(2) as pool:
        done = [run.output for runs in pool.map(Pipelines.handle_events, readers) for run in runs]
    assert sorted(done) == list(range(6))


def test_a_run_that_failed_is_recorded_and_not_repeated(pipelines: Pipelines, graph: Graph) -> None:
    """A failing run closes its request; the events behind it are still answered."""
    name = listen(pipelines)
    raise_alert(graph, -1)
    raise_alert(graph, 5)
    with pytest.raises(StateError, match="no data before the beginning"):
        pipelines.handle_events()
    assert [run.output for run in pipelines.handle_events()] == [5]
    failed, done = pipelines.requests(name)
    assert (failed.state, done.state) == (RequestState.FAILED, RequestState.DONE)
    assert "no data before the beginning" in str(failed.error)
    assert done.run_id == pipelines.runs("training")[0].id


@dataclass
class Answering:
    """A process that has claimed a request and not begun its run; it goes on when it is told to."""

    pid: int
    said: Any
    told: int

    def go_on(self) -> str:
        os.write(self.told, b"!")
        return str(self.said.read())


@contextmanager
def answering(graph: Graph, url: str, host: str | None = None) -> Iterator[Answering]:
    """On this machine, or as far as anybody can see on another."""
    listen, say = os.pipe()
    heard, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if host is not None:
                socket.gethostname = lambda: host
            graph.records = open_records(url)

            def claimed(event: Event) -> dict[str, int]:
                os.write(say, b"claimed\n")
                os.read(heard, 1)
                return until_of(event)

            theirs = Pipelines(graph, open_engine("local:"))
            theirs.on_event("alert.raised", training, parameters=claimed, name="retrain")
            try:
                theirs.handle_events()
            except FencedError as error:
                os.write(say, error.code.encode())
        finally:
            os._exit(0)
    os.close(say)
    os.close(heard)
    with os.fdopen(listen) as said:
        try:
            assert said.readline() == "claimed\n"
            yield Answering(pid, said, tell)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(tell)


def look_later(graph: Graph) -> None:
    """Somebody looks, a ttl after the last sign of life."""
    for shift in (0.6, 1.2):
        present = graph.records.present_us + int(graph.leases.ttl_s * shift * 1e6)
        Leases(lambda: graph._scope, graph.vacate, present=lambda now=present: now).look()


def test_a_request_of_a_dead_process_is_answered_again(
    pipelines: Pipelines, graph: Graph, records_url: str
) -> None:
    """A process that died between its claim and its run leaves a request that the next one takes over."""
    name = listen(pipelines)
    raise_alert(graph, 7)
    with answering(graph, records_url) as dead:
        os.kill(dead.pid, signal.SIGKILL)
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        assert [run.output for run in pipelines.handle_events()] == [7]
    assert [request.state for request in pipelines.requests(name)] == [RequestState.DONE]
    assert graph.leases.list() == []


def test_a_request_of_another_machine_is_answered_when_its_lease_is_over(
    pipelines: Pipelines, graph: Graph, records_url: str
) -> None:
    """Two processes never answer one request: before that it is left alone, and after it the first is refused."""
    name = listen(pipelines)
    raise_alert(graph, 7)
    with answering(graph, records_url, host="elsewhere") as slow:
        os.kill(slow.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, slow.pid, os.WSTOPPED)
        assert pipelines.handle_events() == []
        look_later(graph)
        assert [run.output for run in pipelines.handle_events()] == [7]
        os.kill(slow.pid, signal.SIGCONT)
        assert slow.go_on() == "publication.fenced"
    (done,) = pipelines.requests(name)
    (run,) = pipelines.runs()
    assert (done.state, done.run_id) == (RequestState.DONE, run.id)


def test_a_claim_that_was_lost_closes_nothing(pipelines: Pipelines, graph: Graph) -> None:
    """A run whose request others may answer again is not published, though its own lease was renewed."""
    name = listen(pipelines)
    raise_alert(graph, 7)

    def claim_lost(_: object) -> None:
        (subject,) = (each.lease.subject for each in graph.leases.list() if "/" in each.lease.subject)
        graph.leases.forget(subject)
        with graph.records.write() as connection:
            (held,) = (each.lease for each in graph.leases.list([subject]))
            assert lease.vacate(connection, held, graph.project_id)

    with pytest.raises(FencedError, match="pipeline request"):
        pipelines.handle_events(on_step=claim_lost)
    assert pipelines.requests(name)[0].state is RequestState.RUNNING
    assert [run.output for run in pipelines.handle_events()] == [7]
    assert [run.state for run in pipelines.runs()] == [ExecutionState.COMPLETED, ExecutionState.FAILED]


def test_threads_that_take_the_same_request_over(pipelines: Pipelines, graph: Graph) -> None:
    """Of one process as of several: one of them has it, and who had it before begins no run for it."""
    trigger = pipelines.on_event("alert.raised", training, parameters=until_of, name="retrain")
    raise_alert(graph, 7)
    trigger.read(graph)
    (first,) = trigger.take(graph)
    first.forget()
    look_later(graph)
    (seen,) = pipelines.requests("retrain")
    second, third = Claim.find(graph, seen), Claim.find(graph, seen)
    assert (second is not None, third) == (True, None)
    with pytest.raises(FencedError, match="pipeline request"), graph.records.write() as connection:
        first.begin(connection, "run")


def test_a_run_that_was_called_lost_is_answered_again(pipelines: Pipelines, graph: Graph) -> None:
    """Its late process publishes neither the step nor the run; whoever reads next runs it, also beside that process."""
    name = listen(pipelines)
    raise_alert(graph, 7)

    def called_lost(_: object) -> None:
        graph.leases.forget(pipelines.runs()[0].id)
        look_later(graph)

    with pytest.raises(FencedError):
        pipelines.handle_events(on_step=called_lost)
    (lost,) = pipelines.runs()
    assert lost.state is ExecutionState.LOST
    assert [run.output for run in pipelines.handle_events()] == [7]
    assert [request.state for request in pipelines.requests(name)] == [RequestState.DONE]


def test_an_interrupted_run_is_asked_for_again(pipelines: Pipelines, graph: Graph) -> None:
    """Ctrl-C gives the request back."""
    listen(pipelines)
    raise_alert(graph, 7)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipelines.handle_events(on_step=interrupt)
    assert [run.output for run in pipelines.handle_events()] == [7]
