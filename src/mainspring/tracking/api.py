"""Tracking as users call it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.table import Table as RichTable

from mainspring import notebook
from mainspring.errors import ConflictError, InputError, StateError, UnknownNameError
from mainspring.lineage import Execution, Graph, Publication, names
from mainspring.lineage.marks import check_usable
from mainspring.lineage.spec import Noun
from mainspring.lineage.store import executions_by_id
from mainspring.tracking import store
from mainspring.tracking.artifacts.api import RunArtifacts
from mainspring.tracking.artifacts.uploads import Uploads
from mainspring.tracking.environment import capture_environment
from mainspring.tracking.points import Points, open_points
from mainspring.tracking.publish import RunMade, json_number, publish_run
from mainspring.tracking.remote import Remote
from mainspring.tracking.remote.artifacts import DEFAULT_MAX_BYTES
from mainspring.tracking.spec import Artifact, Experiment, MetricPoint, Param, Run, RunRow
from mainspring.types import digest, new_id

if TYPE_CHECKING:
    import polars as pl

DEFAULT_EXPERIMENT = "default"


class HasAsset(Protocol):
    """Anything that an asset stands for: a training dataset, a commit, a model version."""

    @property
    def asset_id(self) -> str: ...


class Runs(Sequence[Run]):
    """Runs, newest first; shows as a table."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = list(runs)

    def __getitem__(self, index: Any) -> Any:
        """The run at that place, or the `Runs` of a slice."""
        return Runs(self._runs[index]) if isinstance(index, slice) else self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def _table(self) -> tuple[list[str], list[list[str]]]:
        params = sorted({key for run in self._runs for key in run.params})
        metrics = sorted({key for run in self._runs for key in run.metrics})
        head = ["run", "name", "experiment", "state", "seconds", *params, *metrics]
        rows = []
        for run in self._runs:
            seconds = "" if run.seconds is None else f"{run.seconds:.2f}"
            row = [f"#{run.number}", run.name, run.experiment, run.state.value, seconds]
            row += [str(run.params.get(key, "")) for key in params]
            row += [f"{run.metrics[key]:.6g}" if key in run.metrics else "" for key in metrics]
            rows.append(row)
        return head, rows

    def to_polars(self) -> pl.DataFrame:
        """One row a run: id, number, name, experiment, state, times (UTC), `params.…` as text, `metrics.…`."""
        import polars as pl

        params = sorted({key for run in self._runs for key in run.params})
        metrics = sorted({key for run in self._runs for key in run.metrics})
        instant = pl.Datetime("us", "UTC")
        columns: dict[str, tuple[Any, list[Any]]] = {
            "id": (pl.String, [run.id for run in self._runs]),
            "number": (pl.Int64, [run.number for run in self._runs]),
            "name": (pl.String, [run.name for run in self._runs]),
            "experiment": (pl.String, [run.experiment for run in self._runs]),
            "state": (pl.String, [run.state.value for run in self._runs]),
            "started_at": (instant, [run.started_at for run in self._runs]),
            "finished_at": (instant, [run.finished_at for run in self._runs]),
        }
        for key in params:
            texts = [json.dumps(run.params[key]) if key in run.params else None for run in self._runs]
            columns[f"params.{key}"] = (pl.String, texts)
        for key in metrics:
            columns[f"metrics.{key}"] = (pl.Float64, [run.metrics.get(key) for run in self._runs])
        return pl.DataFrame({name: pl.Series(values, dtype=kind) for name, (kind, values) in columns.items()})

    def __repr__(self) -> str:
        head, rows = self._table()
        return "\n".join("  ".join(row) for row in [head, *rows])

    def __rich__(self) -> RichTable:
        head, rows = self._table()
        table = RichTable(*head)
        for row in rows:
            table.add_row(*row)
        return table

    def _repr_html_(self) -> str:
        return notebook.table(*self._table())


