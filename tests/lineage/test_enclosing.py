"""What is made inside an execution ends with it: once that was called lost, nothing inside is published."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from contextvars import copy_context
from select import select

import pytest

from mainspring.errors import FencedError
from mainspring.lineage import AssetKind, Graph
from mainspring.lineage.enclosing import enclosing
from mainspring.ports.records import open_records


def lose(graph: Graph, execution_id: str) -> None:
    found = graph.find_execution(execution_id)
    assert found is not None
    assert graph.lose(found, "lost: it stood still")


def publish(graph: Graph, name: str, *, durable: bool = False) -> None:
    with graph.execution("insert", name, durable=durable) as work:
        work.add(AssetKind.ARTIFACT, name)
        work.event("work.done", work.id)


@pytest.mark.parametrize("durable", [False, True])
def test_nothing_inside_a_lost_execution_is_published(graph: Graph, durable: bool) -> None:
    """Short or long, however deep: refused with what it was a part of; outside everything goes on."""
    with pytest.raises(FencedError), graph.execution("pipeline", "p", durable=True) as outer:
        with graph.execution("run", "r", durable=True) as inner:
            publish(graph, "before", durable=durable)
            lose(graph, outer.id)
            with pytest.raises(
                FencedError, match=f"execution {inner.id} in {outer.id}, of which this is a part"
            ):
                publish(graph, "late", durable=durable)
    assert enclosing() == ()
    publish(graph, "after", durable=durable)
    assert sorted(asset.name for asset in graph.find_assets()) == ["after", "before"]


def test_long_work_that_began_before_the_loss(graph: Graph) -> None:
    """What began inside while its whole stood is refused at its end."""
    with pytest.raises(FencedError), graph.execution("pipeline", "p", durable=True) as outer:
        with graph.execution("run", "r", durable=True) as inner:
            inner.add(AssetKind.RUN, "late")
            lose(graph, outer.id)
    assert graph.find_assets() == []


def test_what_is_inside(graph: Graph) -> None:
    """Tasks that take the context along are inside; short work holds no lease, and its inside is what is around it."""
    with graph.execution("run", "r", durable=True) as outer, graph.execution("insert", "short"):
        assert enclosing() == (outer.id,)
        found: list[tuple[str, ...]] = []
        for run in (copy_context().run, lambda function: function()):
            thread = threading.Thread(target=lambda run=run: found.append(run(enclosing)))
            thread.start()
            thread.join()
        assert found == [(outer.id,), ()]


def test_ends_in_whatever_order(graph: Graph) -> None:
    """Blocks that end out of order, or that nobody can end any more, are around nothing."""
    first, second = (graph.execution("run", name, durable=True) for name in "ab")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert enclosing() == (second.id,)
    second.__exit__(None, None, None)
    forgotten = graph.execution("run", "c", durable=True)
    forgotten.__enter__()
    assert enclosing() == (forgotten.id,)
    del forgotten
    assert enclosing() == ()


def test_a_lost_one_can_still_free_a_role(graph: Graph) -> None:
    """To say that somebody else is gone is not its work: the look of a lost process counts."""
    with suppress(FencedError), graph.execution("run", "r", durable=True) as outer:
        child = os.fork()
        if child == 0:
            role = graph.leases.role("server/host:1")
            role.__enter__()
            os._exit(9)
        os.waitpid(child, 0)
        lose(graph, outer.id)
        (found,) = graph.leases.list(["server/host:1"])
        assert graph.vacate(found.lease)


def test_no_publication_after_the_loss(graph: Graph, records_url: str) -> None:
    """A process that publishes without a pause while another calls its run lost: the log has nothing after that."""
    said, say = os.pipe()
    heard, tell = os.pipe()
    child = os.fork()
    if child == 0:
        graph.records = open_records(records_url)
        try:
            with graph.execution("run", "r", durable=True) as outer:
                os.write(say, f"{outer.id}\n".encode())
                left = 20
                while left:
                    publish(graph, "again")
                    os.write(say, b"again\n")
                    left -= bool(select([heard], [], [], 0)[0])
        except FencedError as error:
            os.write(say, error.code.encode())
        os._exit(0)
    os.close(say)
    try:
        with os.fdopen(said) as lines:
            run_id = lines.readline().strip()
            for _ in range(5):
                lines.readline()
            lose(graph, run_id)
            os.write(tell, b"!")
            *acknowledged, last = lines.read().split("\n")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(tell)
        os.close(heard)
    assert last == "publication.fenced"
    events = [event for event in graph.events() if event.kind in {"work.done", "execution.lost"}]
    assert events[-1].kind == "execution.lost"
    assert len(events) - 1 == 5 + len(acknowledged)
