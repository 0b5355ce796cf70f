"""Keys in Redis, for serving from several machines."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from mainspring.errors import (
    AccessError,
    ConflictError,
    InputError,
    IntegrityError,
    MainspringError,
    MissingExtraError,
    UnavailableError,
)
from mainspring.ports.keys._base import KEY_MAX_BYTES, Entry, Keys, check_space, refuse_key
from mainspring.ports.keys._codec import decode, encode_many

try:
    from redis import exceptions
    from redis.backoff import NoBackoff
    from redis.connection import Connection, ConnectionPool
    from redis.retry import Retry
except ImportError as missing:
    raise MissingExtraError.of("redis", "redis", "keys.url") from missing

#: How many entries one script writes: the server does nothing else in that time, about a millisecond.
ENTRIES_AT_ONCE: Final = 1_000
#: A script's arguments lie in the server's memory as a whole.
BYTES_AT_ONCE: Final = 1 << 20
#: What is sent before replies are read.
BYTES_IN_FLIGHT: Final = 16 << 20

#: Lua's numbers hold 53 bits and its comparison of strings follows the server's locale, so the header's 64-bit
#: numbers are compared in halves: the upper one signed, the lower one not. What has no header is replaced; format 1
#: has no ordinal.
_PUT: Final = b"""
local header = '>Bi4I4i4I4i4I4I4'
local header_1 = '>Bi4I4i4I4i4I4'
local n_written = 0
local function is_newer(new, old)
  if not old then return true end
  local a = {struct.unpack(header, new)}
  local b
  if #old >= 29 and string.byte(old) == 2 then
    b = {struct.unpack(header, old)}
  elseif #old >= 25 and string.byte(old) == 1 then
    b = {struct.unpack(header_1, old)}
    b[8] = 0
  else
    return true
  end
  for i = 2, 8 do
    if a[i] ~= b[i] then return a[i] > b[i] end
  end
  return false
end
for i = 1, #ARGV, 2 do
  if is_newer(ARGV[i + 1], redis.call('HGET', KEYS[1], ARGV[i])) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    n_written = n_written + 1
  end
