"""The life of runs whose process is elsewhere: begun, renamed, ended, resumed, archived, each by a call of its own.

Such a run is an execution of the graph like any other. It is begun by one call and ended by another. One that goes on
after it had ended is a new execution, which takes up what the former left: an execution ends once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from mainspring.errors import FencedError, InputError, StateError
from mainspring.lineage import Code, Execution, Graph, marks, names
from mainspring.lineage.spec import ExecutionState, Noun
from mainspring.lineage.store import find_asset, find_execution
from mainspring.tracking import store
from mainspring.tracking.artifacts import store as artifact_store
from mainspring.tracking.points import Points
from mainspring.tracking.publish import RunMade, publish_run
from mainspring.tracking.remote.archive import Parts, archive, unarchive
from mainspring.tracking.remote.names import readable_name
from mainspring.tracking.remote.refusals import (
    experiment_not_active,
    no_experiment,
    not_active,
    not_deleted,
)
from mainspring.tracking.remote.spec import COMMIT_TAG, DIRTY_TAG, NAME_TAG, PARENT_TAG
from mainspring.tracking.spec import RunRow, RunStatus
from mainspring.types import from_us, new_id


class RemoteRuns:
    """Threads may share it."""

    def __init__(self, graph: Graph, points: Points) -> None:
        self._graph = graph
        self._points = points

    def create(
        self, experiment: int, *, name: str, user: str, start_ms: int | None, tags: Mapping[str, str]
    ) -> str:
        """Begin a run; its id.

        Args:
            experiment: its number.
            name: empty = as the tag `mlflow.runName` says, or one that is easy to say.
            user: who runs it; empty = nobody says.
            start_ms: milliseconds since 1970, by the clock of the run's process; None = now.
            tags: some have a meaning: the run's name, its parent, its commit.

        Raises:
            UnknownNameError: there is no such experiment.
            StateError: the experiment is archived.
            InputError: name and tag say different names.
        """
        called = _name(name, tags)
        commit, dirty = tags.get(COMMIT_TAG), tags.get(DIRTY_TAG)
        is_dirty = None if dirty is None else dirty.lower() == "true"
        graph, project_id = self._graph, self._graph.project_id
        told = Code(commit=commit, dirty=is_dirty, digest="")
        with graph.records.write() as connection:
            names.hold(graph.records, connection, Noun.EXPERIMENT, project_id)
            found = store.find_experiment_numbered(connection, experiment, project_id)
            if found is None:
                raise no_experiment(f"id={experiment}")
            if not marks.is_visible(connection, found.id, project_id):
                raise experiment_not_active(experiment)
            execution = graph.elsewhere(
                "run",
                called,
                code=told,
                on_behalf_of=f"user:{user}" if user else None,
                parent_id=self._find_parent(connection, tags),
            )
            row = RunRow(
                id=execution.id,
                number=store.next_number(connection, found.name, project_id),
                experiment=found.name,
                name=called,
                parent_id=execution.parent_id,
                asset_id=new_id(),
                tags={**tags, NAME_TAG: called},
                environment=None,
                created_at=datetime.now(UTC),
                execution_id=execution.id,
                status=RunStatus.RUNNING,
                user_id=user or None,
                begun_at=None if start_ms is None else from_us(start_ms * 1000),
            )
            store.add_run(connection, row, project_id)
            graph.record_begun(connection, execution)
        return execution.id

    def _find_parent(self, connection: Connection, tags: Mapping[str, str]) -> str | None:
        parent = tags.get(PARENT_TAG)
        if parent is None:
            return None
        found = store.find_run_row(connection, self._graph.project_id, parent)
        return None if found is None else found.execution_id

    def update(self, run_id: str, *, status: RunStatus | None, end_ms: int | None, name: str | None) -> None:
        """Say how a run stands, when it ended and what it is called; what is None stays.

        Raises:
            UnknownNameError: there is no such run.
            StateError: it is archived; or it runs in a process of this project, which ends it itself.
        """
        with self._graph.records.read() as connection:
            row, execution = self._found(connection, run_id)
        if status is not None:
            self._stand(row, execution, status)
        changes: dict[str, Any] = {}
        if end_ms is not None:
            changes["ended_us"] = end_ms * 1000
        if name is not None or changes:
            with self._graph.records.write() as connection:
                if name is not None:
                    store.set_name(connection, run_id, name)
                    store.set_tags(connection, run_id, {NAME_TAG: name})
                store.change_run(connection, run_id, changes)

    def _stand(self, row: RunRow, execution: Execution, status: RunStatus) -> None:
        is_running = execution.state is ExecutionState.RUNNING
        if row.status is None and is_running:
            raise StateError(
                expected="a run whose process tells of it call by call",
                got="one of a process of this project",
                where=f"The run {row.id}",
                hint="That process ends it.",
            )
        if status is row.status and is_running != status.is_over:
            return
        if not is_running:
            execution, row = self._resume(row, execution, status)
        if not status.is_over:
            with self._graph.records.write() as connection:
                store.change_run(connection, row.id, {"status": status.value})
            return
        try:
            self._end(row, execution, status)
        except FencedError:
            # Somebody ended it at the same time: as they said, if they said the same.
            with self._graph.records.read() as connection:
                after, _ = self._found(connection, row.id)
            if after.status is not status:
                raise

    def _resume(self, row: RunRow, before: Execution, status: RunStatus) -> tuple[Execution, RunRow]:
        graph = self._graph
        with graph.records.write() as connection:
            made = find_asset(connection, row.asset_id, graph.project_id)
            execution = graph.elsewhere(
                "run",
                row.name,
                code=before.code,
                parameters={"resumes": before.id, "made": None if made is None else made.id},
                on_behalf_of=before.on_behalf_of,
                parent_id=before.parent_id,
            )
            changed = {
                "execution_id": execution.id,
                "asset_id": row.asset_id if made is None else new_id(),
                "status": RunStatus.RUNNING.value,
            }
            if not store.change_run(connection, row.id, changed, held_by=before.id):
                raise StateError(
                    expected="a run that nobody else resumes",
                    got="one that somebody has just resumed",
                    where=f"The run {row.id}",
                    hint="Nothing was changed. Say it again.",
                )
            graph.record_begun(connection, execution)
        return execution, row.model_copy(update={**changed, "status": status})

    def _end(self, row: RunRow, execution: Execution, status: RunStatus) -> None:
        graph = self._graph

        def tell(connection: Connection) -> None:
            store.change_run(connection, row.id, {"status": status.value})

        if status is not RunStatus.FINISHED:
            with graph.records.write() as connection:
                tell(connection)
                graph.record_failed(connection, execution, f"{status.value}, as its client said")
            return
        with graph.records.read() as connection:
            params = store.params_of(connection, [row.id])
            artifacts = store.artifacts_of(connection, [row.id])
            used = store.inputs_of(connection, [row.id])
            published = artifact_store.published(connection, [each.asset_id for each in artifacts])
        made = RunMade(
            name=row.name,
            experiment=row.experiment,
            number=row.number,
            asset_id=row.asset_id,
            params={param.key: param.value for param in params},
            metrics=self._points.latest([row.id])[row.id],
            artifacts=artifacts,
            # By an earlier execution of the run, or because they came when that was over.
            published=published,
        )
        with graph.conclude(execution) as work:
            for asset_id in {each.asset_id for each, _ in used}:
                work.use(asset_id, role="dataset")
            if before := execution.parameters.get("made"):
                work.use(before, role="resumed")
            publish_run(work, row.id, made)
            work.write(tell)

    def archive(self, run_id: str) -> None:
        """Hide a run from lists and refuse it for new use.

        Raises:
            UnknownNameError: there is no such run.
            StateError: it is archived.
        """
        graph = self._graph
        with graph.records.read() as connection:
            row, _ = self._found(connection, run_id)

        def parts(connection: Connection) -> Parts:
            return store.parts_of_runs(connection, [row.id])

        archive(graph, Noun.RUN, row.id, row.id, parts)

    def restore(self, run_id: str) -> None:
        """Take an archiving back.

        Raises:
            UnknownNameError: there is no such run.
            StateError: it is not archived.
        """
        graph = self._graph
        with graph.records.read() as connection:
            row = store.find_run_row(connection, graph.project_id, run_id)
        if row is None:
            raise store.no_run(run_id)
        unarchive(graph, Noun.RUN, row.id, row.id, not_deleted(run_id))

    def _found(self, connection: Connection, run_id: str) -> tuple[RunRow, Execution]:
        """A run in use, and the execution that it is now."""
        project_id = self._graph.project_id
        row = store.find_run_row(connection, project_id, run_id)
        if row is None:
            raise store.no_run(run_id)
        if not marks.is_visible(connection, run_id, project_id):
            raise not_active(run_id)
        execution = find_execution(connection, row.execution_id, project_id)
        assert execution is not None
        return row, execution


def _name(name: str, tags: Mapping[str, str]) -> str:
    tagged = tags.get(NAME_TAG, "")
    if name and tagged and name != tagged:
        raise InputError(
            expected=f"one name, in run_name and in the tag {NAME_TAG}",
            got=f"{name!r} and {tagged!r}",
            where="Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values",
            hint="Give one of them.",
        )
    return name or tagged or readable_name()
