"""What does an online value cost to read and write beside raw LMDB and raw redis-py?"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lmdb
import redis
from scripts.reach_services import REDIS_URL, reach_redis

from benchmarks._harness import Bench, Sample, timed
from mainspring.ports.keys import Entry, Keys, open_keys
from mainspring.types import new_id

N_KEYS = 20_000
READS_PER_ROUND = 5_000
ROUNDS = 15
VALUE = bytes(range(120))


def run(bench: Bench) -> None:
    numbers = random.Random(7).choices(range(N_KEYS), k=READS_PER_ROUND)
    names = [f"key-{number}".encode() for number in numbers]
    with tempfile.TemporaryDirectory() as folder:
        raw = _raw(Path(folder) / "raw", names)
        keys = open_keys(Path(folder) / "keys")
        one, five, put = _ours(keys, names)
        keys.close()
    bench.add("raw lmdb, one key", raw, "µs")
    bench.add("lmdb: get of one key, decoded", one, "µs", peer="raw lmdb", peer_value=raw, target=10)
    bench.add("lmdb: get of five keys, decoded", five, "µs", peer="raw lmdb, one key", peer_value=raw)
    bench.add("lmdb: put of an entry, of 20,000", put, "µs")
    problem = reach_redis()
    if problem is None:
        _redis(bench, names)
    else:
        print(f"no figures for Redis: {REDIS_URL}: {problem}")


def _redis(bench: Bench, names: list[bytes]) -> None:
    keys = open_keys(REDIS_URL, namespace=f"bench-{new_id()}")
    one, five, put = _ours(keys, names)
    keys.clear("space")
    keys.close()
    with redis.Redis.from_url(REDIS_URL) as client:
        place = f"bench-{new_id()}"
        raw_put = _per_entry(lambda: _raw_redis_put(client, place))
        raw_one = _microseconds(lambda: [client.hget(place, name) for name in names], len(names))
        fives = _fives(names)
        raw_five = _microseconds(lambda: [client.hmget(place, wanted) for wanted in fives], len(fives))
        client.unlink(place)
    bench.add("raw redis-py, hget", raw_one, "µs")
    bench.add("redis: get of one key, decoded", one, "µs", peer="raw redis-py", peer_value=raw_one)
    bench.add("raw redis-py, hmget of five", raw_five, "µs")
    bench.add("redis: get of five keys, decoded", five, "µs", peer="raw redis-py", peer_value=raw_five)
    bench.add("raw redis-py, hset in pipelines of 1,000", raw_put, "µs")
    bench.add(
        "redis: put of an entry, compared, of 20,000", put, "µs", peer="raw redis-py", peer_value=raw_put
    )


def _raw_redis_put(client: redis.Redis, place: str) -> None:
    for start in range(0, N_KEYS, 1_000):
        pipeline = client.pipeline(transaction=False)
        for number in range(start, start + 1_000):
            pipeline.hset(place, f"key-{number}", VALUE)
        pipeline.execute()


def _ours(keys: Keys, names: list[bytes]) -> tuple[Sample, Sample, Sample]:
    """Microseconds of a get of one key, of five, and of each entry of a put."""
    ages = iter(range(1_000))

    def put() -> None:
        age = next(ages)
        keys.put("space", [Entry(f"key-{n}".encode(), age, n, 1, VALUE) for n in range(N_KEYS)])

    written = _per_entry(put)
    one = _microseconds(lambda: [keys.get("space", [name]) for name in names], len(names))
    fives = _fives(names)
    return one, _microseconds(lambda: [keys.get("space", wanted) for wanted in fives], len(fives)), written


def _fives(names: list[bytes]) -> list[list[bytes]]:
    return [names[at : at + 5] for at in range(0, len(names), 5)]


def _per_entry(work: Callable[[], object]) -> Sample:
    seconds = timed(work, repeats=5)
    return Sample(*(value / N_KEYS * 1e6 for value in (seconds.value, seconds.low, seconds.high)), seconds.n)


def _raw(folder: Path, names: list[bytes]) -> Sample:
    environment = lmdb.open(str(folder), map_size=1 << 28)
    with environment.begin(write=True) as transaction:
        for number in range(N_KEYS):
            transaction.put(f"key-{number}".encode(), VALUE)

    def read() -> None:
        for name in names:
            with environment.begin() as transaction:
                transaction.get(name)

    sample = _microseconds(read, len(names))
    environment.close()
    return sample


def _microseconds(work: Callable[[], object], calls: int) -> Sample:
    """Microseconds of one call, over rounds of many."""
    rounds = []
    for at in range(ROUNDS + 1):
        began_s = time.perf_counter()
        work()
        if at:
            rounds.append((time.perf_counter() - began_s) / calls * 1e6)
    return Sample.of(rounds)
