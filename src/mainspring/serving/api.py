"""Deployments as users call them."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from mainspring.errors import ConflictError, InputError, IntegrityError, UnknownNameError
from mainspring.features.api import Features
from mainspring.features.view import FeatureView
from mainspring.gates.alias import until_not_overtaken
from mainspring.gates.decision import get_passed
from mainspring.gates.spec import Decision
from mainspring.lineage.api import Graph
from mainspring.lineage.spec import Evidence
from mainspring.models.api import Models
from mainspring.models.spec import ModelVersion, Signature, check_version
from mainspring.ports.tables import Tables
from mainspring.serving import store, weights
from mainspring.serving.arms import OnlineArm, describe_arm
from mainspring.serving.deployment import Deployment
from mainspring.serving.known import KnownIds
from mainspring.serving.lineage import PredictionLineage
from mainspring.serving.log import PredictionLog
from mainspring.serving.predictor import LoadedArm, Predictor
from mainspring.serving.replay import Replay, deployed_in, serving_folder, weights_folder
from mainspring.serving.spec import LogCut, LogPart
from mainspring.serving.weights import Arm, WeightTable
from mainspring.types import new_id, to_us

if TYPE_CHECKING:
    from mainspring.gates.api import Gates

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Deployments:
    """Named endpoints whose model versions are swapped hot.

    Threads may share it. What is served is a small file in `home`; the records get every change as well, at
    once where they can be reached and at the next call where not.
    """

    def __init__(
        self, graph: Graph, models: Models, features: Features, gates: Gates, tables: Tables, home: Path
    ) -> None:
        self._graph = graph
        self._gates = gates
        self._replay = Replay(graph, home)
        self._models = models
        self._features = features
        self._tables = tables
        self._home = home
        self._predictors: dict[str, Predictor] = {}
        self._known_ids: dict[str, KnownIds] = {}
        self._signatures: dict[tuple[str, int], Signature] = {}

    def create(
        self,
        name: str,
        version: ModelVersion,
        view: FeatureView | None = None,
        *,
        environment: str | None = None,
        decision_id: str | None = None,
        reason: str = "",
    ) -> Deployment:
        """Deploy a model version under a name. Servers of this project answer for it within a second.

        Everything that could refuse it is asked first. The gate's alias moves in the transaction that records the
        revision; if the process dies before that, whoever opens the project next records both.

        Args:
            name: lower case letters, digits, `_` and `-`; at most 63.
            version: what answers.
            view: where its features come from; None = the view of its training dataset.
            environment: the gate that must let it through now; None asks no gate.
            decision_id: in place of `environment`, an earlier ruling (evidence) that let this version through.
            reason: in your words.

        Raises:
            ConflictError: there is a deployment of that name; promote to change what it serves.
            InputError: a bad name, what is no model version or view, or a view that lacks features of the model.
            UnknownNameError: no decision of that id on this version.
            RefusedError: the gate of `environment`, or the decision, does not let it through. Only a new ruling
                is stored.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                expected="a name of lower case letters, digits, '_' and '-', at most 63",
                got=repr(name),
                where="deployments.create",
                hint="Begin with a letter or digit.",
            )
        self._graph.check_writable(f"deployment {name}")
        if self.find(name) is not None:
            raise _taken(name)
        arm = self._champion(version, view)

        def attempt() -> None:
            ruling = self._ask(version, environment, decision_id)
            self._check_fresh(ruling)
            weights.change(self._weights(name), partial(self._first, name, arm, ruling, reason))

        until_not_overtaken(attempt, f"deployment {name!r}")
        self.record(name)
        return Deployment(self, name)

    def _first(
        self,
        name: str,
        arm: Arm,
        ruling: Decision | Evidence | None,
        reason: str,
        present: WeightTable | None,
    ) -> WeightTable:
        if present is not None:
            raise _taken(name)
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
            used={} if ruling is None else {"decision": ruling.id},
        )

    def _ask(
        self, version: ModelVersion, environment: str | None, decision_id: str | None
    ) -> Decision | Evidence | None:
        """The ruling that lets a version through: made now, or an earlier one; None where none is asked for."""
        if environment is not None:
            if decision_id is not None:
                raise InputError(
                    expected="environment or decision_id",
                    got="both",
                    where=f"deployment of {version}",
                    hint="Leave decision_id out to have the gate rule now.",
                )
            return self._gates.require(environment, version)
        if decision_id is not None:
            return get_passed(self._graph, version, decision_id)
        return None

    def _check_fresh(self, ruling: Decision | Evidence | None) -> None:
        """Refuse a ruling made just now that was overtaken since; an earlier one is somebody's choice.

        Not while the weight table is held: a database that hangs must not keep anybody from rolling back.
        """
        if isinstance(ruling, Decision):
            self._gates.check_fresh(ruling)

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
        """The deployment of that name; None if there is none.

        Raises:
            IntegrityError: the records know one, whose weight tables are gone.
        """
        if not _NAME.fullmatch(name):
            return None
        if weights.find_table(self._weights(name)) is None:
            self._check_not_lost(name)
            return None
        return Deployment(self, name)

    def _check_not_lost(self, *names: str) -> None:
        """None of these, or of all, was recorded and is not on disk any more."""
        with self._graph.records.read() as connection:
            recorded = store.deployment_names(connection, self._graph.project_id)
        there = self.names()
        lost = [name for name in recorded if name not in there and (not names or name in names)]
        if lost:
            folder = self._weights(lost[0])
            if (left := weights.find_unnamed(folder)) is not None:
                raise IntegrityError(
                    expected=f"the weight table that deployment {lost[0]} has in force",
                    got=f"no {weights.CURRENT} beside the tables up to epoch {left.epoch}",
                    where=str(folder / weights.CURRENT),
                    hint="It was moved or deleted: put it back, or let `mainspring doctor --repair` name the newest "
                    "again.",
                )
            raise IntegrityError(
                expected=f"the weight tables of deployment {', '.join(lost)}, as recorded",
                got="no such files",
                where=str(folder),
                hint="The folder was moved or deleted: put it back, or restore a backup. Servers that run go on with "
                "what they have loaded; `mainspring doctor` says what else is missing.",
            )

    def list(self, *, archived: bool = False) -> list[Deployment]:
        """All deployments, by name; retired ones only where `archived` asks for them.

        Raises:
            IntegrityError: the records know one, whose weight tables are gone.
        """
        self._check_not_lost()
        found = [Deployment(self, name) for name in self.names()]
        return [each for each in found if archived or not each.table.is_retired]

    def names(self) -> tuple[str, ...]:
        """Names of all deployments, retired ones too, in order."""
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
        """Bring into the records what only lies on disk yet of the deployment `name`; returns how many changes."""
        return self._replay.record(name)

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
            name: of the deployment.
            writer: who writes the log, for people who look into a segment.
            background: load new versions beside the old ones' work, and the version before as well.
            when_log_fails: `refuse` answers nothing that cannot be logged; `gap` answers and counts.
        """
        self._graph.check_writable(f"predictions of deployment {name}: each is logged")
        log = self._log(name)
        made = Predictor(
            serving_folder(self._home) / name,
            name,
            load=self._load,
            clock=self._graph.clock,
            find_given=log.find_given,
            writer=writer,
            background=background,
            when_log_fails=when_log_fails,
        )
        for content, answer in log.given_ids():
            made.remember(content, answer)
        return made

    def _weights(self, name: str) -> Path:
        return weights_folder(self._home, name)

    def _log(self, name: str) -> PredictionLog:
        return PredictionLog(
            serving_folder(self._home) / name,
            name,
            self._tables,
            lambda: None if (cut := self._cut(name, LogPart.PREDICTIONS)) is None else cut.before_at,
        )

    def _cut(self, name: str, part: LogPart) -> LogCut | None:
        with self._graph.records.read() as connection:
            return store.find_cut(connection, name, self._graph.project_id, part)

    def _known(self, name: str) -> KnownIds:
        found = self._known_ids.get(name)
        if found is None:
            log = self._log(name)
            found = self._known_ids[name] = KnownIds(log.folder, self._tables, log.table)
        return found

    def _signature(self, arm: Arm) -> Signature:
        """Of the model that answers; read once, because a version's package never changes."""
        named = (arm.model, arm.version)
        found = self._signatures.get(named)
        if found is None:
            package = self._models.package(self._models.get(*named))
            found = self._signatures[named] = package.signature
        return found

    def _load(self, arm: Arm) -> LoadedArm:
        return OnlineArm(arm, self._models, self._features)

    def _arm(self, name: str, version: ModelVersion, view: FeatureView | None) -> Arm:
        check_version(version, f"version of the {name}")
        if view is not None and not isinstance(view, FeatureView):
            raise InputError.of_kind(
                "a feature view",
                view,
                f"view of the {name}",
                "Pass view=project.features.get_view(name, version), or leave it out.",
            )
        self._graph.check_writable(f"deployment of {version}")
        arm = describe_arm(name, version, view or self._view_of(version))
        self._graph.check_usable(arm.version_id, arm.view_id)
        # What cannot be loaded is refused here, and not by the workers afterwards.
        self._load(arm)
        return arm

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


def _taken(name: str) -> ConflictError:
    return ConflictError(
        expected="a name that is free",
        got=f"deployment {name!r}, which exists",
        where="deployments.create",
        hint=f"To change what it serves: mainspring deployments promote {name} MODEL, or "
        "deployments.get(name).promote(version) in Python.",
    )


__all__ = ["Deployment", "Deployments", "deployed_in", "weights_folder"]
