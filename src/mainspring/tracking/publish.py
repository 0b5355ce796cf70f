"""What a finished run leaves in the asset graph."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mainspring.lineage import AssetKind, Publication
from mainspring.tracking.spec import Artifact


@dataclass(frozen=True)
class RunMade:
    """What is told of a run when it has finished.

    Attributes:
        asset_id: the id that its asset gets.
        metrics: the last value of each.
        published: ids of assets that artifacts are already.
    """

    name: str
    experiment: str
    number: int
    asset_id: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    artifacts: Iterable[Artifact]
    published: Collection[str] = ()


def publish_run(work: Publication, run_id: str, made: RunMade) -> None:
    """Add the run's asset, those of its artifacts, and the event that says that it finished, to its publication."""
    artifacts = sorted(made.artifacts, key=lambda artifact: artifact.name)
    for artifact in (each for each in artifacts if each.asset_id not in made.published):
        work.add(
            AssetKind.ARTIFACT,
            artifact.name,
            digest=artifact.sha256,
            attributes={"size_bytes": artifact.size_bytes, "run_id": run_id},
            asset_id=artifact.asset_id,
            role=artifact.name,
        )
    attributes = {
        "experiment": made.experiment,
        "number": made.number,
        "params": dict(made.params),
        "metrics": {key: json_number(number) for key, number in sorted(made.metrics.items())},
        "artifacts": {artifact.name: artifact.sha256 for artifact in artifacts},
    }
    work.add(AssetKind.RUN, made.name, attributes=attributes, asset_id=made.asset_id)
    work.event("run.finished", made.asset_id, {"experiment": made.experiment, "number": made.number})


def json_number(number: float) -> float | str:
    """JSON has neither NaN nor infinities."""
    return number if math.isfinite(number) else repr(number)
