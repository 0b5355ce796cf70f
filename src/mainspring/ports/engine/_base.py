"""The contract of the engine port: run many independent tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Task:
    """One call to make.

    Attributes:
        id: names the task in its outcome; unique among the tasks of one `run`.
        function: what to call. An engine that leaves the process needs it importable by module and name.
        arguments: passed by keyword.
    """

    id: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)


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

    Atomicity: a task that raises fails alone. An exception that is no `Exception` (Ctrl-C, SystemExit) ends
    the whole run and reaches the caller.

    Bounds: at most `n_workers` calls at a time, and tasks are taken from the iterable only as workers come
    free, so that the iterable may be endless. Closing the iterator starts no further task and waits for those
    that run.

    Durability: none. A crash loses every outcome that was not yet yielded; tasks must be safe to run again.
    """

    n_workers: int
    """How many calls run at a time, at most."""

    @abstractmethod
    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Yield one outcome a task, in the order in which they finish.

        Raises:
            InputError: two tasks that run at the same time have the same id.
        """
