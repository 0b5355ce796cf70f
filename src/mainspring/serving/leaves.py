"""Predictions as leaves of the asset graph."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.lineage.trace import Leaf, SourceRow
from mainspring.serving.lineage import PredictionLineage, RowReference


class PredictionLeaves:
    """What the prediction logs offer to `project.lineage`."""

    kind = "prediction"

    def __init__(self, predictions: PredictionLineage) -> None:
        self._predictions = predictions

    def find(self, leaf_id: str) -> Leaf | None:
        """The prediction of that id; None if no log has or had it.

        Raises:
            DeletedError: it was deleted.
        """
        trace = self._predictions.find(leaf_id)
        if trace is None:
            return None
        plain = trace.model_dump(mode="json")
        told = ("deployment", "arm", "now", "prediction", "model", "model_version", "revision")
        return Leaf(
            id=leaf_id,
            kind=self.kind,
            parents=trace.assets,
            rows=tuple(_source_row(item) for item in trace.rows if item.commit_id),
            values={
                **{name: plain[name] for name in told},
                "keys": plain["keys"],
                "request": plain["request"],
                "features": plain["features"],
                "missing": plain["missing"],
            },
        )

    def touched_by(self, asset_ids: Sequence[str]) -> Sequence[str]:
        """Ids of predictions, of any arm, that hang on any of these assets; in the order they were made."""
        found = self._predictions.touched_by(asset_ids)
        ids: list[str] = found["prediction_id"].unique(maintain_order=True).to_list()
        return ids


def _source_row(item: RowReference) -> SourceRow:
    plain = item.model_dump(mode="json")
    return SourceRow(
        table=item.group,
        commit_id=item.commit_id or "",
        key={**plain["key"], **({"event_time": plain["event_at"]} if item.event_at else {})},
        values={"status": item.status, "commit": item.commit},
    )
