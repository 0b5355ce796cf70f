"""Publication: everything an execution made appears at once, or not at all."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text, update
from tests.conftest import RECORDS

from mainspring.errors import FencedError, StateError, UnknownNameError
from mainspring.lineage import AssetKind, Code, ExecutionState, Graph, Verdict, log
from mainspring.lineage.store import event_sha256, executions


def NO_CODE() -> Code:
    return Code(commit=None, dirty=None, digest="0" * 64)


def test_an_asset_knows_its_execution_actor_and_code(graph: Graph) -> None:
    """Invariant 1: no asset without an execution, an actor and the code that ran."""
    with graph.execution("load", "planes", parameters={"rows": 3}) as work:
        asset = work.add(AssetKind.SOURCE, "planes", attributes={"path": "planes.csv"})

    assert graph.get_asset(asset.id) == asset
    execution = graph.find_execution(asset.execution_id)
    assert execution is not None
    assert execution.state is ExecutionState.COMPLETED
    assert execution.actor == graph.actor
    assert execution.code == graph.code
    assert execution.parameters == {"rows": 3}


def test_nothing_is_visible_before_the_block_ends(graph: Graph) -> None:
    """Readers see a publication only once it is whole."""
    with graph.execution("load", "planes") as work:
        asset = work.add(AssetKind.SOURCE, "planes")
        assert graph.find_asset(asset.id) is None
    assert graph.find_asset(asset.id) == asset


def test_a_failing_block_publishes_nothing(graph: Graph) -> None:
    """An exception leaves no asset, no event and no execution of short work."""
    with pytest.raises(RuntimeError), graph.execution("load", "planes") as work:
        asset = work.add(AssetKind.SOURCE, "planes")
        work.event("source.loaded", asset.id)
        raise RuntimeError("the disk was on fire")
    assert graph.find_assets() == []
    assert graph.events() == []
    assert graph.find_execution(work.id) is None


def test_a_durable_execution_is_seen_running_and_failed(graph: Graph) -> None:
    """Long work is recorded before it begins and keeps its failure."""
    with pytest.raises(RuntimeError), graph.execution("train", "model", durable=True) as work:
        running = graph.find_execution(work.id)
        raise RuntimeError("out of luck")
    assert running is not None
    assert running.state is ExecutionState.RUNNING
    failed = graph.find_execution(work.id)
    assert failed is not None
    assert failed.state is ExecutionState.FAILED
    assert failed.error == "RuntimeError: out of luck"


def test_the_log_misses_no_execution(graph: Graph) -> None:
    """Long work is entered when it starts and when it ends; work that says nothing of itself, by its end."""
    with graph.execution("load", "quiet") as quiet:
        pass
    with graph.execution("load", "found") as found:
        found.mark_cached()
    with graph.execution("load", "speaking") as speaking:
        speaking.event("source.loaded", "planes")
    with graph.execution("train", "long", durable=True) as long:
        assert [event.kind for event in graph.events()][3:] == ["execution.started"]
    with pytest.raises(RuntimeError), graph.execution("train", "luckless", durable=True) as luckless:
        raise RuntimeError("out of luck")
    log = graph.events()
    assert [(event.execution, event.kind) for event in log] == [
        (quiet.id, "execution.completed"),
        (found.id, "execution.cached"),
        (speaking.id, "source.loaded"),
        (long.id, "execution.started"),
        (long.id, "execution.completed"),
        (luckless.id, "execution.started"),
        (luckless.id, "execution.failed"),
    ]
    assert log[-1].payload == {"kind": "train", "name": "luckless", "error": "RuntimeError: out of luck"}


def test_a_fenced_worker_leaves_no_word(graph: Graph) -> None:
    """Who was overtaken enters neither a result nor a failure."""
    with pytest.raises(FencedError), graph.execution("train", "model", durable=True) as work:
        with graph.records.write() as connection:
            connection.execute(update(executions).where(executions.c.id == work.id).values(fence=1))
    assert [event.kind for event in graph.events()] == ["execution.started"]


def test_events_are_found_by_what_they_say(graph: Graph) -> None:
    """Kind, subject, actor and time narrow what is read; the newest are found from the end."""
    for name in "abc":
        with graph.execution("load", name) as work:
            work.event("source.loaded", name)
    everything = graph.events()
    assert graph.events(subject="b") == everything[1:2]
    assert graph.events(actor="user:nobody") == []
    assert graph.events(since=everything[0].occurred_at) == everything
    assert graph.events(since=everything[0].occurred_at + timedelta(microseconds=1)) == []
    assert graph.events(limit=2, newest=True) == everything[1:]


def test_domain_rows_share_the_transaction(graph: Graph) -> None:
    """If a room's own rows cannot be written, the publication does not happen."""

    def refuse(_: object) -> None:
        raise RuntimeError("a unique key is taken")

    with pytest.raises(RuntimeError), graph.execution("load", "planes") as work:
        work.add(AssetKind.SOURCE, "planes")
        work.write(refuse)
    assert graph.find_assets() == []