class ActiveRun:
    """A run in progress; a context manager. It is used from one thread.

    Attributes:
        id: its execution's id.
        number: counts the experiment's runs from 1; 0 before it begins.
        asset_id: its asset, which exists once it has finished cleanly.
        artifacts: its files: kept, listed, read and deleted.
    """

    def __init__(
        self,
        graph: Graph,
        points: Points,
        begin: Callable[[ActiveRun], int],
        work: Publication,
        name: str,
        experiment: str,
    ) -> None:
        self._graph = graph
        self._points = points
        self._begin = begin
        self._work = work
        self._is_open = False
        self._params: dict[str, Any] = {}
        self._metrics: dict[str, tuple[int, float]] = {}
        self.id = work.id
        self.name = name
        self.experiment = experiment
        self.number = 0
        self.asset_id = new_id()
        self.artifacts = RunArtifacts(graph, work.id)

    def __enter__(self) -> Self:
        self._work.__enter__()
        try:
            self.number = self._begin(self)
        except BaseException as error:
            self._work.__exit__(type(error), error, error.__traceback__)
            raise
        self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        if error is None:
            try:
                self._publish()
            except BaseException as refused:
                self._work.__exit__(type(refused), refused, refused.__traceback__)
                raise
        self._work.__exit__(kind, error, trace)

    def log(
        self,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        step: int = 0,
    ) -> None:
        """Record parameters and metrics at once.

        Args:
            params: plain data by name; None = none. Logging the same value again is the same as once.
            metrics: numbers by name; NaN and infinities are kept. None = none.
            step: where in the training the metrics were taken.

        Raises:
            ConflictError: a parameter was logged before with another value.
            InputError: a name is empty, a parameter is no plain data, or a metric is no number.
            StateError: the run is not open.
        """
        self._check_open()
        values = [_param(self.id, key, value) for key, value in (params or {}).items()]
        now = datetime.now(UTC)
        points = [
            MetricPoint(seq=None, run_id=self.id, key=key, step=step, value=number, logged_at=now)
            for key, number in ((key, _metric(key, value, step)) for key, value in (metrics or {}).items())
        ]
        if values:
            with self._graph.records.write() as connection:
                others = store.add_params(connection, self._graph.records, values, self._graph.project_id)
                if others:
                    raise _conflict(others[0], values, self.name)
        if points:
            self._points.append(points)
        self._params.update({param.key: param.value for param in values})
        for point in points:
            if point.step >= self._metrics.get(point.key, (point.step, 0.0))[0]:
                self._metrics[point.key] = (point.step, point.value)

    def artifact(self, name: str, content: bytes | str | Path) -> Artifact:
        """Keep a file with the run; `artifacts` keeps folders, figures and tables too, and reads them back.

        Args:
            name: unique in the run; may have slashes.
            content: bytes, or the path of a file.

        Raises:
            ConflictError: the run has an artifact of that name with other content.
            InputError: that cannot be a name, or there is no such file.
            StateError: the run is not open.
        """
        self._check_open()
        return self.artifacts.put(name, content)

    def use(self, asset: HasAsset | str, role: str = "input") -> None:
        """Name what the run works on, by the object or its asset id.

        Args:
            role: what it is to the run, in a word: `training_dataset`.

        Raises:
            StateError: it is archived, or its content was deleted.
        """
        self._check_open()
        asset_id = asset if isinstance(asset, str) else asset.asset_id
        self._graph.check_usable(asset_id)
        self._work.use(asset_id, role=role)

    def tag(self, **tags: str) -> None:
        """Set tags; a tag may be set again. What others set meanwhile stays.

        Raises:
            FencedError: the run was called lost.
        """
        with self._graph.records.write() as connection:
            store.set_tags(connection, self.id, tags)

    def _publish(self) -> None:
        with self._graph.records.read() as connection:
            artifacts = store.artifacts_of(connection, [self.id])
        made = RunMade(
            name=self.name,
            experiment=self.experiment,
            number=self.number,
            asset_id=self.asset_id,
            params=self._params,
            metrics={key: number for key, (_, number) in self._metrics.items()},
            artifacts=artifacts,
        )
        publish_run(self._work, self.id, made)

    def _check_open(self) -> None:
        if not self._is_open:
            raise StateError(
                expected="a run that is open",
                got="it has ended, or not begun",
                where=f"run {self.name!r}",
                hint="Call it inside `with tracking.run(…) as run:`.",
            )

    def __repr__(self) -> str:
        return f"<run {self.experiment} #{self.number} {self.name!r} {self.id}>"


