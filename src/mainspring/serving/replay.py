"""Brings what lies on disk into the records: revisions, rollouts, serving contexts, and the alias that follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mainspring.errors import MainspringError
from mainspring.gates.alias import OvertakenError, place_alias
from mainspring.gates.decision import DECISION_KIND
from mainspring.lineage import marks, names
from mainspring.lineage.api import Graph
from mainspring.lineage.marks import named
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import AssetKind, Evidence, Mark, MarkKind, Noun, Verdict
from mainspring.models import store as models_store
from mainspring.models.spec import Alias, AliasMove
from mainspring.serving import store, weights
from mainspring.serving.plan import AliasStep, alias_step, revision_before
from mainspring.serving.spec import Cause, DeploymentRevision, Rollout, ServingContext
from mainspring.serving.weights import WeightTable
from mainspring.types import from_us, new_id


def serving_folder(home: Path) -> Path:
    """Where every deployment of a home has its folder."""
    return home / "serving"


def weights_folder(home: Path, name: str) -> Path:
    """Where the weight tables of a deployment lie: all that a rollback needs."""
    return serving_folder(home) / name / "weights"


def deployed_in(home: Path) -> tuple[str, ...]:
    """Names of all deployments of a home, in order."""
    found = serving_folder(home).glob(f"*/weights/{weights.CURRENT}")
    return tuple(sorted(path.parent.parent.name for path in found))


class Replay:
    """Writes every change of what is served into the records, once. Threads and processes may do it together.

    A change is in force when its weight table is on disk. Its revision and the alias that goes with it become
    visible in one transaction, at once or, if the process died or the database was away, when the deployment or
    the project is next opened.
    """

    def __init__(self, graph: Graph, home: Path) -> None:
        self._graph = graph
        self._home = home

    def settle(self) -> None:
        """Record what is due of every deployment, as far as it can be: whoever opens one hears of a failure."""
        for name in deployed_in(self._home):
            try:
                self.record(name)
            except (MainspringError, SQLAlchemyError, OSError):
                # A project must open to be looked into and mended; using the deployment raises the same again.
                continue

    def record(self, name: str) -> int:
        """Bring into the records what only lies on disk yet; returns how many changes that were.

        Of a project that is open for reading alone, none: whoever opens it for writing does.
        """
        if self._graph.records.read_only:
            return 0
        with self._graph.records.read() as connection:
            known = store.recorded_epochs(connection, name, self._graph.project_id)
        history = weights.history(weights_folder(self._home, name))
        due = [place for place, table in enumerate(history) if table.epoch not in known]
        for place in due:
            self._record(history[place], history[: place + 1])
        return len(due)

    def _record(self, table: WeightTable, history: Sequence[WeightTable]) -> None:
        parameters = {
            "epoch": table.epoch,
            "cause": table.cause,
            "reason": table.reason,
            "actor": table.actor,
        }
        while True:
            aliases, model_names = self._model(table)
            step = alias_step(table, history, self._rulings(table, history), aliases, model_names)
            try:
                with self._graph.execution(
                    "deploy", table.deployment, parameters=parameters, after_the_fact=True
                ) as work:
                    self._describe(work, table)
                    if step is not None:
                        self._move(work, table, step, aliases)
                return
            except _AlreadyRecordedError:
                return
            except OvertakenError:
                continue

    def _describe(self, work: Publication, table: WeightTable) -> None:
        _link(work, table)
        if table.cause in ("retire", "resume"):
            self._mark(work, table)
        work.write(lambda connection: self._add_context(connection, table))
        if table.cause in ("create", "promote", "rollback"):
            self._add_revision(work, table)
        if table.cause == "shadow":
            self._add_rollout(work, table)
        elif table.rollout_id is not None:
            work.use(table.rollout_id, role="rollout")
            work.event("rollout.ended", table.rollout_id, {"cause": table.cause})

    def _mark(self, work: Publication, table: WeightTable) -> None:
        """Retired is archived to all who ask the records: the mark follows the file, as an alias does."""
        project_id, subject_id = self._graph.project_id, named(Noun.DEPLOYMENT, table.deployment)
        told = {"name": table.deployment, "reason": table.reason}
        if table.cause == "resume":
            work.write(lambda connection: marks.remove(connection, MarkKind.ARCHIVED, subject_id, project_id))
            work.event("deployment.unarchived", subject_id, told)
            return
        mark = Mark(
            subject_id=subject_id,
            kind=MarkKind.ARCHIVED,
            noun=Noun.DEPLOYMENT,
            name=table.deployment,
            part_of=None,
            reason=table.reason,
            actor=table.actor,
            execution_id=work.id,
            marked_at=from_us(table.changed_us),
        )
        work.write(lambda connection: marks.add(self._graph.records, connection, [mark], project_id))
        work.event("deployment.archived", subject_id, told)

    def _rulings(self, table: WeightTable, history: Sequence[WeightTable]) -> dict[str, Evidence]:
        """Passing rulings of gates on the versions that the table and the one before it serve."""
        before = revision_before(table, history)
        served = {one.champion.version_id for one in (table, before) if one is not None}
        found = self._graph.evidence_for(*sorted(served), kind=DECISION_KIND)
        return {entry.id: entry for entry in found if entry.verdict is Verdict.PASS}

    def _model(self, table: WeightTable) -> tuple[dict[str, Alias], frozenset[str]]:
        """Of the champion's model: its aliases, and every name that it has or had."""
        project_id, model = self._graph.project_id, table.champion.model
        with self._graph.records.read() as connection:
            found = models_store.list_aliases(connection, project_id, model)
            its_names = names.every(connection, Noun.MODEL, project_id, model)
        return {alias.alias: alias for alias in found}, its_names

    def _move(
        self, work: Publication, table: WeightTable, step: AliasStep, aliases: Mapping[str, Alias]
    ) -> None:
        """Move the alias with the revision; `aliases` is where they stood when the step was planned."""
        move = AliasMove(
            id=new_id(),
            name=table.champion.model,
            alias=step.alias,
            number=step.number,
            previous_number=step.previous_number,
            decision_id=step.decision_id,
            execution_id=work.id,
            moved_at=from_us(table.changed_us),
        )
        work.use(step.decision_id, role="decision")
        told = {
            "cause": table.cause,
            "deployment": table.deployment,
            "revision": table.revision,
            "reason": table.reason,
            "actor": table.actor,
        }
        seen = {name: alias.number for name, alias in aliases.items()}
        place_alias(self._graph, work, move, step.version_id, seen, told)

    def _add_context(self, connection: Connection, table: WeightTable) -> None:
        context = ServingContext(
            id=table.context_id,
            deployment=table.deployment,
            epoch=table.epoch,
            revision_id=table.revision_id,
            table=msgspec.to_builtins(table),
            created_at=from_us(table.changed_us),
        )
        if not store.add_context(self._graph.records, connection, context, self._graph.project_id):
            raise _AlreadyRecordedError

    def _add_revision(self, work: Publication, table: WeightTable) -> None:
        champion = table.champion
        revision = DeploymentRevision(
            id=table.revision_id,
            deployment=table.deployment,
            number=table.revision,
            model=champion.model,
            model_version=champion.version,
            version_id=champion.version_id,
            package_id=champion.package_id,
            view=champion.view,
            view_version=champion.view_version,
            view_id=champion.view_id,
            cause=Cause(table.cause),
            restores=table.used.get("restores"),
            reason=table.reason,
            actor=table.actor,
            epoch=table.epoch,
            created_at=from_us(table.changed_us),
        )
        described = revision.model_dump(mode="json")
        work.add(AssetKind.DEPLOYMENT_REVISION, table.deployment, attributes=described, asset_id=revision.id)
        records, project_id = self._graph.records, self._graph.project_id
        work.write(lambda connection: store.add_revision(records, connection, revision, project_id))
        work.event("deployment.revised", revision.id, {"cause": table.cause, "number": table.revision})

    def _add_rollout(self, work: Publication, table: WeightTable) -> None:
        candidate = table.arms[-1]
        rollout = Rollout(
            id=table.rollout_id or new_id(),
            deployment=table.deployment,
            kind="shadow",
            champion_id=table.revision_id,
            candidate=candidate.model,
            candidate_version=candidate.version,
            candidate_id=candidate.version_id,
            created_at=from_us(table.changed_us),
        )
        described = rollout.model_dump(mode="json")
        work.use(table.revision_id, role="champion")
        work.add(AssetKind.ROLLOUT, table.deployment, attributes=described, asset_id=rollout.id)
        records, project_id = self._graph.records, self._graph.project_id
        work.write(lambda connection: store.add_rollout(records, connection, rollout, project_id))
        work.event("rollout.started", rollout.id, {"kind": "shadow", "candidate": str(candidate.version)})


class _AlreadyRecordedError(Exception):
    """Another process replayed the same table first."""


def _link(work: Publication, table: WeightTable) -> None:
    for arm in table.arms:
        prefix = "" if arm.name == "champion" else f"{arm.name}_"
        work.use(arm.version_id, role=prefix + "model_version")
        work.use(arm.package_id, role=prefix + "package")
        work.use(arm.view_id, role=prefix + "view")
    for role, asset_id in table.used.items():
        work.use(asset_id, role=role)
