"""What does a point read of an online value cost beside the raw LMDB call?"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lmdb

from benchmarks._harness import Bench, Sample
from mainspring.ports.keys import Entry, open_keys

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
        keys.put("space", [Entry(f"key-{n}".encode(), n, n, 1, VALUE) for n in range(N_KEYS)])
        one = _microseconds(lambda: [keys.get("space", [name]) for name in names], READS_PER_ROUND)
        fives = [names[at : at + 5] for at in range(0, len(names), 5)]
        five = _microseconds(lambda: [keys.get("space", wanted) for wanted in fives], len(fives))
        keys.close()
    bench.add("raw lmdb, one key", raw, "µs")
    bench.add("get of one key, decoded", one, "µs", peer="raw lmdb", peer_value=raw, target=10)
    bench.add("get of five keys, decoded", five, "µs", peer="raw lmdb, one key", peer_value=raw)


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