class Tracking:
    """Records runs and finds them again.

    Threads may share it; each run belongs to the thread that opened it.
    """

    def __init__(self, graph: Graph, *, parent_id: str | None = None) -> None:
        self._graph = graph
        self._parent_id = parent_id
        self._points = open_points(graph.records, graph.project_id)

    def within(self, execution_id: str) -> Tracking:
        """The same, for runs that are parts of the execution of that id."""
        inner = Tracking(self._graph, parent_id=execution_id)
        inner._points = self._points
        return inner

    def remote(
        self, root: str, *, allowed: Sequence[str] = (), max_artifact_bytes: int = DEFAULT_MAX_BYTES
    ) -> Remote:
        """The same project's runs for those who tell of theirs call by call, as a server's clients do.

        Args:
            root: the URI below which experiments keep their artifacts that name no place of their own.
            allowed: further URIs below which an experiment may.
            max_artifact_bytes: an artifact that is sent through the server may have so many.
        """
        return Remote(
            self._graph, self._points, root=root, allowed=allowed, max_artifact_bytes=max_artifact_bytes
        )

    def close(self) -> None:
        """Give files back; a later call opens them again. To be called before the records are closed."""
        self._points.close()

    def run(
        self,
        name: str,
        *,
        experiment: str = DEFAULT_EXPERIMENT,
        parent_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        seeds: Mapping[str, int] | None = None,
    ) -> ActiveRun:
        """A new run; use it as a context manager.

        It is recorded as running at once, as completed with an asset of kind `run` when its block ends, and as
        failed when the block raises.

        Args:
            name: need not be unique.
            experiment: made when it does not exist.
            parent_id: the run or step that this one is a part of; None = of none.
            tags: texts by name; None = none.
            seeds: the seeds that the work uses, by library; None = none are known.

        Raises:
            InputError: a name is empty.
            StateError: the experiment is archived.
        """
        for what, text in (("name", name), ("experiment", experiment)):
            if not text.strip():
                raise InputError(
                    expected="a text", got=repr(text), where=f"tracking.run, {what}", hint="Name it."
                )
        parent = parent_id or self._parent_id
        work = self._graph.execution("run", name, parent_id=parent, durable=True)
        tags, seeds = dict(tags or {}), dict(seeds or {})

        def begin(run: ActiveRun) -> int:
            environment = capture_environment(self._graph.blobs, seeds)
            wanted = Experiment(id=new_id(), number=0, name=experiment, created_at=datetime.now(UTC))
            records, project_id = self._graph.records, self._graph.project_id
            with records.write() as connection:
                names.hold(records, connection, Noun.EXPERIMENT, project_id)
                experiment_id = store.get_or_create_experiment(connection, records, wanted, project_id)
                check_usable(connection, project_id, [experiment_id])
                number = store.next_number(connection, experiment, project_id)
                row = RunRow(
                    id=run.id,
                    number=number,
                    experiment=experiment,
                    name=name,
                    parent_id=parent,
                    asset_id=run.asset_id,
                    tags=tags,
                    environment=environment,
                    created_at=datetime.now(UTC),
                    execution_id=run.id,
                )
                store.add_run(connection, row, project_id)
            return number

        return ActiveRun(self._graph, self._points, begin, work, name, experiment)

    def experiments(self, *, archived: bool = False) -> list[Experiment]:
        """The project's experiments, in the order of their numbers; archived ones only if asked for."""
        with self._graph.records.read() as connection:
            return store.list_experiments(connection, self._graph.project_id, archived=archived)

    def runs(
        self, experiment: str | None = None, *, limit: int | None = None, archived: bool = False
    ) -> Runs:
        """Runs, newest first; with `archived` also what is archived or deleted.

        Args:
            experiment: its name; None = of all.
            limit: so many at most; None = all.

        Raises:
            UnknownNameError: there is no such experiment.
        """
        if experiment is not None:
            with self._graph.records.read() as connection:
                found = store.find_experiment(connection, self._graph.project_id, experiment)
            if found is None:
                known = [each.name for each in self.experiments(archived=True)]
                raise UnknownNameError.of("experiment", experiment, known, "tracking.runs")
        with self._graph.records.read() as connection:
            rows = store.find_runs(
                connection, self._graph.project_id, experiment=experiment, limit=limit, archived=archived
            )
        return Runs(self._whole(rows))

    def get_run(self, run_id: str) -> Run:
        """The run of that id.

        Raises:
            UnknownNameError: there is none.
        """
        found = self.find_run(run_id)
        if found is None:
            raise UnknownNameError(
                expected="the id of a run of this project",
                got=repr(run_id),
                where="tracking",
                hint="`mainspring runs list` shows the newest.",
            )
        return found

    def find_run(self, run_id: str) -> Run | None:
        """The run of that id; None if there is none."""
        with self._graph.records.read() as connection:
            rows = store.find_runs(connection, self._graph.project_id, run_id=run_id)
        return next(iter(self._whole(rows)), None)

    def points(self, run_id: str, key: str | None = None) -> list[MetricPoint]:
        """A run's metric points in the order of key and step.

        Args:
            run_id: of the run.
            key: the metric's name; None = of all.
        """
        return self._points.of(self.get_run(run_id).id, key)

    def artifacts(self, run_id: str) -> RunArtifacts:
        """The files of a run, whether it goes on or is over.

        Args:
            run_id: of the run.

        Raises:
            UnknownNameError: there is no such run.
        """
        return RunArtifacts(self._graph, self.get_run(run_id).id)

    @property
    def uploads(self) -> Uploads:
        """Files of runs that are sent in parts."""
        return Uploads(self._graph)

    def packages(self, run: Run) -> dict[str, str]:
        """The distributions that were installed when the run began, name → version; none where nobody said."""
        if run.environment is None:
            return {}
        found: dict[str, str] = json.loads(self._graph.blobs.get(run.environment.packages_sha256))
        return found

    def _whole(self, rows: Sequence[RunRow]) -> list[Run]:
        """Rows with what else belongs to their runs."""
        ids = [row.id for row in rows]
        params: dict[str, dict[str, Any]] = {run_id: {} for run_id in ids}
        artifacts: dict[str, list[Artifact]] = {run_id: [] for run_id in ids}
        with self._graph.records.read() as connection:
            now = [row.execution_id for row in rows]
            recorded = {found.id: found for found in executions_by_id(connection, now)}
            for param in store.params_of(connection, ids):
                params[param.run_id][param.key] = param.value
            for artifact in store.artifacts_of(connection, ids):
                artifacts[artifact.run_id].append(artifact)
        metrics = self._points.latest(ids)
        executions = self._graph.leases.as_seen(recorded)
        return [
            _whole_run(row, executions[row.execution_id], params[row.id], metrics[row.id], artifacts[row.id])
            for row in rows
        ]


