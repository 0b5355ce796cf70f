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


def test_no_workers() -> None:
    """An engine needs a worker."""
    with pytest.raises(InputError, match="one worker or more"):
        open_engine("local:", n_workers=0)


@pytest.mark.parametrize("address", ["ray://head:10001", "k8s"])
def test_unknown_scheme(address: str) -> None:
    """An address that no backend answers to names those that do."""
    with pytest.raises(InputError, match="local:"):
        open_engine(address)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan")])
def test_no_time(timeout_s: float) -> None:
    """A timeout is above zero."""
    with pytest.raises(InputError, match="above 0 s"):
        open_engine("processes:", task_timeout_s=timeout_s)


def test_threads_keep_no_timeout() -> None:
    """A timeout that cannot be kept is refused, for the engine and for a task."""
    with pytest.raises(InputError, match="cannot be ended"):
        open_engine("local:", task_timeout_s=1.0)
    with pytest.raises(InputError, match="processes"):
        list(open_engine("local:").run([Task("a", int, timeout_s=1.0)]))


def test_default() -> None:
    """Without a word it runs in this process, a worker a processor."""
    assert open_engine("local").n_workers >= 1
