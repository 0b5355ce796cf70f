"""Connections to one Redis server: kept open, greeted once, looked at before they are used again after a pause."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from mainspring.errors import (
    AccessError,
    InputError,
    IntegrityError,
    MainspringError,
    MissingExtraError,
    UnavailableError,
)

try:
    from hiredis import pack_command
    from redis import exceptions
    from redis.backoff import NoBackoff
    from redis.connection import ConnectionInterface, ConnectionPool
    from redis.retry import Retry
except ImportError as missing:
    raise MissingExtraError.of("redis", "redis", "keys.url") from missing

Command: TypeAlias = tuple[bytes | int, ...]

# What the library does with a command first looks at each of its arguments, and they are bytes.
pack: Callable[[Command], bytes] = pack_command  # type: ignore[assignment]

LOOK_AFTER_S: Final = 0.001
"""A connection that nobody used for so long is looked at first: its server may have closed it."""


class RedisConnections:
    """Connections of one process to one server, one for each thread that asks at the same time.

    The library makes them: its client and its pool are not used, because they cost as much as the server's answer, and
    because the client retries with growing pauses.
    """

    def __init__(
        self,
        address: str,
        connect_timeout_s: float,
        read_timeout_s: float,
        greet: Callable[[ConnectionInterface], None],
    ) -> None:
        self._greet = greet
        self._asks_again_s = 0.0
        self._waits_s = (connect_timeout_s, read_timeout_s)
        # The last one used is the first one used again; with when it was used.
        self._idle: deque[tuple[ConnectionInterface, float]] = deque()
        self._pid = os.getpid()
        try:
            # It reads the address and makes connections of its kind; they are kept here.
            self._maker = ConnectionPool.from_url(
                address,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                redis_connect_func=self._begin,
                socket_connect_timeout=connect_timeout_s,
                socket_timeout=read_timeout_s,
                socket_keepalive=True,
            )
        except ValueError as error:
            raise InputError(
                expected="redis://[user:password@]host[:port][/database], or rediss: for TLS",
                got=str(error),
                where="keys.url",
                hint="Correct it in mainspring.toml or in MAINSPRING_KEYS_URL.",
            ) from error
        known = self._maker.connection_kwargs
        self.where = (
            f"redis://{known.get('host', 'localhost')}:{known.get('port', 6379)}/{known.get('db') or 0}"
        )

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands, then read all replies: one round trip; raises as `exchange`."""
        return self.exchange(list(map(pack, commands)))

    def exchange(self, packed: Sequence[bytes]) -> list[Any]:
        """The same of commands in the form in which they are sent.

        Raises:
            UnavailableError, AccessError, IntegrityError: what went wrong, in our words.
        """
        began_s = time.monotonic()
        if began_s < self._asks_again_s:
            raise self._silent("it did not answer a moment ago, and was not asked again yet")
        try:
            connection = self._taken(began_s)
            try:
                connection.send_packed_command(packed, check_health=False)
                replies = [_reply(connection) for _ in packed]
            except BaseException:
                # A reply that nobody read must not answer the next command.
                connection.disconnect()
                raise
            finally:
                self._idle.append((connection, time.monotonic()))
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        except exceptions.TimeoutError as error:
            now_s = time.monotonic()
            self._asks_again_s = now_s + (now_s - began_s)
            raise self._silent(str(error)) from error
        except (exceptions.RedisError, OSError) as error:
            if isinstance(error, MainspringError):
                raise
            raise self._meaning(error) from error
        return replies

    def close(self) -> None:
        """Disconnect; what is asked later connects again."""
        for connection, _ in list(self._idle):
            connection.disconnect()

    def _taken(self, now_s: float) -> ConnectionInterface:
        """A connection that nobody else uses; where it is not connected, sending connects it."""
        if self._pid != os.getpid():
            # The parent's connections, over which it may be talking.
            self._idle, self._pid = deque(), os.getpid()
            self._maker.reset()
        try:
            connection, used_s = self._idle.pop()
        except IndexError:
            return self._maker.make_connection()
        if now_s - used_s > LOOK_AFTER_S and _is_over(connection):
            connection.disconnect()
        return connection

    def _begin(self, connection: ConnectionInterface) -> None:
        """On each new connection: log in, and greet."""
        try:
            connection.on_connect()
            self._greet(connection)
        except BaseException:
            # The library would keep a connection that was not greeted to the end.
            connection.disconnect()
            raise

    def _silent(self, got: str) -> UnavailableError:
        return UnavailableError(
            expected="a connection within {:g} s and a reply within {:g} s".format(*self._waits_s),
            got=got,
            where=self.where,
            hint="Look whether the server is overloaded, or raise keys.connect_timeout_s, keys.read_timeout_s.",
        )

    def _meaning(self, error: exceptions.RedisError | OSError) -> MainspringError:
        got = str(error) or type(error).__name__
        if isinstance(
            error,
            exceptions.AuthenticationError | exceptions.NoPermissionError | exceptions.ReadOnlyError,
        ):
            return AccessError(
                expected="a primary, and a user who may call EVAL, EVALSHA, UNLINK, INFO and the commands of hashes",
                got=got,
                where=self.where,
                hint="Correct user, password or host in keys.url (MAINSPRING_KEYS_URL keeps them out of the file).",
            )
        if got.startswith("WRONGTYPE"):
            return IntegrityError(
                expected="a hash under this project's name",
                got=got,
                where=self.where,
                hint="Something else wrote there: use a database of its own, and materialise again.",
            )
        if isinstance(error, exceptions.ResponseError):
            return UnavailableError(
                expected="a server that takes reads and writes",
                got=got,
                where=self.where,
                hint="Look at the server's memory, disk and log.",
            )
        return UnavailableError(
            expected="a Redis server that answers",
            got=got,
            where=self.where,
            hint="Start it, or correct keys.url in mainspring.toml. What it had can be materialised again.",
        )


def _is_over(connection: ConnectionInterface) -> bool:
    """Whether the server closed it, or says something that nobody asked for."""
    try:
        return connection.can_read()
    except (exceptions.RedisError, OSError):
        return True


def _reply(connection: ConnectionInterface) -> Any:
    """One reply; an error is returned, so that the replies behind it are read as well."""
    try:
        return connection.read_response()
    except exceptions.ResponseError as error:
        return error
