"""Tasks in this process: in the caller's thread, or in a few threads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import chain, islice

from mainspring.errors import InputError
from mainspring.ports.engine._base import Engine, Outcome, Task, n_processors, refuse_twin


class LocalEngine(Engine):
    """Threads of this process; for one worker or a single task the caller's own, where a debugger stops in it."""

    def __init__(self, n_workers: int | None = None) -> None:
        self.n_workers = n_processors() if n_workers is None else n_workers

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        given = map(_without_timeout, tasks)
        if self.n_workers == 1:
            return map(_call, given)
        begun = list(islice(given, 2))
        # A thread costs more than most steps' bookkeeping, and a debugger stops in the caller's.
        return map(_call, begun) if len(begun) < 2 else self._run_threads(chain(begun, given))

    def _run_threads(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        running: dict[Future[Outcome], str] = {}
        with ThreadPoolExecutor(self.n_workers, thread_name_prefix="mainspring-engine") as pool:
            while True:
                while len(running) < self.n_workers and (task := next(tasks, None)) is not None:
                    refuse_twin(task, running.values())
                    running[pool.submit(copy_context().run, _call, task)] = task.id
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    yield future.result()


def _without_timeout(task: Task) -> Task:
    if task.timeout_s is not None:
        raise InputError(
            expected="a task without a timeout",
            got=f"{task.timeout_s:g} s for task {task.id!r}",
            where="engine.run",
            hint='A thread cannot be ended from outside: set engine.kind = "processes".',
        )
    return task


def _call(task: Task) -> Outcome:
    began = time.perf_counter()
    try:
        value, failure = task.function(**task.arguments), None
    except Exception as error:  # noqa: BLE001 - the contract: whatever a task raises is that task's failure
        value, failure = None, error
    return Outcome(task.id, value, failure, time.perf_counter() - began)
