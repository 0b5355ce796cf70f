"""Pipelines as users call them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table as RichTable

from mainspring import notebook
from mainspring.errors import FencedError, InputError, UnknownNameError
from mainspring.lineage import Event, ExecutionState, Graph
from mainspring.lineage.process import process_name
from mainspring.lineage.store import executions_by_id
from mainspring.pipelines import store
from mainspring.pipelines.elsewhere import Elsewhere, StepContext, Surroundings
from mainspring.pipelines.key import explain as explain_keys
from mainspring.pipelines.materialize import Materializer, Materializers, Slot
from mainspring.pipelines.scheduler import Runner
from mainspring.pipelines.spec import (
    CacheEntry,
    Change,
    Request,
    RequestState,
    RunRow,
    StepRun,
    StepState,
    Stored,
    TriggerRow,
)
from mainspring.pipelines.step import Pipeline
from mainspring.pipelines.trigger import Claim, Trigger
from mainspring.ports.engine import Engine
from mainspring.tracking import Tracking

RUNS_LISTED = 100


class Outputs(Mapping[str, Any]):
    """What a run or a step returned, by name; values are read when they are asked for."""

    def __init__(self, stored: Mapping[str, tuple[Stored, Any]], load: Callable[[Stored, Any], Any]) -> None:
        self._stored = stored
        self._load = load

    def __getitem__(self, name: str) -> Any:
        """The object of that output, loaded when it is asked for.

        Raises:
            UnknownNameError: the run has no such output.
        """
        if name not in self._stored:
            raise UnknownNameError.of("output", name, self._stored, "pipeline run")
        return self._load(*self._stored[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def asset_id(self, name: str) -> str:
        """The asset of the output of that name."""
        if name not in self._stored:
            raise UnknownNameError.of("output", name, self._stored, "pipeline run")
        return self._stored[name][0].asset_id

    def __repr__(self) -> str:
        return f"<Outputs {', '.join(self._stored)}>"


class PipelineRun:
    """One run of a pipeline.

    Attributes:
        id: its execution.
        state: running, completed, failed or lost.
        steps: what became of each step, in order; fewer than planned after a failure.
        plan: what it set out to do, as plain data.
        outputs: what the pipeline returned, by name (`output` for a single result).
    """

    def __init__(
        self,
        row: RunRow,
        state: ExecutionState,
        steps: Sequence[StepRun],
        outputs: Outputs,
        error: str | None,
    ) -> None:
        self.id = row.id
        self.pipeline = row.pipeline
        self.plan = row.plan
        self.created_at = row.created_at
        self.state = state
        self.steps = list(steps)
        self.outputs = outputs
        self.error = error

    @property
    def output(self) -> Any:
        """The single result of the pipeline."""
        return self.outputs["output"]

    @property
    def n_executed(self) -> int:
        """How many steps were executed."""
        return sum(1 for step in self.steps if step.state is StepState.EXECUTED)

    @property
    def n_cached(self) -> int:
        """How many steps reused an earlier result."""
        return sum(1 for step in self.steps if step.state is StepState.CACHED)

    @property
    def notes(self) -> list[str]:
        """What the cache keys could not see, each once: opaque values, code that cannot be traced."""
        return sorted({note for step in self.steps for note in step.notes})

    def step(self, node: str) -> StepRun:
        """What became of one step, by its name in the plan (node).

        Raises:
            UnknownNameError: the run has no such step.
        """
        for step in self.steps:
            if step.node == node:
                return step
        raise UnknownNameError.of("step", node, [step.node for step in self.steps], f"pipeline run {self.id}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "id": self.id,
            "pipeline": self.pipeline,
            "state": self.state.value,
            "error": self.error,
            "created_at": self.created_at.isoformat(),
            "steps": [step.model_dump(mode="json") for step in self.steps],
            "notes": self.notes,
        }

    def __repr__(self) -> str:
        lines = [
            f"{self.pipeline} {self.id} {self.state}: {self.n_executed} executed, {self.n_cached} cached"
        ]
        lines += [f"  {step.node}: {step.state}, {step.seconds:.3f} s; {step.reason}" for step in self.steps]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def __rich__(self) -> RichTable:
        notes = "\n".join(f"note: {note}" for note in self.notes)
        table = RichTable(
            title=f"{self.pipeline} · {self.state}", title_justify="left", caption=notes or None
        )
        for heading in ("step", "state", "seconds", "why"):
            table.add_column(heading, justify="right" if heading == "seconds" else "left")
        for step in self.steps:
            table.add_row(step.node, step.state.value, f"{step.seconds:.3f}", step.reason)
        return table

    def _repr_html_(self) -> str:
        rows = [(step.node, step.state, f"{step.seconds:.3f}", step.reason) for step in self.steps]
        return notebook.panel(
            f"{self.pipeline} {self.state}, run {self.id}",
            notebook.table(("step", "state", "seconds", "why"), rows),
            *(notebook.note(f"note: {text}") for text in self.notes),
        )


class Pipelines:
    """Runs pipelines, remembers what their steps made, and starts them when events ask for it.

    Threads: runs in several threads are independent of each other; two that make the same result at the same
    time both make it.
    """

    def __init__(self, graph: Graph, engine: Engine, tracking: Tracking | None = None) -> None:
        self._graph = graph
        self._engine = engine
        self._suppliers: list[tuple[type, Callable[[StepContext], Any]]] = [
            (StepContext, lambda context: context)
        ]
        self._triggers: dict[str, Trigger] = {}
        self.materializers = Materializers()
        self._reach: Callable[[], Surroundings] | None = None
        self._n_reached = 0
        self._known_there: frozenset[Materializer] = frozenset()
        if tracking is not None:
            self.provide(Tracking, lambda context: tracking.within(context.execution_id))

    def provide(self, kind: type, supply: Callable[[StepContext], Any]) -> None:
        """Hand steps that take a resource annotated `kind` what `supply` returns for the step."""
        self._suppliers.insert(0, (kind, supply))

    def reached_by(self, reach: Callable[[], Surroundings]) -> None:
        """Say how another process comes by all that was provided and registered so far.

        What is provided or registered later is pickled for every step that runs in another process.

        Args:
            reach: called there; importable by name, or a `functools.partial` of plain data over such a function.
        """
        self._reach = reach
        self._n_reached = len(self._suppliers)
        self._known_there = frozenset(self.materializers.known)

    @property
    def surroundings(self) -> Surroundings:
        """What a step's call needs of this project."""
        return Surroundings(self._graph, self.materializers, self._supply)

    def run(
        self,
        pipeline: Pipeline[Any, Any],
        /,
        *,
        force: bool | Collection[str] = False,
        on_step: Callable[[StepRun], None] | None = None,
        **parameters: Any,
    ) -> PipelineRun:
        """Run a pipeline; steps whose results are still valid are not executed.

        Args:
            force: True, or names of steps, to execute in any case.
            on_step: called after each step, in the caller's thread; None = nobody is told.
            parameters: the pipeline's parameters, by name.

        Raises:
            InputError: a parameter is wrong, or a step returned what its annotation does not allow.
            StateError: a step failed; the cause is chained. Later steps were not run, earlier results are kept.
        """
        return self._run(pipeline, parameters, force=force, on_step=on_step, claim=None)

    def _run(
        self,
        pipeline: Pipeline[Any, Any],
        parameters: Mapping[str, Any],
        *,
        force: bool | Collection[str],
        on_step: Callable[[StepRun], None] | None,
        claim: Claim | None,
    ) -> PipelineRun:
        trace = pipeline.trace(**parameters)
        plan = trace.plan
        _check_force(force, plan.nodes, pipeline.name)
        elsewhere = self._elsewhere() if self._engine.leaves_process else None
        graph = self._graph
        with graph.execution("pipeline", pipeline.name, parameters=plan.parameters, durable=True) as work:
            row = RunRow(
                id=work.id,
                pipeline=pipeline.name,
                plan=plan.model_dump(mode="json"),
                request_id=None if claim is None else claim.request.id,
                process=process_name(),
                created_at=datetime.now(UTC),
            )
            with graph.records.write() as connection:
                store.add_run(connection, row, graph.project_id)
                if claim is not None:
                    claim.begin(connection, work.id)
            runner = Runner(
                graph,
                self._engine,
                self.materializers,
                self._supply,
                work.id,
                trace,
                force,
                on_step,
                elsewhere,
            )
            runner.run()
            payload = {"pipeline": pipeline.name, "n_executed": _count(runner.done, StepState.EXECUTED)}
            work.event("pipeline.completed", work.id, payload)
            if claim is not None:
                work.write(lambda connection: claim.close(connection, RequestState.DONE, None))
        outputs = {
            name: (
                runner.results[ref.node, ref.output],
                ref.annotation,
            )
            for name, ref in trace.outputs.items()
        }
        return PipelineRun(row, ExecutionState.COMPLETED, runner.done, Outputs(outputs, self._load), None)

    def _elsewhere(self) -> Elsewhere:
        if self._reach is None:
            raise InputError(
                expected="pipelines that another process can reach",
                got="nothing that says how",
                where="pipelines.run",
                hint='Use project.pipelines, call reached_by, or set engine.kind = "local".',
            )
        own = self._suppliers[: len(self._suppliers) - self._n_reached]
        return Elsewhere(
            self._reach,
            tuple(each for each in self.materializers.known if each not in self._known_there),
            lambda kind: isinstance(kind, type) and any(issubclass(known, kind) for known, _ in own),
        )

    def get_run(self, run_id: str) -> PipelineRun:
        """The run of that id.

        Raises:
            UnknownNameError: there is none.
        """
        with self._graph.records.read() as connection:
            row = store.find_run(connection, run_id, self._graph.project_id)
        if row is None:
            raise UnknownNameError.of("pipeline run", run_id, [run.id for run in self.runs()], "pipelines")
        return self._past([row])[0]

    def runs(self, pipeline: str | None = None, *, limit: int = RUNS_LISTED) -> list[PipelineRun]:
        """Runs, newest first.

        Args:
            pipeline: its name; None = of all.
            limit: so many at most.
        """
        with self._graph.records.read() as connection:
            rows = store.list_runs(connection, self._graph.project_id, pipeline, limit)
        return self._past(rows)

    def _past(self, rows: Sequence[RunRow]) -> list[PipelineRun]:
        with self._graph.records.read() as connection:
            steps = store.steps_of(connection, [row.id for row in rows])
            recorded = {found.id: found for found in executions_by_id(connection, [row.id for row in rows])}
        executions = self._graph.leases.as_seen(recorded)
        runs = []
        for row in rows:
            state, error = executions[row.id].state, executions[row.id].error
            made = {(step.node, stored.name): stored for step in steps[row.id] for stored in step.outputs}
            named = {
                name: (made[source["node"], source["output"]], Any)
                for name, source in row.plan["outputs"].items()
                if (source["node"], source["output"]) in made
            }
            runs.append(PipelineRun(row, state, steps[row.id], Outputs(named, self._load), error))
        return runs

    def explain(self, old: StepRun, new: StepRun) -> list[Change]:
        """Field by field, what made the keys of two runs of a step, an old and a new one, differ; [] where equal."""
        return explain_keys(self._entry(old).fields, self._entry(new).fields)

    def _entry(self, step: StepRun) -> CacheEntry:
        with self._graph.records.read() as connection:
            found = store.entry_of(connection, step.producer_id or step.execution_id, self._graph.project_id)
        if found is None:
            raise UnknownNameError(
                expected="a step that was executed or reused, and may be reused",
                got=f"step {step.node}, {step.state}: {step.reason}",
                where="pipelines.explain",
                hint="Steps that failed or are never cached have no key.",
            )
        return found

    def on_event(
        self,
        kind: str,
        pipeline: Pipeline[Any, Any],
        *,
        where: Callable[[Event], bool] | None = None,
        parameters: Callable[[Event], Mapping[str, Any]] | None = None,
        name: str | None = None,
        from_start: bool = False,
    ) -> Trigger:
        """Run a pipeline for each new event of a kind, once.

        The place in the log is kept in the database under `name`: a process that registers the trigger again
        goes on where the last one stopped. Nothing runs until `handle_events`.

        Args:
            kind: the kind of event, `alert.raised` for example.
            where: which of them count; None = all.
            parameters: the pipeline's parameters for an event; None = its defaults.
            name: what keeps the place; None = kind and pipeline.
            from_start: whether a trigger that is new begins with the oldest event instead of the next one.
        """
        row = TriggerRow(name=name or f"{kind} → {pipeline.name}", event_kind=kind, pipeline=pipeline.name)
        trigger = Trigger(row, pipeline, where, parameters)
        trigger.begin(self._graph, from_start=from_start)
        self._triggers[row.name] = trigger
        return trigger

    def handle_events(self, *, on_step: Callable[[StepRun], None] | None = None) -> list[PipelineRun]:
        """Read new events for every trigger and run what they ask for, and what a dead process left undone.

        Args:
            on_step: as for `run`.

        Raises:
            StateError: a run failed; its request is recorded as failed, the others wait for the next call.
        """
        runs: list[PipelineRun] = []
        # A run that a dead process answered with is lost before its request is read.
        self._graph.leases.look()
        for trigger in self._triggers.values():
            trigger.read(self._graph)
            runs.extend(self._answer(trigger, claim, on_step) for claim in trigger.take(self._graph))
        return runs

    def requests(self, trigger: str) -> list[Request]:
        """What a trigger has asked for so far, in the order of the events."""
        with self._graph.records.read() as connection:
            return store.requests_of(connection, self._graph.project_id, trigger)

    def _answer(
        self, trigger: Trigger, claim: Claim, on_step: Callable[[StepRun], None] | None
    ) -> PipelineRun:
        try:
            parameters = trigger.parameters_of(self._graph, claim.request)
            return self._run(trigger.pipeline, parameters, force=False, on_step=on_step, claim=claim)
        except FencedError:
            # The run or the claim was called lost: whoever reads the triggers next answers the request again.
            raise
        except BaseException as error:
            # A failure closes the request; an interruption (Ctrl-C) leaves it waiting.
            state = RequestState.FAILED if isinstance(error, Exception) else RequestState.REQUESTED
            with self._graph.records.write() as connection:
                claim.close(connection, state, str(error))
            raise
        finally:
            claim.forget()

    def _supply(self, kind: Any, context: StepContext, where: str) -> Any:
        for known, supply in self._suppliers:
            if isinstance(kind, type) and issubclass(known, kind):
                return supply(context)
        names = ", ".join(known.__name__ for known, _ in self._suppliers)
        raise InputError(
            expected=f"a resource that the project hands in ({names})",
            got=f"{kind!r}",
            where=where,
            hint="Correct the annotation, or register the resource with pipelines.provide.",
        )

    def _load(self, stored: Stored, annotation: Any) -> Any:
        return self.materializers.named(stored).load(stored, Slot(stored.name, annotation, self._graph))


def _check_force(force: bool | Collection[str], nodes: Sequence[Any], pipeline: str) -> None:
    if isinstance(force, str):
        raise InputError(
            expected="True, False or a list of step names",
            got=repr(force),
            where=f"pipeline {pipeline}, force",
            hint=f"Write force=[{force!r}].",
        )
    if isinstance(force, bool):
        return
    known = {name for node in nodes for name in (node.id, node.step.title)}
    for name in force:
        if name not in known:
            raise UnknownNameError.of("step", name, known, f"pipeline {pipeline}, force")


def _count(steps: Sequence[StepRun], state: StepState) -> int:
    return sum(1 for step in steps if step.state is state)