end
return n_written
"""
#: The field, in the hash whose space has no name, that says whose the entries are.
_BELONGS: Final = b"belongs"
_PUT_SHA1: Final = hashlib.sha1(_PUT, usedforsecurity=False).hexdigest().encode()

Command: TypeAlias = tuple[bytes | int, ...]


class RedisKeys(Keys):
    """Keys of one project in a Redis server that others may share.

    Each space is one hash, `mainspring:{project}:space`, so that a read of several keys sees one state, and
    clearing a space is one command. A put is a script that compares and sets up to 1,000 entries; a larger put
    is several such scripts in one round trip.

    Durability: what the server's own settings give. With `appendfsync always` nothing that a call acknowledged
    is lost; with `everysec` up to a second of it; with snapshots what came after the last one; with neither all.
    What is lost is the latest, never something in between, and is written again by the next materialisation.

    Waiting: a call ends after at most the connect timeout and, for each reply, the read timeout. After an
    UnavailableError a write may have happened or not; it may be repeated. The next call connects again; but after
    one that waited in vain, calls fail at once for as long as it had waited, so that a process that serves many
    requests does not spend all its time on waiting.
    """

    entries_at_once = ENTRIES_AT_ONCE

    def __init__(
        self,
        address: str,
        namespace: str,
        *,
        connect_timeout_s: float = 2.0,
        read_timeout_s: float = 2.0,
        stores_id: str = "",
        read_only: bool = False,
    ) -> None:
        self._start = b"mainspring:{" + quote(namespace, safe="").encode() + b"}:"
        self._names: dict[str, bytes] = {}
        self._asks_again_s = 0.0
        self._waits_s = (connect_timeout_s, read_timeout_s)
        self._stores_id = stores_id.encode()
        self._read_only = read_only
        try:
            self._pool = ConnectionPool.from_url(
                address,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                redis_connect_func=self._greet,
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
        known = self._pool.connection_kwargs
        self._where = (
            f"redis://{known.get('host', 'localhost')}:{known.get('port', 6379)}/{known.get('db') or 0}"
        )

    def put(self, space: str, entries: Sequence[Entry]) -> int:
        name = self._name(space)
        rows = encode_many(space, b"", entries)
        return sum(sum(self._ask(commands)) for commands in _rounds(name, rows))

    def get(self, space: str, keys: Sequence[bytes]) -> list[Entry | None]:
        name = self._name(space)
        for key in keys:
            if not 1 <= len(key) <= KEY_MAX_BYTES:
                raise refuse_key(space, key)
        if not keys:
            return []
        (found,) = self._ask([(b"HMGET", name, *keys)])
        return [
            None if stored is None else decode(space, key, stored)
            for key, stored in zip(keys, found, strict=True)
        ]

    def entries(self, space: str) -> Iterator[Entry]:
        """Every entry of a space. What is put or removed meanwhile may be left out.

        Raises:
            IntegrityError: a stored value cannot be read.
            UnavailableError: the server cannot be reached.
        """
        name = self._name(space)
        # While the server makes its table larger it may name an entry twice.
        seen: set[bytes] = set()
        cursor = b"0"
        while True:
            ((cursor, flat),) = self._ask([(b"HSCAN", name, cursor, b"COUNT", ENTRIES_AT_ONCE)])
            for key, stored in zip(flat[::2], flat[1::2], strict=True):
                if key not in seen:
                    seen.add(key)
                    yield decode(space, key, stored)
            if cursor == b"0":
                return

    def delete(self, space: str, keys: Sequence[bytes]) -> int:
        name = self._name(space)
        if not keys:
            return 0
        parts = [keys[at : at + ENTRIES_AT_ONCE] for at in range(0, len(keys), ENTRIES_AT_ONCE)]
        return sum(self._ask([(b"HDEL", name, *part) for part in parts]))

    def clear(self, space: str) -> None:
        # The server frees the entries later, in a thread of its own.
        self._ask([(b"UNLINK", self._name(space))])

    def close(self) -> None:
        self._pool.disconnect()

    def claim(self, stores_id: str) -> None:
        """From now on the entries are of these stores; who is connected already is not asked again."""
        self._stores_id = b""
        self._ask([(b"HSET", self._start, _BELONGS, stores_id.encode())])
        self._stores_id = stores_id.encode()

    def _name(self, space: str) -> bytes:
        name = self._names.get(space)
        if name is None:
            name = self._names[space] = self._start + quote(check_space(space), safe="").encode()
        return name

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands, then read all replies: one round trip.

        Without the library's client, whose retries would make the wait several times as long as configured.
        """
        began_s = time.monotonic()
        if began_s < self._asks_again_s:
            raise self._silent("it did not answer a moment ago, and was not asked again yet")
        with self._translated(began_s):
            connection = self._pool.get_connection()
            try:
                connection.send_packed_command(connection.pack_commands(commands))
                replies = [_reply(connection) for _ in commands]
            except BaseException:
                # A reply that nobody read must not answer the next command.
                connection.disconnect()
                raise
            finally:
                self._pool.release(connection)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        return replies

    def _greet(self, connection: Connection) -> None:
        """On each new connection: log in, and refuse a server that may drop entries unseen."""
        try:
            connection.on_connect()
            connection.send_command("INFO", "memory")
            report = bytes(connection.read_response()).decode()
            self._refuse_evicting(dict(line.split(":", 1) for line in report.splitlines() if ":" in line))
            if self._stores_id:
                self._compare(connection)
        except BaseException:
            # The library would keep a connection that was not greeted to the end.
            connection.disconnect()
            raise

    def _compare(self, connection: Connection) -> None:
        """The entries are ours, or nobody's yet: then they are ours from now on."""
        asks: Command = (b"HGET", self._start, _BELONGS)
        connection.send_command(*asks)
        found = connection.read_response()
        if found is None and not self._read_only:
            # Another home may have been first meanwhile.
            claims = (b"HSETNX", self._start, _BELONGS, self._stores_id)
            connection.send_packed_command(connection.pack_commands([claims, asks]))
            _, found = connection.read_response(), connection.read_response()
        if found is not None and found != self._stores_id:
            raise ConflictError(
                expected=f"the keys of home {self._stores_id.decode()}",
                got=f"those of home {bytes(found).decode(errors='replace')}",
                where=self._where,
                hint="Another home of this project's id keeps its online values there: give this one a server or "
                "database of its own in keys.url. Where it is meant so: `mainspring adopt`.",
            )

    def _refuse_evicting(self, facts: dict[str, str]) -> None:
        policy = facts.get("maxmemory_policy", "noeviction")
        if facts.get("maxmemory", "0") != "0" and policy.startswith("allkeys-"):
            raise AccessError(
                expected="a Redis that keeps what it was given: maxmemory-policy noeviction or volatile-*",
                got=policy,
                where=self._where,
                hint="Set it in the server's configuration; evicted rows would be served as missing.",
            )

    @contextmanager
    def _translated(self, began_s: float) -> Iterator[None]:
        try:
            yield
        except exceptions.TimeoutError as error:
            now_s = time.monotonic()
            self._asks_again_s = now_s + (now_s - began_s)
            raise self._silent(str(error)) from error
        except (exceptions.RedisError, OSError) as error:
            if isinstance(error, MainspringError):
                raise
            raise self._meaning(error) from error

    def _silent(self, got: str) -> UnavailableError:
        return UnavailableError(
            expected="a connection within {:g} s and a reply within {:g} s".format(*self._waits_s),
            got=got,
            where=self._where,
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
                where=self._where,
                hint="Correct user, password or host in keys.url (MAINSPRING_KEYS_URL keeps them out of the file).",
            )
        if got.startswith("WRONGTYPE"):
            return IntegrityError(
                expected="a hash under this project's name",
                got=got,
                where=self._where,
                hint="Something else wrote there: use a database of its own, and materialise again.",
            )
        if isinstance(error, exceptions.ResponseError):
            return UnavailableError(
                expected="a server that takes reads and writes",
                got=got,
                where=self._where,
                hint="Look at the server's memory, disk and log.",
            )
        return UnavailableError(
            expected="a Redis server that answers",
            got=got,
            where=self._where,
            hint="Start it, or correct keys.url in mainspring.toml. What it had can be materialised again.",
        )


