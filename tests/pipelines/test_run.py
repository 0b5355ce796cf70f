"""Runs: what is executed, what is reused, and why."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import polars as pl
import pytest
from tests.pipelines.conftest import Code

from mainspring.errors import InputError, StateError, UnknownNameError
from mainspring.lineage import Direction, ExecutionState, Graph
from mainspring.pipelines import RESOURCE, PipelineRun, Pipelines, StepContext, StepState, pipeline, step
from mainspring.tracking import Tracking

FLOW = """
    import polars as pl
    import mainspring as ms
    from tools import clean

    CALLS = []

    @ms.step
    def load(*, n: int = 4) -> pl.DataFrame:
        CALLS.append("load")
        return clean(pl.DataFrame({"a": list(range(n)), "b": [1.5] * n}))

    @ms.step
    def total(data: pl.DataFrame, *, weight: float = 1.0) -> float:
        CALLS.append("total")
        return float(data["a"].sum()) * weight

    @ms.pipeline
    def flow(n: int = 4, weight: float = 1.0) -> float:
        return total(load(n=n), weight=weight)
"""
TOOLS = """
    LIMIT = 100

    def clean(frame):
        \"\"\"Keep what is below the limit.\"\"\"
        return frame.filter(frame["a"] < LIMIT)
"""


@pytest.fixture
def flow(code: Code) -> Code:
    code.write(tools=TOOLS, flow=FLOW)
    return code


def run(pipelines: Pipelines, code: Code, **parameters: Any) -> PipelineRun:
    """Run `flow` as a new process would: with its code imported again."""
    code.forget()
    return pipelines.run(code.load("flow").flow, **parameters)


def states(found: PipelineRun) -> list[str]:
    return [f"{step.node} {step.state}" for step in found.steps]


def test_a_second_run_does_no_work_and_says_why(pipelines: Pipelines, flow: Code) -> None:
    """Nothing changed: every step is reused and names its reason."""
    first = run(pipelines, flow)
    second = run(pipelines, flow)
    assert states(first) == ["load executed", "total executed"]
    assert [step.reason for step in first.steps] == ["first time", "first time"]
    assert states(second) == ["load cached", "total cached"]
    assert flow.load("flow").CALLS == []
    assert all("same code, parameters and inputs" in step.reason for step in second.steps)
    assert second.output == first.output == 6.0


def test_cached_steps_are_executions_that_point_to_their_producer(
    pipelines: Pipelines, graph: Graph, flow: Code
) -> None:
    """A reused result is recorded as such, with the same assets."""
    first, second = run(pipelines, flow), run(pipelines, flow)
    for before, after in zip(first.steps, second.steps, strict=True):
        execution = graph.find_execution(after.execution_id)
        assert execution is not None
        assert execution.state is ExecutionState.CACHED
        assert execution.parent_id == second.id
        assert after.producer_id == before.execution_id
        assert [stored.asset_id for stored in after.outputs] == [stored.asset_id for stored in before.outputs]


def test_steps_link_inputs_and_outputs(pipelines: Pipelines, graph: Graph, flow: Code) -> None:
    """The result is walked back through the step to the frame that it was made of."""
    found = run(pipelines, flow)
    upstream = graph.upstream(found.outputs.asset_id("output"))
    assert {asset.name for asset in upstream} == {"load", "total"}
    assert any(link.direction is Direction.INPUT and link.role == "data" for link in upstream.links)


@pytest.mark.parametrize(
    ("module", "old", "new", "reason"),
    [
        ("tools", "< LIMIT", "<= LIMIT", "code tools:clean changed"),
        ("tools", "LIMIT = 100", "LIMIT = 101", "value tools:LIMIT changed"),
        ("flow", "[1.5] * n", "[2.5] * n", "code flow:load changed"),
    ],
    ids=["helper", "constant", "step"],
)
def test_edited_code_is_executed(
    pipelines: Pipelines, flow: Code, module: str, old: str, new: str, reason: str
) -> None:
    """A helper, a constant, the step itself: the reason names what changed."""
    run(pipelines, flow)
    flow.edit(module, old, new)
    again = run(pipelines, flow)
    assert again.step("load").state is StepState.EXECUTED
    assert again.step("load").reason == reason


def test_edited_words_are_not_executed(pipelines: Pipelines, flow: Code) -> None:
    """A docstring and a comment change nothing."""
    run(pipelines, flow)
    flow.edit("tools", "Keep what is below the limit.", "Drop the rest.")
    flow.edit("flow", "CALLS.append", "# count\n    CALLS.append")
    assert states(run(pipelines, flow)) == ["load cached", "total cached"]


def test_early_cut_off(pipelines: Pipelines, flow: Code) -> None:
    """A step that runs again and yields the same does not run what follows."""
    run(pipelines, flow)
    flow.edit("tools", "LIMIT = 100", "LIMIT = 200")
    assert states(run(pipelines, flow)) == ["load executed", "total cached"]


def test_column_order_is_content(pipelines: Pipelines, flow: Code) -> None:
    """The same columns in another order are another frame."""
    run(pipelines, flow)
    flow.edit("flow", '{"a": list(range(n)), "b": [1.5] * n}', '{"b": [1.5] * n, "a": list(range(n))}')
    again = run(pipelines, flow)
    assert states(again) == ["load executed", "total executed"]
    assert again.step("total").reason == "input data changed"


def test_parameters_are_typed(pipelines: Pipelines) -> None:
    """1, 1.0, "1" and True are four different parameters."""

    @step
    def echo(*, value: object) -> str:
        return repr(value)

    @pipeline
    def flow(value: object) -> str:
        return echo(value=value)

    values: list[object] = [1, 1.0, "1", True, -0.0, 0.0, [1], (1,), date(2013, 1, 1), "2013-01-01"]
    runs = [pipelines.run(flow, value=value) for value in values]
    assert [found.n_executed for found in runs] == [1] * len(values)
    assert [found.output for found in runs] == [repr(value) for value in values]
    assert pipelines.run(flow, value=1).n_cached == 1
    assert runs[1].steps[0].reason == "parameter value changed from 1 to 1.0"


def test_equal_bodies_in_two_modules_share_nothing(pipelines: Pipelines, code: Code) -> None:
    """A step is identified by where it lies, too."""
    body = """
        import mainspring as ms

        @ms.step
        def one() -> int:
            return 1

        @ms.pipeline
        def flow() -> int:
            return one()
    """
    code.write(left=body, right=body)
    assert pipelines.run(code.load("left").flow).n_executed == 1
    assert pipelines.run(code.load("right").flow).n_executed == 1


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_damaged_outputs_are_made_again(pipelines: Pipelines, graph: Graph, flow: Code, damage: str) -> None:
    """A hit proves that its outputs are still whole; otherwise the step is executed and heals the store."""
    first = run(pipelines, flow)
    sha256 = first.step("load").outputs[0].blobs[0]["sha256"]
    path = graph.blobs.path(sha256)
    if damage == "gone":
        path.unlink()
    else:
        path.chmod(0o600)
        path.write_bytes(b"x" + path.read_bytes()[1:])
    again = run(pipelines, flow)
    assert states(again) == ["load executed", "total cached"]
    assert again.step("load").reason.endswith(": executed again")
    assert graph.blobs.get(sha256)
    assert states(run(pipelines, flow)) == ["load cached", "total cached"]


def test_force_executes(pipelines: Pipelines, flow: Code) -> None:
    """`force` names steps, or means all of them."""
    run(pipelines, flow)
    assert states(run(pipelines, flow, force=["total"])) == ["load cached", "total executed"]
    assert states(run(pipelines, flow, force=True)) == ["load executed", "total executed"]
    with pytest.raises(UnknownNameError, match="Did you mean 'total'"):
        run(pipelines, flow, force=["totl"])


def test_explain_says_which_field_changed(pipelines: Pipelines, flow: Code) -> None:
    """Two runs of a step are compared field by field."""
    first, second = run(pipelines, flow), run(pipelines, flow, weight=2.0)
    assert [str(change) for change in pipelines.explain(first.step("total"), second.step("total"))] == [
        "parameter weight changed from 1.0 to 2.0"
    ]
    assert pipelines.explain(first.step("load"), second.step("load")) == []


def test_a_failed_step_stops_the_run_and_keeps_what_was_made(
    pipelines: Pipelines, graph: Graph, code: Code
) -> None:
    """Later steps are not run; the next call goes on from the earlier results."""
    code.write(tools=TOOLS, flow=FLOW)
    code.edit("flow", "return float(data", "return 1 / 0 + float(data")
    with pytest.raises(StateError, match="ZeroDivisionError") as caught:
        run(pipelines, code)
    assert caught.value.where == "pipeline flow, step total"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    (failed,) = pipelines.runs("flow")
    assert failed.state is ExecutionState.FAILED
    assert states(failed) == ["load executed", "total failed"]
    execution = graph.find_execution(failed.step("total").execution_id)
    assert execution is not None
    assert execution.state is ExecutionState.FAILED
    code.edit("flow", "return 1 / 0 + float(data", "return float(data")
    assert states(run(pipelines, code)) == ["load cached", "total executed"]


class Split(NamedTuple):
    train: pl.DataFrame
    n_test: int


def test_a_step_may_have_several_outputs(pipelines: Pipelines) -> None:
    """Fields of a NamedTuple are outputs of their own and go to different steps."""

    @step
    def split(*, n: int) -> Split:
        return Split(pl.DataFrame({"a": range(n)}), 3)

    @step
    def height(data: pl.DataFrame, *, plus: int) -> tuple[int, str]:
        return data.height + plus, "done"

    @pipeline
    def flow(n: int = 5) -> dict[str, object]:
        train, n_test = split(n=n)
        size, word = height(train, plus=n_test)
        return {"size": size, "word": word}

    for _ in range(2):
        found = pipelines.run(flow)
        assert dict(found.outputs) == {"size": 8, "word": "done"}
    assert found.n_cached == 2


def test_a_list_of_results_is_one_input(pipelines: Pipelines) -> None:
    """Fan-out is a Python loop, fan-in a list."""

    @step
    def part(*, k: int) -> int:
        return k * k

    @step
    def together(parts: list[int]) -> int:
        return sum(parts)

    @pipeline
    def flow(n: int) -> int:
        return together([part(k=k) for k in range(n)])

    assert pipelines.run(flow, n=3).output == 5
    again = pipelines.run(flow, n=4)
    assert states(again) == [
        "part cached",
        "part-2 cached",
        "part-3 cached",
        "part-4 executed",
        "together executed",
    ]
    assert again.output == 14


def test_later_steps_cannot_change_each_others_inputs(pipelines: Pipelines) -> None:
    """A frame that one step changes in place reaches the next one unchanged."""

    @step
    def make() -> pl.DataFrame:
        return pl.DataFrame({"a": [1, 2]})

    @step
    def spoil(data: pl.DataFrame) -> int:
        data.insert_column(0, pl.Series("b", [0, 0]))
        return data.width

    @step
    def width(data: pl.DataFrame) -> int:
        return data.width

    @pipeline
    def flow() -> tuple[int, int]:
        data = make()
        return spoil(data), width(data)

    assert list(pipelines.run(flow).outputs.values()) == [2, 1]


def test_a_step_with_a_resource_runs_every_time_unless_it_says_what_it_reads(pipelines: Pipelines) -> None:
    """What is read through a resource is not in the key, so it has to be said."""
    state = {"commit": 1}

    class Room:
        def latest(self) -> int:
            return state["commit"]

    def latest(room: Room) -> int:
        return room.latest()

    pipelines.provide(Room, lambda _: Room())

    def silent_body(*, room: Any = RESOURCE) -> int:
        return int(room.latest())

    # Annotations of local classes cannot be resolved from text, so they are set as values.
    silent_body.__annotations__ = {"room": Room, "return": int}
    silent, told = step(name="silent")(silent_body), step(name="told", reads=latest)(silent_body)

    @pipeline
    def flow() -> tuple[int, int]:
        return silent(), told()

    first, second = pipelines.run(flow), pipelines.run(flow)
    assert [found.state for found in second.steps] == [StepState.EXECUTED, StepState.CACHED]
    assert "does not say what it reads" in second.steps[0].reason
    state["commit"] = 2
    third = pipelines.run(flow)
    assert third.steps[1].state is StepState.EXECUTED
    assert "reads changed from" in third.steps[1].reason
    assert list(first.outputs.values()) == [1, 1]
    assert list(third.outputs.values()) == [2, 2]


@step(cache=True)
def tracked(*, depth: int, tracking: Tracking = RESOURCE, context: StepContext = RESOURCE) -> str:
    with tracking.run("fit", experiment="flights") as found:
        found.log(params={"depth": depth}, metrics={"auc": 0.75})
    return context.execution_id


@pipeline
def tracked_flow() -> str:
    return tracked(depth=3)


def test_tracked_runs_of_a_step_are_its_children(pipelines: Pipelines, tracking: Tracking) -> None:
    """A step that takes the tracking room makes runs below its own execution."""
    found = pipelines.run(tracked_flow)
    (inner,) = tracking.runs("flights")
    assert inner.parent_id == found.steps[0].execution_id == found.output
    assert inner.params == {"depth": 3}
    pipelines.run(tracked_flow)
    assert len(tracking.runs("flights")) == 1


def test_a_value_that_is_not_of_the_annotated_type_is_refused(pipelines: Pipelines) -> None:
    """What a step returns is checked against what it says."""

    @step
    def wrong() -> int:
        return "1"  # type: ignore[return-value]

    @step
    def unknown() -> object:
        return [1, "a", object()]

    @pipeline
    def wrong_flow() -> int:
        return wrong()

    @pipeline
    def unknown_flow() -> object:
        return unknown()

    with pytest.raises(InputError, match="step wrong, output 'output': expected int"):
        pipelines.run(wrong_flow)
    with pytest.raises(InputError, match="a type that a room has registered"):
        pipelines.run(unknown_flow)


def test_runs_are_listed_newest_first(pipelines: Pipelines, flow: Code) -> None:
    """A past run still knows its plan, its steps and its outputs, and shows as a table."""
    first, second = run(pipelines, flow), run(pipelines, flow, n=5)
    assert [found.id for found in pipelines.runs()] == [second.id, first.id]
    past = pipelines.get_run(first.id)
    assert past.output == 6.0
    assert past.plan["parameters"] == {"n": 4, "weight": 1.0}
    assert states(past) == states(first)
    assert "<td>load</td>" in past._repr_html_()
    with pytest.raises(UnknownNameError):
        pipelines.get_run("0" * 32)
