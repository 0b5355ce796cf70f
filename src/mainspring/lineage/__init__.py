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
from mainspring.lineage.trace import Impact, Leaf, Leaves, Lineage, Origin, SourceRow

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
    "Impact",
    "Leaf",
    "Leaves",
    "Lineage",
    "Link",
    "Origin",
    "Publication",
    "SourceRow",
    "Subgraph",
    "Verdict",
]
