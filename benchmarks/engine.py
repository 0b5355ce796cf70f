"""What does a task cost in a warm worker process beside a thread and beside concurrent.futures?"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from benchmarks._harness import Bench, Sample, timed
from mainspring.ports.engine import Engine, Task, open_engine

N_TASKS = 500
LARGE = bytes(10_000_000)


def run(bench: Bench) -> None:
    local = open_engine("local:", n_workers=2)
    threads = _per_task(lambda: _all(local))
    bench.add("a task in a thread", threads, "µs")
    pool = open_engine("processes:", n_workers=2)
    began_s = time.perf_counter()
    _all(pool)
    bench.add("the first tasks: workers start", time.perf_counter() - began_s, "s")
    ours = _per_task(lambda: _all(pool))
    large = timed(lambda: list(pool.run([Task("large", size_of, {"data": LARGE})])), repeats=9)
    pool.close()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as other:
        theirs = _per_task(lambda: list(other.map(divmod_of, range(N_TASKS))))
        theirs_large = timed(lambda: other.submit(size_of, LARGE).result(), repeats=9)
    peer = "concurrent.futures"
    bench.add(f"{peer}, a task", theirs, "µs")
    bench.add("a task in a warm process", ours, "µs", peer=peer, peer_value=theirs)
    bench.add(f"{peer}, an argument of 10 MB", theirs_large, "s")
    bench.add("an argument of 10 MB", large, "s", peer=peer, peer_value=theirs_large)


def _all(engine: Engine) -> None:
    outcomes = list(engine.run(Task(str(n), divmod_of, {"number": n}) for n in range(N_TASKS)))
    assert all(outcome.error is None for outcome in outcomes)


def divmod_of(number: int) -> tuple[int, int]:
    return divmod(number, 7)


def size_of(data: bytes) -> int:
    return len(data)


def _per_task(work: Callable[[], object]) -> Sample:
    seconds = timed(work, repeats=9)
    return Sample(*(value / N_TASKS * 1e6 for value in (seconds.value, seconds.low, seconds.high)), seconds.n)
