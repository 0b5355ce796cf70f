"""The asset graph as rooms and users call it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from mainspring.errors import FencedError, UnknownNameError
from mainspring.lineage import lease, log, marks, store
from mainspring.lineage.enclosing import enclosing, within
from mainspring.lineage.leases import DEFAULT_TTL_S, Leases, why
from mainspring.lineage.log import Scope
from mainspring.lineage.publication import Publication, whole_lost
from mainspring.lineage.spec import (
    Asset,
    AssetKind,
    Code,
    Direction,
    Event,
    EventFilter,
    Evidence,
    Execution,
    ExecutionState,
    Lease,
    Mark,
    MarkKind,
    Subgraph,
)
from mainspring.lineage.walk import walk
from mainspring.lineage.work import Work, gather
from mainspring.ports.blobs import Blobs
from mainspring.ports.clock import Clock
from mainspring.ports.read_only import refused
from mainspring.ports.records import Records
from mainspring.types import new_id


class Graph:
    """One project's assets, executions, events and evidence.

    Threads may share it. Every room writes through `execution`, and nothing exists outside the graph.

    Attributes:
        actor: who acts through this object: `user:NAME` or `service:NAME`.
        on_behalf_of: for whom a service acts; None where it acts for itself.
        leases: what this process is at work on, and what others are.
    """

    def __init__(
        self,
        *,
        records: Records,
        blobs: Blobs,
        clock: Clock,
        project_id: str,
        actor: str,
        code: Callable[[], Code],
        on_behalf_of: str | None = None,
        lease_ttl_s: float = DEFAULT_TTL_S,
    ) -> None:
        self.records = records
        self.blobs = blobs
        self.clock = clock
        self.project_id = project_id
        self.actor = actor
        self.on_behalf_of = on_behalf_of
        self.leases = Leases(lambda: self._scope, self.vacate, ttl_s=lease_ttl_s)
        self._capture_code = code
        self._code: Code | None = None

    @property
    def code(self) -> Code:
        """The project's code, captured when first asked for: a process runs the code that it has loaded."""
        if self._code is None:
            self._code = self._capture_code()
        return self._code

    def check_writable(self, where: str) -> None:
        """The project is not open for reading alone.

        Raises:
            AccessError: it is.
        """
        if self.records.read_only:
            raise refused(where)

    def execution(
        self,
        kind: str,
        name: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        parent_id: str | None = None,
        durable: bool = False,
        after_the_fact: bool = False,
        covered: bool = False,
    ) -> Publication:
        """Begin a piece of work; use the result as a context manager.

        Args:
            kind: what sort of work, lower case: `insert`, `train`, `evaluate` …
            name: what it works on.
            parameters: plain JSON; None = {}.
            parent_id: the execution that this one is a part of; None = of none.
            durable: commit a `running` row at once, so that long work is seen while it runs and, if it
                fails, is recorded as failed. Short work costs one transaction less without it. While it
                runs this process holds a lease on it: when that is not renewed, anybody may call it lost.
            after_the_fact: it writes down what has happened already, so that archived or deleted inputs do not
                stand in its way; all other work is refused when it is published.
            covered: the lease of its parent is enough, because one process does both.
        """
        self.check_writable(f"{kind} {name}")
        return Publication(
            self._scope,
            self._new(kind, name, parameters, parent_id),
            durable=durable,
            after_the_fact=after_the_fact,
            leases=self.leases if durable and not covered else None,
        )

    def _new(
        self, kind: str, name: str, parameters: Mapping[str, Any] | None, parent_id: str | None
    ) -> Execution:
        return Execution(
            id=new_id(),
            parent_id=parent_id,
            kind=kind,
            name=name,
            state=ExecutionState.RUNNING,
            actor=self.actor,
            on_behalf_of=self.on_behalf_of,
            code_commit=self.code.commit,
            code_dirty=self.code.dirty,
            code_digest=self.code.digest,
            parameters=dict(parameters or {}),
            occurred_at=self.clock.now(),
            started_at=datetime.now(UTC),
            finished_at=None,
            fence=0,
            error=None,
        )

    def elsewhere(
        self,
        kind: str,
        name: str,
        *,
        code: Code,
        parameters: Mapping[str, Any] | None = None,
        on_behalf_of: str | None = None,
        parent_id: str | None = None,
    ) -> Execution:
        """A piece of work that another process does and tells of call by call: not yet recorded, see `record_begun`.

        No lease is held on it: how it goes on is known from those calls alone.

        Args:
            kind, name, parameters, parent_id: as for `execution`.
            code: what that process says of its code.
            on_behalf_of: for whom it says that it works; None = for whom this object does.
        """
        self.check_writable(f"{kind} {name}")
        told = {"code_commit": code.commit, "code_dirty": code.dirty, "code_digest": code.digest}
        return self._new(kind, name, parameters, parent_id).model_copy(
            update={**told, "on_behalf_of": on_behalf_of or self.on_behalf_of}
        )

    def record_begun(self, connection: Connection, execution: Execution) -> None:
        """Record in the transaction of `connection`, as its last act, that an execution `elsewhere` runs."""
        store.add_execution(connection, execution, self.project_id)
        log.append(connection, self._scope, [log.begun(self._scope, execution)])

    def record_failed(self, connection: Connection, execution: Execution, error: str) -> bool:
        """Record in the transaction of `connection`, as its last act, that such an execution failed, and its `error`.

        Returns:
            False when it has ended: then nothing changes.
        """
        return log.fail(connection, self._scope, execution, error)

    def conclude(self, execution: Execution) -> Publication:
        """End such an execution, by what is published in the block of this context manager."""
        self.check_writable(f"{execution.kind} {execution.name}")
        return Publication(self._scope, execution, durable=True, after_the_fact=True, begun=True)

    @property
    def _scope(self) -> Scope:
        return Scope(self.records, self.clock, self.project_id, self.actor, self.on_behalf_of)

    def vacate(self, seen: Lease) -> bool:
        """Free a role whose lease is lost, as it was seen, and say so in the log. False when it is held again."""

        def take(connection: Connection) -> None:
            if not lease.vacate(connection, seen, self.project_id):
                raise FencedError(
                    expected="the lease as it was seen",
                    got="one that was renewed, or taken by somebody else",
                    where=f"lease {seen.subject}",
                    hint="Nothing to do: its holder lives.",
                )

        told = {"subject": seen.subject, "token": seen.token, "error": why(seen)}
        try:
            # Whoever looks may himself be a part of what was lost.
            with within(), self.execution("lease", seen.subject, parameters=told) as work:
                work.write(take)
                work.event("lease.lost", work.id, told, loudness="warning")
        except FencedError:
            return False
        return True

    def lose(self, execution: Execution, error: str) -> list[str]:
        """Record that a running execution that nobody holds a lease on, and what runs below it, was lost.

        Returns:
            The ids of what was; empty when it had ended.
        """
        with self.records.write() as connection:
            return [lost.id for lost in log.lose(connection, self._scope, execution, error)]

    def check_stands(self, connection: Connection, where: str) -> None:
        """Nothing around this place was called lost, or is before the transaction ends: for rows without publication.

        Raises:
            FencedError: something was.
        """
        above = enclosing()
        if not store.all_stand(connection, above):
            raise whole_lost(above, where)

    def get_asset(self, asset_id: str) -> Asset:
        """The asset of that id.

        Raises:
            UnknownNameError: there is none in this project.
        """
        found = self.find_asset(asset_id)
        if found is None:
            raise UnknownNameError(
                expected="the id of an asset of this project",
                got=repr(asset_id),
                where="lineage",
                hint="It has 32 hex digits; `mainspring lineage list` shows the newest. Of a prediction tell "
                "`lineage upstream` and `lineage export`.",
            )
        return found

    def find_asset(self, asset_id: str) -> Asset | None:
        """The asset of that id; None if there is none."""
        with self.records.read() as connection:
            return store.find_asset(connection, asset_id, self.project_id)

    def find_assets(
        self, *, kind: AssetKind | None = None, name: str | None = None, digest: str | None = None
    ) -> list[Asset]:
        """Assets by any of kind, name and content digest (None = any), oldest first."""
        with self.records.read() as connection:
            return store.find_assets(connection, self.project_id, kind, name, digest)

    def find_execution(self, execution_id: str) -> Execution | None:
        """The execution of that id; None if there is none."""
        with self.records.read() as connection:
            return store.find_execution(connection, execution_id, self.project_id)

    def count_assets(self) -> dict[str, int]:
        """How many assets of each kind the project has."""
        with self.records.read() as connection:
            return store.count_assets(connection, self.project_id)

    def marks(self, kind: MarkKind | None = None) -> list[Mark]:
        """What is archived, pinned or deleted, in the order of the decisions; of one kind, or None for all."""
        with self.records.read() as connection:
            return marks.find_marks(connection, self.project_id, kind=kind)

    def hidden(self) -> frozenset[str]:
        """The ids of what lists leave out: archived or deleted."""
        with self.records.read() as connection:
            return marks.hidden(connection, self.project_id)

    def deleted(self) -> frozenset[str]:
        """The ids of everything whose content was deleted."""
        with self.records.read() as connection:
            return marks.marked(connection, MarkKind.DELETED, self.project_id)

    def check_usable(self, *subject_ids: str) -> None:
        """Nothing of this is archived or deleted: for new use.

        Raises:
            DeletedError: one was deleted.
            StateError: one is archived.
        """
        with self.records.read() as connection:
            marks.check_usable(connection, self.project_id, subject_ids)

    def check_there(self, *subject_ids: str) -> None:
        """Nothing of this was deleted: for reading.

        Raises:
            DeletedError: one was.
        """
        with self.records.read() as connection:
            marks.check_there(marks.find_marks(connection, self.project_id, subject_ids=subject_ids))

    def upstream(self, *asset_ids: str, depth: int | None = None) -> Subgraph:
        """What made these assets: their inputs, the inputs' inputs, and so on, `depth` hops, or None to the end.

        Raises:
            UnknownNameError: one of the ids is not an asset of this project.
        """
        return self._walk(asset_ids, Direction.INPUT, depth)

    def downstream(self, *asset_ids: str, depth: int | None = None) -> Subgraph:
        """What was made of these assets, `depth` hops, or None to the end.

        Raises:
            UnknownNameError: one of the ids is not an asset of this project.
        """
        return self._walk(asset_ids, Direction.OUTPUT, depth)

    def _walk(self, asset_ids: Sequence[str], towards: Direction, depth: int | None) -> Subgraph:
        for asset_id in asset_ids:
            self.get_asset(asset_id)
        with self.records.read() as connection:
            return walk(connection, asset_ids, towards, depth)

    def works(self, execution_ids: Iterable[str]) -> list[Work]:
        """What each of these executions did, in the order in which they began.

        Raises:
            IntegrityError: one of them does not exist.
        """
        with self.records.read() as connection:
            found = gather(connection, list(execution_ids))
        return sorted(found.values(), key=lambda work: (work.execution.started_at, work.execution.id))

    def evidence_for(self, *subject_ids: str, kind: str | None = None) -> list[Evidence]:
        """Findings about these assets (subject ids), oldest first, expired ones included; kind None = of all kinds."""
        with self.records.read() as connection:
            return store.evidence_for(connection, subject_ids, kind)

    def events(
        self,
        *,
        after_seq: int = 0,
        kinds: Sequence[str] | None = None,
        subject: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        limit: int = 10_000,
        newest: bool = False,
    ) -> list[Event]:
        """The log's entries after the cursor `after_seq`, in the order they became visible.

        Args:
            kinds: only these kinds; None = all.
            subject: only about the thing of this id.
            actor: only by this actor.
            since: only what happened at this time or later, by the project clock.
            limit: at most so many: the first, or with `newest` the last.
        """
        wanted = EventFilter(
            kinds=None if kinds is None else tuple(kinds), subject=subject, actor=actor, since=since
        )
        with self.records.read() as connection:
            return store.events_after(connection, self.project_id, after_seq, wanted, limit, newest=newest)
