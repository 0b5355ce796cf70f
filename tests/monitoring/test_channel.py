"""Alert channels: every alert reaches a file, a webhook or a plug-in at least once, in order, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mainspring.errors import InputError, IntegrityError, StateError, UnavailableError
from mainspring.lineage import Graph
from mainspring.lineage.delivery import Skip
from mainspring.lineage.sink import Patience
from mainspring.monitoring.channel import ALERT_RAISED, AlertDelivery
from mainspring.project import open_project
from tests.cli.test_commands import ask
from tests.endpoints import Endpoint

SHORT = Patience(n_tries=3, first_wait_s=0.001, timeout_s=5.0)


def alert(graph: Graph, message: str) -> str:
    """An alert as a monitor appends it, beside an event that is none; the id of its event."""
    payload = {
        "alert_id": f"alert {message}",
        "message": message,
        "monitor": "delay_gap",
        "deployment": "delay",
        "start_at": "2013-01-01T00:00:00Z",
        "end_at": "2013-02-01T00:00:00Z",
        "gap": {"value": 0.1},
    }
    with graph.execution("monitor", message) as work:
        work.event("monitor.checked", subject="0" * 32, payload={})
        work.event(ALERT_RAISED, subject="0" * 32, payload=payload)
    return graph.events(kinds=[ALERT_RAISED], newest=True, limit=1)[0].id


def to(graph: Graph, folder: Path, url: str = "file:out/alerts.ndjson", **more: Any) -> AlertDelivery:
    """A delivery from the graph."""
    return AlertDelivery(graph, url, known_as=url, folder=folder, home=folder, patience=SHORT, **more)


def lines(folder: Path) -> list[dict[str, Any]]:
    """What the file has."""
    return [json.loads(line) for line in (folder / "out/alerts.ndjson").read_bytes().splitlines()]


def test_a_file_has_each_alert_once_and_in_order(graph: Graph, tmp_path: Path) -> None:
    """A line an alert, with what people and programs need; a second delivery has only what came since."""
    ids = [alert(graph, "a"), alert(graph, "b")]
    assert to(graph, tmp_path).run() == 2
    assert to(graph, tmp_path).run() == 0
    ids.append(alert(graph, "c"))
    assert to(graph, tmp_path).run() == 1
    told = lines(tmp_path)
    assert [each["id"] for each in told] == ids
    assert told[0] == {
        "event": "alert.raised",
        "id": ids[0],
        "project": "test",
        "monitor": "delay_gap",
        "deployment": "delay",
        "text": "a",
        "start_at": "2013-01-01T00:00:00Z",
        "end_at": "2013-02-01T00:00:00Z",
        "raised_at": "2013-01-01T00:00:00+00:00",
        "revision_id": "0" * 32,
        "alert_id": "alert a",
        "figures": told[0]["figures"],
    }
    assert told[0]["figures"]["gap"] == {"value": 0.1}


def test_a_torn_line_is_written_again(graph: Graph, tmp_path: Path) -> None:
    """What a crash left of a line is cut off; a file of something else is left alone."""
    alert(graph, "a")
    to(graph, tmp_path).run()
    path = tmp_path / "out/alerts.ndjson"
    path.write_bytes(path.read_bytes() + path.read_bytes()[:20])
    alert(graph, "b")
    to(graph, tmp_path).run()
    assert [each["text"] for each in lines(tmp_path)] == ["a", "b"]
    (tmp_path / "mine.csv").write_bytes(b"a,b\n1,2")
    with pytest.raises(IntegrityError, match=r"alerts\.channels"):
        to(graph, tmp_path, "file:mine.csv").run()


def test_a_webhook_is_tried_again_and_loses_nothing(graph: Graph, tmp_path: Path, endpoint: Endpoint) -> None:
    """A passing fault is waited for a bounded time; after a lasting one the next delivery goes on from there."""
    ids = [alert(graph, name) for name in "abc"]
    endpoint.answers = [503, 201, 500, 502, 503]
    waits: list[float] = []
    with pytest.raises(UnavailableError, match=r"HTTP status 503: said, 3 time"):
        to(graph, tmp_path, endpoint.url).run(lambda seconds: bool(waits.append(seconds)))
    assert [wait for wait in waits if wait] == [0.001, 0.001, 0.002]
    assert to(graph, tmp_path, endpoint.url, token="opaque").run() == 2
    assert [each["id"] for each in endpoint.taken] == ids
    assert endpoint.heard[-1] == ("/api/v1/lineage?source=test", "Bearer opaque")


def test_a_refusal_skips_nothing_and_tells_no_secret(
    graph: Graph, tmp_path: Path, endpoint: Endpoint
) -> None:
    """A webhook's path is a secret: neither errors, records nor files name it."""
    secret = endpoint.url.replace("/api/v1/lineage", "/T0/hunter2")
    alert(graph, "a")
    endpoint.answers = [403]
    with pytest.raises(InputError, match=r"HTTP status 403.*alerts\.token") as refused:
        to(graph, tmp_path, secret).run()
    assert endpoint.heard[-1][0] == "/T0/hunter2?source=test"
    delivery = to(graph, tmp_path, secret)
    assert delivery.place == 0
    shown = [
        str(refused.value),
        delivery.name,
        delivery.shown,
        delivery._reader,
        *map(str, tmp_path.iterdir()),
    ]
    assert not any("hunter2" in each for each in shown)
    assert delivery.run() == 1