def _whole_run(
    row: RunRow,
    execution: Execution,
    params: dict[str, Any],
    metrics: dict[str, float],
    artifacts: Sequence[Artifact],
) -> Run:
    return Run(
        **row.model_dump(include={"id", "number", "experiment", "name", "parent_id", "asset_id", "tags"}),
        environment=row.environment,
        state=execution.state,
        params=params,
        metrics=metrics,
        artifacts=tuple(artifacts),
        actor=execution.actor,
        code=execution.code,
        started_at=row.begun_at or execution.started_at,
        finished_at=None if execution.finished_at is None else row.ended_at or execution.finished_at,
        error=execution.error,
    )


def _param(run_id: str, key: str, value: object) -> Param:
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if not isinstance(key, str) or not key:
        raise InputError(
            expected="a name", got=repr(key), where="run.log, params", hint="Name the parameter."
        )
    try:
        return Param(run_id=run_id, key=key, value=_json(plain), digest=digest(plain))
    except TypeError as error:
        raise InputError(
            expected="plain data: numbers, text, times, lists, dictionaries",
            got=f"{type(value).__name__}: {value!r:.80}",
            where=f"run.log, parameter {key!r}",
            hint="Log its text, or its parts.",
        ) from error


def _metric(key: str, value: object, step: int) -> float:
    if not isinstance(key, str) or not key:
        raise InputError(expected="a name", got=repr(key), where="run.log, metrics", hint="Name the metric.")
    if not isinstance(step, int) or isinstance(step, bool):
        raise InputError(
            expected="a whole number", got=repr(step), where="run.log, step", hint="Count the steps."
        )
    try:
        if isinstance(value, str | bytes):
            raise TypeError("text is no number")
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InputError(
            expected="a number",
            got=f"{type(value).__name__}: {value!r:.80}",
            where=f"run.log, metric {key!r}",
            hint="Metrics are numbers; log anything else as a parameter or an artifact.",
        ) from error


def _json(value: object) -> Any:
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _conflict(there: Param, given: Sequence[Param], name: str) -> ConflictError:
    (new,) = [param for param in given if param.key == there.key]
    return ConflictError(
        expected=f"{there.key} = {there.value!r}, as logged before",
        got=f"{new.value!r} ({type(new.value).__name__})",
        where=f"run {name!r}, parameter {there.key!r}",
        hint="Parameters never change; log a metric, or start another run.",
    )
