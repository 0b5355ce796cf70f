"""The SQL tables of pipelines: runs, steps, reusable results, triggers and what they asked for."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from mainspring.lineage.spec import Event
from mainspring.pipelines.spec import CacheEntry, Request, RequestState, RunRow, StepRun, TriggerRow
from mainspring.ports.records import Records
from mainspring.ports.records.among import among
from mainspring.ports.records.schema import row, table, value

runs = table(
    "pipeline_runs", RunRow, key=["id"], indexes=[["project_id", "pipeline", "created_us"], ["request_id"]]
)
steps = table("pipeline_steps", StepRun, key=["run_id", "ordinal"], indexes=[["execution_id"]])
cache = table(
    "pipeline_cache",
    CacheEntry,
    key=["execution_id"],
    indexes=[["project_id", "key", "created_us"], ["project_id", "step", "created_us"]],
)
triggers = table("pipeline_triggers", TriggerRow, key=["project_id", "name"])
requests = table(
    "pipeline_requests",
    Request,
    key=["id"],
    unique=[["project_id", "trigger", "event_seq"]],
    indexes=[["project_id", "state", "event_seq"]],
)


# Built once: to build a statement costs more than to run it.
_ENTRIES = (
    select(cache)
    .where(cache.c.project_id == bindparam("project"), cache.c.key == bindparam("wanted"))
    .order_by(cache.c.created_us.desc(), cache.c.execution_id.desc())
    .limit(8)
)
_LATEST = (
    select(cache)
    .where(cache.c.project_id == bindparam("project"), cache.c.step == bindparam("wanted"))
    .order_by(cache.c.created_us.desc(), cache.c.execution_id.desc())
    .limit(1)
)
_ADD_STEP = insert(steps)
_ADD_ENTRY = insert(cache)


def add_run(connection: Connection, run: RunRow, project_id: str) -> None:
    """Keep a run's plan."""
    connection.execute(insert(runs).values(row(run, project_id)))


def find_run(connection: Connection, run_id: str, project_id: str) -> RunRow | None:
    """The run of that id."""
    query = select(runs).where(runs.c.id == run_id, runs.c.project_id == project_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(RunRow, found)


def list_runs(connection: Connection, project_id: str, pipeline: str | None, limit: int) -> list[RunRow]:
    """Runs, newest first."""
    query = select(runs).where(runs.c.project_id == project_id)
    if pipeline is not None:
        query = query.where(runs.c.pipeline == pipeline)
    query = query.order_by(runs.c.created_us.desc(), runs.c.id.desc()).limit(limit)
    return [value(RunRow, found) for found in connection.execute(query).mappings()]


def add_step(connection: Connection, step: StepRun, project_id: str) -> None:
    """Keep what became of a step."""
    connection.execute(_ADD_STEP, row(step, project_id))


def steps_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, list[StepRun]]:
    """The steps of each run, in order."""
    query = select(steps).where(among(steps.c.run_id, run_ids)).order_by(steps.c.run_id, steps.c.ordinal)
    found: dict[str, list[StepRun]] = {run_id: [] for run_id in run_ids}
    for mapping in connection.execute(query).mappings():
        found[mapping["run_id"]].append(value(StepRun, mapping))
    return found


def add_entry(connection: Connection, entry: CacheEntry, project_id: str) -> None:
    """Make a result reusable."""
    connection.execute(_ADD_ENTRY, row(entry, project_id))


def entries(connection: Connection, key: str, project_id: str) -> list[CacheEntry]:
    """Results under a key, newest first."""
    found = connection.execute(_ENTRIES, {"project": project_id, "wanted": key})
    return [value(CacheEntry, mapping) for mapping in found.mappings()]


def entry_of(connection: Connection, execution_id: str, project_id: str) -> CacheEntry | None:
    """The result that an execution made."""
    query = select(cache).where(cache.c.project_id == project_id, cache.c.execution_id == execution_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else value(CacheEntry, found)


def latest_entry(connection: Connection, step: str, project_id: str) -> CacheEntry | None:
    """The newest result of a step, under whatever key."""
    found = connection.execute(_LATEST, {"project": project_id, "wanted": step}).mappings().one_or_none()
    return None if found is None else value(CacheEntry, found)


def add_trigger(connection: Connection, records: Records, trigger: TriggerRow, project_id: str) -> None:
    """Keep what a trigger asks for."""
    statement = records.insert(triggers).values(row(trigger, project_id))
    changed = {"event_kind": trigger.event_kind, "pipeline": trigger.pipeline}
    statement = statement.on_conflict_do_update(index_elements=["project_id", "name"], set_=changed)
    connection.execute(statement)


def add_requests(connection: Connection, asked: Sequence[Request], project_id: str) -> None:
    """Ask for runs."""
    if asked:
        connection.execute(insert(requests), [row(request, project_id) for request in asked])


def requests_of(
    connection: Connection, project_id: str, trigger: str, states: Sequence[RequestState] | None = None
) -> list[Request]:
    """What a trigger has asked for, in the order of the events."""
    query = select(requests).where(requests.c.project_id == project_id, requests.c.trigger == trigger)
    if states is not None:
        query = query.where(requests.c.state.in_([state.value for state in states]))
    query = query.order_by(requests.c.event_seq)
    return [value(Request, found) for found in connection.execute(query).mappings()]


def claim(connection: Connection, request: Request, claimed_as: str) -> bool:
    """Take a request over from the state and claim that it was seen in. False = somebody else was faster.

    Args:
        claimed_as: the claim's name, which no other has.
    """
    statement = update(requests).where(requests.c.id == request.id, requests.c.state == request.state.value)
    seen = requests.c.process.is_(None) if request.process is None else requests.c.process == request.process
    changed = connection.execute(
        statement.where(seen).values(state=RequestState.RUNNING.value, process=claimed_as, run_id=None)
    )
    return bool(changed.rowcount == 1)


def set_request_run(connection: Connection, request_id: str, claimed_as: str, run_id: str) -> bool:
    """Say which run answers a request. False = another claim has taken it over."""
    mine = update(requests).where(
        requests.c.id == request_id,
        requests.c.process == claimed_as,
        requests.c.state == RequestState.RUNNING.value,
    )
    return bool(connection.execute(mine.values(run_id=run_id)).rowcount == 1)


def finish_request(connection: Connection, request_id: str, state: RequestState, error: str | None) -> None:
    """Close a request. The caller has its lease, and gives that up in the same transaction."""
    closed = update(requests).where(requests.c.id == request_id)
    connection.execute(closed.values(state=state.value, error=error))


def request_of(trigger: TriggerRow, event: Event, request_id: str) -> Request:
    """The request that an event makes of a trigger."""
    return Request(
        id=request_id,
        trigger=trigger.name,
        event_id=event.id,
        event_seq=event.seq or 0,
        subject=event.subject,
        pipeline=trigger.pipeline,
        state=RequestState.REQUESTED,
        run_id=None,
        process=None,
        error=None,
        requested_at=event.recorded_at,
    )
