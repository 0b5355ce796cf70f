"""From a stream into a group: nothing is lost, nothing counts twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.features.conftest import at
from tests.features.push.test_api import read, users
from tests.ports.test_streams import NATS_URL, JetStream, needs_nats
from typer.testing import CliRunner

from mainspring.checks import expect
from mainspring.cli._app import app
from mainspring.errors import InputError
from mainspring.features.api import Features
from mainspring.features.push import api as push
from mainspring.features.push.consume import of_json
from mainspring.ports.clock import ReplayClock
from mainspring.ports.streams import IterableStream, Message
from mainspring.project import Project


def message(number: int, user: str = "ann", score: Any = "1.0") -> Message:
    data = f'{{"user": "{user}", "seen": "2013-01-01T00:30:00Z", "score": {score}}}'
    return Message(f"m{number}", data.encode())


def test_consumed_is_pushed_then_acknowledged(features: Features, clock: ReplayClock) -> None:
    """Messages are online after their step; delivered again they are repeated and change nothing."""
    group = users(features)
    clock.set(at(1))
    stream = IterableStream([message(1, score=2.0), message(2, "bob"), message(1, score=2.0)])
    steps = group.consume(stream, n_at_once=2)
    assert next(steps).n_rows == 2
    assert read(features, group) == (2.0, "present")
    done = next(steps)
    assert (done.n_rows, done.n_repeated) == (0, 1)
    stream.close()
    assert next(steps).n_rows == 0
    group.flush()
    assert group.read().to_polars().height == 2


def test_a_failure_before_the_acknowledgement(
    features: Features, clock: ReplayClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails on the way comes again and counts once: before the journal, and behind it."""
    group = users(features)
    clock.set(at(1))
    stream = IterableStream([message(1), message(2)])
    for broken in ("_push_part", "_bring_online"):
        with monkeypatch.context() as patch:
            patch.setattr(push, broken, lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                next(group.consume(stream))
        stream.close()
    done = next(group.consume(stream))
    assert (done.n_rows, done.n_repeated) == (0, 2)
    assert read(features, group) == (1.0, "present")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (message(2, score='"high"'), "values of type float64"),
        (message(2, score=-1), "critical expectations"),
        (Message("m2", b"[1]"), "a JSON object"),
        (Message("m2", b"{"), "a JSON object"),
    ],
)
def test_refused_messages(features: Features, clock: ReplayClock, bad: Message, why: str) -> None:
    """They end it and nothing of the poll is taken; or they are handed over, and the others are taken."""
    group = users(features, expectations=[expect.between("score", 0, 10)], on_failure="block")
    clock.set(at(1))
    stream = IterableStream([message(1), bad, message(3, "bob")])
    with pytest.raises(ValueError, match=why):
        next(group.consume(stream))
    assert read(features, group) == (None, "missing")
    stream.close()
    handed: list[str] = []
    done = next(group.consume(stream, refused=lambda one, error: handed.append(f"{one.id} {error}")))
    assert (done.n_rows, done.n_refused) == (2, 1)
    assert len(handed) == 1
    assert handed[0].startswith("m2")
    assert why in handed[0]


@pytest.mark.parametrize(
    ("reads", "why"),
    [
        (lambda row: row.get("other"), "a mapping from decode="),
        (lambda row: row["other"], "KeyError: 'other'"),
    ],
)
def test_a_message_that_decode_cannot_read(
    features: Features, clock: ReplayClock, reads: Callable[[Any], Any], why: str
) -> None:
    """It is handed over as any that is no row, and does not come again for ever."""
    group = users(features)
    clock.set(at(1))
    other = Message("m9", b'{"other": {"user": "bob", "seen": "2013-01-01T00:30:00Z", "score": 2.0}}')
    stream = IterableStream([message(1), other])

    def decode(one: Message) -> Any:
        return reads(of_json(one))

    with pytest.raises(InputError, match="'m1'.*" + why):
        next(group.consume(stream, decode=decode))
    stream.close()
    handed: list[str] = []
    steps = group.consume(
        stream, decode=decode, refused=lambda one, error: handed.append(f"{one.id} {error}")
    )
    done = next(steps)
    assert (done.n_rows, done.n_refused) == (1, 1)
    assert len(handed) == 1
    assert why in handed[0]
    stream.close()
    assert next(steps).n_rows == 0
    assert read(features, group, "bob") == (2.0, "present")


def test_a_message_with_other_content(features: Features, clock: ReplayClock) -> None:
    """Its id is bound to what it said first: it is handed over, and the others of its poll are taken."""
    group = users(features)
    clock.set(at(1))
    stream = IterableStream([message(1), message(1, score=2.0), message(2, "bob")])
    handed: list[str] = []
    done = next(group.consume(stream, refused=lambda one, error: handed.append(f"{one.id} {error.code}")))
    assert (done.n_rows, done.n_refused, handed) == (2, 1, ["m1 name.conflict"])
    assert read(features, group) == (1.0, "present")


@needs_nats
def test_command(project: Project, records_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mainspring features consume` takes a stream to its end; again it finds nothing."""
    monkeypatch.setenv("MAINSPRING_RECORDS_URL", records_url)
    monkeypatch.setenv("MAINSPRING_CLOCK_KIND", "replay")
    users(project.features)
    source = JetStream()
    source.send([message(1), message(2, "bob"), message(3, "eve")])
    words = [
        "features",
        "consume",
        "users",
        f"{NATS_URL}/{source.name}/features",
        "--until-idle",
        "--wait",
        "0.2",
    ]
    for expected in ('"rows": 3', '"rows": 0'):
        said = CliRunner().invoke(app, [*words, "--json", "--project", str(project.config.folder)])
        assert said.exit_code == 0, said.output
        assert expected in said.output
    source.delete()
    assert project.features.get_group("users").read().to_polars().height == 3
