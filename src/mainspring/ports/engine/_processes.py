"""Tasks in worker processes that stay warm; what one task does to its worker is that task's failure alone."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import multiprocessing
import multiprocessing.util  # its own exit handler joins children: ours is registered later, and so runs before it
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from mainspring.errors import InputError, MainspringError, StateError, WorkerError
from mainspring.log import Output, bound, carried, configure, find_output
from mainspring.ports.engine._base import Engine, Outcome, Task, n_processors, refuse_twin

#: How long a worker may take to start; only a main module that never ends importing takes longer.
START_S: Final = 300.0
#: How often a worker is looked at that has said nothing: a process that it forked may keep its pipe open.
LOOK_S: Final = 1.0
#: How long a worker may take to end by itself.
END_S: Final = 5.0

_BEGUN: Final = b""
_LENGTH_BYTES: Final = 4


class ProcessEngine(Engine):
    """A pool of processes, started by spawn as they are needed and kept for the next tasks.

    A task, what it returns and what it raises are pickled. A worker that dies, or is killed because its task took
    too long, is replaced. Workers end when the engine is closed or collected, and with the process that started
    them, however that ends. Ctrl-C reaches that process alone: it kills the workers that are busy.

    Each run has up to `n_workers` workers of its own; as many are kept warm between runs.
    """

    leaves_process = True

    def __init__(self, n_workers: int | None = None, task_timeout_s: float | None = None) -> None:
        self.n_workers = n_processors() if n_workers is None else n_workers
        self._task_timeout_s = task_timeout_s
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._edition = 0
        self._owner = os.getpid()
        _engines.add(self)

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        busy: dict[str, _Job] = {}
        given = iter(tasks)
        mark = object()
        try:
            while True:
                while len(busy) < self.n_workers and (task := next(given, None)) is not None:
                    refuse_twin(task, busy)
                    packed = _packed(task)
                    if isinstance(packed, Exception):
                        yield Outcome(task.id, None, packed, 0.0)
                    else:
                        busy[task.id] = self._begin(task, packed, mark)
                if not busy:
                    return
                yield from self._finished(busy)
        except (Exception, GeneratorExit):
            while busy:
                for _ in self._finished(busy):
                    pass
            raise
        finally:
            # Only an interruption leaves any; by their mark, because it may come between any two statements.
            self._end([worker for worker in list(self._workers) if worker.run is mark], at_once=True)

    def close(self) -> None:
        with self._lock:
            self._edition += 1
            idle, self._idle = self._idle, []
        if os.getpid() == self._owner:
            self._end(idle)

    def kill(self) -> None:
        """End every worker at once, busy or not."""
        self.close()
        if os.getpid() == self._owner:
            self._end(list(self._workers), at_once=True)

    def _begin(self, task: Task, packed: bytes, mark: object) -> _Job:
        limit_s = self._task_timeout_s if task.timeout_s is None else task.timeout_s
        job = _Job(task.id, packed, limit_s, self._take(mark))
        job.send()
        return job

    def _finished(self, busy: dict[str, _Job]) -> Iterator[Outcome]:
        """Wait until something happens; the outcomes of the jobs that it ended."""
        now_s = time.monotonic()
        patience_s = min(LOOK_S, *(max(0.0, job.ends_s - now_s) for job in busy.values()))
        ready = set(wait([job.worker.wire for job in busy.values()], patience_s))
        for job in list(busy.values()):
            outcome = self._look(job, is_ready=job.worker.wire in ready)
            if outcome is not None:
                del busy[job.id]
                self._give_back(job.worker)
                yield outcome

    def _look(self, job: _Job, *, is_ready: bool) -> Outcome | None:
        """What became of a job; None while it goes on."""
        worker = job.worker
        if is_ready or worker.has_ended():
            reply = worker.receive()
            if reply is None:
                if job.began_s is not None or worker.n_tasks == 1:
                    return job.outcome(error=_died(job, worker.ended()))
                # It had died before this task reached it.
                job.worker = self._start(worker.run)
                self._end([worker])
                job.send()
                return None
            if reply == _BEGUN:
                job.begin()
                return None
            return job.result(reply)
        if time.monotonic() >= job.ends_s:
            worker.kill()
            return job.outcome(error=_late(job))
        return None

    def _take(self, mark: object) -> _Worker:
        with self._lock:
            if os.getpid() != self._owner:
                # A fork took this object along: its workers answer to the parent.
                self._owner, self._idle, self._workers = os.getpid(), [], set()
            while self._idle:
                worker = self._idle[-1]
                worker.run = mark
                self._idle.pop()
                if worker.is_usable and not worker.has_ended():
                    return worker
                self._workers.discard(worker)
        return self._start(mark)

    def _start(self, mark: object) -> _Worker:
        worker = _Worker(self._edition, mark)
        self._workers.add(worker)
        worker.start()
        return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if worker.is_usable and worker.edition == self._edition and len(self._idle) < self.n_workers:
                self._idle.append(worker)
                worker.run = None
                return
        self._end([worker])

    def _end(self, workers: list[_Worker], *, at_once: bool = False) -> None:
        """Let workers end by themselves; those that do not are killed."""
        for worker in workers:
            worker.wire.close()
        for worker in workers:
            if not at_once:
                worker.process.join(END_S)
            worker.kill()
            self._workers.discard(worker)


class _Worker:
    """A process that does one task after another.

    Attributes:
        edition: how often its engine had been closed when it was started.
        run: whose it is; None while it is idle.
        n_tasks: how many it was given.
        is_usable: whether it can be given another.
    """

    def __init__(self, edition: int, run: object) -> None:
        self.edition = edition
        self.run: object | None = run
        self.n_tasks = 0
        self.is_usable = True
        context = multiprocessing.get_context("spawn")
        self.wire, self._theirs = context.Pipe()
        # No daemon: those may have no children, and a library in a task may well start some.
        self.process = context.Process(
            target=_serve, args=(self._theirs, find_output()), name="mainspring-worker", daemon=False
        )

    def start(self) -> None:
        try:
            self.process.start()
        finally:
            self._theirs.close()

    def has_ended(self) -> bool:
        return self.process.exitcode is not None

    def receive(self) -> bytes | None:
        """What it said; None if it has ended without saying more. Waits if it has not ended."""
        try:
            if self.has_ended() and not self.wire.poll():
                return None  # a process that it forked may hold its end of the pipe open
            return self.wire.recv_bytes()
        except (EOFError, OSError):
            return None

    def ended(self) -> int | None:
        """Its exit code, once it has been seen to end; negative for a signal."""
        self.is_usable = False
        self.process.join(END_S)
        code = self.process.exitcode
        self.kill()
        return code

    def kill(self) -> None:
        self.is_usable = False
        self.wire.close()
        if self.process.pid is not None:
            self.process.kill()
            self.process.join()


@dataclass
class _Job:
    """A task at a worker.

    Attributes:
        limit_s: how long it may take; None = as long as it likes.
        began_s: when its worker took it, on the monotonic clock; None = it has not.
        ends_s: when it is too late.
    """

    id: str
    packed: bytes
    limit_s: float | None
    worker: _Worker
    began_s: float | None = None
    ends_s: float = 0.0

    def send(self) -> None:
        self.ends_s = time.monotonic() + START_S
        self.worker.n_tasks += 1
        with contextlib.suppress(OSError):
            # A worker that is gone is noticed when its answer is read.
            self.worker.wire.send_bytes(self.packed)

    def begin(self) -> None:
        self.packed = b""
        self.began_s = time.monotonic()
        self.ends_s = float("inf") if self.limit_s is None else self.began_s + self.limit_s

    def result(self, reply: bytes) -> Outcome:
        try:
            value, error, trace, seconds = pickle.loads(reply)  # noqa: S301 - from our own child, by a pipe
        except Exception as problem:  # noqa: BLE001 - unpickling runs the code of the value's class
            return self.outcome(error=_no_way(self.id, "a result", problem))
        if error is not None:
            error.__cause__ = WorkerTraceback(trace)
            if not isinstance(error, Exception):
                raise error
        return Outcome(self.id, value, error, seconds)

    def outcome(self, error: Exception) -> Outcome:
        return Outcome(self.id, None, error, 0.0 if self.began_s is None else time.monotonic() - self.began_s)


class WorkerTraceback(Exception):
    """Where in the worker it happened: the cause of an error that crossed processes."""


_engines: weakref.WeakSet[ProcessEngine] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    # Whoever still waits for a task at the exit was interrupted: `multiprocessing` would wait for it for ever.
    for engine in list(_engines):
        engine.kill()


def _packed(task: Task) -> bytes | Exception:
    try:
        name = task.id.encode()
        call = pickle.dumps((task.function, dict(task.arguments), carried()), pickle.HIGHEST_PROTOCOL)
        return b"".join([len(name).to_bytes(_LENGTH_BYTES), name, call])
    except MainspringError as error:
        return error
    except Exception as error:  # noqa: BLE001 - pickling runs the code of the argument's class
        return _no_way(task.id, "a function and arguments", error)


def _no_way(task_id: str, what: str, error: Exception) -> InputError:
    return InputError(
        expected=f"{what} that can be handed to another process (by pickle)",
        got=f"{type(error).__name__}: {error}",
        where=f"task {task_id!r}",
        hint="Use functions of modules and plain data, open files and connections inside the task, or set "
        'engine.kind = "local".',
    )


def _died(job: _Job, code: int | None) -> WorkerError:
    hint = 'Other tasks are not touched. Run it alone with engine.kind = "local" to see why it ends.'
    if job.began_s is None:
        hint = 'Look at what it printed. A script that runs tasks needs `if __name__ == "__main__":` around that.'
    elif code == -signal.SIGKILL:
        hint = "Other tasks are not touched. If nobody killed it, the machine was out of memory."
    return WorkerError(
        expected="a worker that ends its task" if job.began_s is not None else "a worker that starts",
        got=_ending(code),
        where=f"task {job.id!r}",
        hint=hint,
    )


def _ending(code: int | None) -> str:
    if code is None:
        return "it closed its pipe, and was killed"
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"


def _late(job: _Job) -> WorkerError:
    if job.began_s is None:
        return WorkerError(
            expected=f"a worker that starts within {START_S:g} s",
            got="none; it was killed",
            where=f"task {job.id!r}",
            hint="Look what the program's main module does when it is imported.",
        )
    return WorkerError(
        expected=f"an end within {job.limit_s:g} s",
        got="still running; its worker was killed",
        where=f"task {job.id!r}",
        hint="Other tasks are not touched. Give it more time: engine.task_timeout_s.",
    )


# In the worker ---------------------------------------------------------------------------------------------


def _serve(wire: Connection, output: Output | None) -> None:
    """Do tasks until the other end of the pipe is closed. `output` is where its parent's lines go."""
    if output is not None:
        configure(output)
    # The parent decides what Ctrl-C ends. Programs that a task starts do not inherit this, as they would SIG_IGN.
    signal.signal(signal.SIGINT, lambda *_: None)
    idle = threading.Event()
    threading.Thread(target=_end_with_parent, args=(os.getppid(), idle), daemon=True).start()
    while True:
        idle.set()
        try:
            packed = wire.recv_bytes()
            idle.clear()
            wire.send_bytes(_BEGUN)
            wire.send_bytes(_do(packed))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def _end_with_parent(parent_pid: int, idle: threading.Event) -> None:
    """A task does not outlive the process that wanted it; an idle worker sees the pipe close, and cleans up."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if hasattr(fcntl, "F_SETOWN"):
        # The system itself ends this process, by SIGIO, where a task holds the interpreter's lock and no thread runs.
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
    while os.getppid() == parent_pid and not wait([parent.sentinel], LOOK_S):
        pass
    if idle.is_set():
        time.sleep(END_S)
    os._exit(1)


def _do(packed: bytes) -> bytes:
    """Make one call; what is sent back: its value or error, the error's traceback, and how long it took."""
    start = _LENGTH_BYTES + int.from_bytes(packed[:_LENGTH_BYTES])
    task_id = packed[_LENGTH_BYTES:start].decode()
    try:
        function, arguments, context = pickle.loads(memoryview(packed)[start:])  # noqa: S301 - from our own parent, by a pipe
    except Exception as error:  # noqa: BLE001 - unpickling imports modules and runs their code
        return _reply(None, _no_way(task_id, "a function and arguments", error), _trace(error), 0.0)
    began_s = time.perf_counter()
    try:
        with bound(**context):
            value, failure = function(**arguments), None
    except BaseException as error:  # noqa: BLE001 - the contract: whatever a task raises reaches the caller
        value, failure = None, error
    seconds = time.perf_counter() - began_s
    if failure is None:
        try:
            return _reply(value, None, "", seconds)
        except Exception as error:  # noqa: BLE001 - pickling runs the code of the value's class
            what = f"a result ({type(value).__name__})"
            return _reply(None, _no_way(task_id, what, error), _trace(error), seconds)
    try:
        reply = _reply(None, failure, _trace(failure), seconds)
        pickle.loads(reply)  # noqa: S301 - many exceptions can be packed, but not unpacked
        return reply
    except Exception:  # noqa: BLE001 - likewise
        return _reply(None, _stand_in(task_id, failure), _trace(failure), seconds)


def _reply(value: Any, error: BaseException | None, trace: str, seconds: float) -> bytes:
    return pickle.dumps((value, error, trace, seconds), pickle.HIGHEST_PROTOCOL)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _stand_in(task_id: str, error: BaseException) -> StateError:
    """For an error that cannot leave its process."""
    return StateError(
        expected="a task that ends",
        got=f"{type(error).__name__}: {error}",
        where=f"task {task_id!r}",
        hint="The exception itself cannot be pickled; where it was raised is in this error's cause.",
    )
