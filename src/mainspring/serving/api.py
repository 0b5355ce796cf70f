"""Deployments as users call them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from mainspring.errors import ConflictError, InputError, MainspringError, StateError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.view import FeatureView
from mainspring.gates.decision import get_passed
from mainspring.lineage.api import Graph
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import AssetKind
from mainspring.models.api import Models
from mainspring.models.spec import ModelVersion
from mainspring.ports.tables import Tables
from mainspring.serving import outcomes, store, weights
from mainspring.serving.arms import OnlineArm, describe_arm
from mainspring.serving.columns import TIME, group_columns
from mainspring.serving.known import KnownIds
from mainspring.serving.lineage import PredictionLineage
from mainspring.serving.log import PredictionLog
from mainspring.serving.predictor import Answer, LoadedArm, Predictor
from mainspring.serving.spec import (
    Cause,
    DeploymentRevision,
    LogCounts,
    OutcomeCounts,
    Published,
    RolledBack,
    Rollout,
    ServingContext,
)
from mainspring.serving.weights import Arm, WeightTable
from mainspring.types import from_us, new_id, to_us

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

Origin = Literal["human", "controller"]


def weights_folder(home: Path, name: str) -> Path:
    """Where the weight tables of a deployment lie: all that a rollback needs."""
    return home / "serving" / name / "weights"


def deployed_in(home: Path) -> tuple[str, ...]:
    """Names of all deployments of a home, in order."""
    found = (home / "serving").glob(f"*/weights/{weights.CURRENT}")
    return tuple(sorted(path.parent.parent.name for path in found))


class Deployments:
    """Named endpoints whose model versions are swapped hot.

    Threads may share it. What is served is a small file in `home`; the records get every change as well, at
    once where they can be reached and at the next call where not.
    """

    def __init__(self, graph: Graph, models: Models, features: Features, tables: Tables, home: Path) -> None:
        self._graph = graph
        self._models = models
        self._features = features
        self._tables = tables
        self._home = home
        self._predictors: dict[str, Predictor] = {}
        self._known_ids: dict[str, KnownIds] = {}

    def create(
        self,
        name: str,
        version: ModelVersion,
        view: FeatureView | None = None,
        *,
        decision_id: str | None = None,
        reason: str = "",
    ) -> Deployment:
        """Deploy a model version under a name. Servers of this project answer for it within a second.

        Args:
            name: lower case letters, digits, `_` and `-`; at most 63.
            version: what answers.
            view: where its features come from; None = the view of its training dataset.
            decision_id: the gate's decision (evidence) that let this version through; it becomes part of the
                lineage. None = nobody decided.
            reason: in your words.

        Raises:
            ConflictError: there is a deployment of that name; promote to change what it serves.
            InputError: a bad name, or a view that lacks features of the model.
            UnknownNameError: no decision of that id on this version.
            RefusedError: the decision did not let the version through.
        """
        used = self._decided(version, decision_id)
        arm = self._creatable(name, version, view)

        def first(present: WeightTable | None) -> WeightTable:
            if present is not None:
                raise self._taken(name)
            return WeightTable(
                deployment=name,
                epoch=1,
                context_id=new_id(),
                revision_id=new_id(),
                revision=1,
                arms=(arm,),
                cause="create",
                reason=reason,
                actor=self._graph.actor,
                changed_us=to_us(self._graph.clock.now()),
                used=used,
            )

        weights.change(self._weights(name), first)
        self.record(name)
        return Deployment(self, name)

    def check_create(self, name: str, version: ModelVersion, view: FeatureView | None = None) -> None:
        """Raise what `create` would raise, and change nothing: asked before a gate moves an alias."""
        self._creatable(name, version, view)

    def _creatable(self, name: str, version: ModelVersion, view: FeatureView | None) -> Arm:
        if not _NAME.fullmatch(name):
            raise InputError(
                expected="a name of lower case letters, digits, '_' and '-', at most 63",
                got=repr(name),
                where="deployments.create",
                hint="Begin with a letter or digit.",
            )
        if weights.find_table(self._weights(name)) is not None:
            raise self._taken(name)
        return self._champion(version, view)

    def get(self, name: str) -> Deployment:
        """The deployment of that name.

        Raises:
            UnknownNameError: there is none.
        """
        found = self.find(name)
        if found is None:
            raise UnknownNameError.of("deployment", name, self.names(), "deployments")
        return found

    def find(self, name: str) -> Deployment | None:
        """The deployment of that name; None if there is none."""
        if not _NAME.fullmatch(name) or weights.find_table(self._weights(name)) is None:
            return None
        return Deployment(self, name)

    def list(self) -> list[Deployment]:
        """All deployments, by name."""
        return [Deployment(self, name) for name in self.names()]

    def names(self) -> tuple[str, ...]:
        """Names of all deployments, in order."""
        return deployed_in(self._home)

    @property
    def lineage(self) -> PredictionLineage:
        """From predictions to assets and back."""
        return PredictionLineage(self._graph, lambda: {name: self._log(name) for name in self.names()})

    def close(self) -> None:
        """End the log segments of this process, so that they can be published."""
        for predictor in self._predictors.values():
            predictor.close()
        self._predictors.clear()

    def record(self, name: str) -> int:
        """Bring into the records what only lies on disk yet; returns how many changes that were."""
        with self._graph.records.read() as connection:
            known = store.recorded_epochs(connection, name, self._graph.project_id)
        due = [table for table in weights.history(self._weights(name)) if table.epoch not in known]
        for table in due:
            self._record(table)
        return len(due)

    def predictor(
        self,
        name: str,
        *,
        writer: str = "",
        background: bool = False,
        when_log_fails: Literal["refuse", "gap"] = "refuse",
    ) -> Predictor:
        """What answers for a deployment in this process; made anew, knowing the ids that callers gave.

        Args:
            writer: who writes the log, for people who look into a segment.
            background: load new versions beside the old ones' work, and the version before as well.
            when_log_fails: `refuse` answers nothing that cannot be logged; `gap` answers and counts.
        """
        made = Predictor(
            self._home / "serving" / name,
            name,
            load=self._load,
            clock=self._graph.clock,
            writer=writer,
            background=background,
            when_log_fails=when_log_fails,
        )
        for content, answer in self._log(name).given_ids():
            made.remember(content, answer)
        return made

    def _weights(self, name: str) -> Path:
        return weights_folder(self._home, name)

    def _log(self, name: str) -> PredictionLog:
        return PredictionLog(self._home / "serving" / name / "log", name, self._tables)

    def _known(self, name: str) -> KnownIds:
        found = self._known_ids.get(name)
        if found is None:
            log = self._log(name)
            found = self._known_ids[name] = KnownIds(log.folder, self._tables, log.table)
        return found

    def _load(self, arm: Arm) -> LoadedArm:
        return OnlineArm(arm, self._models, self._features)

    def _arm(self, name: str, version: ModelVersion, view: FeatureView | None) -> Arm:
        arm = describe_arm(name, version, view or self._view_of(version))
        # What cannot be loaded is refused here, and not by the workers afterwards.
        self._load(arm)
        return arm

    def _taken(self, name: str) -> ConflictError:
        return ConflictError(
            expected="a name that is free",
            got=f"deployment {name!r}, which exists",
            where="deployments.create",
            hint=f"To change what it serves: mainspring deployments promote {name} MODEL, or "
            "deployments.get(name).promote(version) in Python.",
        )

    def _decided(self, version: ModelVersion, decision_id: str | None) -> dict[str, str]:
        """What a change rests on, by role; a decision must have let this very version through."""
        if decision_id is None:
            return {}
        return {"decision": get_passed(self._graph, version, decision_id).id}

    def _champion(self, version: ModelVersion, view: FeatureView | None) -> Arm:
        return self._arm("champion", version, view)

    def _view_of(self, version: ModelVersion) -> FeatureView:
        if version.dataset_id is None:
            raise InputError(
                expected="a feature view",
                got="none, and a model version without training dataset",
                where=f"deployment of {version.name}/{version.number}",
                hint="Pass view=features.get_view(name, version).",
            )
        attributes = self._graph.get_asset(version.dataset_id).attributes
        return self._features.get_view(attributes["view"], attributes["view_version"])

    def _record(self, table: WeightTable) -> None:
        parameters = {
            "epoch": table.epoch,
            "cause": table.cause,
            "reason": table.reason,
            "actor": table.actor,
        }
        try:
            with self._graph.execution("deploy", table.deployment, parameters=parameters) as work:
                _link(work, table)
                work.write(lambda connection: self._add_context(connection, table))
                if table.cause in ("create", "promote", "rollback"):
                    self._add_revision(work, table)
                if table.cause == "shadow":
                    self._add_rollout(work, table)
                elif table.rollout_id is not None:
                    work.use(table.rollout_id, role="rollout")
                    work.event("rollout.ended", table.rollout_id, {"cause": table.cause})
        except _AlreadyRecordedError:
            return

    def _add_context(self, connection: Connection, table: WeightTable) -> None:
        context = ServingContext(
            id=table.context_id,
            deployment=table.deployment,
            epoch=table.epoch,
            revision_id=table.revision_id,
            table=weights.to_dict(table),
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


class Deployment:
    """A named endpoint.

    Attributes:
        name: its name, also in the address of its routes.
    """

    def __init__(self, room: Deployments, name: str) -> None:
        self._room = room
        self.name = name

    def __repr__(self) -> str:
        return f"<Deployment {self.name!r}>"

    @property
    def table(self) -> WeightTable:
        """What is served now."""
        return weights.read_table(self._folder)

    @property
    def _folder(self) -> Path:
        return weights_folder(self._room._home, self.name)

    @property
    def _graph(self) -> Graph:
        return self._room._graph

    def predict(
        self,
        keys: Mapping[str, Any] | None = None,
        request: Mapping[str, Any] | None = None,
        prediction_id: str | None = None,
    ) -> Answer:
        """Answer one request in this process, and log it, exactly as a server would.

        Args:
            keys: the entity's keys; None where the view looks nothing up.
            request: what only the caller knows; None for nothing.
            prediction_id: your name for it; the same id with the same content gets this process' first answer again.

        Raises:
            InputError: keys or request are not what the view takes.
            ConflictError: the id was used with other content.
            UnavailableError: the prediction cannot be logged, and is not given.
        """
        predictor = self._room._predictors.get(self.name)
        if predictor is None:
            predictor = self._room._predictors.setdefault(self.name, self._room.predictor(self.name))
        answer, rest = predictor.answer(keys or {}, request or {}, prediction_id)
        if rest is not None:
            rest()
        return answer

    def check_promote(self, version: ModelVersion, view: FeatureView | None = None) -> None:
        """Raise what a person's `promote` would raise, and change nothing: asked before a gate moves an alias."""
        self._room._champion(version, view)

    def promote(
        self,
        version: ModelVersion,
        view: FeatureView | None = None,
        *,
        decision_id: str | None = None,
        reason: str = "",
        origin: Origin = "human",
    ) -> DeploymentRevision:
        """Serve another version, as a new revision; a shadow ends. The caller has passed the gate.

        Args:
            version, view, decision_id, reason: as for `deployments.create`.
            origin: `controller` is refused while a person's rollback holds.

        Raises:
            InputError: the view lacks features of the model.
            UnknownNameError: no decision of that id on this version.
            RefusedError: the decision did not let the version through.
            StateError: a controller's promotion after a person's rollback.
        """
        used = self._room._decided(version, decision_id)
        arm = self._room._champion(version, view)

        def following(present: WeightTable) -> dict[str, Any]:
            ended = present.rollout_id if present.find_arm("shadow") else None
            return {
                "revision_id": new_id(),
                "revision": present.revision + 1,
                "arms": (arm,),
                "used": used,
                "held": False,
                "rollout_id": ended,
            }

        self._change("promote", reason, origin, following)
        return self.revisions()[-1]

    def shadow(
        self, version: ModelVersion, view: FeatureView | None = None, *, reason: str = ""
    ) -> WeightTable:
        """Score `version` on every request from now on, without ever answering; logged as arm `shadow`.

        Raises:
            InputError: the view lacks features of the model.
            StateError: there is a shadow already.
        """
        arm = self._room._arm("shadow", version, view)

        def following(present: WeightTable) -> dict[str, Any]:
            if present.find_arm("shadow") is not None:
                raise StateError(
                    expected="a deployment without a shadow",
                    got=f"{present.arms[-1].model}/{present.arms[-1].version} as its shadow",
                    where=f"deployment {self.name!r}",
                    hint="End it first: deployment.end_shadow().",
                )
            return {"arms": (present.champion, arm), "used": {}, "rollout_id": new_id()}

        return self._change("shadow", reason, "human", following)

    def end_shadow(self, *, reason: str = "") -> WeightTable:
        """Stop scoring the shadow; the champion goes on.

        Raises:
            StateError: there is none.
        """

        def following(present: WeightTable) -> dict[str, Any]:
            if present.find_arm("shadow") is None:
                raise StateError(
                    expected="a deployment with a shadow",
                    got="none",
                    where=f"deployment {self.name!r}",
                    hint="Begin one with deployment.shadow(version).",
                )
            return {"arms": (present.champion,), "used": {}}

        return self._change("end_shadow", reason, "human", following)

    def rollback(self, *, reason: str = "") -> RolledBack:
        """Serve again what was served before the present revision. Works while the database is away.

        The weight table is on disk first, where serving processes see it within 50 ms; the records follow, at
        the next call that reaches them if not now. Until a person promotes again, no controller may.

        Raises:
            StateError: there is no earlier revision.
        """
        began_s = time.perf_counter()
        graph = self._graph
        table = weights.roll_back(
            self._folder, actor=graph.actor, reason=reason, changed_us=to_us(graph.clock.now())
        )
        seconds = time.perf_counter() - began_s
        try:
            self._room.record(self.name)
            recorded = True
        except (MainspringError, SQLAlchemyError):
            # Whatever keeps the records away must not keep anybody from rolling back.
            recorded = False
        return RolledBack(
            revision=table.revision,
            model=table.champion.model,
            version=table.champion.version,
            seconds=seconds,
            recorded=recorded,
        )

    def _change(
        self,
        cause: Literal["promote", "shadow", "end_shadow"],
        reason: str,
        origin: Origin,
        following: Callable[[WeightTable], dict[str, Any]],
    ) -> WeightTable:
        def build(present: WeightTable | None) -> WeightTable:
            present = present or self.table
            common = {
                "epoch": present.epoch + 1,
                "context_id": new_id(),
                "cause": cause,
                "reason": reason,
                "origin": origin,
                "actor": self._graph.actor,
                "changed_us": to_us(self._graph.clock.now()),
            }
            return weights.changed(present, {**common, **following(present)})

        # Before anything changes: where the records cannot be reached, only a rollback is possible.
        self._room.record(self.name)
        table = weights.change(self._folder, build)
        self._room.record(self.name)
        return table

    def revisions(self) -> list[DeploymentRevision]:
        """Every revision, oldest first; the last is in force."""
        self._room.record(self.name)
        with self._graph.records.read() as connection:
            return store.get_revisions(connection, self.name, self._graph.project_id)

    def contexts(self) -> list[ServingContext]:
        """Every serving context, oldest first: what `context_id` in the log names."""
        self._room.record(self.name)
        with self._graph.records.read() as connection:
            return store.get_contexts(connection, self.name, self._graph.project_id)

    def rollouts(self) -> list[Rollout]:
        """Every rollout, oldest first."""
        with self._graph.records.read() as connection:
            return store.get_rollouts(connection, self.name, self._graph.project_id)

    def outcomes(self, frame: Any) -> OutcomeCounts:
        """Post true labels.

        Args:
            frame: polars, pandas or Arrow, with the columns `prediction_id`, `value` (number or boolean) and
                `known_at` (naive = UTC). Posting the same rows again changes nothing.

        Returns:
            What became of each row.

        Raises:
            InputError: a missing column, a wrong type or a null. Nothing was stored.
        """
        return self.post_outcomes(outcomes.rows_of(frame, f"outcomes of deployment {self.name!r}"))

    def post_outcomes(self, rows: Sequence[tuple[str, float, datetime]]) -> OutcomeCounts:
        """As `outcomes`, for rows of (prediction id, value, known at) that were checked already."""
        return outcomes.post(self._graph, self.name, self.table.revision_id, rows, self._knows)

    def _knows(self, prediction_ids: set[str]) -> set[str]:
        return self._room._known(self.name).among(prediction_ids)

    def log(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        outcomes_as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """The prediction log with what became known of each prediction.

        Args:
            start, end: predictions with start <= `now` < end; None is no bound.
            outcomes_as_of: only labels known until then; None = all.

        Returns:
            One row for every (prediction, arm) in order of `now`, with everything that was acknowledged
            before the call. Columns: as in `serving.columns`, without `content`, `segment` and `ordinal`, and
            with `outcome` and `outcome_known_at`, null where no label is known.
        """
        found = self._room._log(self.name).read(start, end).drop("content", "segment", "ordinal")
        until_us = None if outcomes_as_of is None else to_us(outcomes_as_of)
        with self._graph.records.read() as connection:
            known = store.outcomes_until(connection, self.name, self._graph.project_id, until_us)
        labels = pl.DataFrame(
            known,
            schema={"prediction_id": pl.String, "outcome_known_at": pl.Int64, "outcome": pl.Float64},
            orient="row",
        ).with_columns(pl.col("outcome_known_at").cast(TIME))
        in_force = labels.unique("prediction_id", keep="last", maintain_order=True)
        joined = found.join(in_force, on="prediction_id", how="left", maintain_order="left")
        return _complete(joined, self.table)

    def publish_log(self) -> Published:
        """Move what is logged into the table `predictions_<name>`, save what others are still writing to."""
        predictor = self._room._predictors.get(self.name)
        if predictor is not None:
            predictor.log.rotate()
        self._room.record(self.name)
        return self._room._log(self.name).publish()

    def log_counts(self) -> LogCounts:
        """How many predictions are logged, waiting and lost."""
        return self._room._log(self.name).counts()


def _complete(frame: pl.DataFrame, table: WeightTable) -> pl.DataFrame:
    """With a null column for every feature and group that never had a value."""
    due: dict[str, Any] = {}
    for arm in table.arms:
        due.update(dict.fromkeys(arm.features, pl.Float64()))
        for group in arm.groups:
            due.update(group_columns(group))
    missing = [pl.lit(None, dtype=due[name]).alias(name) for name in due if name not in frame.columns]
    return frame.with_columns(missing)
