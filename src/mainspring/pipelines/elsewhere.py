"""A step's call made in another process: what that needs, all of it references and plain data.

Inputs and results do not travel with it: the other process reads and writes them where they are kept. The record
that publishes them is written by the process that runs the pipeline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mainspring.features.code.closure import code_closure
from mainspring.lineage import Graph
from mainspring.lineage.enclosing import within
from mainspring.pipelines.materialize import Materializer, Materializers, Slot
from mainspring.pipelines.outputs import parts_of, store_parts
from mainspring.pipelines.spec import Stored
from mainspring.pipelines.step import Step


@dataclass(frozen=True)
class StepContext:
    """A resource that any step may take: where it runs.

    Attributes:
        execution_id: the step's own execution; the parent of what the step makes itself.
        run_id: the pipeline run.
        idempotency_key: the same on every attempt to make the same result; None for a step that is never cached.
    """

    execution_id: str
    run_id: str
    idempotency_key: str | None


@dataclass(frozen=True)
class Surroundings:
    """What a step's call needs of the project.

    Attributes:
        supply: the resource of a type for an execution; raises InputError for a type that nobody provides.
    """

    graph: Graph
    materializers: Materializers
    supply: Callable[[Any, StepContext, str], Any]


@dataclass(frozen=True)
class Elsewhere:
    """How another process comes by what this one has.

    Attributes:
        reach: called there; importable by name.
        materializers: those that only this process has; they are pickled.
        is_ours: whether a resource of that type is provided by this process alone; its value is pickled.
    """

    reach: Callable[[], Surroundings]
    materializers: tuple[Materializer, ...]
    is_ours: Callable[[Any], bool]


@dataclass(frozen=True)
class Taken:
    """An input: the output of a step."""

    stored: Stored
    producer: Step[Any, Any]


@dataclass(frozen=True)
class Job:
    """One call.

    Attributes:
        inputs: argument → the outputs that it takes; `many` names the arguments that take a list.
        given: parameters, and the resources that came along.
        wanted: the resources that are supplied there.
        code: the definitions that the call's cache key covers.
        enclosing: the executions around the call, which it may not outlive.
        where: names the call in errors.
    """

    step: Step[Any, Any]
    inputs: Mapping[str, list[Taken]]
    many: frozenset[str]
    given: Mapping[str, Any]
    wanted: tuple[str, ...]
    context: StepContext
    code: Mapping[str, str]
    enclosing: tuple[str, ...]
    reach: Callable[[], Surroundings]
    materializers: tuple[Materializer, ...]
    where: str


@dataclass(frozen=True)
class Done:
    """The step returned.

    Attributes:
        outputs: kept, and not published.
        seconds: wall time of the step's function alone.
    """

    outputs: list[Stored]
    seconds: float


@dataclass(frozen=True)
class OtherCode:
    """The step was not called: the process has other code than the cache key says.

    Attributes:
        names: the definitions that differ, sorted.
    """

    names: list[str]


def perform(job: Job) -> Done | OtherCode:
    """Make the call in this process."""
    code = code_closure(job.step.function).definitions
    if code != job.code:
        return OtherCode(sorted(name for name in {*code, *job.code} if code.get(name) != job.code.get(name)))
    there = job.reach()
    materializers = there.materializers.before(job.materializers)
    arguments = dict(job.given)
    for name in job.wanted:
        arguments[name] = there.supply(job.step.annotations[name], job.context, f"{job.where}, {name}")
    for name, taken in job.inputs.items():
        values = [_load(materializers, each, there.graph) for each in taken]
        arguments[name] = values if name in job.many else values[0]
    positional = [arguments.pop(port.name) for port in job.step.spec.inputs]
    began_s = time.perf_counter()
    with within(*job.enclosing):
        value = job.step.function(*positional, **arguments)
    seconds = time.perf_counter() - began_s
    parts = parts_of(job.step, value, job.where)
    return Done(store_parts(parts, materializers, there.graph, job.where), seconds)


def _load(materializers: Materializers, taken: Taken, graph: Graph) -> Any:
    name = taken.stored.name
    return materializers.named(taken.stored).load(
        taken.stored, Slot(name, taken.producer.output_types[name], graph)
    )
