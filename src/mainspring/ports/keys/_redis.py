"""Keys in Redis, for serving from several machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

from redis.connection import ConnectionInterface

from mainspring.errors import AccessError, ConflictError
from mainspring.ports.keys._base import Keys
from mainspring.ports.keys._codec import decode, decode_many, encode_many, forms
from mainspring.ports.keys._columns import Columns
from mainspring.ports.keys._entry import Entry, check_keys, check_space
from mainspring.ports.keys._guards import Guards, encode_guards, overtaken
from mainspring.ports.keys._redis_connections import Command, RedisConnections
from mainspring.ports.keys._redis_put import ENTRIES_AT_ONCE, OVERTAKEN, removals, rounds
from mainspring.ports.keys._redis_read import read_command

#: The field, in the hash whose space has no name, that says whose the entries are.
_BELONGS: Final = b"belongs"


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
        self._stores_id = stores_id.encode()
        self._read_only = read_only
        self._connections = RedisConnections(address, connect_timeout_s, read_timeout_s, self._greet)

    def put(self, space: str, entries: Sequence[Entry], *, guards: Guards | None = None) -> int:
        name = self._name(space)
        rows = encode_many(space, b"", entries)
        guarded = encode_guards(space, b"", guards)
        n_written = 0
        for commands in rounds(name, rows, guarded):
            replies = self._connections.ask(commands)
            if OVERTAKEN in replies:
                raise overtaken(space, self._connections.where)
            n_written += sum(replies)
        return n_written

    def get(self, space: str, keys: Sequence[bytes]) -> list[Entry | None]:
        return decode_many(space, keys, self._stored(space, keys))

    def get_columns(self, space: str, keys: Sequence[bytes]) -> Columns:
        return Columns.of(space, keys, self._stored(space, keys))

    def _stored(self, space: str, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        name = self._name(space)
        lengths = check_keys(space, keys)
        if not keys:
            return []
        found: list[bytes | None]
        (found,) = self._connections.exchange([read_command(name, keys, lengths)])
        return found

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
            ((cursor, flat),) = self._connections.ask([(b"HSCAN", name, cursor, b"COUNT", ENTRIES_AT_ONCE)])
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
        return sum(self._connections.ask([(b"HDEL", name, *part) for part in parts]))

    def remove(self, space: str, entries: Sequence[Entry]) -> int:
        rows = [(entry.key, *forms(space, entry)) for entry in entries]
        return sum(sum(self._connections.ask([each])) for each in removals(self._name(space), rows))

    def clear(self, space: str) -> None:
        # The server frees the entries later, in a thread of its own.
        self._connections.ask([(b"UNLINK", self._name(space))])

    def close(self) -> None:
        self._connections.close()

    def claim(self, stores_id: str) -> None:
        """From now on the entries are of these stores; who is connected already is not asked again."""
        self._stores_id = b""
        self._connections.ask([(b"HSET", self._start, _BELONGS, stores_id.encode())])
        self._stores_id = stores_id.encode()

    def _name(self, space: str) -> bytes:
        name = self._names.get(space)
        if name is None:
            name = self._names[space] = self._start + quote(check_space(space), safe="").encode()
        return name

    def _greet(self, connection: ConnectionInterface) -> None:
        """On each new connection: refuse a server that may drop entries unseen, or whose entries are another's."""
        connection.send_command("INFO", "memory")
        report = bytes(connection.read_response()).decode()
        self._refuse_evicting(dict(line.split(":", 1) for line in report.splitlines() if ":" in line))
        if self._stores_id:
            self._compare(connection)

    def _compare(self, connection: ConnectionInterface) -> None:
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
                where=self._connections.where,
                hint="Another home of this project's id keeps its online values there: give this one a server or "
                "database of its own in keys.url. Where it is meant so: `mainspring adopt`.",
            )

    def _refuse_evicting(self, facts: dict[str, str]) -> None:
        policy = facts.get("maxmemory_policy", "noeviction")
        if facts.get("maxmemory", "0") != "0" and policy.startswith("allkeys-"):
            raise AccessError(
                expected="a Redis that keeps what it was given: maxmemory-policy noeviction or volatile-*",
                got=policy,
                where=self._connections.where,
                hint="Set it in the server's configuration; evicted rows would be served as missing.",
            )
