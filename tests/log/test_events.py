"""What stands in the graph is said to the operator when it is visible, and each is found from the other."""

from __future__ import annotations

import pytest
from tests.log.conftest import Lines

from mainspring.errors import InputError
from mainspring.lineage import Graph
from mainspring.log import bound, get_logger


def test_an_event_is_said_when_it_is_visible(graph: Graph, lines: Lines) -> None:
    """With its id, its execution's and the command's; as loud as whoever tells it finds right."""
    with graph.execution("promote", "flights") as work:
        work.event("deployment.revised", "s", {"number": 2})
        work.event("alert.raised", "s", {"message": "the gap is real"}, loudness="warning")
        get_logger("mainspring.test").info("rows.read", "3 rows")
        assert [line["event"] for line in lines()] == ["rows.read"]
    inside, revised, raised = lines()
    assert {line["execution_id"] for line in (inside, revised, raised)} == {work.id}
    assert {line["correlation_id"] for line in (inside, revised, raised)} == {"order-1"}
    assert (revised["text"], revised["level"]) == ("deployment.revised by promote 'flights'", "info")
    assert (raised["text"], raised["level"]) == ("the gap is real", "warning")
    events = graph.events(subject="s")
    assert [(event.id, event.kind, event.payload) for event in events] == [
        (line["event_id"], line["event"], line["payload"]) for line in (revised, raised)
    ]


def test_what_fails_is_said_and_nothing_of_it_published(graph: Graph, lines: Lines) -> None:
    """The failure with its parts, also of work that leaves no trace in the graph."""
    refused = InputError(expected="a row", got="none", where="rows", hint="Send one.")
    with pytest.raises(InputError), bound(run_id="r"), graph.execution("insert", "rows") as work:
        work.event("commit.published", "s")
        raise refused
    (line,) = lines()
    assert (line["event"], line["execution_id"], line["run_id"]) == ("execution.failed", work.id, "r")
    assert line["exception"]["code"] == "input.invalid"
    assert graph.events(subject="s") == []


def test_work_that_is_called_lost_is_said(graph: Graph, lines: Lines) -> None:
    """By whoever calls it so, with the holder; and by the late one, that it was fenced off."""
    with (
        pytest.raises(Exception, match="Nothing was published"),
        graph.execution("train", "m", durable=True) as work,
    ):
        (found,) = graph.leases.list([work.id])
        assert graph.leases._take_away(found.lease)
    lost, fenced = (
        line for line in lines() if line["level"] == "warning" or line["event"].startswith("execution.f")
    )
    assert (lost["event"], lost["execution_id"], lost["holder"]) == (
        "execution.lost",
        work.id,
        found.lease.holder,
    )
    assert (fenced["event"], fenced["exception"]["code"]) == ("execution.fenced", "publication.fenced")
