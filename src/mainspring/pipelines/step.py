"""`@ms.step` and `@ms.pipeline`: typed functions that can be called plainly, or traced into a plan."""

from __future__ import annotations

import contextvars
import functools
import importlib
import inspect
import math
import sys
import typing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Final, Generic, NoReturn, ParamSpec, TypeVar, overload

from mainspring.errors import InputError, StateError
from mainspring.features.code.closure import Sentinel
from mainspring.pipelines.encode import check, type_name
from mainspring.pipelines.spec import Node, PipelineSpec, Plan, Port, Source, StepSpec

P = ParamSpec("P")
R = TypeVar("R")


RESOURCE: Final[Any] = Sentinel("RESOURCE")
"""Default of a keyword-only argument that the project hands in, chosen by the argument's annotation.

What a step reads through a resource is not in its cache key. It is therefore executed every time, unless it says
what it reads (`@ms.step(reads=…)`) or that its inputs and parameters say it all (`@ms.step(cache=True)`).
"""

_RESERVED: Final = frozenset({"force", "on_step", "request"})


class Step(Generic[P, R]):
    """A typed function that a pipeline can call.

    Outside a pipeline it is the plain function. Inside, a call is recorded and stands for its future result.

    Attributes:
        function: the plain function.
        spec: what it takes and gives.
        reads: called with the step's resources and parameters by name; returns plain data that identifies what
            the step will read through its resources. None where it does not say.
        annotations: the type of every argument, and of the result under `return`.
    """

    def __init__(
        self,
        function: Callable[P, R],
        name: str | None,
        cache: bool | None,
        reads: Callable[..., object] | None,
    ) -> None:
        self.function = function
        self.reads = reads
        self.name = name or f"{function.__module__}:{function.__qualname__}"
        self._cache = cache
        functools.update_wrapper(self, function)

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        return _annotations(self.function, self.name)

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @functools.cached_property
    def spec(self) -> StepSpec:
        """What it takes and gives.

        Raises:
            InputError: an argument or the result has no annotation, or an argument has a kind that a step
                cannot have.
        """
        ports: dict[str, list[Port]] = {"inputs": [], "parameters": [], "resources": []}
        for name, argument in self.signature.parameters.items():
            if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
                _refuse(self.name, f"argument {name}", "named arguments", f"{argument}")
            keyword_only = argument.kind is argument.KEYWORD_ONLY
            if argument.default is RESOURCE and not keyword_only:
                _refuse(self.name, f"argument {name}", "resources after a *", "a positional resource")
            role = (
                "inputs"
                if not keyword_only
                else "resources"
                if argument.default is RESOURCE
                else "parameters"
            )
            ports[role].append(Port(name=name, type=type_name(self._annotation(name))))
        outputs = [Port(name=name, type=type_name(kind)) for name, kind in self.output_types.items()]
        return StepSpec(
            name=self.name,
            inputs=tuple(ports["inputs"]),
            parameters=tuple(ports["parameters"]),
            resources=tuple(ports["resources"]),
            outputs=tuple(outputs),
            cache=self._cache,
        )

    @functools.cached_property
    def output_types(self) -> dict[str, Any]:
        """The annotation of each output: `output`, or `0`, `1` … for a tuple, or a NamedTuple's fields."""
        result = self._annotation("return")
        if result is None or result is type(None):
            return {}
        if isinstance(result, type) and issubclass(result, tuple) and hasattr(result, "_fields"):
            hints = typing.get_type_hints(result)
            return {name: hints[name] for name in result._fields}
        parts = typing.get_args(result)
        if typing.get_origin(result) is tuple and Ellipsis not in parts:
            return {str(number): part for number, part in enumerate(parts)}
        return {"output": result}

    def _annotation(self, name: str) -> Any:
        if name not in self.annotations:
            place = "result" if name == "return" else f"argument {name}"
            _refuse(self.name, place, "a type annotation", "none")
        return self.annotations[name]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        trace = _current_trace.get()
        if trace is not None:
            return typing.cast(R, trace.add(self, args, kwargs))
        bound = self.signature.bind(*args, **kwargs)
        for port in self.spec.resources:
            if port.name not in bound.arguments:
                _refuse(
                    self.name, f"argument {port.name}", f"a {port.type}", "nothing: no pipeline hands it in"
                )
        return self.function(*args, **kwargs)

    def __reduce__(self) -> tuple[Callable[[str, str], Step[Any, Any]], tuple[str, str]]:
        """Another process finds it by its name; the function itself does not travel.

        Raises:
            InputError: it cannot be found by its name.
        """
        place = (self.function.__module__, self.function.__qualname__)
        try:
            found: object = find_step(*place)
        except (ImportError, AttributeError):
            found = None
        main = sys.modules.get("__main__")
        is_typed_in = place[0] == "__main__" and not getattr(main, "__file__", None)
        if found is not self or is_typed_in:
            raise InputError(
                expected="a step at the top level of a module that another process can import",
                got="a notebook or prompt" if is_typed_in else f"{place[0]}:{place[1]}",
                where=f"step {self.name}",
                hint='Move it into a module, or set engine.kind = "local".',
            )
        return find_step, place

    def __repr__(self) -> str:
        return f"<Step {self.name}>"


