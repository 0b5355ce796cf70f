"""What every streams backend must do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pytest

from mainspring.ports.streams import Message, Stream


class Source(Protocol):
    """A stream that a test may send to."""

    def send(self, messages: Sequence[Message]) -> None:
        """Put messages at its end."""

    def open(self) -> Stream:
        """The consumer of a name that stays the same: as another process would open it."""


def messages(*numbers: int) -> list[Message]:
    """Messages that tell which they are."""
    return [Message(f"m{number}", f"{number} ü".encode()) for number in numbers]


class StreamContract:
    """Subclass it and define the fixture `source`: a fresh, empty one."""

    @pytest.fixture
    def source(self) -> Source:
        raise NotImplementedError

    @pytest.fixture
    def stream(self, source: Source) -> Iterator[Stream]:
        stream = source.open()
        yield stream
        stream.close()

    def test_order(self, source: Source, stream: Stream) -> None:
        """Messages come in order with their ids, at most as many as asked for, and later ones too."""
        source.send(messages(0, 1, 2))
        assert stream.poll(2, 1.0) == messages(0, 1)
        assert stream.poll(2, 1.0) == messages(2)
        source.send(messages(3))
        assert stream.poll(2, 1.0) == messages(3)

    def test_nothing(self, stream: Stream) -> None:
        """A stream without messages gives none."""
        assert stream.poll(10, 0.05) == []

    def test_acknowledged(self, source: Source, stream: Stream) -> None:
        """What was acknowledged never comes again, whoever opens it; acknowledging it twice does nothing."""
        source.send(messages(0, 1, 2))
        found = stream.poll(2, 1.0)
        stream.acknowledge(found)
        stream.acknowledge(found)
        stream.close()
        again = source.open()
        assert again.poll(10, 1.0) == messages(2)
        again.close()

    def test_not_acknowledged(self, source: Source, stream: Stream) -> None:
        """What was polled and not acknowledged comes again."""
        source.send(messages(0, 1, 2))
        found = stream.poll(3, 1.0)
        stream.acknowledge([found[1]])
        stream.close()
        again = source.open()
        back = again.poll(10, 1.0)
        back += again.poll(10, 1.0) if len(back) < 2 else []
        assert sorted(message.id for message in back) == ["m0", "m2"]
        again.acknowledge(back)
        again.close()

    def test_close(self, source: Source, stream: Stream) -> None:
        """A closed stream opens again by itself; closing twice does nothing."""
        stream.close()
        stream.close()
        source.send(messages(0))
        assert stream.poll(1, 1.0) == messages(0)
        stream.acknowledge(messages(0))
        stream.acknowledge([])
