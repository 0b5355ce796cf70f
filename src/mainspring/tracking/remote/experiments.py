"""Experiments, as clients of other tools make, find and change them: by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from mainspring.errors import UnknownNameError
from mainspring.lineage import Graph, marks, names
from mainspring.lineage.names import Name
from mainspring.lineage.spec import Noun
from mainspring.tracking import store
from mainspring.tracking.grammar import EXPERIMENTS, parse_filter, parse_order
from mainspring.tracking.remote.archive import Parts, archive, unarchive
from mainspring.tracking.remote.refusals import experiment_exists, experiment_not_active, no_experiment
from mainspring.tracking.remote.spec import ExperimentFound, Query, Shown
from mainspring.tracking.search import Here, experiments_where
from mainspring.tracking.spec import Experiment
from mainspring.types import new_id

DEFAULT_NAME: Final = "Default"
"""What experiment 0 is called: the one of clients that name none."""


class RemoteExperiments:
    """Threads may share it.

    Args:
        root: the URI below which experiments keep their artifacts that name no place of their own.
    """

    def __init__(self, graph: Graph, root: str) -> None:
        self._graph = graph
        self._here = Here(graph.project_id, graph.records.dialect, None, root)

    def ensure_default(self) -> None:
        """Have an experiment 0."""
        records, project_id = self._graph.records, self._graph.project_id
        with records.read() as connection:
            if store.find_experiment_numbered(connection, 0, project_id) is not None:
                return
        wanted = Experiment(id=new_id(), number=0, name=DEFAULT_NAME, created_at=datetime.now(UTC))
        with records.write() as connection:
            names.hold(records, connection, Noun.EXPERIMENT, project_id)
            store.add_experiment(connection, records, wanted, project_id)

    def create(self, name: str, location: str | None, tags: Mapping[str, str]) -> int:
        """Make an experiment; its number.

        Args:
            location: the URI below which its runs keep their artifacts; None = the server's own place.

        Raises:
            ConflictError: an experiment has or had that name.
        """
        records, project_id = self._graph.records, self._graph.project_id
        with records.write() as connection:
            names.hold(records, connection, Noun.EXPERIMENT, project_id)
            there = store.find_experiment(connection, project_id, name)
            if there is not None:
                is_active = marks.is_visible(connection, there.id, project_id)
                raise experiment_exists(name, "active" if is_active else "deleted")
            wanted = Experiment(
                id=new_id(),
                number=store.next_experiment_number(connection, project_id),
                name=name,
                created_at=datetime.now(UTC),
                artifact_location=location,
                tags=dict(tags),
            )
            store.add_experiment(connection, records, wanted, project_id)
        return wanted.number

    def get(self, number: int) -> ExperimentFound:
        """The experiment of that number, archived or not.

        Raises:
            UnknownNameError: there is none.
        """
        found = self._search(Query(Shown.ALL, f"experiment_id = '{number}'", (), 1, 0))
        if not found:
            raise no_experiment(f"id={number}")
        return found[0]

    def get_by_name(self, name: str) -> ExperimentFound:
        """The experiment that has or had that name, archived or not.

        Raises:
            UnknownNameError: there is none.
        """
        with self._graph.records.read() as connection:
            found = store.find_experiment(connection, self._graph.project_id, name)
        if found is None:
            raise no_experiment(f"name={name!r}")
        return self.get(found.number)

    def search(self, query: Query) -> tuple[list[ExperimentFound], bool]:
        """One page, and whether there are more.

        Raises:
            InputError: the filter or the order is not of the language.
        """
        found = self._search(query)
        return found[: query.limit], len(found) > query.limit

    def _search(self, query: Query) -> list[ExperimentFound]:
        clauses = parse_filter(query.filter, EXPERIMENTS)
        orders = [parse_order(each, EXPERIMENTS) for each in query.order]
        statement = experiments_where(self._here, clauses, orders)
        if query.shown is not Shown.ALL:
            is_visible = marks.visible(store.experiments.c.id, self._graph.project_id)
            statement = statement.where(is_visible if query.shown is Shown.ACTIVE else ~is_visible)
        statement = statement.limit(query.limit + 1).offset(query.offset)
        with self._graph.records.read() as connection:
            return [_found(row) for row in connection.execute(statement)]

    def set_tags(self, number: int, changes: Mapping[str, str | None]) -> None:
        """Set tags, or take those away whose value is None.

        Raises:
            UnknownNameError: there is no such experiment, or it has no such tag.
            StateError: it is archived.
        """
        with self._graph.records.write() as connection:
            found = self._active(connection, number)
            for key in (key for key, value in changes.items() if value is None and key not in found.tags):
                raise UnknownNameError.of("tag", key, found.tags, f"No tag with name: {key}")
            store.change_experiment_tags(connection, found.id, changes)

    def rename(self, number: int, new_name: str) -> None:
        """Call an experiment otherwise; its former name leads to it for ever.

        Raises:
            UnknownNameError: there is no such experiment.
            StateError: it is archived.
            ConflictError: another has or had the name.
        """
        graph = self._graph
        before = self.get(number)
        if before.name == new_name:
            return
        told = {"name": before.name, "new_name": new_name, "reason": ""}
        parameters = {"noun": Noun.EXPERIMENT.value, "id": before.id, **told}

        def give(connection: Connection) -> None:
            names.hold(graph.records, connection, Noun.EXPERIMENT, graph.project_id)
            found = self._active(connection, number)
            other = store.find_experiment(connection, graph.project_id, new_name)
            if other is not None and other.id != found.id:
                raise experiment_exists(new_name, "another")
            lasting, called = names.resolve(connection, Noun.EXPERIMENT, graph.project_id, found.name)
            given = Name(
                noun=Noun.EXPERIMENT,
                name=new_name,
                lasting=lasting,
                is_current=True,
                actor=graph.actor,
                execution_id=work.id,
                named_at=graph.clock.now(),
            )
            names.give(graph.records, connection, given, called, graph.project_id)
            store.change_experiment_tags(connection, found.id, {})

        with graph.execution("rename", f"experiment {before.name}", parameters=parameters) as work:
            work.event("experiment.renamed", before.id, told)
            work.write(give)

    def archive(self, number: int) -> None:
        """Hide an experiment with its runs from lists and refuse it for new use.

        Raises:
            UnknownNameError: there is none in use.
        """
        graph, found = self._graph, self.get(number)
        if not found.is_active:
            raise no_experiment(f"id={number}", "in use")

        def parts(connection: Connection) -> Parts:
            return store.parts_of_experiment(connection, graph.project_id, found.name)

        archive(graph, Noun.EXPERIMENT, found.id, found.name, parts)

    def restore(self, number: int) -> None:
        """Take an archiving back, of the experiment and of what was archived with it.

        Raises:
            UnknownNameError: there is none that is archived.
        """
        graph, found = self._graph, self.get(number)
        refused = no_experiment(f"id={number}", "deleted")
        unarchive(graph, Noun.EXPERIMENT, found.id, found.name, refused)

    def _active(self, connection: Connection, number: int) -> Experiment:
        found = store.find_experiment_numbered(connection, number, self._graph.project_id)
        if found is None:
            raise no_experiment(f"id={number}")
        if not marks.is_visible(connection, found.id, self._graph.project_id):
            raise experiment_not_active(number)
        return found


def _found(row: Sequence[Any]) -> ExperimentFound:
    return ExperimentFound(
        id=row[0],
        number=row[1],
        name=row[2],
        location=row[3],
        is_active=bool(row[4]),
        made_ms=row[5],
        changed_ms=row[6],
        tags=row[7],
    )