def find_step(module: str, qualname: str) -> Step[Any, Any]:
    """The step of that name, imported."""
    found: Any = importlib.import_module(module)
    for name in qualname.split("."):
        found = getattr(found, name)
    return typing.cast("Step[Any, Any]", found)


class Pipeline(Generic[P, R]):
    """A function whose body calls steps. `pipelines.run` traces it with its parameters and runs the plan.

    The body is plain Python over the parameters: it may branch and loop on them, never on a step's result,
    which is not known yet.
    """

    def __init__(self, function: Callable[P, R], name: str | None) -> None:
        self.function = function
        self.name = name or function.__name__
        functools.update_wrapper(self, function)

    @functools.cached_property
    def annotations(self) -> dict[str, Any]:
        return _annotations(self.function, self.name)

    @functools.cached_property
    def spec(self) -> PipelineSpec:
        """Its name and parameters.

        Raises:
            InputError: a parameter has no annotation or a reserved name.
        """
        ports = []
        for name, argument in inspect.signature(self.function).parameters.items():
            if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD, argument.POSITIONAL_ONLY):
                _refuse(self.name, f"parameter {name}", "named parameters", f"{argument}")
            if name in _RESERVED:
                _refuse(
                    self.name, f"parameter {name}", "another name", f"{name!r}, which pipelines.run takes"
                )
            if name not in self.annotations:
                _refuse(self.name, f"parameter {name}", "a type annotation", "none")
            ports.append(Port(name=name, type=type_name(self.annotations[name])))
        return PipelineSpec(name=self.name, parameters=tuple(ports))

    def trace(self, **parameters: Any) -> Trace:
        """The calls of steps that the body makes with these parameters. Nothing is run.

        Raises:
            InputError: a parameter is missing, unknown or of the wrong type, or the body passes a step what it
                does not take.
        """
        given = self._bound(parameters)
        trace = Trace(self, given)
        token = _current_trace.set(trace)
        try:
            result = self.function(**given)  # type: ignore[call-arg]
        finally:
            _current_trace.reset(token)
        trace.returns(result)
        return trace

    def plan(self, **parameters: Any) -> Plan:
        """What `run` would do, as plain data."""
        return self.trace(**parameters).plan

    def _bound(self, parameters: dict[str, Any]) -> dict[str, Any]:
        signature = inspect.signature(self.function)
        known = ", ".join(signature.parameters) or "no parameters"
        try:
            bound = signature.bind(**parameters)
        except TypeError as error:
            raise InputError(
                expected=f"the parameters {known}" if signature.parameters else known,
                got=str(error),
                where=f"pipeline {self.name}",
                hint="Pass every parameter without a default, by name.",
            ) from error
        bound.apply_defaults()
        _ = self.spec
        return {
            name: check(value, self.annotations[name], f"pipeline {self.name}, parameter {name}")
            for name, value in bound.arguments.items()
        }

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Pipeline {self.name}>"


