"""The asset graph: assets, the executions that made them, events and evidence."""

from mainspring.lineage.api import Graph
from mainspring.lineage.publication import Publication
from mainspring.lineage.spec import (
    Asset,
    AssetKind,
    Code,
    Direction,
    Event,
    Evidence,
    Execution,
    ExecutionState,
    Link,
    Subgraph,
    Verdict,
)

__all__ = [
    "Asset",
    "AssetKind",
    "Code",
    "Direction",
    "Event",
    "Evidence",
    "Execution",
    "ExecutionState",
    "Graph",
    "Link",
    "Publication",
    "Subgraph",
    "Verdict",
]
