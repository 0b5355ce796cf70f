"""Streams: the contract on an iterable and on NATS JetStream, and what is refused."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from mainspring.errors import InputError, UnavailableError, UnknownNameError
from mainspring.ports.streams import IterableStream, Message, Stream, open_stream
from mainspring.testing import StreamContract
from mainspring.types import new_id

nats = pytest.importorskip("nats", reason="the extra `nats` is not installed")

NATS_URL = os.environ.get("MAINSPRING_TEST_NATS", "nats://127.0.0.1:4222")


class Kept:
    """Messages of this process."""

    def __init__(self) -> None:
        self._sent: list[Message] = []
        self._stream = IterableStream(self)

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        if not self._sent:
            raise StopIteration
        return self._sent.pop(0)

    def send(self, messages: Sequence[Message]) -> None:
        self._sent.extend(messages)

    def open(self) -> Stream:
        return self._stream


class JetStream:
    """A stream of a test's own in a server."""

    def __init__(self) -> None:
        self.name = f"test-{new_id()}"
        self.do(lambda context: context.add_stream(name=self.name, subjects=[self.name]))

    def send(self, messages: Sequence[Message]) -> None:
        async def publish(context: Any) -> None:
            for message in messages:
                headers = {"Nats-Msg-Id": message.id}
                await context.publish(self.name, message.data, headers=headers, stream=self.name)

        self.do(publish)

    def open(self) -> Stream:
        return open_stream(f"{NATS_URL}/{self.name}/features")

    def delete(self) -> None:
        self.do(lambda context: context.delete_stream(self.name))

    @staticmethod
    def do(work: Callable[[Any], Awaitable[object]]) -> None:
        async def run() -> None:
            client = await nats.connect(NATS_URL, connect_timeout=2, allow_reconnect=False)
            await work(client.jetstream())
            await client.close()

        asyncio.run(run())


def has_nats() -> bool:
    host, port = NATS_URL.removeprefix("nats://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


needs_nats = pytest.mark.skipif(
    not has_nats(), reason=f"no NATS answers at {NATS_URL}: start one, or name it in MAINSPRING_TEST_NATS"
)


class TestIterableStream(StreamContract):
    """The contract on a Python iterator."""

    @pytest.fixture
    def source(self) -> Kept:
        return Kept()


@needs_nats
class TestNatsStream(StreamContract):
    """The contract on a JetStream server."""

    @pytest.fixture
    def source(self) -> Iterator[JetStream]:
        source = JetStream()
        yield source
        source.delete()


@needs_nats
def test_messages_without_an_id() -> None:
    """A message that its producer gave no id is named by its place in the stream."""
    source = JetStream()
    JetStream.do(lambda context: context.publish(source.name, b"x"))
    stream = source.open()
    (found,) = stream.poll(1, 1.0)
    assert found == Message(f"{source.name}/1", b"x")
    stream.close()
    source.delete()


@needs_nats
def test_no_such_stream() -> None:
    stream = open_stream(f"{NATS_URL}/nowhere/features")
    with pytest.raises(UnknownNameError, match="nowhere"):
        stream.poll(1, 0.1)
    stream.close()


def test_no_server() -> None:
    """A server that is away is said, without the password; a later call tries again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        stream = open_stream(f"nats://ann:secret@127.0.0.1:{free.getsockname()[1]}/s/c")
        for _ in range(2):
            with pytest.raises(UnavailableError, match="answers") as raised:
                stream.poll(1, 0.1)
            assert "secret" not in str(raised.value)


@pytest.mark.parametrize("address", ["nats://host", "nats://host/stream", "nats:///s/c", "kafka://host/s/c"])
def test_bad_addresses(address: str) -> None:
    with pytest.raises(InputError, match="nats:"):
        open_stream(address)
