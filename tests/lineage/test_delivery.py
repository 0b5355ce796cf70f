"""Delivery of the event log as OpenLineage: in order, at least once, to a file and over HTTP."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.endpoints import Endpoint
from tests.lineage.openlineage_schemas import check_event

from mainspring.errors import InputError, IntegrityError, UnavailableError
from mainspring.lineage import AssetKind, Graph, openlineage_delivery
from mainspring.lineage.delivery import Skip
from mainspring.lineage.openlineage_delivery import OpenLineageDelivery
from mainspring.lineage.sink import HttpSink, Patience, held

SHORT = Patience(n_tries=3, first_wait_s=0.001, timeout_s=5.0)


def work(graph: Graph, name: str, n_events: int = 0) -> None:
    """One publication."""
    with graph.execution("load", name) as made:
        made.add(AssetKind.SOURCE, name)
        for number in range(n_events):
            made.event("source.loaded", made.id, {"number": number})


def to(graph: Graph, folder: Path, url: str = "file:out/events.ndjson", **more: Any) -> OpenLineageDelivery:
    """A delivery from the graph."""
    return OpenLineageDelivery(
        graph,
        url,
        known_as=url,
        folder=folder,
        lock=folder / "lock",
        namespace="test",
        patience=SHORT,
        **more,
    )


def lines(folder: Path) -> list[tuple[str, str]]:
    """Type and job of each event of the file, each checked."""
    events = [json.loads(line) for line in (folder / "out/events.ndjson").read_bytes().splitlines()]
    for event in events:
        check_event(event)
    return [(event["eventType"], event["job"]["name"]) for event in events]


def test_the_log_is_delivered_once_and_in_order(graph: Graph, tmp_path: Path) -> None:
    """Everything that the log has goes out; a second delivery has only what came since."""
    work(graph, "a")
    work(graph, "b", n_events=3)
    assert to(graph, tmp_path).run() == 4
    assert to(graph, tmp_path).run() == 0
    work(graph, "c")
    assert to(graph, tmp_path).run() == 2
    told = [(kind, f"load.{name}") for name in "abc" for kind in ("START", "COMPLETE")]
    assert lines(tmp_path) == told


def test_long_work_starts_when_it_starts(graph: Graph, tmp_path: Path) -> None:
    """A running execution is a START at once; its end comes alone, behind what ended before it."""
    with graph.execution("train", "model", durable=True):
        to(graph, tmp_path).run()
        assert lines(tmp_path) == [("START", "train.model")]
        work(graph, "a")
    with pytest.raises(RuntimeError), graph.execution("train", "other", durable=True):
        raise RuntimeError("out of luck")
    to(graph, tmp_path).run()
    assert lines(tmp_path)[1:] == [
        ("START", "load.a"),
        ("COMPLETE", "load.a"),
        ("COMPLETE", "train.model"),
        ("START", "train.other"),
        ("FAIL", "train.other"),
    ]


@pytest.mark.parametrize("n_a_read", [1, 2, 3, 4])
def test_a_publication_is_told_whole_whatever_is_read_at_once(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_a_read: int
) -> None:
    """Where a read ends inside a publication, the rest waits for the next read; nothing is left out."""
    monkeypatch.setattr(openlineage_delivery, "EVENTS_A_READ", n_a_read)
    for name, n_events in (("a", 1), ("b", 2), ("c", 2), ("d", 1)):
        work(graph, name, n_events)
    to(graph, tmp_path).run()
    told = lines(tmp_path)
    assert list(dict.fromkeys(told)) == [
        (kind, f"load.{name}") for name in "abcd" for kind in ("START", "COMPLETE")
    ]
    if n_a_read > 2:
        assert len(told) == 8


def test_each_destination_has_its_own_place(graph: Graph, tmp_path: Path) -> None:
    """A new destination begins with the oldest event; rewinding tells everything again."""
    work(graph, "a")
    assert to(graph, tmp_path).run() == 2
    assert to(graph, tmp_path, "file:other.ndjson").run() == 2
    to(graph, tmp_path).rewind()
    assert to(graph, tmp_path).place == 0
    assert to(graph, tmp_path).run() == 2
    assert len(lines(tmp_path)) == 4
    assert len(set(lines(tmp_path))) == 2


@pytest.mark.parametrize("n_left", [1, 13, 200])
def test_a_torn_last_line_is_written_again(graph: Graph, tmp_path: Path, n_left: int) -> None:
    """What a crash left of a line is cut off; the event itself is still to be delivered and comes whole."""
    work(graph, "a")
    to(graph, tmp_path).run()
    path = tmp_path / "out/events.ndjson"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[0][:n_left])
    work(graph, "b")
    to(graph, tmp_path).run()
    assert path.read_bytes().startswith(whole)
    assert len(lines(tmp_path)) == 4


@pytest.mark.parametrize("foreign", [b"a,b\n1,2", b"x" * 100_000], ids=["rows", "one long line"])
def test_a_file_of_something_else_is_left_alone(graph: Graph, tmp_path: Path, foreign: bytes) -> None:
    """A last line without an end that is none of ours is not cut: the address is wrong."""
    (tmp_path / "mine.csv").write_bytes(foreign)
    work(graph, "a")
    with pytest.raises(IntegrityError, match=r"mine\.csv"):
        to(graph, tmp_path, "file:mine.csv").run()
    assert (tmp_path / "mine.csv").read_bytes() == foreign
    assert to(graph, tmp_path, "file:mine.csv").place == 0


def test_one_process_delivers_at_a_time(graph: Graph, tmp_path: Path) -> None:
    """Two deliveries at once would mix the order: the second is told to wait."""
    work(graph, "a")
    with held(tmp_path / "lock"), pytest.raises(UnavailableError, match="one process"):
        to(graph, tmp_path).run()
    with held(tmp_path / "out/events.ndjson"), pytest.raises(UnavailableError, match="one process"):
        to(graph, tmp_path).run()
    assert to(graph, tmp_path).run() == 2


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "http:///nowhere",
        "http://host:port/",
        "https://user:hunter2@host/api",
        "file:",
        "events.ndjson",
        "file:.",
        "file:shut/events.ndjson",
    ],
)
def test_what_is_no_destination_is_refused(graph: Graph, tmp_path: Path, url: str) -> None:
    """A wrong address is said at once and shows no password."""
    (tmp_path / "shut").write_text("a file where a folder is meant")
    work(graph, "a")
    with pytest.raises(InputError) as refused:
        to(graph, tmp_path, url).run()
    assert "hunter2" not in str(refused.value)


def jobs(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Type and job of what it took, each checked."""
    for event in endpoint.taken:
        check_event(event)
    return [(event["eventType"], event["job"]["name"]) for event in endpoint.taken]


