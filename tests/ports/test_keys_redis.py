"""Keys in Redis: the contract on the shared server, and a server of our own that goes away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import pytest
import redis
from hiredis import pack_command
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.redis_servers import OwnRedis, shared_redis

from mainspring.errors import AccessError, ConflictError, InputError, IntegrityError, UnavailableError
from mainspring.ports.keys import Entry, Keys, open_keys
from mainspring.ports.keys._redis import RedisKeys
from mainspring.ports.keys._redis_put import ENTRIES_AT_ONCE
from mainspring.ports.keys._redis_read import read_command
from mainspring.testing import KeysContract
from mainspring.types import new_id

INT64 = st.integers(-(2**63), 2**63 - 1)
# Numbers near each other and near the borders of 32 bits, where halves are compared.
NEAR = st.sampled_from(
    [0, 1, -1, 2**31, 2**32 - 1, 2**32, -(2**32), -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)]
)
ENTRIES = st.builds(
    Entry,
    st.sampled_from([b"a", b"\x00", b"\xff\x00:{}"]),
    INT64 | NEAR,
    INT64 | NEAR,
    NEAR,
    st.binary(max_size=20),
)


def entry(key: str, event_us: int = 0, value: bytes = b"") -> Entry:
    return Entry(key.encode(), event_us, 0, 0, value)


def open_address(address: str) -> Keys:
    """Open `URL namespace`; importable by name, because processes call it."""
    url, namespace = address.split(" ")
    return open_keys(url, namespace=namespace)


@pytest.fixture
def namespace() -> Iterator[str]:
    """A project of this test's own on the shared server, which forgets it afterwards."""
    url, name = shared_redis(), f"test-{new_id()}"
    yield name
    with redis.Redis.from_url(url) as client:
        for found in client.scan_iter(f"mainspring:{{{name}*"):
            client.unlink(found)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnRedis]:
    """A server that this test may stop; it writes each command to disk before it answers."""
    server = OwnRedis(tmp_path / "redis", ["--appendonly", "yes", "--appendfsync", "always"])
    yield server
    server.close()


class TestRedisKeys(KeysContract):
    """The contract on the shared server."""

    open_store = staticmethod(open_address)

    @pytest.fixture
    def address(self, namespace: str) -> str:
        return f"{shared_redis()} {namespace}"


@given(st.lists(ENTRIES, max_size=12))
@settings(max_examples=150, deadline=None)
def test_newest_wins(entries: list[Entry]) -> None:
    """Whatever the ages, what is kept and counted is what a dictionary with the contract's rule keeps."""
    keys = open_keys(shared_redis(), namespace=f"test-{new_id()}")
    kept: dict[bytes, Entry] = {}
    n_written = 0
    for given_entry in entries:
        before = kept.get(given_entry.key)
        if before is None or given_entry.age > before.age:
            kept[given_entry.key] = given_entry
            n_written += 1
    try:
        assert keys.put("s", entries) == n_written
        assert keys.get("s", list(kept)) == list(kept.values())
    finally:
        keys.clear("s")
        keys.close()


def test_one_round_trip(own: OwnRedis) -> None:
    """A put is one script for each thousand entries, a read of many keys one command."""
    keys = open_keys(own.url)
    keys.put("s", [entry("a")])
    with redis.Redis.from_url(own.url) as client:
        client.config_resetstat()
        keys.put("s", [entry(str(n)) for n in range(2 * ENTRIES_AT_ONCE + 1)])
        keys.get("s", [b"%d" % n for n in range(50)])
        calls = {name: facts["calls"] for name, facts in client.info("commandstats").items()}
    assert calls["cmdstat_eval"] + calls["cmdstat_evalsha"] == 3
    assert calls["cmdstat_hmget"] == 1
    keys.close()


ONE_LENGTH = st.integers(1, 20).flatmap(
    lambda length: st.lists(st.binary(min_size=length, max_size=length), min_size=1, max_size=120)
)


@given(name=st.binary(max_size=40), keys=ONE_LENGTH | st.lists(st.binary(min_size=1), min_size=1))
def test_reading_command(name: bytes, keys: list[bytes]) -> None:
    found = read_command(name, keys, set(map(len, keys)))
    assert found == pack_command((b"HMGET", name, *keys))


def test_entries(namespace: str) -> None:
    """Every entry of a space is listed once, and none of another space."""
    keys = RedisKeys(shared_redis(), namespace)
    entries = [entry(str(n), n) for n in range(3 * ENTRIES_AT_ONCE)]
    keys.put("s", entries)
    keys.put("t", [entry("other")])
    assert sorted(keys.entries("s"), key=lambda each: each.event_us) == entries
    assert list(keys.entries("none")) == []
    keys.close()


