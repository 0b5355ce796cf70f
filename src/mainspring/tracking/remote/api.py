"""Tracking as clients of other tools use it: by numbers, ids and plain values, call by call."""

from __future__ import annotations

from mainspring.lineage import Graph
from mainspring.tracking.points import Points
from mainspring.tracking.remote.experiments import RemoteExperiments
from mainspring.tracking.remote.find import RemoteFind
from mainspring.tracking.remote.log import RemoteLog
from mainspring.tracking.remote.runs import RemoteRuns


class Remote:
    """What a server of such clients serves. Threads may share it.

    Args:
        root: the URI below which experiments keep their artifacts that name no place of their own.

    Attributes:
        experiments: made, found and changed.
        runs: begun, ended, resumed, archived.
        log: what they log.
        find: runs as they stand.
    """

    def __init__(self, graph: Graph, points: Points, *, root: str) -> None:
        self.experiments = RemoteExperiments(graph, root)
        self.runs = RemoteRuns(graph, points)
        self.log = RemoteLog(graph, points)
        self.find = RemoteFind(graph, points, root)