@dataclass(frozen=True)
class Call:
    """A recorded call of a step.

    Attributes:
        inputs: the references of each argument; `many` names the arguments that take a list.
        parameters: the plain arguments, checked, defaults filled in.
    """

    id: str
    step: Step[Any, Any]
    inputs: dict[str, list[Ref]]
    many: frozenset[str]
    parameters: dict[str, Any]


@dataclass
class Trace:
    """The calls that a pipeline's body made."""

    pipeline: Pipeline[Any, Any]
    parameters: dict[str, Any]
    calls: list[Call] = field(default_factory=list)
    outputs: dict[str, Ref] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, step: Step[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Record a call; the result stands for the step's output."""
        where = f"pipeline {self.pipeline.name}, step {step.spec.title}"
        try:
            bound = step.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InputError(
                expected=f"arguments of {step.spec.title}{step.signature}",
                got=str(error),
                where=where,
                hint="Inputs come first and are results of steps; parameters are passed by name.",
            ) from error
        bound.apply_defaults()
        inputs: dict[str, list[Ref]] = {}
        many: set[str] = set()
        parameters: dict[str, Any] = {}
        resources = {port.name for port in step.spec.resources}
        taken = {port.name for port in step.spec.inputs}
        for name, value in bound.arguments.items():
            place = f"{where}, argument {name}"
            references = _references(value)
            if name in resources:
                if value is not RESOURCE:
                    _refuse(where, f"argument {name}", "nothing: the project hands it in", repr(value))
            elif references is not None:
                inputs[name] = references
                if not isinstance(value, Ref):
                    many.add(name)
                else:
                    _check_types(value, step.annotations[name], place)
            elif name in taken:
                raise InputError(
                    expected="the result of another step, or a list of such results",
                    got=f"{type(value).__name__}: {value!r:.80}",
                    where=place,
                    hint=f"Make {name} keyword-only (after a *) if it is a parameter.",
                )
            else:
                parameters[name] = check(value, step.annotations[name], place)
        title = step.spec.title
        self.counts[title] += 1
        node = title if self.counts[title] == 1 else f"{title}-{self.counts[title]}"
        self.calls.append(Call(node, step, inputs, frozenset(many), parameters))
        return self._result(step, node)

    def _result(self, step: Step[Any, Any], node: str) -> Any:
        references = {name: Ref(node, name, kind) for name, kind in step.output_types.items()}
        if not references:
            return None
        if list(references) == ["output"]:
            return references["output"]
        result = step.annotations["return"]
        return result(**references) if hasattr(result, "_fields") else tuple(references.values())

    def returns(self, result: object) -> None:
        """Name what the pipeline's body returned."""
        if result is None:
            return
        if isinstance(result, Ref):
            named: dict[str, object] = {"output": result}
        elif hasattr(result, "_asdict"):
            named = result._asdict()
        elif isinstance(result, tuple | list):
            named = {str(number): item for number, item in enumerate(result)}
        elif isinstance(result, dict):
            named = result
        else:
            named = {"output": result}
        for name, item in named.items():
            if not isinstance(item, Ref):
                _refuse(self.pipeline.name, f"result {name}", "results of steps", f"{item!r:.80}")
            self.outputs[str(name)] = item

    @property
    def plan(self) -> Plan:
        """The calls as plain data."""
        nodes = [
            Node(
                id=call.id,
                step=call.step.spec,
                inputs={name: [ref.source for ref in refs] for name, refs in call.inputs.items()},
                parameters={name: shown(value) for name, value in call.parameters.items()},
            )
            for call in self.calls
        ]
        return Plan(
            pipeline=self.pipeline.spec,
            parameters={name: shown(value) for name, value in self.parameters.items()},
            nodes=tuple(nodes),
            outputs={name: ref.source for name, ref in self.outputs.items()},
        )


class Ref:
    """A step's result while a pipeline is traced: it can be passed on, and nothing else."""

    def __init__(self, node: str, output: str, annotation: Any) -> None:
        self.node = node
        self.output = output
        self.annotation = annotation

    @property
    def source(self) -> Source:
        return Source(node=self.node, output=self.output)

    def __repr__(self) -> str:
        return f"<result {self.output!r} of step {self.node}>"

    def _unknown(self, what: str) -> NoReturn:
        raise StateError(
            expected="a pipeline body that only passes results on",
            got=f"{what} of the result of step {self.node}",
            where="pipeline body",
            hint="The result is not known before the pipeline runs; do this inside a step.",
        )

    def __bool__(self) -> bool:  # noqa: PLE0304 - it raises
        self._unknown("the truth")

    def __iter__(self) -> Iterator[Any]:
        self._unknown("the items")

    def __len__(self) -> int:  # noqa: PLE0303 - it raises
        self._unknown("the length")

    def __getitem__(self, key: object) -> Any:
        self._unknown(f"item {key!r}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._unknown(f"attribute {name!r}")


_current_trace: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("trace", default=None)


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *, name: str | None = None, cache: bool | None = None, reads: Callable[..., object] | None = None
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    cache: bool | None = None,
    reads: Callable[..., object] | None = None,
) -> Step[P, R] | Callable[[Callable[P, R]], Step[P, R]]:
    """Make a function a step of pipelines.

    Positional arguments are inputs: results of other steps. Keyword-only arguments are parameters: plain values.
    Every argument and the result are annotated; a tuple result is several outputs.

    Args:
        name: an identity that survives renaming and moving; None = module and name.
        cache: False = execute it every time. True = its inputs and parameters say all that it depends on, though
            it takes a resource. None = reuse results, unless it takes a resource without `reads`.
        reads: what the step will read through its resources, as plain data; see `Step.reads`.
    """
    if function is not None:
        return Step(_plain(function, "step"), name, cache, reads)
    return lambda given: Step(_plain(given, "step"), name, cache, reads)


@overload
def pipeline(function: Callable[P, R], /) -> Pipeline[P, R]: ...
@overload
def pipeline(*, name: str | None = None) -> Callable[[Callable[P, R]], Pipeline[P, R]]: ...
def pipeline(
    function: Callable[P, R] | None = None, /, *, name: str | None = None
) -> Pipeline[P, R] | Callable[[Callable[P, R]], Pipeline[P, R]]:
    """Make a function, whose body calls steps, a pipeline.

    Args:
        name: what people call it; None = the function's name.
    """
    if function is not None:
        return Pipeline(_plain(function, "pipeline"), name)
    return lambda given: Pipeline(_plain(given, "pipeline"), name)


def shown(value: Any) -> Any:
    """A value as JSON that a person reads: itself where JSON has it, else its text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {str(key): shown(item) for key, item in value.items()}
    return str(value)


def _plain(function: Callable[P, R], what: str) -> Callable[P, R]:
    if not isinstance(function, FunctionType) or inspect.iscoroutinefunction(function):
        raise InputError(
            expected="a plain function",
            got=f"{type(function).__name__}: {function!r:.80}",
            where=f"@ms.{what}",
            hint="Decorate a function defined with `def`.",
        )
    return function


def _annotations(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise InputError(
            expected="annotations that can be resolved",
            got=str(error),
            where=name,
            hint="Import the type at the top of the module, outside `if TYPE_CHECKING`.",
        ) from error


def _references(value: object) -> list[Ref] | None:
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 0:
        found = [item for item in value if isinstance(item, Ref)]
        return found if len(found) == len(value) else None
    return None


def _check_types(given: Ref, wanted: Any, where: str) -> None:
    made = given.annotation
    plain = isinstance(made, type) and isinstance(wanted, type)
    if plain and not typing.get_args(made) and not typing.get_args(wanted) and not issubclass(made, wanted):
        raise InputError(
            expected=type_name(wanted),
            got=f"{type_name(made)}, output {given.output!r} of step {given.node}",
            where=where,
            hint="Connect a step that returns the wanted type, or correct the annotation.",
        )


def _refuse(owner: str, place: str, expected: str, got: str) -> NoReturn:
    raise InputError(
        expected=expected,
        got=got,
        where=f"{owner}, {place}",
        hint="Inputs are positional, parameters keyword-only, resources default to ms.RESOURCE; all annotated.",
    )