def test_an_endpoint_gets_each_event(graph: Graph, tmp_path: Path, endpoint: Endpoint) -> None:
    """One request an event, in order, at the whole address, with the token."""
    work(graph, "a")
    work(graph, "b")
    assert to(graph, tmp_path, endpoint.url, token="opaque").run() == 4
    assert jobs(endpoint) == [(kind, f"load.{name}") for name in "ab" for kind in ("START", "COMPLETE")]
    assert set(endpoint.heard) == {("/api/v1/lineage?source=test", "Bearer opaque")}
    assert to(graph, tmp_path, endpoint.url).run() == 0


def test_a_passing_fault_is_tried_again(graph: Graph, tmp_path: Path, endpoint: Endpoint) -> None:
    """Server errors and "slow down" are waited for, longer each time."""
    endpoint.answers = [503, 429, 201]
    waits: list[float] = []
    work(graph, "a")
    assert to(graph, tmp_path, endpoint.url).run(lambda seconds: bool(waits.append(seconds))) == 2
    assert jobs(endpoint) == [("START", "load.a"), ("COMPLETE", "load.a")]
    assert [wait for wait in waits if wait] == [0.001, 0.002]


def test_a_lasting_fault_ends_the_tries_and_loses_nothing(
    graph: Graph, tmp_path: Path, endpoint: Endpoint
) -> None:
    """After the last try the place stands before the run; the next delivery tells it whole."""
    work(graph, "a")
    work(graph, "b")
    endpoint.answers = [201, 201, 201, 500, 502, 503]
    with pytest.raises(UnavailableError, match=r"HTTP status 503: said, 3 time"):
        to(graph, tmp_path, endpoint.url).run()
    assert to(graph, tmp_path, endpoint.url).run() == 2
    assert jobs(endpoint)[2:] == [("START", "load.b"), ("START", "load.b"), ("COMPLETE", "load.b")]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 422])
