"""Runs a traced plan: step by step, each its own execution, reusing what is still valid."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from mainspring.errors import InputError, IntegrityError, MainspringError, StateError
from mainspring.features.code.closure import CodeClosure, code_closure
from mainspring.lineage import AssetKind, Graph, Publication
from mainspring.lineage.enclosing import enclosing
from mainspring.log import bound
from mainspring.pipelines import store
from mainspring.pipelines.elsewhere import Done, Elsewhere, Job, StepContext, Taken, perform
from mainspring.pipelines.key import explain, key_fields, key_of
from mainspring.pipelines.materialize import Materializers, Slot, damaged_blobs
from mainspring.pipelines.outputs import parts_of, store_parts
from mainspring.pipelines.spec import CacheEntry, StepRun, StepState, Stored
from mainspring.pipelines.step import Call, Step, Trace, shown
from mainspring.ports.engine import Engine, Task

CHANGES_SHOWN = 4


@dataclass(frozen=True)
class Identity:
    """What decides whether a call's result can be reused.

    Attributes:
        fields: what the key is made of; None for a step that is never cached.
        never: why it is never cached.
        notes: what the key could not see.
    """

    fields: dict[str, str] | None
    never: str
    notes: list[str]

    @cached_property
    def key(self) -> str | None:
        """The cache key; None for a step that is never cached."""
        return None if self.fields is None else key_of(self.fields)


@dataclass
class Runner:
    """One run in progress.

    Attributes:
        supply: the resource of a type for an execution; raises InputError for a type that nobody provides.
        force: True, or the names of steps, that are executed though their results could be reused.
        elsewhere: how steps are called in other processes; None = they are called in this one.
    """

    graph: Graph
    engine: Engine
    materializers: Materializers
    supply: Callable[[Any, StepContext, str], Any]
    run_id: str
    trace: Trace
    force: bool | Collection[str]
    on_step: Callable[[StepRun], None] | None
    elsewhere: Elsewhere | None = None
    codes: dict[Step[Any, Any], CodeClosure] = field(default_factory=dict)
    done: list[StepRun] = field(default_factory=list)
    results: dict[tuple[str, str], Stored] = field(default_factory=dict)
    values: dict[tuple[str, str], Any] = field(default_factory=dict)

    def run(self) -> None:
        """Run every call in order; stop at the first that fails."""
        # The code is what it is when the run begins: steps may change module-level values that others read.
        self.codes = {step: code_closure(step.function) for step in {call.step for call in self.trace.calls}}
        for ordinal, call in enumerate(self.trace.calls):
            with bound(run_id=self.run_id, step=call.id):
                step = self._run_call(ordinal, call)
            self.done.append(step)
            self.results.update({(call.id, stored.name): stored for stored in step.outputs})
            self._forget_values(ordinal)
            if self.on_step is not None:
                self.on_step(step)

    def _run_call(self, ordinal: int, call: Call) -> StepRun:
        inputs = {
            name: [self.results[ref.node, ref.output] for ref in refs] for name, refs in call.inputs.items()
        }
        identity = self._identify(call, inputs)
        entry, reason = self._look_up(call, identity)
        if entry is not None:
            return self._reuse(ordinal, call, inputs, identity, entry, reason)
        return self._execute(ordinal, call, inputs, identity, reason)

    # Whether ------------------------------------------------------------------------------------------------

    def _identify(self, call: Call, inputs: Mapping[str, list[Stored]]) -> Identity:
        step = call.step
        if step.spec.cache is False:
            return Identity(None, "never reused: declared cache=False", [])
        if step.spec.resources and step.reads is None and step.spec.cache is None:
            return Identity(
                None, "never reused: it takes resources and does not say what it reads through them", []
            )
        code = self.codes[step]
        try:
            fields = key_fields(
                call,
                project_id=self.graph.project_id,
                code=code,
                inputs=inputs,
                reads=self._reads(step, call),
                materializers=self.materializers,
            )
        except TypeError as error:
            raise InputError(
                expected="parameters and `reads` of plain data",
                got=str(error),
                where=self._where(call),
                hint="Pass numbers, text, times, lists, dictionaries, dataclasses or Pydantic models.",
            ) from error
        notes = [f"value not seen: {name}" for name in code.opaque] + list(code.untraced)
        return Identity(fields, "", notes)

    def _reads(self, step: Step[Any, Any], call: Call) -> object:
        if step.reads is None:
            return None
        known = {**call.parameters, **self._resources(call, StepContext("", self.run_id, None))}
        wanted = inspect.signature(step.reads).parameters
        # The function that says what is read is part of what the step is.
        closure = code_closure(step.reads).digest if inspect.isfunction(step.reads) else ""
        return [closure, step.reads(**{name: value for name, value in known.items() if name in wanted})]

    def _look_up(self, call: Call, identity: Identity) -> tuple[CacheEntry | None, str]:
        """A result to reuse, and why or why not."""
        fields, key = identity.fields, identity.key
        if fields is None or key is None:
            return None, identity.never
        if self.force is True or (
            not isinstance(self.force, bool) and {call.id, call.step.spec.title} & {*self.force}
        ):
            return None, "forced"
        with self.graph.records.read() as connection:
            found = store.entries(connection, key, self.graph.project_id)
            latest = None if found else store.latest_entry(connection, call.step.name, self.graph.project_id)
        broken = ""
        for entry in found:
            problem = self._problem(entry)
            if problem is None:
                when = f"{entry.created_at:%Y-%m-%d %H:%M:%S} UTC"
                return entry, f"same code, parameters and inputs as at {when}; outputs intact"
            broken = broken or problem
        if broken:
            return None, f"{broken}: executed again"
        if latest is None:
            return None, "first time"
        changes = [str(change) for change in explain(latest.fields, fields)]
        more = f" and {len(changes) - CHANGES_SHOWN} more" if len(changes) > CHANGES_SHOWN else ""
        return None, "; ".join(changes[:CHANGES_SHOWN]) + more

    def _problem(self, entry: CacheEntry) -> str | None:
        """What is wrong with a result's stored outputs."""
        try:
            self.graph.check_usable(*(stored.asset_id for stored in entry.outputs))
        except StateError as error:
            return f"{error.where} of the earlier result: {error.got}"
        for stored in entry.outputs:
            try:
                self.materializers.named(stored).verify(stored, Slot(stored.name, Any, self.graph))
            except IntegrityError as error:
                for sha256 in damaged_blobs(self.graph.blobs, entry.outputs):
                    # Bytes under a name that is not theirs would stand in the way of the right ones.
                    self.graph.blobs.delete(sha256)
                return f"{error.where} of the earlier result: {error.got}"
        return None

    # Doing --------------------------------------------------------------------------------------------------

    def _reuse(
        self,
        ordinal: int,
        call: Call,
        inputs: Mapping[str, list[Stored]],
        identity: Identity,
        entry: CacheEntry,
        reason: str,
    ) -> StepRun:
        with self._begin(call, durable=False) as work:
            self._use(work, inputs)
            for stored in entry.outputs:
                work.output(stored.asset_id, role=stored.name)
            work.mark_cached()
            step = StepRun(
                run_id=self.run_id,
                ordinal=ordinal,
                node=call.id,
                step=call.step.name,
                execution_id=work.id,
                producer_id=entry.execution_id,
                state=StepState.CACHED,
                reason=reason,
                key=identity.key,
                seconds=0.0,
                outputs=entry.outputs,
                notes=identity.notes,
            )
            work.write(lambda connection: store.add_step(connection, step, self.graph.project_id))
        return step

    def _execute(
        self, ordinal: int, call: Call, inputs: Mapping[str, list[Stored]], identity: Identity, reason: str
    ) -> StepRun:
        work = self._begin(call, durable=True)
        step = StepRun(
            run_id=self.run_id,
            ordinal=ordinal,
            node=call.id,
            step=call.step.name,
            execution_id=work.id,
            producer_id=None,
            state=StepState.EXECUTED,
            reason=reason,
            key=identity.key,
            seconds=0.0,
            outputs=[],
            notes=identity.notes,
        )
        try:
            with work:
                failed = step.model_copy(update={"state": StepState.FAILED, "outputs": []})
                work.write_if_failed(
                    lambda connection: store.add_step(connection, failed, self.graph.project_id)
                )
                self._use(work, inputs)
                context = StepContext(work.id, self.run_id, identity.key)
                if self.elsewhere is None:
                    value, seconds = self._call(call, context)
                    stored = self._keep(call, value)
                else:
                    stored, seconds = self._call_elsewhere(call, context, self.elsewhere)
                outputs = self._publish(work, call, stored)
                step = step.model_copy(update={"seconds": seconds, "outputs": outputs})
                finished = step
                work.write(lambda connection: self._write(connection, finished, identity))
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises fails the step
            self.done.append(step.model_copy(update={"state": StepState.FAILED, "outputs": []}))
            self._raise(call, error)
        return step

    def _raise(self, call: Call, error: Exception) -> None:
        where = self._where(call)
        if isinstance(error, MainspringError):
            error.add_note(f"in {where}")
            raise error
        raise StateError(
            expected="a step that ends",
            got=f"{type(error).__name__}: {error}",
            where=where,
            hint="Later steps were not run. Earlier results are kept: correct the step and run the pipeline again.",
        ) from error

    def _begin(self, call: Call, *, durable: bool) -> Publication:
        return self.graph.execution(
            "step",
            call.step.spec.title,
            parameters={name: shown(value) for name, value in call.parameters.items()},
            parent_id=self.run_id,
            durable=durable,
            covered=True,
        )

    def _use(self, work: Publication, inputs: Mapping[str, list[Stored]]) -> None:
        for name, stored in inputs.items():
            for output in stored:
                work.use(output.asset_id, role=name)

    def _call(self, call: Call, context: StepContext) -> tuple[Any, float]:
        arguments = {**call.parameters, **self._resources(call, context)}
        for name, refs in call.inputs.items():
            values = [self._value(ref.node, ref.output) for ref in refs]
            arguments[name] = values if name in call.many else values[0]
        positional = [arguments.pop(port.name) for port in call.step.spec.inputs]
        task = Task(
            call.id, _apply, {"function": call.step.function, "inputs": positional, "others": arguments}
        )
        (outcome,) = list(self.engine.run([task]))
        if outcome.error is not None:
            raise outcome.error
        return outcome.value, outcome.seconds

    def _resources(
        self, call: Call, context: StepContext, only: Collection[str] | None = None
    ) -> dict[str, Any]:
        return {
            port.name: self.supply(
                call.step.annotations[port.name], context, f"{self._where(call)}, {port.name}"
            )
            for port in call.step.spec.resources
            if only is None or port.name in only
        }

    def _call_elsewhere(
        self, call: Call, context: StepContext, elsewhere: Elsewhere
    ) -> tuple[list[Stored], float]:
        """Call a step in another process; its outputs, kept there, and how long it took."""
        job = self._job(call, context, elsewhere)
        other: list[str] = []
        for _ in range(2):
            (outcome,) = self.engine.run([Task(call.id, perform, {"job": job})])
            if outcome.error is not None:
                raise outcome.error
            if isinstance(outcome.value, Done):
                return outcome.value.outputs, outcome.value.seconds
            # A worker keeps what it has imported, and what steps did to it: another one starts afresh.
            self.engine.close()
            other = outcome.value.names
        more = f" and {len(other) - CHANGES_SHOWN} more" if len(other) > CHANGES_SHOWN else ""
        raise StateError(
            expected="the same code and module-level values in every process",
            got=f"a new process has other ones: {', '.join(other[:CHANGES_SHOWN])}{more}",
            where=self._where(call),
            hint="If files were edited since they were imported, start again. Values that differ from process to "
            "process, such as the time of import, must be parameters.",
        )

    def _job(self, call: Call, context: StepContext, elsewhere: Elsewhere) -> Job:
        producers = {each.id: each.step for each in self.trace.calls}
        resources = [port.name for port in call.step.spec.resources]
        ours = {name for name in resources if elsewhere.is_ours(call.step.annotations[name])}
        return Job(
            step=call.step,
            inputs={
                name: [Taken(self.results[ref.node, ref.output], producers[ref.node]) for ref in refs]
                for name, refs in call.inputs.items()
            },
            many=call.many,
            given={**call.parameters, **self._resources(call, context, ours)},
            wanted=tuple(name for name in resources if name not in ours),
            context=context,
            code=self.codes[call.step].definitions,
            enclosing=enclosing(),
            reach=elsewhere.reach,
            materializers=elsewhere.materializers,
            where=self._where(call),
        )

    def _keep(self, call: Call, value: Any) -> list[Stored]:
        parts = parts_of(call.step, value, self._where(call))
        stored = store_parts(parts, self.materializers, self.graph, self._where(call))
        for name, (part, annotation) in parts.items():
            if self.materializers.choose(annotation).copy(part) is not None:
                self.values[call.id, name] = part
        return stored

    def _publish(self, work: Publication, call: Call, outputs: Sequence[Stored]) -> list[Stored]:
        """Make what was kept outputs of the step's execution."""
        published = []
        for stored in outputs:
            name = stored.name
            if stored.by_reference:
                work.output(stored.asset_id, role=name)
                published.append(stored)
                continue
            attributes = {
                "type": next(port.type for port in call.step.spec.outputs if port.name == name),
                "materializer": stored.materializer,
                "blobs": list(stored.blobs),
                **({} if stored.plugin is None else {"plugin": stored.plugin}),
            }
            title = call.id if name == "output" else f"{call.id}.{name}"
            asset = work.add(
                AssetKind.ARTIFACT, title, digest=stored.digest, attributes=attributes, role=name
            )
            published.append(stored.model_copy(update={"asset_id": asset.id}))
        return published

    def _write(self, connection: Connection, step: StepRun, identity: Identity) -> None:
        store.add_step(connection, step, self.graph.project_id)
        if identity.fields is not None and step.key is not None:
            entry = CacheEntry(
                execution_id=step.execution_id,
                key=step.key,
                step=step.step,
                fields=identity.fields,
                outputs=step.outputs,
                created_at=datetime.now(UTC),
            )
            store.add_entry(connection, entry, self.graph.project_id)

    # Values -------------------------------------------------------------------------------------------------

    def _value(self, node: str, output: str) -> Any:
        """A result for one more step: its own copy, or read back."""
        stored = self.results[node, output]
        materializer = self.materializers.named(stored)
        if (node, output) in self.values:
            return materializer.copy(self.values[node, output])
        producer = next(call for call in self.trace.calls if call.id == node)
        return materializer.load(stored, Slot(output, producer.step.output_types[output], self.graph))

    def _forget_values(self, ordinal: int) -> None:
        """Let go of values that no later call takes."""
        later = {
            (ref.node, ref.output)
            for call in self.trace.calls[ordinal + 1 :]
            for refs in call.inputs.values()
            for ref in refs
        }
        for place in self.values.keys() - later:
            del self.values[place]

    def _where(self, call: Call) -> str:
        return f"pipeline {self.trace.pipeline.name}, step {call.id}"


def _apply(function: Callable[..., Any], inputs: list[Any], others: dict[str, Any]) -> Any:
    return function(*inputs, **others)
