"""Streams of NATS JetStream: a durable pull consumer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from mainspring.errors import (
    AccessError,
    InputError,
    MissingExtraError,
    UnavailableError,
    UnknownNameError,
)
from mainspring.log import get_logger
from mainspring.ports.streams._base import Message, Stream

try:
    import nats
    from nats import errors
    from nats.js import errors as js_errors
except ImportError as missing:
    raise MissingExtraError.of("nats-py", "nats", "stream") from missing

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

#: How long a connection, or an answer that should come at once, is waited for.
_log = get_logger(__name__)

ANSWER_S: Final = 5.0
PORT: Final = 4222

_T = TypeVar("_T")


class NatsStream(Stream):
    """A durable consumer of a JetStream stream, made at its first poll where there is none.

    The id of a message is its header `Nats-Msg-Id`, or else `STREAM/` and its number in the stream. Unacknowledged
    messages are given back when the stream is closed; those of a process that was killed come again after the
    consumer's `ack_wait`, 30 seconds by default.

    The library is asynchronous: its loop runs in a thread of this object's own.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        names = [unquote(part) for part in parts.path.split("/") if part]
        if len(names) != 2 or not parts.hostname or parts.query or parts.fragment:
            raise InputError(
                expected="nats://[user:password@]host[:port]/STREAM/CONSUMER",
                got=f"nats://{parts.hostname or ''}{parts.path}",
                where="stream",
                hint="Name the stream and, in your own words, the consumer whose place in it is remembered.",
            )
        self._stream, self._consumer = names
        self._server = f"nats://{parts.netloc}"
        self._where = f"nats://{parts.hostname}:{parts.port or PORT}/{self._stream}/{self._consumer}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._pulled: JetStreamContext.PullSubscription | None = None
        self._unacknowledged: dict[str, list[Msg]] = {}

    def poll(self, n_at_most: int, wait_s: float) -> list[Message]:
        with self._translated():
            return self._run(self._poll(n_at_most, wait_s), wait_s + 3 * ANSWER_S)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        known = [one for item in messages for one in self._unacknowledged.pop(item.id, [])]
        if known:
            with self._translated():
                self._run(_all([one.ack_sync(ANSWER_S) for one in known]), 2 * ANSWER_S)

    def close(self) -> None:
        if self._loop is None or self._thread is None:
            return
        try:
            if self._client is not None:
                self._run(self._leave(), 2 * ANSWER_S)
        except (errors.Error, OSError, TimeoutError) as error:
            # Nothing is lost: the server gives unacknowledged messages back by itself.
            _log.info(
                "stream.left_without_goodbye",
                f"the server of the stream is away: {error}",
                error=error,
                n_unacknowledged=len(self._unacknowledged),
            )
        finally:
            self._run(_cancel_the_rest(), ANSWER_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._thread = self._client = self._pulled = None
            self._unacknowledged = {}

    async def _poll(self, n_at_most: int, wait_s: float) -> list[Message]:
        pulled = self._pulled or await self._subscribe()
        try:
            # Less than a tick would be no time at all to the library.
            found = await pulled.fetch(n_at_most, timeout=max(wait_s, 0.01))
        except TimeoutError:
            return []
        out = []
        for one in found:
            name = (one.headers or {}).get("Nats-Msg-Id") or f"{self._stream}/{one.metadata.sequence.stream}"
            self._unacknowledged.setdefault(name, []).append(one)
            out.append(Message(name, one.data))
        return out

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        client = self._client
        if client is None:
            client = self._client = await nats.connect(
                self._server,
                connect_timeout=int(ANSWER_S),
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                error_cb=_quiet,
            )
        context = client.jetstream(timeout=ANSWER_S)
        self._pulled = await context.pull_subscribe("", durable=self._consumer, stream=self._stream)
        return self._pulled

    async def _leave(self) -> None:
        assert self._client is not None
        for held in self._unacknowledged.values():
            for one in held:
                await one.nak()
        await self._client.flush(int(ANSWER_S))
        await self._client.close()

    def _run(self, work: Coroutine[Any, Any, _T], wait_s: float) -> _T:
        """The result of what the loop is given to do."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(wait_s)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except js_errors.NotFoundError as error:
            raise UnknownNameError(
                expected="a stream that the server has",
                got=self._stream,
                where=self._where,
                hint="Make it first, with the subjects that it takes: nats stream add.",
            ) from error
        except errors.AuthorizationError as error:
            raise AccessError(
                expected="a user who may read the stream",
                got=str(error),
                where=self._where,
                hint="Correct user or password in the address.",
            ) from error
        except (errors.Error, OSError, TimeoutError) as error:
            # A connection that broke is not mended under messages that were polled by it: all begins anew.
            self.close()
            raise UnavailableError(
                expected="a NATS server with JetStream that answers",
                got=str(error) or type(error).__name__,
                where=self._where,
                hint="Start it, or correct the address. What was not acknowledged is delivered again.",
            ) from error


async def _all(work: Sequence[Coroutine[Any, Any, object]]) -> None:
    await asyncio.gather(*work)


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def _quiet(_: Exception) -> None:
    """What the library would print is raised by the call that it concerns."""