def test_a_late_worker_cannot_publish(graph: Graph) -> None:
    """A worker whose execution was taken over holds an old fence and publishes nothing."""
    with pytest.raises(FencedError), graph.execution("train", "model", durable=True) as work:
        asset = work.add(AssetKind.MODEL_PACKAGE, "model")
        with graph.records.write() as connection:
            connection.execute(update(executions).where(executions.c.id == work.id).values(fence=1))
    assert graph.find_asset(asset.id) is None


def test_evidence_hangs_on_its_subject(graph: Graph) -> None:
    """A finding is an asset of its own whose input is what it is about."""
    with graph.execution("load", "planes") as work:
        asset = work.add(AssetKind.SOURCE, "planes")
    with graph.execution("check", "planes") as work:
        finding = work.evidence(
            asset.id, "expectations", verdict=Verdict.FAIL, figures={"failed": 4}, trigger="pipeline"
        )
    assert graph.evidence_for(asset.id) == [finding]
    assert finding.id in graph.downstream(asset.id).assets
    assert graph.evidence_for(asset.id, kind="other") == []


def test_events_come_in_the_order_they_became_visible(graph: Graph) -> None:
    """Concurrent writers: a reader with a cursor misses nothing, and the chain of digests holds."""
    seen: list[int] = []
    stop = threading.Event()

    def follow() -> None:
        cursor = 0
        while True:
            ended = stop.is_set()
            for entry in graph.events(after_seq=cursor):
                assert entry.seq is not None
                cursor = entry.seq
                seen.append(cursor)
            if ended:
                return

    def publish(worker: int) -> None:
        for number in range(10):
            with graph.execution("work", f"{worker}/{number}") as work:
                work.event("work.done", work.id)

    reader = threading.Thread(target=follow)
    writers = [threading.Thread(target=publish, args=[worker]) for worker in range(4)]
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()

    everything = graph.events()
    assert seen == [entry.seq for entry in everything]
    assert len(everything) == 40
    before = ""
    for entry in everything:
        assert entry.sha256 == event_sha256(entry, before)
        before = entry.sha256


@pytest.mark.skipif(RECORDS == "sqlite", reason="SQLite has one writer at a time")
def test_rows_that_hold_the_log_while_what_is_around_is_called_lost(graph: Graph) -> None:
    """A decision that nobody may overtake: whoever calls its whole lost waits for it, and not both for each other."""
    waits = text(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    with pytest.raises(FencedError), graph.execution("pipeline", "p", durable=True) as outer:
        running = graph.find_execution(outer.id)
        assert running is not None
        lose = threading.Thread(target=graph.lose, args=[running, "lost: it stood still"])

        def decide(connection: Connection) -> None:
            log.hold(graph.records, connection, graph.project_id)
            lose.start()
            while not connection.execute(waits).scalar_one():
                pass

        with graph.execution("archive", "m") as work:
            work.write(decide)
            work.event("model.archived", "m")
        lose.join()
    assert [event.kind for event in graph.events()][1:] == ["model.archived", "execution.lost"]


def test_an_ended_publication_takes_nothing_more(graph: Graph) -> None:
    """Adding after the end is an error, not a silent loss."""
    with graph.execution("load", "planes") as work:
        pass
    with pytest.raises(StateError):
        work.add(AssetKind.SOURCE, "planes")


def test_an_unknown_asset_is_said(graph: Graph) -> None:
    """`get` raises with what was expected, `find` returns None."""
    assert graph.find_asset("nothing") is None
    with pytest.raises(UnknownNameError):
        graph.get_asset("nothing")


def test_a_durable_publication_that_is_refused_is_recorded_as_failed(graph: Graph) -> None:
    """If the last transaction fails, the execution does not stay `running` for ever."""

    def refuse(_: object) -> None:
        raise RuntimeError("a unique key is taken")

    with pytest.raises(RuntimeError), graph.execution("train", "model", durable=True) as work:
        asset = work.add(AssetKind.MODEL_PACKAGE, "model")
        work.write(refuse)
    assert graph.find_asset(asset.id) is None
    failed = graph.find_execution(work.id)
    assert failed is not None
    assert (failed.state, failed.error) == (ExecutionState.FAILED, "RuntimeError: a unique key is taken")
