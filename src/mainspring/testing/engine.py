"""What every engine backend must do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count, islice

import pytest

from mainspring.errors import InputError
from mainspring.ports.engine import Engine, Task


class EngineContract:
    """Subclass it and define the fixture `engine`. Functions that tasks call are importable by name."""

    @pytest.fixture
    def engine(self) -> Engine:
        """A fresh engine."""
        raise NotImplementedError

    def test_values(self, engine: Engine) -> None:
        """Each task gives one outcome with what its function returned."""
        outcomes = list(engine.run(Task(str(n), power, {"base": n, "exponent": 2}) for n in range(20)))
        assert {outcome.id: outcome.value for outcome in outcomes} == {str(n): n * n for n in range(20)}
        assert all(outcome.error is None and outcome.seconds >= 0 for outcome in outcomes)

    def test_no_tasks(self, engine: Engine) -> None:
        """Nothing to do is nothing done."""
        assert list(engine.run([])) == []

    def test_failure_is_alone(self, engine: Engine) -> None:
        """A task that raises fails with what it raised; the others succeed."""
        tasks = [Task(str(n), fail if n == 3 else power, {"base": n, "exponent": 1}) for n in range(6)]
        outcomes = {outcome.id: outcome for outcome in engine.run(tasks)}
        failed = outcomes.pop("3")
        assert isinstance(failed.error, ArithmeticError)
        assert str(failed.error) == "3 to the power of 1"
        assert failed.value is None
        assert {outcome.value for outcome in outcomes.values()} == {0, 1, 2, 4, 5}

    def test_none_is_a_value(self, engine: Engine) -> None:
        """A function that returns None has not failed."""
        (outcome,) = engine.run([Task("a", nothing)])
        assert outcome.value is None
        assert outcome.error is None

    def test_bounded(self, engine: Engine) -> None:
        """Tasks are taken only as workers come free, so that the iterable may be endless."""
        taken = 0

        def endless() -> Iterator[Task]:
            nonlocal taken
            for number in count():
                taken += 1
                yield Task(str(number), power, {"base": number, "exponent": 1})

        outcomes = engine.run(endless())
        assert len(list(islice(outcomes, 10))) == 10
        close = getattr(outcomes, "close", None)
        if close is not None:
            close()
        assert taken <= 10 + 2 * engine.n_workers

    def test_two_runs(self, engine: Engine) -> None:
        """One engine can run again, and two runs may be under way."""
        first = engine.run(Task(str(n), power, {"base": n, "exponent": 1}) for n in range(5))
        second = engine.run(Task(str(n), power, {"base": n, "exponent": 1}) for n in range(5))
        pairs = list(zip(first, second, strict=True))
        assert sorted(outcome.value for pair in pairs for outcome in pair) == sorted([*range(5), *range(5)])

    def test_in_order(self, engine: Engine) -> None:
        """Outcomes come in the order of the tasks when that is asked for, also where one fails."""
        tasks = [Task(str(n), fail if n == 4 else linger, {"base": n, "exponent": 1}) for n in range(9)]
        outcomes = list(engine.run_in_order(tasks))
        assert [outcome.id for outcome in outcomes] == [task.id for task in tasks]
        assert [outcome.value for outcome in outcomes] == [None if n == 4 else n for n in range(9)]

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
    def test_interruption_ends_the_run(self, engine: Engine, kind: type[BaseException]) -> None:
        """Ctrl-C inside a task is no failure of the task: it reaches the caller, and the engine can run again."""
        with pytest.raises(kind):
            list(engine.run([Task("a", interrupt, {"kind": kind}), Task("b", nothing)]))
        assert [outcome.id for outcome in engine.run([Task("a", nothing)])] == ["a"]

    def test_broken_tasks(self, engine: Engine) -> None:
        """An iterable of tasks that raises ends the run with what it raised."""

        def broken() -> Iterator[Task]:
            yield Task("a", nothing)
            raise LookupError("no more")

        with pytest.raises(LookupError, match="no more"):
            list(engine.run(broken()))

    def test_same_id(self, engine: Engine) -> None:
        """Two tasks of one id at the same time are refused; one after the other they are not."""
        if engine.n_workers > 1:
            with pytest.raises(InputError, match="two tasks called 'a'"):
                list(engine.run([Task("a", nothing), Task("a", nothing)]))
        for _ in range(2):
            assert [outcome.error for outcome in engine.run([Task("a", nothing)])] == [None]

    def test_close_and_again(self, engine: Engine) -> None:
        """A closed engine runs again, and closing twice is the same as once."""
        for _ in range(2):
            assert [o.value for o in engine.run([Task("a", power, {"base": 2, "exponent": 3})])] == [8]
            engine.close()
            engine.close()


def power(base: int, exponent: int) -> int:
    """Something to compute."""
    return int(base**exponent)


def fail(base: int, exponent: int) -> int:
    """Something that raises."""
    raise ArithmeticError(f"{base} to the power of {exponent}")


def nothing() -> None:
    """Something that returns nothing."""


def linger(base: int, exponent: int) -> int:
    """Something that takes the longer the earlier it is asked for."""
    time.sleep(0.02 * (8 - base) / 8)
    return power(base, exponent)


def interrupt(kind: type[BaseException]) -> None:
    """Something that ends the run."""
    raise kind