def test_two_projects(namespace: str) -> None:
    """Two projects on one server do not see each other, also where one name begins like the other."""
    names = [namespace, f"{namespace}}}:s", f"{namespace}:"]
    stores = [open_keys(shared_redis(), namespace=name) for name in names]
    for number, keys in enumerate(stores):
        keys.put("s", [entry("a", number)])
    stores[0].clear("s")
    assert [keys.get("s", [b"a"]) for keys in stores] == [[None], [entry("a", 1)], [entry("a", 2)]]
    for keys in stores:
        keys.clear("s")
        keys.close()


def test_two_homes_at_once(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that find entries that are nobody's one takes them; the other is refused, and takes nothing."""
    homes = [open_keys(shared_redis(), namespace=namespace, stores_id=name) for name in ("one", "two")]
    read, first = redis.Connection.read_response, iter([True])

    def overtaken(connection: redis.Connection, *given: object, **named: object) -> object:
        reply = read(connection, *given, **named)
        if reply is None and next(first, False):
            assert homes[1].put("s", [entry("a")]) == 1
        return reply

    monkeypatch.setattr(redis.Connection, "read_response", overtaken)
    with pytest.raises(ConflictError, match="the keys of home one, got those of home two"):
        homes[0].get("s", [b"a"])
    assert homes[1].get("s", [b"a"]) == [entry("a")]
    for keys in homes:
        keys.close()
    with closing(open_keys(shared_redis(), namespace=namespace, stores_id="two")) as again:
        assert again.get("s", [b"a"]) == [entry("a")]


def test_killed_and_back(own: OwnRedis) -> None:
    """While the server is away calls say so; when it is back the same object goes on, with what was written."""
    keys = open_keys(own.url)
    keys.put("s", [entry("a", 1)])
    own.kill()
    for call in (
        lambda: keys.get("s", [b"a"]),
        lambda: keys.put("s", [entry("a", 2)]),
        lambda: keys.clear("s"),
    ):
        with pytest.raises(UnavailableError, match="can be materialised again") as caught:
            call()
        assert caught.value.where == own.url
    own.start()
    assert keys.get("s", [b"a"]) == [entry("a", 1)]
    # The new server has never seen the script.
    assert keys.put("s", [entry("a", 2), entry("a", 1)]) == 1
    keys.close()


def test_frozen(own: OwnRedis) -> None:
    """A server that takes a request and never answers ends the wait; its late answer is not mistaken for another's."""
    keys, patient = open_keys(own.url, read_timeout_s=0.2), open_keys(own.url, read_timeout_s=60)
    patient.put("s", [entry("a", 1), entry("b", 2)])
    answer_of(lambda: keys.get("s", [b"b"]))
    own.freeze()
    with pytest.raises(UnavailableError, match=r"reply within 0\.2 s"):
        keys.get("s", [b"a"])
    own.thaw()
    assert patient.get("s", [b"b"]) == [entry("b", 2)]
    assert answer_of(lambda: keys.get("s", [b"b"])) == [entry("b", 2)]
    keys.close()
    patient.close()


def test_frozen_is_not_asked_all_the_time(own: OwnRedis) -> None:
    """After a wait in vain calls fail at once for a while, and then wait again."""
    keys = open_keys(own.url, read_timeout_s=0.2)
    answer_of(lambda: keys.put("s", [entry("a", 1)]))
    own.freeze()
    said = []
    while True not in said or said[-1]:
        with pytest.raises(UnavailableError) as caught:
            keys.get("s", [b"a"])
        said.append("moment ago" in caught.value.got)
    assert said[0] is False
    own.thaw()
    assert answer_of(lambda: keys.get("s", [b"a"])) == [entry("a", 1)]
    keys.close()


def answer_of(call: Callable[[], object]) -> object:
    """What a call answers once the server is asked again, and has the processor to answer in time."""
    ends_s = time.monotonic() + 60
    while True:
        try:
            return call()
        except UnavailableError:
            if time.monotonic() > ends_s:
                raise


def test_nobody_listens() -> None:
    """An address without a server is an error with the four parts, and no password in it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        keys = open_keys(f"redis://me:secret@127.0.0.1:{taken.getsockname()[1]}/0")
        with pytest.raises(UnavailableError) as caught:
            keys.get("s", [b"a"])
    assert "secret" not in str(caught.value.to_dict())
    assert "keys.url" in caught.value.hint


def test_full(own: OwnRedis) -> None:
    """A server without memory refuses the put, and goes on answering reads."""
    keys = open_keys(own.url)
    keys.put("s", [entry("a", 1)])
    with redis.Redis.from_url(own.url) as client:
        client.config_set("maxmemory", "1mb")
        with pytest.raises(UnavailableError, match="maxmemory"):
            keys.put("s", [entry(str(n), value=bytes(1 << 20)) for n in range(4)])
        assert keys.get("s", [b"a"]) == [entry("a", 1)]
        client.config_set("maxmemory", "0")
    assert keys.put("s", [entry("b", value=bytes(1 << 20))]) == 1
    keys.close()


def test_killed_in_a_put(own: OwnRedis) -> None:
    """A server killed in the middle of a large put keeps its first entries, whole parts of it; it may be repeated."""
    entries = [entry(f"{n:06}", value=bytes(100)) for n in range(20 * ENTRIES_AT_ONCE)]
    names = [each.key for each in entries]
    with _Gate(own.port, n_bytes=1_000_000) as gate, ThreadPoolExecutor(1) as pool:
        direct = open_keys(own.url)
        late = open_keys(f"redis://127.0.0.1:{gate.port}/0", read_timeout_s=60)
        put = pool.submit(late.put, "s", entries)
        while direct.get("s", names[:1]) == [None]:
            assert not put.done()
        own.kill()
        gate.close()
        with pytest.raises(UnavailableError):
            put.result()
    own.start()
    there = [found is not None for found in direct.get("s", names)]
    n_there = sum(there)
    assert 0 < n_there < len(entries)
    assert n_there % ENTRIES_AT_ONCE == 0
    assert all(there[:n_there])
    assert direct.put("s", entries) == len(entries) - n_there
    direct.close()
    late.close()


class _Gate:
    """Passes the first bytes of one connection on to a server, and holds the rest back."""

    def __init__(self, to_port: int, n_bytes: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._to_port, self._n_bytes = to_port, n_bytes
        self._wires: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._forward)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        for wire in [self._listener, *self._wires]:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()

    def _forward(self) -> None:
        caller, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._to_port))
        self._wires = [caller, server]
        self._threads.append(threading.Thread(target=_copy, args=(server, caller)))
        self._threads[-1].start()
        left = self._n_bytes
        with suppress(OSError):
            while left > 0 and (data := caller.recv(min(65536, left))):
                server.sendall(data)
                left -= len(data)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def test_evicting(own: OwnRedis) -> None:
    """A server that may drop entries unseen is refused, and taken once that is corrected."""
    with redis.Redis.from_url(own.url) as client:
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        keys = open_keys(own.url)
        for _ in range(2):
            with pytest.raises(AccessError, match="allkeys-lru"):
                keys.get("s", [b"a"])
        client.config_set("maxmemory-policy", "noeviction")
    assert keys.get("s", [b"a"]) == [None]
    keys.close()


def test_password(own: OwnRedis) -> None:
    """A wrong password is refused access; the right one in the URL is let in."""
    with redis.Redis.from_url(own.url) as client:
        client.config_set("requirepass", "right")
        keys = open_keys(own.url.replace("//", "//:wrong@"))
        with pytest.raises(AccessError, match="password"):
            keys.get("s", [b"a"])
        keys = open_keys(own.url.replace("//", "//:right@"))
        assert keys.get("s", [b"a"]) == [None]
        keys.close()


def test_replica(own: OwnRedis) -> None:
    """A replica that takes no writes is named as that; reads go on."""
    with redis.Redis.from_url(own.url) as client:
        client.replicaof("127.0.0.1", "1")
        keys = open_keys(own.url)
        with pytest.raises(AccessError, match="a primary"):
            keys.put("s", [entry("a")])
        keys.close()


def test_foreign_name(namespace: str) -> None:
    """A name that something else has taken is refused, with the way out."""
    with redis.Redis.from_url(shared_redis()) as client:
        client.set(f"mainspring:{{{namespace}}}:s", "mine")
    keys = open_keys(shared_redis(), namespace=namespace)
    with pytest.raises(IntegrityError, match="materialise again"):
        keys.get("s", [b"a"])
    keys.close()


def test_damaged(namespace: str) -> None:
    """A value of another format is refused on read, and replaced by the next put."""
    keys = open_keys(shared_redis(), namespace=namespace)
    with redis.Redis.from_url(shared_redis()) as client:
        client.hset(f"mainspring:{{{namespace}}}:s", "a", "short")
    with pytest.raises(IntegrityError, match="materialise it again"):
        keys.get("s", [b"a"])
    assert keys.put("s", [entry("a")]) == 1
    assert keys.get("s", [b"a"]) == [entry("a")]
    keys.close()


def test_bad_address() -> None:
    """An address that cannot be read names the form."""
    with pytest.raises(InputError, match="redis://"):
        open_keys("redis://host:port/0")
