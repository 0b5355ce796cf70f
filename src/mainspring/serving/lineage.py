"""From a prediction back to what it was made of, and from anything forward to the predictions it touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from mainspring.errors import UnknownNameError
from mainspring.lineage.api import Graph
from mainspring.lineage.spec import Value
from mainspring.serving import store
from mainspring.serving.log import PredictionLog
from mainspring.serving.retention import deleted
from mainspring.serving.spec import ServingContext


class RowReference(Value):
    """One row of a feature group whose value a prediction used.

    Attributes:
        group: what the view calls the group.
        key: the key it was looked up with.
        event_at: the row's event time; None for a group without.
        commit: the number of the commit that the row came with.
        commit_id: the asset of that commit.
        status: what the look-up came to.
    """

    group: str
    key: dict[str, Any]
    event_at: datetime | None
    commit: int
    commit_id: str | None
    status: str


class PredictionTrace(Value):
    """Everything that one logged prediction says about itself.

    Attributes:
        prediction_id, deployment, arm, now, prediction: as logged.
        model, model_version, revision: who answered, under what.
        context: the serving context; None if its records were lost.
        features: untransformed values by name.
        keys, request: as the caller gave them.
        rows: the feature rows whose values were used; groups without a value are left out.
        missing: groups that had no value, with the status of the look-up.
        assets: ids of the assets it hangs on, by role: revision, model_version, package, view, decision …
            and `commit:<group>`.
    """

    prediction_id: str
    deployment: str
    arm: str
    now: datetime
    prediction: float | None
    model: str
    model_version: int
    revision: int
    context: ServingContext | None
    features: dict[str, Any]
    keys: dict[str, Any]
    request: dict[str, Any]
    rows: tuple[RowReference, ...]
    missing: dict[str, str]
    assets: dict[str, str]


class PredictionLineage:
    """Walks between predictions, which are rows, and the assets of the graph.

    Args:
        graph: where the assets are.
        logs: the prediction logs of all deployments, by name; asked anew at every call.
    """

    def __init__(self, graph: Graph, logs: Callable[[], Mapping[str, PredictionLog]]) -> None:
        self._graph = graph
        self._logs = logs

    def find(self, prediction_id: str) -> PredictionTrace | None:
        """The prediction that answered under this id; None if no log has or had it.

        Raises:
            DeletedError: it was deleted; the message says by whom, when and why.
        """
        logs = self._logs()
        for name, log in logs.items():
            found = log.find(prediction_id)
            if found.height:
                return self._trace(name, found.row(0, named=True))
        executions = [each for log in logs.values() for each in log.find_deleted(prediction_id)]
        if executions:
            with self._graph.records.read() as connection:
                for cut in store.cuts_by_execution(connection, executions):
                    raise deleted(cut, f"prediction {prediction_id}")
        return None

    def get(self, prediction_id: str) -> PredictionTrace:
        """As `find`.

        Raises:
            UnknownNameError: no log has or had it.
            DeletedError: it was deleted.
        """
        found = self.find(prediction_id)
        if found is None:
            raise UnknownNameError(
                expected="the id of a logged prediction",
                got=repr(prediction_id),
                where="prediction logs",
                hint="Ids are in the reply of the server, and in deployment.log().",
            )
        return found

    def touched_by(self, asset_ids: Iterable[str]) -> pl.DataFrame:
        """Predictions that used any of these assets themselves.

        These may be commits (of the values used), packages, model versions, views, revisions, or what a
        promotion rested on.

        What lies between (a model trained on a commit) is the graph's to walk: pass what it reaches.

        Returns:
            Columns `prediction_id`, `deployment`, `arm`, `now`, `through` (the role of what it used), by `now`.
        """
        wanted = set(asset_ids)
        parts = [self._touched(name, log, wanted) for name, log in self._logs().items()]
        empty = {"prediction_id": pl.String, "deployment": pl.String, "arm": pl.String}
        none = pl.DataFrame(schema={**empty, "now": pl.Datetime("us", "UTC"), "through": pl.String})
        return pl.concat([none, *parts]).sort("now", "prediction_id", maintain_order=True)

    def _touched(self, deployment: str, log: PredictionLog, wanted: set[str]) -> pl.DataFrame:
        found = log.read()
        contexts = [
            (context.id, arm, role)
            for context in self._contexts(deployment).values()
            for arm in ("champion", "shadow")
            for role, asset_id in context_assets(context, arm).items()
            if asset_id in wanted
        ]
        through = [
            pl.when((pl.col("context_id") == context_id) & (pl.col("arm") == arm)).then(pl.lit(role))
            for context_id, arm, role in contexts
        ]
        prefix = "commit_id_"
        through += [
            pl.when(pl.col(name).is_in(list(wanted))).then(pl.lit("commit:" + name.removeprefix(prefix)))
            for name in found.columns
            if name.startswith(prefix)
        ]
        roles = pl.coalesce(through) if through else pl.lit(None, dtype=pl.String)
        kept = found.with_columns(roles.alias("through")).filter(pl.col("through").is_not_null())
        return kept.select("prediction_id", "deployment", "arm", "now", "through")

    def _contexts(self, deployment: str) -> dict[str, ServingContext]:
        with self._graph.records.read() as connection:
            found = store.get_contexts(connection, deployment, self._graph.project_id)
        return {context.id: context for context in found}

    def _trace(self, deployment: str, row: dict[str, Any]) -> PredictionTrace:
        context = self._contexts(deployment).get(row["context_id"])
        groups = _arm_names(context, row["arm"], "groups")
        used = [group for group in groups if row.get(f"commit_{group}") is not None]
        rows = tuple(_reference(group, row) for group in used)
        assets = {} if context is None else context_assets(context, row["arm"])
        assets.update({f"commit:{item.group}": item.commit_id for item in rows if item.commit_id})
        return PredictionTrace(
            prediction_id=row["prediction_id"],
            deployment=deployment,
            arm=row["arm"],
            now=row["now"],
            prediction=row["prediction"],
            model=row["model"],
            model_version=row["model_version"],
            revision=row["revision"],
            context=context,
            features={name: row.get(name) for name in _arm_names(context, row["arm"], "features")},
            keys=_prefixed("key_", row),
            request=_prefixed("request_", row),
            rows=rows,
            missing={
                group: row[f"status_{group}"]
                for group in groups
                if group not in used and row.get(f"status_{group}") is not None
            },
            assets=assets,
        )


def context_assets(context: ServingContext, arm: str) -> dict[str, str]:
    """Ids of the assets that one arm of a serving context hangs on, by role; empty for an arm it has not."""
    table = context.table
    found = _find_arm(context, arm)
    if found is None:
        return {}
    assets = {
        "revision": context.revision_id,
        "model_version": found["version_id"],
        "package": found["package_id"],
        "view": found["view_id"],
        **table["used"],
    }
    if arm != "champion" and table["rollout_id"]:
        assets["rollout"] = table["rollout_id"]
    return assets


def _reference(group: str, row: dict[str, Any]) -> RowReference:
    lookup = row[f"lookup_{group}"]
    return RowReference(
        group=group,
        key={} if lookup is None else msgspec.json.decode(lookup),
        event_at=row.get(f"event_at_{group}"),
        commit=row[f"commit_{group}"],
        commit_id=row.get(f"commit_id_{group}"),
        status=row[f"status_{group}"],
    )


def _arm_names(context: ServingContext | None, arm: str, field: str) -> list[str]:
    found = _find_arm(context, arm)
    return [] if found is None else list(found[field])


def _find_arm(context: ServingContext | None, arm: str) -> dict[str, Any] | None:
    arms = [] if context is None else context.table["arms"]
    return next((item for item in arms if item["name"] == arm), None)


def _prefixed(prefix: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in row.items()
        if name.startswith(prefix) and value is not None
    }
