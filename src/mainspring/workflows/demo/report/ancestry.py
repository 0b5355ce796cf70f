"""The lineage of one prediction as boxes and arrows, from the data that taught its model to the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from mainspring.lineage import Asset, AssetKind, Leaf, SourceRow
from mainspring.workflows.demo.drawing import Box, draw
from mainspring.workflows.demo.explain import Explained
from mainspring.workflows.demo.world import World

HEADS: Final = (
    "learnt from",
    "data, code, people",
    "run",
    "model and gate",
    "deployment and rows read",
    "prediction",
)
"""Of the columns of boxes, from the left."""


def ancestry(world: World, explained: Explained) -> str:
    """The picture, as an SVG."""
    leaf = explained.origin.leaf
    assert leaf is not None
    version = explained.origin.graph.assets[leaf.parents["model_version"]]
    drawn = _Ancestry(explained)
    drawn.add_data(world.project.models.get(version.name, int(version.attributes["number"])).dataset_id)
    drawn.add_training(version)
    drawn.add_deployment(leaf)
    for row in leaf.rows:
        drawn.add_row(row)
    drawn.boxes.append(Box("answer", 5, f"{leaf.values['prediction']:.3f}", leaf.id, "answer"))
    return draw(drawn.boxes, drawn.arrows, list(HEADS), f"Lineage of prediction {leaf.id}")


class _Ancestry:
    """Collects the boxes, and the arrows between them."""

    def __init__(self, explained: Explained) -> None:
        self._graph = explained.origin.graph
        self.boxes: list[Box] = []
        self.arrows: list[tuple[str, str]] = []

    def add_data(self, dataset_id: str | None) -> None:
        """The training dataset, and by group the commits that it was made from."""
        data = self._graph.assets.get(dataset_id or "")
        if data is None:
            return
        names = [asset.name for asset in self._inputs(data) if asset.kind is AssetKind.COMMIT]
        for name in sorted(set(names)):
            count = names.count(name)
            self.boxes.append(Box(f"taught-{name}", 0, name, f"{count} commit{'s' * (count != 1)}", "data"))
            self.arrows.append((f"taught-{name}", "data"))
        n_rows = sum(data.attributes["counts"].values())
        self.boxes.append(
            Box("data", 1, "training dataset", f"{n_rows:,} rows · {(data.digest or '')[:8]}", "data")
        )
        self.arrows.append(("data", "run"))

    def add_training(self, version: Asset) -> None:
        """The code, who ran it, the run and the model version that came of it."""
        work = self._graph.executions[version.execution_id]
        code = f"commit {work.code_commit[:8]}" if work.code_commit else f"digest {work.code_digest[:8]}"
        run = next((asset.name for asset in self._inputs(version) if asset.kind is AssetKind.RUN), "")
        package = f"package {version.attributes['package_digest'][:8]}"
        self.boxes += [
            Box("code", 1, "code", code, "work"),
            Box("who", 1, "who", work.actor, "work"),
            Box("run", 2, "run", run, "work"),
            Box("version", 3, f"{version.name} {version.attributes['number']}", package, "model"),
        ]
        self.arrows += [("code", "run"), ("who", "run"), ("run", "version")]

    def add_deployment(self, leaf: Leaf) -> None:
        """The revision that answered, and the gate that let it."""
        decision = self._graph.assets.get(leaf.parents.get("decision", ""))
        if decision is not None:
            n_checks = sum(asset.kind is AssetKind.EVIDENCE for asset in self._inputs(decision))
            self.boxes.append(Box("gate", 3, "gate: production", f"{n_checks} pieces of evidence", "rule"))
            self.arrows.append(("gate", "revision"))
        self.boxes.append(Box("revision", 4, "deployment", f"revision {leaf.values['revision']}", "model"))
        self.arrows += [("version", "revision"), ("revision", "answer")]

    def add_row(self, row: SourceRow) -> None:
        """A stored row that the answer's features came from."""
        key = " ".join(str(value) for name, value in row.key.items() if name != "event_time")
        moment = row.key.get("event_time")
        when = f" {datetime.fromisoformat(moment):%H:%M}Z" if moment else ""
        told = f"{key}{when} · commit {row.values['commit']}"
        self.boxes.append(Box(f"row-{row.table}", 4, row.table, told, "data"))
        self.arrows.append((f"row-{row.table}", "answer"))

    def _inputs(self, made: Asset) -> list[Asset]:
        """What the execution that made an asset used, as far as the walk reached it."""
        return [
            self._graph.assets[link.asset_id]
            for link in self._graph.links
            if link.execution_id == made.execution_id
            and link.direction.value == "input"
            and link.asset_id in self._graph.assets
        ]