def test_what_is_refused_for_ever_is_passed_over(graph: Graph, tmp_path: Path, endpoint: Endpoint) -> None:
    """The event that a person names, where it is refused, and no other; the log says who, why and what came back."""
    refused, taken = alert(graph, "a"), alert(graph, "b")
    endpoint.answers = [422]
    with pytest.raises(InputError, match=f"--skip {refused} --reason"):
        to(graph, tmp_path, endpoint.url).run()
    endpoint.answers = [422]
    with pytest.raises(InputError, match="HTTP status 422"):
        to(graph, tmp_path, endpoint.url).run(skip=Skip(taken, "not that one"))
    skip = Skip(refused, "its text is too long for them")
    endpoint.answers = [422]
    assert to(graph, tmp_path, endpoint.url).run(skip=skip) == 1
    assert (skip.n_skipped, [each["id"] for each in endpoint.taken]) == (1, [taken])
    (event,) = graph.events(kinds=["delivery.skipped"])
    assert (event.subject, event.actor) == (refused, "user:test")
    assert event.payload["reason"] == "its text is too long for them"
    assert event.payload["refusal"].startswith("HTTP status 422")
    assert to(graph, tmp_path, endpoint.url).run(skip=skip) == 0


def test_each_channel_has_its_own_place(graph: Graph, tmp_path: Path, endpoint: Endpoint) -> None:
    """A new channel begins with the oldest alert; rewinding tells all again, with the same ids."""
    first = alert(graph, "a")
    assert to(graph, tmp_path).run() == 1
    assert to(graph, tmp_path, endpoint.url).run() == 1
    assert to(graph, tmp_path, endpoint.url + "&second").run() == 1
    to(graph, tmp_path, endpoint.url).rewind()
    assert to(graph, tmp_path, endpoint.url).run() == 1
    assert [each["id"] for each in endpoint.taken] == [first] * 3
    assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize(
    "url", ["pigeon:coop", "alerts.ndjson", "http://", "https://user:hunter2@host/x", "file:"]
)
def test_what_is_no_channel_is_refused(graph: Graph, tmp_path: Path, url: str) -> None:
    """At the door, and without the password."""
    with pytest.raises(InputError, match=r"alerts\.channels") as refused:
        to(graph, tmp_path, url)
    assert "hunter2" not in str(refused.value)


def test_a_killed_delivery_loses_nothing(records_url: str, tmp_path: Path, endpoint: Endpoint) -> None:
    """Kill -9 while the webhook has an alert in hand: the next delivery tells that one again, and all behind it."""
    (tmp_path / "mainspring.toml").write_text(f'[alerts]\nchannels = ["{endpoint.url}"]\n')
    overrides = {"records.url": records_url}
    with open_project(tmp_path, overrides=overrides) as project:
        ids = [alert(project.graph, name) for name in "abcd"]
        words = [sys.executable, "-m", "mainspring", "monitors", "deliver", "-p", str(tmp_path)]
        child = subprocess.Popen(words, env={**os.environ, "MAINSPRING_RECORDS_URL": records_url})

        def kill_at_the_third() -> None:
            if len(endpoint.taken) == 2:
                os.kill(child.pid, signal.SIGKILL)
                child.wait()

        endpoint.meanwhile = kill_at_the_third
        assert child.wait(120) == -signal.SIGKILL
        endpoint.meanwhile = lambda: None
        (delivery,) = project.alert_deliveries()
        assert delivery.run() == 2
    told = [each["id"] for each in endpoint.taken]
    assert told == [*ids[:3], *ids[2:]]


def test_a_project_tells_its_channels(records_url: str, tmp_path: Path, endpoint: Endpoint) -> None:
    """One delivery for each configured channel, in the order given; none is no error."""
    channels = {"records.url": records_url, "alerts.channels": ["file:{home}/a.ndjson", endpoint.url]}
    with open_project(tmp_path, overrides=channels) as project:
        alert(project.graph, "a")
        assert [delivery.run() for delivery in project.alert_deliveries()] == [1, 1]
        assert len(project.deliveries()) == 2
        assert (project.home / "a.ndjson").read_bytes().count(b"\n") == 1
    with open_project(tmp_path, overrides={"records.url": records_url}) as project:
        assert project.alert_deliveries() == []


def test_the_command_tells_every_channel_that_it_can(
    records_url: str, tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that refuses is an error at the end and keeps no other from being told; none at all is one too."""
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    (tmp_path / "mainspring.toml").touch()
    with pytest.raises(StateError, match=r"alerts\.channels"):
        ask("monitors", "deliver", "-p", str(tmp_path))
    with open_project(tmp_path) as project:
        alert(project.graph, "a")
    monkeypatch.setenv("MAINSPRING_ALERTS_CHANNELS", f"{endpoint.url} file:out/alerts.ndjson")
    endpoint.answers = [400]
    with pytest.raises(InputError, match="HTTP status 400"):
        ask("monitors", "deliver", "-p", str(tmp_path))
    assert len(lines(tmp_path)) == 1
    told = json.loads(ask("monitors", "deliver", "--json", "-p", str(tmp_path)).output)
    assert [each["n_delivered"] for each in told] == [1, 0]
    told = json.loads(ask("monitors", "deliver", "--again", "--json", "-p", str(tmp_path)).output)
    assert [each["n_delivered"] for each in told] == [1, 1]
    with open_project(tmp_path) as project:
        event_id = alert(project.graph, "b")
    words = ["monitors", "deliver", "--skip", event_id, "-p", str(tmp_path)]
    with pytest.raises(InputError, match="Say why"):
        ask(*words)
    endpoint.answers = [410]
    told = json.loads(ask(*words, "--json", "--reason", "nobody listens").stdout)
    assert [each["n_delivered"] for each in told] == [0, 1]
    with pytest.raises(InputError, match="which none refused"):
        ask(*words, "--reason", "again")
