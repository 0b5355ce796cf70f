"""Repairs that lose nothing; each is an execution of the graph that says what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from mainspring.features import store as features
from mainspring.features.online.materialize import forget
from mainspring.lineage.spec import ExecutionState, Standing
from mainspring.lineage.store import executions_by_id
from mainspring.project import Project
from mainspring.serving import store as serving
from mainspring.serving import weights
from mainspring.serving.replay import weights_folder
from mainspring.workflows.doctor.records import running
from mainspring.workflows.doctor.spec import DRAFT_MAX_AGE, Finding, Repair, Repaired

NOBODY_HOLDS: Final = "lost: nobody holds a lease on it"


def repair(project: Project, findings: Sequence[Finding]) -> Iterator[Repaired]:
    """Make the repairs that the findings name, one execution a kind."""
    for kind, work in _REPAIRS.items():
        subjects = tuple(
            dict.fromkeys(name for item in findings if item.repair is kind for name in item.subjects)
        )
        if not subjects:
            continue
        parameters = {"subjects": list(subjects)}
        with project.graph.execution("repair", kind.value, parameters=parameters, durable=True) as execution:
            done = work(project, subjects)
            execution.event("home.repaired", execution.id, {"repair": kind.value, "done": done})
        yield Repaired(repair=kind, execution_id=execution.id, subjects=subjects, done=done)


def _call_lost(project: Project, subjects: Sequence[str]) -> str:
    project.graph.leases.settle()
    with project.records.read() as connection:
        left = [item for item, standing in running(project.graph, connection) if standing is Standing.FREE]
    for item in left:
        if item.id in subjects:
            project.graph.lose(item, NOBODY_HOLDS)
    with project.records.read() as connection:
        ended = {item.id: item.state for item in executions_by_id(connection, subjects)}
        held = {found.lease.subject for found in project.graph.leases.seen(connection)}
    # Not what `settle` returns: whoever began a run meanwhile, this repair among them, looked as well.
    lost = [name for name in subjects if ended.get(name, ExecutionState.LOST) is ExecutionState.LOST]
    lost = [name for name in lost if name not in held]
    return f"called {len(lost)} lost: {', '.join(lost)}" if lost else "all of them gave a sign of life"


def _delete_drafts(project: Project, subjects: Sequence[str]) -> str:
    bound = datetime.now(UTC) - DRAFT_MAX_AGE
    old = [
        draft for draft in project.blobs.drafts() if draft.name in set(subjects) and draft.written_at < bound
    ]
    for draft in old:
        project.blobs.delete_draft(draft.name)
    return f"removed {len(old)} staged files ({sum(draft.size_bytes for draft in old):,} bytes)"


def _materialize(project: Project, subjects: Sequence[str]) -> str:
    n_removed = sum(forget(project.keys, group_id) for group_id in subjects)
    with project.records.read() as connection:
        online = features.online_numbers(connection, project.config.project.id)
    n_written = project.features.materialize() if online else 0
    return f"removed {n_removed} entries and wrote {n_written}"


def _name_weights(project: Project, subjects: Sequence[str]) -> str:
    named = []
    for name in subjects:
        with project.records.read() as connection:
            contexts = serving.get_contexts(connection, name, project.config.project.id)
        epoch = max(context.epoch for context in contexts)
        if weights.name_again(weights_folder(project.home, name), epoch):
            named.append(f"{name} (epoch {epoch})")
    return f"put in force again what was: {', '.join(named)}" if named else "all of them were named meanwhile"


def _record_weights(project: Project, subjects: Sequence[str]) -> str:
    n_recorded = sum(project.deployments.record(name) for name in subjects)
    return f"recorded {n_recorded} changes of what is served"


def _publish_log(project: Project, subjects: Sequence[str]) -> str:
    published = [project.deployments.get(name).publish_log() for name in subjects]
    n_segments = sum(item.n_segments for item in published)
    n_gaps = sum(item.n_gaps for item in published)
    return (
        f"published {n_segments} segments with {sum(item.n_rows for item in published)} rows, {n_gaps} gaps"
    )


_REPAIRS: Final[dict[Repair, Callable[[Project, Sequence[str]], str]]] = {
    Repair.CALL_LOST: _call_lost,
    Repair.DELETE_DRAFTS: _delete_drafts,
    Repair.MATERIALIZE: _materialize,
    Repair.NAME_WEIGHTS: _name_weights,
    Repair.RECORD_WEIGHTS: _record_weights,
    Repair.PUBLISH_LOG: _publish_log,
}
