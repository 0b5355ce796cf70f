"""Worker processes: the contract, and what a task may do to its worker."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.ports.engine_tasks import (
    Opens,
    Unpicklable,
    fork_and_die,
    hang,
    hold_the_lock,
    kill_self,
    leave,
    odd,
    pid,
    refuse,
    same,
    segfault,
)

from mainspring.errors import InputError, StateError, WorkerError
from mainspring.ports.engine import Engine, Task, open_engine
from mainspring.testing import EngineContract


@pytest.fixture(scope="module")
def pool() -> Iterator[Engine]:
    """Two workers that the module's tests share: starting one takes longer than most tests."""
    engine = open_engine("processes:", n_workers=2)
    yield engine
    engine.close()


class TestTwoProcesses(EngineContract):
    """The contract in two worker processes."""

    @pytest.fixture
    def engine(self, pool: Engine) -> Engine:
        return pool


def test_elsewhere_and_warm(pool: Engine) -> None:
    """Tasks run in other processes, and the next run finds the same ones."""
    first = {outcome.value for outcome in pool.run(Task(str(n), pid) for n in range(6))}
    again = {outcome.value for outcome in pool.run(Task(str(n), pid) for n in range(6))}
    assert os.getpid() not in first
    assert first & again
    assert pool.leaves_process


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (leave, "exit code 3"),
        (kill_self, "SIGKILL"),
        (segfault, "SIGSEGV"),
        (fork_and_die, "exit code 5"),
    ],
)
def test_death_is_alone(pool: Engine, function: Callable[[], None], got: str) -> None:
    """A task that takes its worker along has failed and is named; all others, before and after, succeed."""
    tasks = [Task(str(n), function if n == 3 else same, {} if n == 3 else {"value": n}) for n in range(8)]
    outcomes = {outcome.id: outcome for outcome in pool.run(tasks)}
    failed = outcomes.pop("3")
    assert isinstance(failed.error, WorkerError)
    assert got in failed.error.got
    assert failed.error.where == "task '3'"
    assert {outcome.value for outcome in outcomes.values()} == {0, 1, 2, 4, 5, 6, 7}


@pytest.mark.parametrize("function", [hang, hold_the_lock])
def test_hanging_is_ended(pool: Engine, function: Callable[[], None]) -> None:
    """A task that takes too long is ended, also when it keeps the interpreter's lock; the others are not."""
    tasks = [
        Task("a", same, {"value": 1}),
        Task("late", function, timeout_s=0.2),
        Task("b", same, {"value": 2}),
    ]
    outcomes = {outcome.id: outcome for outcome in pool.run(tasks)}
    error = outcomes["late"].error
    assert isinstance(error, WorkerError)
    assert error.expected == "an end within 0.2 s"
    assert (outcomes["a"].value, outcomes["b"].value) == (1, 2)


def test_engines_timeout() -> None:
    """A task that says nothing has the engine's timeout; one that does has its own."""
    engine = open_engine("processes:", n_workers=1, task_timeout_s=0.2)
    late, patient = engine.run([Task("late", hang), Task("patient", time.sleep, {}, timeout_s=60)])
    assert isinstance(late.error, WorkerError)
    assert isinstance(patient.error, TypeError)
    engine.close()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task("x", lambda: 1), "a function and arguments that can be handed"),
        (Task("x", same, {"value": Unpicklable()}), "not this one"),
        (Task("x", same, {"value": Opens()}), "came to nothing"),
        (Task("x", Unpicklable), r"a result \(Unpicklable\)"),
        (Task("x", Opens), "a result .*came to nothing"),
        (Task("x", threading.Lock), "a result"),
    ],
)
def test_unpicklable_is_alone(pool: Engine, task: Task, message: str) -> None:
    """What cannot go from process to process, on the way there or back, fails its task and says which it was."""
    outcomes = {outcome.id: outcome for outcome in pool.run([Task("a", same, {"value": 1}), task])}
    error = outcomes["x"].error
    assert isinstance(error, InputError)
    with pytest.raises(InputError, match=message):
        raise error
    assert error.where == "task 'x'"
    assert outcomes["a"].value == 1


def test_odd_errors(pool: Engine) -> None:
    """An exception that cannot be pickled is told; every error's cause says where in the worker it was raised."""
    (outcome,) = pool.run([Task("a", odd)])
    assert isinstance(outcome.error, StateError)
    assert outcome.error.got == "OddError: 7 in the cellar"
    assert "in odd" in str(outcome.error.__cause__)
    (outcome,) = pool.run([Task("a", refuse)])
    assert isinstance(outcome.error, TypeError)
    assert "in refuse" in str(outcome.error.__cause__)


