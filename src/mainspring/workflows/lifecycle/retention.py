"""Retention: what the configured rules give up. Things go by the same deletion that a person asks for, and nothing it
refuses; logs by whole days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from mainspring.lineage.spec import ExecutionState, MarkKind, Noun, Value
from mainspring.project import Project
from mainspring.serving.retention import PinnedError, first_kept, is_pinned
from mainspring.serving.spec import LogPart
from mainspring.tracking.spec import Run
from mainspring.workflows.lifecycle.decide import delete_planned
from mainspring.workflows.lifecycle.depend import outside, recorded
from mainspring.workflows.lifecycle.find import find_thing
from mainspring.workflows.lifecycle.spec import Decision, Thing
from mainspring.workflows.references import content_of


class Rule(Value):
    """One configured rule and what it would give up now, or gave up.

    Attributes:
        name: the configuration key, `retention.…`.
        days: how old a thing must be.
        due: what is old enough, and neither pinned, in force nor needed by anything that is kept.
        n_kept: what is old enough, and is kept for one of these reasons.
        n_blobs, size_bytes: contents that nothing but the due things needs.
    """

    name: str
    days: int
    due: tuple[Thing, ...]
    n_kept: int
    n_blobs: int
    size_bytes: int


def rules(project: Project) -> Iterator[Rule]:
    """What each rule that is set would give up, looked at when it is asked for.

    In the order from the leaves inwards: what one rule gives up may set free what the next one looks at.
    """
    configured = project.config.retention.model_dump()
    for key, noun, candidates in _RULES:
        days = configured[key]
        if days:
            names = candidates(project, timedelta(days=days))
            yield _judged(project, f"retention.{key}", days, noun, names)


def apply(project: Project, rule: Rule) -> Rule:
    """Delete what is due, each thing in a transaction of its own; what came to be needed meanwhile is left.

    Returns:
        The rule with what it gave up.
    """
    reason = f"{rule.name} = {rule.days}"
    planned = (delete_planned(project, thing, reason) for thing in rule.due)
    done = [decision for decision in planned if decision is not None]
    return rule.model_copy(
        update={
            "due": tuple(decision.thing for decision in done),
            "n_kept": rule.n_kept + len(rule.due) - len(done),
            "n_blobs": sum(decision.n_blobs for decision in done),
            "size_bytes": sum(decision.size_bytes for decision in done),
        }
    )


class LogRule(Value):
    """A rule about the log of one deployment, and what it would give up now, or gave up.

    Attributes:
        name: the configuration key, `retention.…`.
        days: how long ago a day must have ended.
        part: predictions, or outcomes.
        before: the beginning of the oldest day that is kept.
        n_rows, n_days: what is older, and on how many days.
        is_pinned: the deployment is pinned, and nothing goes.
    """

    name: str
    days: int
    deployment: str
    part: LogPart
    before: datetime
    n_rows: int
    n_days: int
    is_pinned: bool


def log_rules(project: Project) -> Iterator[LogRule]:
    """What each rule about logs that is set would give up, deployment by deployment, retired ones too."""
    configured = project.config.retention.model_dump()
    for part in LogPart:
        days = configured[f"{part.value}_days"]
        if not days:
            continue
        before = first_kept(project.clock.now(), days)
        for deployment in project.deployments.list(archived=True):
            found = deployment.days_before(part, before)
            yield LogRule(
                name=f"retention.{part.value}_days",
                days=days,
                deployment=deployment.name,
                part=part,
                before=before,
                n_rows=sum(found.values()),
                n_days=len(found),
                is_pinned=is_pinned(project.graph, deployment.name),
            )


def apply_to_log(project: Project, rule: LogRule) -> LogRule:
    """Delete what is due.

    Returns:
        The rule with what it gave up: nothing where somebody else did meanwhile; pinned where somebody pinned it.
    """
    if rule.is_pinned or not rule.n_rows:
        return rule
    deployment = project.deployments.get(rule.deployment)
    try:
        cut = deployment.give_up(rule.part, rule.before, reason=f"{rule.name} = {rule.days}")
    except PinnedError:
        return rule.model_copy(update={"is_pinned": True})
    n_rows, n_days = (cut.n_rows, cut.n_days) if cut is not None else (0, 0)
    return rule.model_copy(update={"n_rows": n_rows, "n_days": n_days})


class EventIdsRule(Value):
    """The rule about ids of pushed events, and what it would give up now, or gave up.

    Attributes:
        name: the configuration key, `retention.event_ids_days`.
        days: how long ago their rows must have been committed.
        n_ids: group, as `name@version`, → how many.
    """

    name: str
    days: int
    n_ids: dict[str, int]


def apply_to_event_ids(project: Project, *, delete: bool) -> EventIdsRule | None:
    """What the rule gives up, deleted if told to; None where it is not set."""
    days = project.config.retention.event_ids_days
    if not days:
        return None
    before = project.clock.now() - timedelta(days=days)
    found = project.features.forget_event_ids(before, delete=delete)
    return EventIdsRule(name="retention.event_ids_days", days=days, n_ids=found)


def _judged(project: Project, name: str, days: int, noun: Noun, names: Iterable[str]) -> Rule:
    project_id = project.graph.project_id
    things = [find_thing(project, noun, each) for each in names]
    in_force = {thing.subject_id: outside(project, thing) for thing in things}
    due = []
    with project.records.read() as connection:
        for thing in things:
            dependents = (*in_force[thing.subject_id], *recorded(connection, project_id, thing))
            if not Decision(kind=MarkKind.DELETED, thing=thing, dependents=dependents).holding:
                due.append(thing)
        ids = frozenset(part for thing in due for part in thing.ids)
        content = content_of(connection, project_id, ids) if due else {}
    found = [project.blobs.find(sha256) for sha256, alone in content.items() if alone]
    return Rule(
        name=name,
        days=days,
        due=tuple(due),
        n_kept=len(things) - len(due),
        n_blobs=sum(blob is not None for blob in found),
        size_bytes=sum(blob.size_bytes for blob in found if blob is not None),
    )


def _versions(project: Project, age: timedelta) -> list[str]:
    before = project.clock.now() - age
    gone = project.graph.deleted()
    found = project.models.versions(archived=True)
    return [str(each) for each in found if each.created_at < before and each.asset_id not in gone]


def _runs(project: Project, age: timedelta) -> list[str]:
    return [run.id for run in _old_runs(project, age)]


def _failed_runs(project: Project, age: timedelta) -> list[str]:
    failed = {ExecutionState.FAILED, ExecutionState.LOST}
    return [run.id for run in _old_runs(project, age) if run.state in failed]


def _old_runs(project: Project, age: timedelta) -> list[Run]:
    """Runs with artifacts that began that long ago, by the machine's clock, which their times are of."""
    before = datetime.now(UTC) - age
    gone = project.graph.deleted()
    found = project.tracking.runs(archived=True)
    return [run for run in found if run.artifacts and run.started_at < before and run.id not in gone]


def _datasets(project: Project, age: timedelta) -> list[str]:
    before = project.clock.now() - age
    gone = project.graph.deleted()
    made = [
        project.graph.get_asset(each.asset_id) for each in project.features.training_datasets(archived=True)
    ]
    return [asset.id for asset in made if asset.created_at < before and asset.id not in gone]


_Candidates = Callable[[Project, timedelta], list[str]]
_RULES: Final[tuple[tuple[str, Noun, _Candidates], ...]] = (
    ("model_versions_days", Noun.MODEL_VERSION, _versions),
    ("failed_runs_days", Noun.RUN, _failed_runs),
    ("runs_days", Noun.RUN, _runs),
    ("training_datasets_days", Noun.TRAINING_DATASET, _datasets),
)