def test_a_refusal_stops_and_skips_nothing(
    graph: Graph, tmp_path: Path, endpoint: Endpoint, status: int
) -> None:
    """What the endpoint will never take is said after one try; nothing behind it overtakes it."""
    work(graph, "a")
    work(graph, "b")
    endpoint.answers = [201, 201, status]
    with pytest.raises(InputError, match=f"HTTP status {status}"):
        to(graph, tmp_path, endpoint.url).run()
    assert len(endpoint.heard) == 3
    assert to(graph, tmp_path, endpoint.url).run() == 2
    assert jobs(endpoint)[2:] == [("START", "load.b"), ("COMPLETE", "load.b")]


def test_a_publication_that_is_refused_for_ever_is_passed_over(
    graph: Graph, tmp_path: Path, endpoint: Endpoint
) -> None:
    """Whole, once a person says so and why; that is told in its turn."""
    work(graph, "a")
    work(graph, "b")
    refused = graph.events()[0].id
    endpoint.answers = [413]
    assert to(graph, tmp_path, endpoint.url).run(skip=Skip(refused, "too large for them")) == 4
    assert [job for _, job in jobs(endpoint)] == ["load.b"] * 2 + [
        f"skip_delivery.lineage to {endpoint.url}"
    ] * 2


def test_what_is_refused_among_several_is_named(
    graph: Graph, tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a destination that takes several publications at once: it, and not the first of them, is passed over."""
    monkeypatch.setattr(HttpSink, "n_runs_at_once", 3)
    for name in "abc":
        work(graph, name)
    endpoint.answers = [201, 201, 413, 201, 201, 413]
    with pytest.raises(InputError) as refused:
        to(graph, tmp_path, endpoint.url).run()
    event_id = graph.events()[1].id
    assert f"--skip {event_id} " in refused.value.hint
    endpoint.answers = [413, 413]
    assert to(graph, tmp_path, endpoint.url).run(skip=Skip(event_id, "too large for them")) == 4
    assert list(dict.fromkeys(job for _, job in jobs(endpoint)))[:2] == ["load.a", "load.c"]


def test_nobody_there_is_said(graph: Graph, tmp_path: Path) -> None:
    """A port on which nobody listens is an endpoint that may come back."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    work(graph, "a")
    with pytest.raises(UnavailableError, match="ConnectionRefusedError"):
        to(graph, tmp_path, f"http://127.0.0.1:{port}/").run()


def test_stopping_ends_the_tries(graph: Graph, tmp_path: Path, endpoint: Endpoint) -> None:
    """A server that stops does not wait for an endpoint that is away."""
    endpoint.answers = [503] * 3
    work(graph, "a")
    with pytest.raises(UnavailableError, match="1 time"):
        to(graph, tmp_path, endpoint.url).run(lambda seconds: seconds > 0)


def test_stopping_ends_between_runs(graph: Graph, tmp_path: Path, endpoint: Endpoint) -> None:
    """A server that stops leaves what waits to the next delivery, and no run half told."""
    for name in "abc":
        work(graph, name)
    assert to(graph, tmp_path, endpoint.url).run(lambda _: len(endpoint.taken) >= 2) == 2
    assert to(graph, tmp_path, endpoint.url).run() == 4
    assert jobs(endpoint) == [(kind, f"load.{name}") for name in "abc" for kind in ("START", "COMPLETE")]


def test_a_faster_process_elsewhere_is_not_overtaken(
    graph: Graph, tmp_path: Path, endpoint: Endpoint
) -> None:
    """Another machine moves the place while an event is under way: it is told twice, and none is left out."""
    work(graph, "a")
    work(graph, "b")
    (tmp_path / "elsewhere").mkdir()
    other = to(graph, tmp_path / "elsewhere", endpoint.url)

    def once() -> None:
        endpoint.meanwhile = lambda: None
        other.run()

    endpoint.meanwhile = once
    to(graph, tmp_path, endpoint.url).run()
    assert set(jobs(endpoint)) == {(kind, f"load.{name}") for name in "ab" for kind in ("START", "COMPLETE")}
    assert to(graph, tmp_path, endpoint.url).run() == 0
