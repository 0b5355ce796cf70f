"""Artifacts as clients of other tools name them: by a path among all that the server keeps, or by a run and a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mainspring.errors import StateError, UnknownNameError
from mainspring.lineage import Graph
from mainspring.ports.blobs import Stage
from mainspring.tracking.artifacts.api import RunArtifacts
from mainspring.tracking.artifacts.locations import PROXIED, Owner, read_folder, read_location, read_place
from mainspring.tracking.artifacts.uploads import Uploads
from mainspring.tracking.remote.find import RemoteFind

DEFAULT_MAX_BYTES: Final = 1 << 40


class RemoteArtifacts:
    """Threads may share it.

    Args:
        root: the URI below which experiments keep their artifacts that name no place of their own.
        allowed: further URIs below which they may.

    Attributes:
        uploads: files that are sent in parts.
        max_bytes: a file may have so many.
    """

    def __init__(
        self, graph: Graph, find: RemoteFind, root: str, allowed: Sequence[str], *, max_bytes: int
    ) -> None:
        self._graph = graph
        self._find = find
        self._allowed = (root, *allowed)
        self.uploads = Uploads(graph)
        self.max_bytes = max_bytes

    def stage(self) -> Stage:
        """Begin a file whose bytes come in pieces."""
        return self._graph.blobs.stage()

    def at(self, path: str) -> tuple[RunArtifacts, str]:
        """Whose artifacts a path is among, and the path in these.

        Args:
            path: `<prefix>/<run id>/artifacts/<path>`, as the run's artifact URI says.

        Raises:
            InputError: it could lead anywhere else.
            UnknownNameError: it is among nobody's.
        """
        for place in read_place(path, "artifact"):
            if place.owner is not Owner.RUN:
                continue
            prefix = f"{PROXIED}:/{place.prefix}".removesuffix("/")
            if self._find.find_artifact_uri(place.owner_id) == f"{prefix}/{place.owner_id}/artifacts":
                return RunArtifacts(self._graph, place.owner_id), place.path
        raise UnknownNameError(
            expected="a path below the artifact URI of a run of this project",
            got=repr(path),
            where="artifact",
            hint="It is EXPERIMENT/RUN/artifacts and the path in the run; `runs/get` tells a run's artifact URI.",
        )

    def of(self, run_id: str) -> tuple[str, RunArtifacts]:
        """A run's artifact URI and its artifacts.

        Raises:
            UnknownNameError: there is no such run.
            StateError: its clients keep them elsewhere by themselves.
        """
        uri = self._find.artifact_uri(run_id)
        if not uri.startswith(f"{PROXIED}:"):
            raise StateError(
                expected=f"artifacts that this server keeps ({PROXIED}:)",
                got=uri,
                where=f"The run {run_id}",
                hint="Clients write and read them there themselves; the server does not look.",
            )
        return uri, RunArtifacts(self._graph, run_id)

    def location(self, given: str) -> str:
        """Where an experiment may keep its artifacts, in its plainest form; a relative folder is its clients' own.

        Raises:
            InputError: it may not.
        """
        if ":" not in given and not given.startswith("/"):
            return read_folder(given, "artifact_location")
        return read_location(given, self._allowed, "artifact_location")
