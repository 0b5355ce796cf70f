"""Tracking as clients of other tools use it: by numbers, ids and plain values, call by call."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.lineage import Graph
from mainspring.tracking.points import Points
from mainspring.tracking.remote.artifacts import DEFAULT_MAX_BYTES, RemoteArtifacts
from mainspring.tracking.remote.experiments import RemoteExperiments
from mainspring.tracking.remote.find import RemoteFind
from mainspring.tracking.remote.log import RemoteLog
from mainspring.tracking.remote.runs import RemoteRuns


class Remote:
    """What a server of such clients serves. Threads may share it.

    Args:
        root: the URI below which experiments keep their artifacts that name no place of their own.
        allowed: further URIs below which an experiment may.
        max_artifact_bytes: an artifact that is sent through the server may have so many.

    Attributes:
        experiments: made, found and changed.
        runs: begun, ended, resumed, archived.
        log: what they log.
        find: runs as they stand.
        artifacts: files of runs that are kept by the server.
    """

    def __init__(
        self,
        graph: Graph,
        points: Points,
        *,
        root: str,
        allowed: Sequence[str] = (),
        max_artifact_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self.experiments = RemoteExperiments(graph, root)
        self.runs = RemoteRuns(graph, points)
        self.log = RemoteLog(graph, points)
        self.find = RemoteFind(graph, points, root)
        self.artifacts = RemoteArtifacts(graph, self.find, root, allowed, max_bytes=max_artifact_bytes)
