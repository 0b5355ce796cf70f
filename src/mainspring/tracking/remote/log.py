"""What runs log call by call: parameters, metric points, tags, and the data that they used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, exists, select

from mainspring.errors import ConflictError, UnknownNameError
from mainspring.lineage import AssetKind, Graph, marks
from mainspring.lineage.spec import MarkKind
from mainspring.ports.records.prepared import Prepared
from mainspring.tracking import store
from mainspring.tracking.points import Place, Point, Points
from mainspring.tracking.remote.refusals import not_active
from mainspring.tracking.remote.spec import NAME_TAG
from mainspring.tracking.spec import Dataset, Param, RunInput
from mainspring.types import digest, new_id

HISTORY_AT_ONCE: Final = 25_000
_IN_USE: Final = Prepared(
    select(
        ~exists().where(
            marks.marks.c.project_id == bindparam("project"),
            marks.marks.c.subject_id == bindparam("run"),
            # No list: a prepared statement has none.
            (marks.marks.c.kind == MarkKind.ARCHIVED.value) | (marks.marks.c.kind == MarkKind.DELETED.value),
        )
    )
    .select_from(store.runs)
    .where(store.runs.c.id == bindparam("run"), store.runs.c.project_id == bindparam("project"))
)
DatasetTold = tuple[str, str, str, str, str | None, str | None]
"""Name, digest, source type, source, schema, profile."""


class RemoteLog:
    """Threads may share it."""

    def __init__(self, graph: Graph, points: Points) -> None:
        self._graph = graph
        self._points = points

    def log(
        self,
        run_id: str,
        *,
        points: Sequence[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write parameters and tags, all or none; then metric points, all or none. What is there already stays.

        Raises:
            UnknownNameError: there is no such run.
            StateError: it is archived.
            ConflictError: a parameter was logged before with another value. Nothing was written.
            FencedError: the run was called lost. Nothing was written.
        """
        if params or tags:
            with self._graph.records.write() as connection:
                self._check_in_use(connection, run_id)
                self._add_params(connection, run_id, params or {})
                if tags:
                    self._set_tags(connection, run_id, tags)
        else:
            with self._graph.records.read() as connection:
                self._check_in_use(connection, run_id)
        if points:
            self._points.add(run_id, points)

    def _check_in_use(self, connection: Connection, run_id: str) -> None:
        found = _IN_USE.ask_all(connection, {"run": run_id, "project": self._graph.project_id})
        if not found:
            raise store.no_run(run_id)
        if not found[0][0]:
            raise not_active(run_id)

    def _add_params(self, connection: Connection, run_id: str, params: Mapping[str, str]) -> None:
        given = [
            Param(run_id=run_id, key=key, value=value, digest=digest(value)) for key, value in params.items()
        ]
        others = store.add_params(connection, self._graph.records, given, self._graph.project_id)
        if others:
            there = others[0]
            raise ConflictError(
                expected=f"{there.key} = {there.value!r}, as logged before",
                got=f"{params[there.key]!r}",
                where=f"Changing param values is not allowed. Run {run_id}, param {there.key!r}",
                hint="Nothing of this call was written. Log it under another key, or in another run.",
            )

    def _set_tags(self, connection: Connection, run_id: str, tags: Mapping[str, str | None]) -> None:
        store.set_tags(connection, run_id, tags)
        name = tags.get(NAME_TAG)
        if name:
            store.set_name(connection, run_id, name)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Take a tag away.

        Raises:
            UnknownNameError: there is no such run, or it has no such tag.
            StateError: the run is archived.
        """
        with self._graph.records.write() as connection:
            self._check_in_use(connection, run_id)
            row = store.find_run_row(connection, self._graph.project_id, run_id)
            there = {} if row is None else row.tags
            if key not in there:
                raise UnknownNameError.of(
                    "tag", key, there, f"No tag with name: {key} in run with id {run_id}"
                )
            store.set_tags(connection, run_id, {key: None})

    def use(self, run_id: str, given: Sequence[tuple[DatasetTold, Mapping[str, str]]]) -> None:
        """Say which datasets a run used, and what each is to it. Said again it is the same as once.

        A dataset that nobody described so before becomes an asset of kind source.

        Raises:
            UnknownNameError: there is no such run.
            StateError: it is archived.
        """
        graph = self._graph
        wanted = [(_described(told), dict(tags)) for told, tags in given]
        with graph.records.read() as connection:
            self._check_in_use(connection, run_id)
            known = store.datasets_of(connection, graph.project_id, [each.content for each, _ in wanted])
        new = {each.content: each for each, _ in wanted if each.content not in known}
        if not new:
            with graph.records.write() as connection:
                self._add_inputs(connection, run_id, wanted)
            return

        def write(connection: Connection) -> None:
            self._check_in_use(connection, run_id)
            store.add_datasets(connection, graph.records, list(new.values()), graph.project_id)
            self._add_inputs(connection, run_id, wanted)

        with graph.execution("describe", f"data of run {run_id}") as work:
            for each in new.values():
                work.add(
                    AssetKind.SOURCE,
                    each.name,
                    digest=each.content,
                    attributes={"digest": each.digest, "source_type": each.source_type},
                    asset_id=each.asset_id,
                    role=each.asset_id,
                )
            work.write(write)

    def _add_inputs(
        self, connection: Connection, run_id: str, wanted: Sequence[tuple[Dataset, dict[str, str]]]
    ) -> None:
        project_id = self._graph.project_id
        there = store.datasets_of(connection, project_id, [each.content for each, _ in wanted])
        inputs = {
            there[each.content]: RunInput(run_id=run_id, asset_id=there[each.content], tags=tags)
            for each, tags in wanted
        }
        store.add_inputs(connection, self._graph.records, list(inputs.values()), project_id)

    def history(
        self, run_id: str, key: str, after: Place | None, limit: int
    ) -> tuple[list[Point], Place | None]:
        """A page of a metric's points in the order of step and time, and the place to go on from; None = that was all.

        Raises:
            UnknownNameError: there is no such run.
        """
        self.check_there([run_id])
        found = self._points.history(run_id, key, after, limit + 1)
        page = found[:limit]
        return [point for point, _ in page], (page[-1][1] if len(found) > limit else None)

    def whole_history(self, run_id: str, key: str) -> Iterator[Point]:
        """Every point of a metric, in the order of step and time."""
        after: Place | None = None
        while found := self._points.history(run_id, key, after, HISTORY_AT_ONCE):
            yield from (point for point, _ in found)
            after = found[-1][1]

    def check_there(self, run_ids: Sequence[str]) -> None:
        """Every one of these runs exists, archived or not.

        Raises:
            UnknownNameError: one does not.
        """
        with self._graph.records.read() as connection:
            known = store.known_runs(connection, self._graph.project_id, run_ids)
        for run_id in run_ids:
            if run_id not in known:
                raise store.no_run(run_id)


def _described(told: DatasetTold) -> Dataset:
    name, digest_told, source_type, source, schema, profile = told
    return Dataset(
        asset_id=new_id(),
        name=name,
        digest=digest_told,
        source_type=source_type,
        source=source,
        schema_text=schema,
        profile=profile,
        content=digest(list(told)),
    )
