"""Runs as they stand, one or a page of them, with what they logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection

from mainspring.lineage import Graph, marks
from mainspring.ports.records.among import among
from mainspring.tracking import store
from mainspring.tracking.grammar import RUNS, Clause, Order, parse_filter, parse_order
from mainspring.tracking.points import Points
from mainspring.tracking.remote.spec import InputFound, Query, RunFound, Shown
from mainspring.tracking.search import Here, runs_where
from mainspring.tracking.store import experiments, no_run, runs


class RemoteFind:
    """Threads may share it.

    Args:
        root: the URI below which experiments keep their artifacts that name no place of their own.
    """

    def __init__(self, graph: Graph, points: Points, root: str) -> None:
        self._graph = graph
        self._points = points
        self._root = root

    def get(self, run_id: str) -> RunFound:
        """The run of that id, archived or not.

        Raises:
            UnknownNameError: there is none.
        """
        with self._graph.records.read() as connection:
            rows = self._rows(connection, [], [], [runs.c.id == run_id], 1, 0)
        if not rows:
            raise store.no_run(run_id)
        return self._whole(rows)[0]

    def find_artifact_uri(self, run_id: str) -> str | None:
        """Below which URI a run keeps its artifacts; None if there is no such run."""
        with self._graph.records.read() as connection:
            rows = self._rows(connection, [], [], [runs.c.id == run_id], 1, 0)
        return run_found(rows[0]).artifact_uri if rows else None

    def artifact_uri(self, run_id: str) -> str:
        """Below which URI a run keeps its artifacts.

        Raises:
            UnknownNameError: there is no such run.
        """
        found = self.find_artifact_uri(run_id)
        if found is None:
            raise no_run(run_id)
        return found

    def search(self, experiment_numbers: Sequence[int], query: Query) -> tuple[list[RunFound], bool]:
        """One page of the runs of these experiments, and whether there are more.

        Raises:
            InputError: the filter or the order is not of the language.
        """
        clauses = parse_filter(query.filter, RUNS)
        orders = [parse_order(each, RUNS) for each in query.order]
        project_id = self._graph.project_id
        where: list[ColumnElement[bool]] = [experiments.c.number.in_(list(experiment_numbers))]
        is_visible = marks.visible(runs.c.id, project_id) & marks.visible(experiments.c.id, project_id)
        if query.shown is not Shown.ALL:
            where.append(is_visible if query.shown is Shown.ACTIVE else ~is_visible)
        with self._graph.records.read() as connection:
            rows = self._rows(connection, clauses, orders, where, query.limit + 1, query.offset)
        return self._whole(rows[: query.limit]), len(rows) > query.limit

    def _rows(
        self,
        connection: Connection,
        clauses: Sequence[Clause],
        orders: Sequence[Order],
        where: Sequence[ColumnElement[bool]],
        limit: int,
        offset: int,
    ) -> Sequence[Any]:
        named = [*(each.entity for each in clauses), *(each.entity for each in orders)]
        wants_points = "metric" in named
        points = self._points.beside(connection) if wants_points else None
        here = Here(self._graph.project_id, self._graph.records.dialect, points, self._root)
        statement = runs_where(here, clauses, orders).where(*where).limit(limit).offset(offset)
        return connection.execute(statement).all()

    def _whole(self, rows: Sequence[Any]) -> list[RunFound]:
        found = {row[0]: run_found(row) for row in rows}
        ids = list(found)
        if not ids:
            return []
        with self._graph.records.read() as connection:
            for run_id, key, text in connection.execute(
                store.param_texts.where(among(store.params.c.run_id, ids))
            ):
                found[run_id].params.append((key, text))
            for each, dataset in store.inputs_of(connection, ids):
                found[each.run_id].inputs.append(InputFound(dataset, each.tags))
        for run_id, points in self._points.last_points(ids).items():
            found[run_id].metrics.extend(points)
        return list(found.values())


def run_found(row: Sequence[Any]) -> RunFound:
    """A row of `runs_where`, without what the run logged."""
    return RunFound(
        id=row[0],
        name=row[1],
        experiment=row[2],
        user=row[3],
        status=row[4],
        start_ms=row[5],
        end_ms=row[6],
        artifact_uri=row[7],
        tags=row[8],
        is_active=bool(row[9]),
    )