def test_large_values(pool: Engine) -> None:
    """What is larger than a pipe goes there and back."""
    value = os.urandom(5_000_000)
    (outcome,) = pool.run([Task("a", same, {"value": value})])
    assert outcome.value == value


def test_idle_worker_killed(pool: Engine) -> None:
    """A worker that died while it had nothing to do costs no task."""
    (before,) = pool.run([Task("a", pid)])
    os.kill(before.value, signal.SIGKILL)
    outcomes = list(pool.run(Task(str(n), pid) for n in range(4)))
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert before.value not in {outcome.value for outcome in outcomes}


def test_killed_at_random_moments() -> None:
    """However workers are killed from outside, each task has one outcome: its value, or that its worker died."""
    engine = open_engine("processes:", n_workers=2)
    done = threading.Event()

    def kill_some() -> None:
        order = random.Random(7)
        for _ in range(12):
            if done.wait(order.uniform(0.0, 0.4)):
                return
            for worker in multiprocessing.active_children():
                if worker.name == "mainspring-worker" and order.random() < 0.7:
                    worker.kill()

    killer = threading.Thread(target=kill_some)
    killer.start()
    outcomes = []
    while killer.is_alive():
        outcomes += list(engine.run(Task(f"{len(outcomes)} {n}", same, {"value": n}) for n in range(200)))
    done.set()
    killer.join()
    engine.close()
    assert len({outcome.id for outcome in outcomes}) == len(outcomes)
    assert len(outcomes) % 200 == 0
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    assert all(isinstance(outcome.error, WorkerError) for outcome in failed)
    assert all(outcome.value == int(outcome.id.split()[1]) for outcome in outcomes if outcome.error is None)


def is_alive(process_id: int) -> bool:
    """Whether it runs; a zombie, which only waits to be counted by its parent, does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_ended(process_ids: list[int]) -> None:
    ends_s = time.monotonic() + 60
    while any(is_alive(process_id) for process_id in process_ids):
        assert time.monotonic() < ends_s, "a worker outlives what it worked for"
        time.sleep(0.02)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@needs_proc
def test_closed_and_collected() -> None:
    """Workers end when their engine is closed, and when nobody holds it any more."""
    engine = open_engine("processes:", n_workers=2)
    workers = [outcome.value for outcome in engine.run([Task("a", pid), Task("b", pid)])]
    engine.close()
    wait_until_ended(workers)
    workers = [outcome.value for outcome in engine.run([Task("a", pid)])]
    del engine
    wait_until_ended(workers)


PARENT = """
import os, sys, threading
from mainspring.ports.engine import Task, open_engine
from tests.ports.engine_tasks import hang, hold_the_lock, pid
if __name__ == "__main__":
    engine = open_engine("processes:", n_workers=3)
    print(*{outcome.value for outcome in engine.run(Task(str(n), pid) for n in range(30))}, flush=True)
    how = sys.argv[1]
    if how == "exit":
        sys.exit(0)
    print("busy", flush=True)
    list(engine.run([Task("a", hang), Task("b", hold_the_lock)]))
"""


@needs_proc
@pytest.mark.parametrize("how", ["exit", "kill", "interrupt"])
def test_parent_ends(tmp_path: Path, how: str) -> None:
    """Workers, busy or idle, end with their parent: when it exits, is killed, or is interrupted by Ctrl-C."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(script), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )
    assert parent.stdout is not None
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert workers
    if how != "exit":
        assert parent.stdout.readline() == "busy\n"
        if how == "kill":
            parent.kill()
        else:
            # As a terminal does it: the whole group hears of it.
            os.killpg(parent.pid, signal.SIGINT)
    _, errors = parent.communicate(timeout=60)
    wait_until_ended(workers)
    if how == "exit":
        assert (parent.returncode, errors) == (0, "")
    if how == "interrupt":
        assert "KeyboardInterrupt" in errors


def test_script_without_guard(tmp_path: Path) -> None:
    """A script that starts tasks whenever it is imported is told what it lacks, and does not start for ever."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from mainspring.ports.engine import Task, open_engine\n"
        "(outcome,) = open_engine('processes:').run([Task('a', int)])\n"
        "print('outcome:', outcome.error)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert 'needs `if __name__ == "__main__":`' in done.stdout
