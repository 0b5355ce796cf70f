"""The contract of the engine port: run many independent tasks."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mainspring.errors import InputError


@dataclass(frozen=True, slots=True)
class Task:
    """One call to make.

    Attributes:
        id: names the task in its outcome; unique among the tasks of one `run`.
        function: what to call. An engine that leaves the process needs it importable by module and name.
        arguments: passed by keyword.
        timeout_s: seconds after which it is ended and has failed; None = what the engine was opened with. Only
            an engine that leaves the process can end a task.
    """

    id: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task.

    Attributes:
        id: the task's.
        value: what the function returned; None if it raised.
        error: what it raised; None if it returned.
        seconds: wall time of the call alone, without the wait for a free worker.
    """

    id: str
    value: Any
    error: Exception | None
    seconds: float


class Engine(ABC):
    """Runs tasks that do not depend on one another. It never retries, orders or caches: callers do.

    Threads: an instance may be shared; each `run` is on its own.

    Ownership: arguments and values belong to the caller; an engine keeps none of them after its outcome.

    Processes: an engine that leaves the process pickles functions, arguments, values and errors. What cannot be
    pickled fails its task. So does the death of a worker (WorkerError), or a task that takes too long: the others
    go on. Workers end with the process that started them.

    Atomicity: a task that raises fails alone. An exception that is no `Exception` (Ctrl-C, SystemExit) ends
    the whole run and reaches the caller; Ctrl-C in the caller's process ends the tasks that run elsewhere.

    Bounds: at most `n_workers` calls at a time, and tasks are taken from the iterable only as workers come
    free, so that the iterable may be endless. Closing the iterator starts no further task and waits for those
    that run.

    Durability: none. A crash loses every outcome that was not yet yielded; tasks must be safe to run again.
    """

    n_workers: int
    """How many calls of one `run` are made at a time, at most."""

    leaves_process: bool = False
    """Whether tasks run outside this process, without its memory."""

    @abstractmethod
    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield one outcome a task, in the order in which they finish.

        Raises:
            InputError: two tasks that run at the same time have the same id, or a task has a timeout that this
                engine cannot keep.
        """

    def run_in_order(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield the outcomes of `run` in the order of the tasks; one that comes early is held until its turn.

        Raises:
            InputError: as in `run`.
        """
        asked: deque[str] = deque()
        early: dict[str, Outcome] = {}

        def noted() -> Iterator[Task]:
            for task in tasks:
                asked.append(task.id)
                yield task

        for outcome in self.run(noted()):
            early[outcome.id] = outcome
            while asked and asked[0] in early:
                yield early.pop(asked.popleft())

    def close(self) -> None:  # noqa: B027 - an engine without workers has nothing to give up
        """Let idle workers end; those that are busy end after their task. A later `run` starts new ones."""


def refuse_twin(task: Task, running: Iterable[str]) -> None:
    """InputError for a task whose id is that of a running one."""
    if task.id in running:
        raise InputError(
            expected="tasks with ids of their own",
            got=f"two tasks called {task.id!r}",
            where="engine.run",
            hint="Number the tasks, or name them by what they work on.",
        )


def n_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
