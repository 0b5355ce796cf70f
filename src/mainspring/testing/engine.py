"""What every engine backend must do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import pytest

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


def power(base: int, exponent: int) -> int:
    """Something to compute."""
    return int(base**exponent)


def fail(base: int, exponent: int) -> int:
    """Something that raises."""
    raise ArithmeticError(f"{base} to the power of {exponent}")


def nothing() -> None:
    """Something that returns nothing."""
