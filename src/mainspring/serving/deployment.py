"""A deployment as users hold it: ask it, change what it serves, read its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import polars as pl
from sqlalchemy.exc import SQLAlchemyError

from mainspring import notebook
from mainspring.errors import MainspringError, StateError
from mainspring.features.view import FeatureView
from mainspring.gates.alias import OvertakenError, until_not_overtaken
from mainspring.lineage.api import Graph
from mainspring.models.spec import ModelVersion
from mainspring.serving import outcomes, retention, store, weights
from mainspring.serving.columns import TIME, group_columns
from mainspring.serving.predictor import Answer
from mainspring.serving.replay import weights_folder
from mainspring.serving.rollback import roll_back
from mainspring.serving.spec import (
    DeploymentRevision,
    LogCounts,
    LogCut,
    LogPart,
    OutcomeCounts,
    Published,
    RolledBack,
    Rollout,
    ServingContext,
)
from mainspring.serving.weights import WeightTable
from mainspring.types import from_us, new_id, to_us, utc

if TYPE_CHECKING:
    from mainspring.serving.api import Deployments

Origin = Literal["human", "controller"]


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

    def _repr_html_(self) -> str:
        table = self.table
        arms = [
            (arm.name, f"{arm.model}/{arm.version}", f"{arm.view}@{arm.view_version}") for arm in table.arms
        ]
        return notebook.panel(
            f"deployment {self.name}",
            notebook.fields(
                {
                    "revision": table.revision,
                    "cause": table.cause,
                    "reason": table.reason,
                    "actor": table.actor,
                    "changed at": from_us(table.changed_us),
                }
            ),
            notebook.table(("arm", "model version", "view"), arms),
        )

    @property
    def table(self) -> WeightTable:
        """What is served now."""
        return weights.read_table(self._folder)

    @property
    def log_table(self) -> str:
        """The name of the columnar table of published predictions, as any engine finds it among the tables."""
        return self._room._log(self.name).table

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
            prediction_id: your name for it; the same id with the same content gets the first answer again, whichever
                process gave it, and is logged once. Holds for the latest 100,000 such ids of a deployment.

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

    def promote(
        self,
        version: ModelVersion,
        view: FeatureView | None = None,
        *,
        environment: str | None = None,
        decision_id: str | None = None,
        reason: str = "",
        origin: Origin = "human",
    ) -> DeploymentRevision:
        """Serve another version, as a new revision; a shadow ends.

        Everything that could refuse it is asked first. The gate's alias moves in the transaction that records the
        revision; if the process dies before that, whoever opens the project next records both.

        Args:
            version, view, environment, decision_id, reason: as for `deployments.create`.
            origin: `controller` is refused while a person's rollback holds.

        Raises:
            InputError: it is no model version or view, or the view lacks features of the model.
            UnknownNameError: no decision of that id on this version.
            RefusedError: the gate of `environment`, or the decision, does not let it through. Only a new ruling
                is stored.
            StateError: a controller's promotion after a person's rollback.
            ConflictError: what is served, or an alias, changed again and again while the gate ruled.
        """
        arm = self._room._champion(version, view)

        def attempt() -> WeightTable:
            # A ruling looks at who carries the aliases, and a change that is not recorded yet may move one.
            self._room.record(self.name)
            seen = self.table
            seen.check_answers()
            weights.check_origin(seen, "promote", origin)
            ruling = self._room._ask(version, environment, decision_id)
            allowed = None if ruling is None else ruling.id
            ruled_at = None if environment is None else seen.epoch
            self._room._check_fresh(ruling)
            following = partial(_promoted, arm=arm, decision_id=allowed, ruled_at=ruled_at)
            return self._change("promote", reason, origin, following)

        table = until_not_overtaken(attempt, f"deployment {self.name!r}")
        return next(made for made in self.revisions() if made.id == table.revision_id)

    def shadow(
        self, version: ModelVersion, view: FeatureView | None = None, *, reason: str = ""
    ) -> WeightTable:
        """Score `version` on every request from now on, without ever answering; logged as arm `shadow`.

        Args:
            view: whose features it takes; None = the view that is served.
            reason: in your words, kept with the change.

        Raises:
            InputError: it is no model version or view, or the view lacks features of the model.
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
        """Stop scoring the shadow; the champion goes on. The reason is kept with the change.

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

        The reason is kept with the change.

        The alias that the promotion moved goes back too, in the transaction that records the rollback, if the
        same gate had let through what is served again.

        The weight table is on disk first, where serving processes see it within 50 ms; the records follow, at
        the next call that reaches them if not now. Until a person promotes again, no controller may. A shadow ends:
        it was a candidate to follow the version that is taken back.

        Raises:
            StateError: there is no earlier revision.
        """
        graph = self._graph
        graph.check_writable(f"deployment {self.name}")
        return roll_back(
            self._folder, graph.clock, actor=graph.actor, reason=reason, record=self._is_recorded
        )

    def _is_recorded(self) -> bool:
        try:
            self._room.record(self.name)
        except (MainspringError, SQLAlchemyError):
            # Whatever keeps the records away must not keep anybody from rolling back.
            return False
        return True

    def _change(
        self,
        cause: Literal["promote", "shadow", "end_shadow", "retire", "resume"],
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
            return msgspec.structs.replace(present, **{**common, **following(present)})

        self._graph.check_writable(f"deployment {self.name}")
        # Before anything changes: where the records cannot be reached, only a rollback is possible.
        self._room.record(self.name)
        table = weights.change(self._folder, build)
        self._room.record(self.name)
        return table

    def retire(self, *, reason: str = "") -> WeightTable:
        """Let nothing answer any more: requests are refused (`deployment.retired`), servers drop what they loaded.

        The reason is kept with the change.

        Its predictions, outcomes and evidence can be read, and outcomes still be posted. It leaves the list of
        deployments, and holds the versions that it served no more. `resume` has it answer again.

        Raises:
            RetiredError: it is retired already.
        """
        return self._change(
            "retire",
            reason,
            "human",
            lambda present: {"arms": (present.champion,), "used": {}, "rollout_id": _ended(present)},
        )

    def resume(self, *, reason: str = "") -> WeightTable:
        """Have a retired deployment answer again, with the version that it served last.

        The reason is kept with the change.

        Raises:
            StateError: it is not retired; or that version, or its view, was archived meanwhile.
            DeletedError: the version's content was deleted meanwhile.
        """
        arm = self.table.champion
        self._graph.check_usable(arm.version_id, arm.view_id)
        self._room._load(arm)

        def following(present: WeightTable) -> dict[str, Any]:
            if not present.is_retired:
                raise StateError(
                    expected="a deployment that is retired",
                    got="one that answers",
                    where=f"deployment {self.name!r}",
                    hint="There is nothing to do.",
                )
            return {"used": {}, "rollout_id": None}

        return self._change("resume", reason, "human", following)

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
        self._room.record(self.name)
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
            InputError: a missing column, a wrong type, a null, a label that the model cannot have, or a time that
                has not come yet. Nothing was stored.
        """
        return self.post_outcomes(outcomes.rows_of(frame, f"outcomes of deployment {self.name!r}"))

    def post_outcomes(self, rows: Sequence[tuple[str, float, datetime]]) -> OutcomeCounts:
        """As `outcomes`, for rows of (prediction id, value, known at; naive = UTC), none of them null."""
        self._graph.check_writable(f"outcomes of deployment {self.name}")
        table = self.table
        signature = self._room._signature(table.champion)
        outcomes.check(rows, signature, self._graph.clock.now(), f"outcomes of deployment {self.name!r}")
        return outcomes.post(self._graph, self.name, table.revision_id, rows, self._knows)

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
            start, end: predictions with start <= `now` < end (naive = UTC); None is no bound.
            outcomes_as_of: only labels known until then (naive = UTC); None = all.

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

    def check_kept(self, start: datetime) -> None:
        """Nothing of the log from `start` (naive = UTC) on was deleted: no prediction, nor what became known of one.

        Raises:
            DeletedError: something was; it says by whom, when and why.
        """
        for part in LogPart:
            cut = self._room._cut(self.name, part)
            # An outcome is received after its prediction was made.
            if cut is not None and utc(start) < cut.before_at:
                raise retention.deleted(cut, f"deployment {self.name!r} from {utc(start).isoformat()}")

    def days_before(self, part: LogPart, before: datetime) -> dict[date, int]:
        """How many predictions were logged, or outcomes received, on each day (UTC) before a moment, oldest first.

        The part says which of the two. Rows are counted: a prediction that was logged twice, or with its shadow,
        counts twice.
        """
        return retention.days_before(self._graph, self._room._log(self.name), self.name, part, before)

    def give_up(self, part: LogPart, before: datetime, *, reason: str) -> LogCut | None:
        """Delete the predictions that were made, or the outcomes that were received, before a day; None if none were.

        An execution with a receipt: how many, on which days, by whom, when and why. That a prediction was is
        remembered: asking for it answers `content.deleted`. Bytes of predictions go with a later `gc`.

        Args:
            part: predictions or outcomes.
            before: the beginning of a day in UTC, on the project clock.
            reason: in your words; kept for ever.

        Raises:
            InputError: no reason, or not the beginning of a past day.
            PinnedError: the deployment is pinned.
        """
        self._graph.check_writable(f"{part.value} of deployment {self.name}")
        self.publish_log()
        log = self._room._log(self.name)
        cut = retention.give_up(self._graph, log, self.name, self.table.revision_id, part, before, reason)
        self.give_up_rows()
        return cut

    def give_up_rows(self) -> int:
        """Take deleted predictions out of the table; returns how many rows. Doing it again changes nothing.

        `give_up` ends with it: it is for what a process that died in between has left.
        """
        return self._room._log(self.name).give_up_rows()

    def publish_log(self) -> Published:
        """Move what is logged into the table `log_table`, save what others are still writing to."""
        self._graph.check_writable(f"prediction log of {self.name}")
        predictor = self._room._predictors.get(self.name)
        if predictor is not None:
            predictor.log.rotate()
        self._room.record(self.name)
        return self._room._log(self.name).publish()

    def log_counts(self) -> LogCounts:
        """How many predictions are logged, waiting and lost."""
        return self._room._log(self.name).counts()


def _promoted(
    present: WeightTable, arm: weights.Arm, decision_id: str | None, ruled_at: int | None
) -> dict[str, Any]:
    """What a promotion changes; `ruled_at` is the epoch that a ruling was made in, None without one."""
    if ruled_at is not None and present.epoch != ruled_at:
        raise OvertakenError
    return {
        "revision_id": new_id(),
        "revision": present.revision + 1,
        "arms": (arm,),
        "used": {} if decision_id is None else {"decision": decision_id},
        "held": False,
        "rollout_id": _ended(present),
    }


def _ended(present: WeightTable) -> str | None:
    """The rollout that ends with the present table; None if none is under way."""
    return present.rollout_id if present.find_arm("shadow") else None


def _complete(frame: pl.DataFrame, table: WeightTable) -> pl.DataFrame:
    """With a null column for every feature and group that never had a value."""
    due: dict[str, Any] = {}
    for arm in table.arms:
        due.update(dict.fromkeys(arm.features, pl.Float64()))
        for group in arm.groups:
            due.update(group_columns(group))
    missing = [pl.lit(None, dtype=due[name]).alias(name) for name in due if name not in frame.columns]
    return frame.with_columns(missing)
