"""Steps and pipelines before they run: types, tracing, plans, and mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from mainspring.errors import InputError, StateError
from mainspring.pipelines import RESOURCE, Plan, pipeline, step
from mainspring.tracking import Tracking


@step
def load(*, n: int = 3) -> pl.DataFrame:
    return pl.DataFrame({"a": range(n)})


@step
def count(data: pl.DataFrame, *, plus: float = 0.0) -> float:
    return data.height + plus


@pipeline
def counting(n: int = 3, twice: bool = False) -> float:
    data = load(n=n)
    return count(data, plus=1.0) if twice else count(data)


def test_a_step_is_a_plain_function_outside_a_pipeline() -> None:
    """Steps and pipelines can be tested without a project."""
    assert count(load(n=2), plus=0.5) == 2.5
    assert counting(n=2) == 2


def test_a_plan_is_plain_data() -> None:
    """Tracing runs nothing and yields JSON that names steps, parameters and where inputs come from."""
    plan = counting.plan(n=4, twice=True)
    again = Plan.model_validate(json.loads(plan.model_dump_json()))
    assert again == plan
    assert [node.id for node in plan.nodes] == ["load", "count"]
    assert plan.nodes[1].inputs["data"][0].node == "load"
    assert plan.nodes[1].parameters == {"plus": 1.0}
    assert plan.outputs["output"].node == "count"


def test_defaults_are_part_of_the_plan() -> None:
    """A parameter that is not passed still counts, by its default."""
    assert counting.plan().nodes[0].parameters == {"n": 3}


def test_a_pipeline_cannot_look_into_results() -> None:
    """A result is not known while the plan is made: to ask for it is an error that says where it belongs."""

    @pipeline
    def branching() -> None:
        if load() is not None and load():
            pass

    @pipeline
    def reading() -> None:
        load().height  # noqa: B018

    for flow, what in ((branching, "the truth"), (reading, "attribute 'height'")):
        with pytest.raises(StateError, match=what):
            flow.plan()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n": "3"}, "parameter n: expected int"),
        ({"n": True}, "parameter n: expected int"),
        ({"m": 3}, "unexpected keyword argument 'm'"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    """Parameters are checked against their annotations before anything runs."""
    with pytest.raises(InputError, match=message):
        counting.plan(**parameters)


def test_wrong_connections_are_refused() -> None:
    """An input takes a result of a fitting type; plain values are parameters."""

    @pipeline
    def value() -> float:
        return count(pl.DataFrame())

    @pipeline
    def wrong_type() -> float:
        return count(count(load()))  # type: ignore[arg-type]

    with pytest.raises(InputError, match="the result of another step"):
        value.plan()
    with pytest.raises(InputError, match="expected polars.*got float, output 'output' of step count"):
        wrong_type.plan()


def no_annotation(*, n):  # type: ignore[no-untyped-def]
    return n


def positional_resource(tracking: Tracking = RESOURCE) -> int:
    return 1


def variable(*data: int) -> int:
    return 1


def no_result(*, n: int):  # type: ignore[no-untyped-def]
    return n


@pytest.mark.parametrize("function", [no_annotation, positional_resource, variable, no_result])
def test_a_step_says_all_its_types(function: Callable[..., Any]) -> None:
    """Arguments and results are annotated, named, and in their places."""
    with pytest.raises(InputError, match=function.__name__):
        _ = step(function).spec


def test_only_plain_functions_are_steps() -> None:
    """A class or a coroutine is no step."""

    async def later() -> int:
        return 1

    for wrong in (int, later, 3):
        with pytest.raises(InputError, match="a plain function"):
            step(wrong)  # type: ignore[call-overload]


def test_a_resource_is_missing_outside_a_pipeline() -> None:
    """A plain call of a step that takes a resource needs to be given it."""

    @step
    def fit(*, tracking: Tracking = RESOURCE) -> int:
        return 1

    with pytest.raises(InputError, match="argument tracking"):
        fit()
