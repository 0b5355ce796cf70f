"""The engine in process: the contract with one worker and with several."""

from __future__ import annotations

import threading

import pytest

from mainspring.errors import InputError
from mainspring.ports.engine import Engine, Task, open_engine
from mainspring.testing import EngineContract


class TestOneWorker(EngineContract):
    """The contract in the caller's own thread."""

    @pytest.fixture
    def engine(self) -> Engine:
        return open_engine("local:", n_workers=1)

    def test_callers_thread(self, engine: Engine) -> None:
        """A task runs where the caller is, so that a debugger stops in it."""
        (outcome,) = engine.run([Task("a", threading.get_ident)])
        assert outcome.value == threading.get_ident()


class TestThreeWorkers(EngineContract):
    """The contract in three threads."""

    @pytest.fixture
    def engine(self) -> Engine:
        return open_engine("local:", n_workers=3)

    def test_at_once(self, engine: Engine) -> None:
        """As many tasks run at once as there are workers: three can wait for one another."""
        barrier = threading.Barrier(3, timeout=30)
        outcomes = list(engine.run(Task(str(n), barrier.wait) for n in range(3)))
        assert [outcome.error for outcome in outcomes] == [None] * 3

    def test_completion_order(self, engine: Engine) -> None:
        """A task that finishes first comes first."""
        gate = threading.Event()
        outcomes = engine.run([Task("slow", gate.wait, {"timeout": 30}), Task("fast", int)])
        assert next(outcomes).id == "fast"
        gate.set()
        assert next(outcomes).id == "slow"

    def test_same_id(self, engine: Engine) -> None:
        """Two tasks of one id at the same time are refused."""
        with pytest.raises(InputError, match="two tasks called 'a'"):
            list(engine.run([Task("a", int), Task("a", int)]))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("n_workers", [1, 2])
def test_interruption_ends_the_run(kind: type[BaseException], n_workers: int) -> None:
    """Ctrl-C inside a task is no failure of the task: it reaches the caller."""

    def interrupt() -> None:
        raise kind

    with pytest.raises(kind):
        list(open_engine("local:", n_workers).run([Task("a", interrupt)]))


def test_no_workers() -> None:
    """An engine needs a worker."""
    with pytest.raises(InputError, match="one worker or more"):
        open_engine("local:", n_workers=0)


@pytest.mark.parametrize("address", ["ray://head:10001", "k8s", "processes:"])
def test_unknown_scheme(address: str) -> None:
    """An address that no backend answers to names those that do."""
    with pytest.raises(InputError, match="local:"):
        open_engine(address)


def test_default() -> None:
    """Without a word it runs in this process, a worker a processor."""
    assert open_engine("local").n_workers >= 1