def _reply(connection: Connection) -> Any:
    """One reply; an error is returned, so that the replies behind it are read as well."""
    try:
        return connection.read_response()
    except exceptions.ResponseError as error:
        return error


def _rounds(name: bytes, rows: Sequence[tuple[bytes, bytes]]) -> Iterator[list[Command]]:
    """The scripts of one put, in lists that are sent at once."""
    commands: list[Command] = []
    in_flight = 0
    for part, n_bytes in _parts(rows):
        arguments = [item for row in part for item in row]
        # The text goes first and teaches the server its digest: also one that was restarted in between.
        script = (b"EVALSHA", _PUT_SHA1) if commands else (b"EVAL", _PUT)
        commands.append((*script, 1, name, *arguments))
        in_flight += n_bytes
        if in_flight >= BYTES_IN_FLIGHT:
            yield commands
            commands, in_flight = [], 0
    if commands:
        yield commands


def _parts(rows: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[list[tuple[bytes, bytes]], int]]:
    part: list[tuple[bytes, bytes]] = []
    n_bytes = 0
    for row in rows:
        part.append(row)
        n_bytes += len(row[0]) + len(row[1])
        if len(part) == ENTRIES_AT_ONCE or n_bytes >= BYTES_AT_ONCE:
            yield part, n_bytes
            part, n_bytes = [], 0
    if part:
        yield part, n_bytes
